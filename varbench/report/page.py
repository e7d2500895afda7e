"""The page and its Markdown twin, written by jinja2 templates from the document's view."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from varbench.report.document import Document, Measure, file_stem
from varbench.report.escape import Safe, markdown
from varbench.report.few_runs import few_runs_sentence
from varbench.report.figures.compact import without_style_sheet
from varbench.report.links import CsvLink
from varbench.report.overview import ordered_measures, verdict_label
from varbench.report.provenance import bibtex, facts, given, judged_by
from varbench.report.sections import Block, DrawnPanel, Section
from varbench.report.tables import FEW_ROWS, ReadableTable, to_markdown

_TOGETHER = re.compile(
    r"[-−+]?\d[\d.,]* (?:%|pp|nats|×)(?: 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?: nats)?(?: \[[^\]<>&]{1,40}\])?"  # 9.1 % [8.9, 9.3]
    r"|[-−+]?\d[\d.,]* \[[^\]<>&]{1,30}\]"  # 0.04 [0.036, 0.044]
    r"|\S+ [↑↓]|\(M = \d+\)(?: [↑↓])?|M = \d+"
    r"|\b[A-Za-z]+-\d\w*|\b\d+(?:-\d+)+\b"  # MNIST-1D, 100-100
)
_NAME = re.compile(r" (?=· )|(?<=\b[A-Z]{3}) (?=\d)|(?<=\barXiv) (?=\d)")  # Digits · MLP 32, arXiv 2103.04514
_LONG_WORD = re.compile(r"\S{31,}")
_LONG_PART = re.compile(r".{1,15}")
VERDICTS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?"}
MARKS = {True: "✓", False: "✗", None: "?"}
OVERVIEW_TABLES = ("summary", "churn", "conditions", "recipes", "measures", "estimates", "unavailable", "provenance")
STYLES = {True: "yes", False: "no", None: ""}
CLAIMED = "; claimed: "
CLAIMS = (
    "Every claim with its verdict, by a rule that was written before (revised: changed after a first look at results, "
    "as the limits of the study say). The number is the one that decided: in brackets its interval, at 95 % where no "
    "other level is named, and the recipe on which it was measured; then where the whole interval would have to lie to "
    "support the claim."
)
HOLDS = {True: "holds", False: "does not hold", None: "not decided"}


@dataclass(frozen=True)
class Ruling:
    """A verdict as shown: what it is about, its word, its sentence and its parts."""

    about: str
    word: str
    mark: str
    style: str
    reason: str
    parts: Sequence[Mapping[str, str]]


def page_context(
    document: Document,
    sections: Sequence[Section],
    tables: Mapping[str, ReadableTable],
    *,
    links: Mapping[str, CsvLink],
    charts: Block | None = None,
    pictures: Mapping[str, str] | None = None,
    styles: str = "",
) -> dict[str, Any]:
    """Everything the templates use; they look nothing up themselves.

    Args:
        document: What is reported.
        sections: Figures under their headings.
        tables: Overview tables by name.
        links: The way to the CSV of each table, by name.
        charts: Charts of the studies, in groups by study name.
        pictures: The small picture of each study, as SVG, by study name.
        styles: The rules of the style sheets of all figures.
    """
    drawn = dict(charts.groups) if charts else {}
    shown = [*tables.values(), *(charts.tables if charts else ())]
    shown += [table for section in sections for block in section.blocks for table in block.tables]
    widest = max((len(table.headers) for table in shown), default=0)
    return {
        "links": links,
        "figure_styles": styles,
        "number_columns": range(1, 1 + widest),
        "title": document.text("title"),
        "name": document.text("name"),
        "id": document.text("id"),
        "budget": document.text("budget"),
        "headline": document.text("headline"),
        "studies": [_study(document, study, drawn, pictures or {}) for study in _studies(document)],
        "charts": charts,
        "claims_reading": f"{CLAIMS} {charts.reading}" if charts else CLAIMS,
        "tables": {name: tables.get(name) for name in OVERVIEW_TABLES},
        "few_runs": few_runs_sentence(document),
        "sections": sections,
        "few_rows": FEW_ROWS,
        "glossary": _glossary(document),
        "facts": facts(document),
        "given": given(document),
        "judged_by": judged_by(document),
        "command": str(document.manifest.get("command") or ""),
        "bibtex": bibtex(document),
    }


def page_html(context: Mapping[str, Any]) -> str:
    """The single-file page; everything that is not our own SVG or CSS is escaped."""
    environment = _environment(autoescape=True)
    environment.filters["flow"] = _flow
    environment.filters["columns"] = _columns
    environment.filters["numeric"] = _numeric
    environment.filters["csv"] = lambda table: context["links"][table.name]
    environment.filters["svg"] = lambda svg: Markup(without_style_sheet(svg))  # by matplotlib, which escapes its text
    return environment.get_template("page.html.j2").render(**context)


def page_markdown(context: Mapping[str, Any]) -> str:
    """The same content for a repository's file view; figures are linked, text is escaped."""
    environment = _environment(autoescape=False, finalize=markdown)
    environment.filters["table"] = lambda table: Safe(to_markdown(table))
    environment.filters["code"] = _code_block
    environment.filters["alt"] = lambda panel: Safe(markdown(_alt(panel)).replace("[", r"\[").replace("]", r"\]"))
    return environment.get_template("report.md.j2").render(**context)


def _environment(**options: Any) -> Environment:
    return Environment(
        loader=PackageLoader("varbench.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )


def _flow(text: str) -> Markup:
    """Escaped text in which a number is not parted from its unit and its interval, nor a name from its arrow.

    Words of more than 30 characters, names of conditions mostly, may break after each 15th.
    """
    joined = _NAME.sub("\u00a0", text)
    shown = _LONG_WORD.sub(lambda word: "\u200b".join(_LONG_PART.findall(word[0])), joined)
    together = _TOGETHER.sub(r'<span class="together">\g<0></span>', str(escape(shown)))
    return Markup(together.replace("\u200b", "<wbr>"))


def _columns(boxes: Sequence[object]) -> str:
    """The class of a grid whose boxes stand in two columns, where three would leave one of them empty."""
    return " few" if len(boxes) == 1 or (len(boxes) % 2 == 0 and len(boxes) % 3) else ""


def _numeric(table: ReadableTable) -> str:
    """The classes of a table that say which of its columns hold numbers; so no cell has to."""
    return " ".join(f"n{place}" for place, numeric in enumerate(table.numeric, start=1) if numeric)


def _alt(panel: DrawnPanel) -> str:
    """What a picture shows, without the finding that stands below it."""
    return panel.alt.removesuffix(panel.caption).strip()


def _code_block(text: str) -> Safe:
    """Text in a fence longer than any run of backquotes inside it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return Safe(f"{fence}\n{text}\n{fence}")


def _studies(document: Document) -> list[Mapping[str, Any]]:
    """The declared studies; verdicts of an undeclared one get a bare entry, so that none is lost."""
    studies = document.items("studies")
    known = {study.get("study") for study in studies}
    lost = dict.fromkeys(v.get("study") for v in document.items("verdicts") if v.get("study") not in known)
    return [*studies, *({"study": name} for name in lost)]


def _study(
    document: Document,
    study: Mapping[str, Any],
    charts: Mapping[str, Sequence[DrawnPanel]],
    pictures: Mapping[str, str],
) -> dict[str, Any]:
    name = str(study.get("study") or "")
    mine = [v for v in document.items("verdicts") if v.get("study") == study.get("study")]
    mine = sorted(mine, key=lambda verdict: verdict.get("condition") is not None)  # the overall verdict first
    rulings = [_ruling(document, verdict) for verdict in mine]
    keys = ("claim", "citation", "rule", "meaning", "limits", "headline", "revised")
    number, _, limit = str(study.get("number") or "").partition(CLAIMED)
    return {
        **{key: str(study.get(key) or "") for key in keys},
        "number": f"{number[:1].upper()}{number[1:]}",
        "limit": f"{CLAIMED.lstrip('; ')}{limit}" if limit else "",
        "title": str(study.get("title") or study.get("study") or document.text("title")),
        "anchor": f"study-{file_stem(name)}",
        "rulings": rulings,
        "cards": [ruling for ruling in rulings if ruling.about != "Overall"],
        "overall": next((ruling for ruling in rulings if ruling.about == "Overall"), None),
        "charts": charts.get(name, ()),
        "picture": pictures.get(name, ""),
        "identical": [_pair(entry) for entry in study.get("identical") or []],
        "varied": [_pair(entry) for entry in study.get("varied") or []],
    }


def _ruling(document: Document, verdict: Mapping[str, Any]) -> Ruling:
    word = str(verdict.get("verdict") or "inconclusive")
    parts = [
        {
            "name": str(part.get("name") or ""),
            "mark": MARKS[part.get("holds")],
            "style": STYLES[part.get("holds")],
            "holds": HOLDS[part.get("holds")],
            "text": str(part.get("text") or part.get("reason") or ""),
        }
        for part in verdict.get("parts") or []
    ]
    about = verdict_label(document, verdict) or "Overall"
    reason = _untold(str(verdict.get("reason") or ""), [part["text"] for part in parts])
    return Ruling(about, word, VERDICTS.get(word, "?"), word if word in VERDICTS else "", reason, parts)


def _untold(reason: str, texts: Sequence[str]) -> str:
    """The reason, unless it only repeats what the parts say."""
    rest = reason
    for text in sorted(texts, key=len, reverse=True):
        rest = rest.replace(text, "")
    return reason if rest.strip() else ""


def _pair(entry: Any) -> tuple[str, str]:
    """`[what, detail]`, or a plain string."""
    parts = [entry] if isinstance(entry, str) else [str(part) for part in entry if part is not None]
    return parts[0] if parts else "", " ".join(parts[1:])


def _glossary(document: Document) -> list[tuple[Measure, str]]:
    """The measures that were made, not those that are only said to be missing; those that only a study has, with it."""
    made = {row.measure for row in document.estimates}
    studies = document.items("studies")
    own = {
        str(name): str(s.get("title") or "") for s in studies if len(studies) > 1 for name in s.get("measures") or ()
    }
    names = [name for name in ordered_measures(document.fields.get("measures") or {}) if name in made]
    return [(document.measure(name), own.get(name, "")) for name in names if document.measure(name).meaning]
