"""The report folder as a whole."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.report import links, render
from varbench.report.numbers import Quantity
from varbench.report.tables import PRINTED_ROWS

from .synthetic import POPULATIONS, Population, build

VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})
CSV = "data:text/csv;charset=utf-8,"
NAUGHTY = '<script>alert("x")</script> & $x_1$ \\input{a} | [b](http://c) `d`'


class Page(HTMLParser):
    """Checks nesting while reading, and collects what tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute"
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] or "" for _, attributes in self.tags if attribute in attributes]


@pytest.fixture(scope="session")
def page(report: Path) -> Page:
    return Page((report / "index.html").read_text())


def read_page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text())


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


PROGRAM = """
import json, sys
from pathlib import Path
from varbench.report import render
heavy = {"matplotlib", "jinja2", "numpy", "jax"} & set(sys.modules)
assert not heavy, heavy
documents, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
render(documents["pdf"], out / "pdf")
from varbench.report.figures import write
write.figures_pdf = lambda figures: b""
render(documents["whole"], out / "whole")
banned = [m for m in sys.modules if m.split(".")[0] in ("jax", "flax") or m.startswith("varbench.training")]
assert not banned, banned
"""


def test_two_renders_in_two_processes_are_the_same_bytes(small, tmp_path):
    plots = {name: {"runs": plot["runs"], "flips": plot["flips"][:1]} for name, plot in small["plots"].items()}
    documents = {"whole": small, "pdf": {**small, "estimates": [], "plots": plots}}  # PDFs take most of the time
    (tmp_path / "in.json").write_text(_with_other_key_order(documents))
    here, there = tmp_path / "here", tmp_path / "there"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "in.json"), str(there)],
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    render(documents["pdf"], here / "pdf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")
        render(documents["whole"], here / "whole")
    files = sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(there) for path in there.rglob("*") if path.is_file())
    assert {path.suffix for path in files} == {".html", ".md", ".json", ".csv", ".tex", ".svg", ".pdf"}
    assert [path for path in files if (here / path).read_bytes() != (there / path).read_bytes()] == []


def _with_other_key_order(value) -> str:
    return json.dumps(value, sort_keys=True)


def test_page_is_one_well_formed_file_that_loads_nothing(page):
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    assert all(not value for value in page.values("src"))
    for tag, attributes in page.tags:
        target = attributes.get("href") or attributes.get("xlink:href") or ""
        if tag == "a":
            assert target.startswith(("#", "tables/", CSV)) or target in ("analysis.json", "report.md")
        elif target:
            assert target.startswith(("#", "data:image/png;base64,"))


def test_page_has_no_style_that_loads_or_hides(report):
    style = re.search(r"<style>(.*?)</style>", (report / "index.html").read_text(), re.DOTALL)
    assert style is not None
    assert "@import" not in style[1]
    assert "url(" not in style[1]
    assert "@media print" in style[1]


def test_identifiers_are_unique_and_links_lead_somewhere(page, report):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for target in page.values("href"):
        if target.startswith((CSV, "data:image/png;base64,")):
            continue
        assert target.removeprefix("#") in ids if target.startswith("#") else (report / target).is_file()


def test_small_tables_travel_inside_the_page_byte_for_byte(page, report):
    links = [attributes for tag, attributes in page.tags if tag == "a" and (attributes["href"] or "").startswith(CSV)]
    assert len(links) > 10
    for link in links:
        content = (report / "tables" / str(link["download"])).read_bytes()
        assert unquote_to_bytes(str(link["href"]).removeprefix(CSV)) == content


def test_large_tables_are_files_beside_the_page_and_it_says_so(document, quick_render, monkeypatch):
    monkeypatch.setattr(links, "EMBEDDED_BYTES", 3000)
    folder = quick_render(document)
    large = {path.name: path.stat().st_size for path in (folder / "tables").glob("*.csv") if path.stat().st_size > 3000}
    assert large
    page = read_page(folder)
    for name, size in large.items():
        assert f"tables/{name}" in page.values("href")
        assert f"tables/{name} , a file of {round(size / 1000)} kB in the folder of this page" in page.text
    assert not set(large) & set(page.values("download"))


def test_numbers_on_the_page_have_the_digits_of_their_intervals(page):
    found = re.findall(r"([−\d.,]+)[^\d\[\n]{0,12}\[([−\d.,]+), ([−\d.,]+)\]", page.text)
    assert len(found) > 50
    assert [three for three in found if len({len(n.partition(".")[2]) for n in three}) > 1] == []
    ranges = re.findall(r"([−\d.,]*\d)(?: %| nats)? to ([−\d.,]*\d)(?: %| nats)?(?:,|\))", page.text)
    assert ranges
    assert [two for two in ranges if len({len(n.partition(".")[2]) for n in two}) > 1] == []


def test_tables_and_figures_are_accessible(page):
    assert {"lang": "en"} in [attributes for tag, attributes in page.tags if tag == "html"]
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    figures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert figures
    assert all(f["role"] == "img" and re.search(r"\d", f["aria-label"]) for f in figures)
    counts = {tag: sum(t == tag for t, _ in page.tags) for tag in ("table", "caption", "h1", "figure")}
    assert counts["table"] == counts["caption"]
    assert counts["h1"] == 1
    assert counts["figure"] == len(figures)


def test_page_is_in_order(page):
    headings = [
        "Verdict", "What was identical, what varied", "Summary", "How they differ", "What they were made with",
        "Accuracy and loss of every run",
        "Which source of randomness matters",
        "How far apart two runs are", "Which examples flip", "What the runs see and why they decide",
        "What averaging runs buys",
        "Where runs lie in weight space", "Over training",
        "The shape of the loss", "From one unit in the last place", "Controls",
        "Held against published numbers", "How to read this", "Provenance",
    ]  # fmt: skip
    titles = [attributes["aria-labelledby"] for tag, attributes in page.tags if tag == "section"]
    assert len(titles) == len(headings)
    assert page.headings == headings


def test_alt_texts_state_the_numbers(page, document):
    labels = " ".join(page.values("aria-label"))
    known = {(e["condition"], e["measure"], e["at"]): e for e in document["estimates"]}
    for key in (
        ("mnist1d-cnn", "accuracy", None), ("mnist1d-cnn", "loss", None), ("digits-mlp", "accuracy_sd", None),
        ("mnist1d-cnn-width", "weight_distance", None), ("digits-mlp", "ensemble_accuracy", 4),
        ("digits-mlp", "ensemble_disagreement", 4),
    ):  # fmt: skip
        e = known[key]
        assert Quantity(e["value"], e["low"], e["high"], e["unit"]).text in labels
    assert "same levels again 0 %, other width " in labels


def test_every_estimate_is_in_the_csv_in_full(report, document):
    rows = rows_of(report / "tables" / "estimates.csv")
    assert len(rows) == len(document["estimates"])
    for row, estimate in zip(rows, document["estimates"], strict=True):
        for key in ("value", "low", "high", "level"):
            assert (float(row[key]) if row[key] else None) == estimate[key]
        named = isinstance(estimate["at"], str)
        assert (row["at"] if named else float(row["at"]) if row["at"] else None) == estimate["at"]
        for key in ("condition", "measure", "unit", "method", "reason"):
            assert row[key] == estimate[key]
        assert (int(row["n_runs"]), int(row["n_examples"])) == (estimate["n_runs"], estimate["n_examples"])


def test_every_plotted_number_is_in_a_csv(report, document):
    tables = report / "tables"
    for name, plots in document["plots"].items():
        label = next(c["label"] for c in document["conditions"] if c["condition"] == name)
        mine = [row for row in rows_of(tables / "runs.csv") if row["condition"] == label]
        for key in ("accuracy", "loss"):
            assert [float(row[key]) if row[key] else None for row in mine] == plots["runs"][key]
        assert [row["finished"] == "true" for row in mine] == plots["runs"]["finished"]
        for matrix, values in plots["matrices"].items():
            read = np.loadtxt(tables / f"matrix-{matrix}--{name}.csv", delimiter=",", skiprows=1)[:, 1:]
            np.testing.assert_array_equal(read, values)
        instability = [float(r["instability"]) for r in rows_of(tables / "instability.csv") if r["condition"] == label]
        assert instability == plots["instability"]
        curves = [row for row in rows_of(tables / "curves.csv") if row["condition"] == label]
        read = [float(row["test_loss"] or "nan") for row in curves]
        np.testing.assert_array_equal(read, np.ravel(plots["curves"]["test_loss"]))


def test_every_table_is_csv_and_those_that_fit_a_page_are_markdown_and_latex_too(report):
    names = {path.name for path in (report / "tables").iterdir()}
    stems = {name.partition(".")[0] for name in names}
    printed = {name.removesuffix(".tex") for name in names if name.endswith(".tex")}
    assert names == {f"{s}.csv" for s in stems} | {f"{s}{end}" for s in printed for end in (".md", ".tex")}
    assert {"summary", "verdicts", "ensembles", "controls", "anchors"} <= printed
    assert "estimates" not in printed, "no page holds it"
    assert max((report / "tables" / f"{s}.md").read_text().count("\n|") for s in printed) <= PRINTED_ROWS + 2
    assert {"summary", "estimates", "verdicts", "runs", "ensembles", "curves", "controls", "anchors"} <= stems
    assert all("|" not in re.findall(r"\\begin\{tabular\}.*", p.read_text())[0] for p in report.rglob("*.tex"))


def test_summary_shows_values_with_intervals_and_methods(page, document):
    accuracy = next(e for e in document["estimates"] if (e["condition"], e["measure"]) == ("digits-mlp", "accuracy"))
    assert Quantity(accuracy["value"], accuracy["low"], accuracy["high"], "fraction").text in page.text
    assert "Intervals: 95 % t over runs (Test accuracy, Test loss); 95 % bootstrap over runs" in page.text
    assert "n = 7 to 8 runs, 60 test examples." in page.text
    assert "8 (1 diverged)" in page.text


def test_a_population_without_any_main_measure_has_no_row(small, quick_render):
    bare = {**small["conditions"][0], "condition": "bare", "label": "Bare one"}
    small["conditions"].append(bare)
    small["estimates"].append({**small["estimates"][0], "condition": "bare", "measure": "ece"})
    folder = quick_render(small)
    table = (folder / "tables" / "summary.csv").read_text()
    assert "Bare one" not in table
    assert small["conditions"][0]["label"] in table
    assert "1 more population has none of these measures." in read_page(folder).text


def test_analysis_is_dumped_canonically(report, document):
    written = json.loads((report / "analysis.json").read_text())
    document["plots"]["mnist1d-mlp"]["curves"] = written["plots"]["mnist1d-mlp"]["curves"]  # NaN became null
    assert written == document


def test_bibtex_carries_the_content_hash(page, report, document):
    assert f"note = {{Content hash {document['id']}}}" in page.text
    assert document["id"] in (report / "report.md").read_text()


def test_markdown_links_every_figure(report):
    text = (report / "report.md").read_text()
    linked = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert set(linked) == {f"figures/{path.name}" for path in (report / "figures").iterdir()}
    pages = [int(page) for page in re.findall(r"\(Page (\d+) of \[figures", text)]
    assert pages == list(range(1, len(pages) + 1)), "every figure is a page of the PDF, in the order of the report"
    assert len(pages) == len(linked) - linked.count("figures/figures.pdf") == len(set(linked)) - 1
    assert not re.search(r"(?<!\\)<(?!/?details)[a-z]", text)


def test_markdown_holds_no_html_entity(small, quick_render):
    small["studies"][0]["citation"] = "Hendrycks & Dietterich 2019, for R&D, &amp; is five characters"
    text = (quick_render(small) / "report.md").read_text()
    assert "After Hendrycks & Dietterich 2019, for R&D, \\&amp; is five characters" in text
    assert not re.search(r"(?<!\\)&#?\w+;", text)


def test_the_page_says_which_code_judged(small, quick_render):
    small["manifest"]["judged"] = {"varbench": "9.8.7", "git": {"commit": "feedbead", "dirty": True}}
    folder = quick_render(small)
    said = "varbench 9.8.7, git commit feedbead, with uncommitted changes"
    assert read_page(folder).text.count(said) == 2, "under provenance and at the foot"
    assert f"- judged by: {said}" in (folder / "report.md").read_text()
    small["manifest"]["judged"]["git"] = {"commit": None, "dirty": None}
    assert "judged by: varbench 9.8.7\n" in (quick_render(small) / "report.md").read_text()


def test_minimal_document_renders(minimal, quick_render):
    folder = quick_render(minimal)
    page = read_page(folder)
    assert "Least" in page.text
    assert "No population has any of the main measures." in page.text
    assert not list(folder.glob("figures/*"))


def test_names_are_harmless_everywhere(small, quick_render):
    document = small
    for entry in document["conditions"]:
        entry["label"] = f"{NAUGHTY} {entry['label']}"
    document["title"] = document["headline"] = NAUGHTY
    document["verdicts"][0]["reason"] = document["verdicts"][0]["parts"][0]["text"] = NAUGHTY
    document["studies"][0]["identical"].append([NAUGHTY, NAUGHTY])
    document["manifest"]["command"] = NAUGHTY
    document["estimates"][0]["reason"] = NAUGHTY
    document["measures"]["accuracy"]["label"] = NAUGHTY
    folder = quick_render(document)
    page = read_page(folder)
    assert "script" not in {tag for tag, _ in page.tags}
    assert NAUGHTY in page.text
    outside_fences = re.sub(r"(?ms)^(```+)$.*?^\1$", "", (folder / "report.md").read_text())
    assert not re.search(r"(?<!\\)<script", outside_fences)
    assert not re.search(r"(?<!\\)&#?\w+;", outside_fences)
    for path in folder.glob("tables/*.tex"):
        assert r"\input{" not in path.read_text()
    for path in folder.glob("figures/*.svg"):
        assert "<script" not in path.read_text()


def test_names_never_leave_the_folder(small, quick_render, tmp_path):
    name = json.dumps("../../../escape")
    folder = quick_render(json.loads(json.dumps(small).replace('"mnist1d-mlp"', name)))
    assert [path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents] == []
    assert len(list(folder.glob("figures/runs--escape-*.svg"))) == 1


def test_missing_values_show_their_reasons(small, quick_render):
    for entry in small["estimates"]:
        entry.update(value=None, low=None, high=None, reason=f"no {entry['measure']} because of fog")
    page = read_page(quick_render(small))
    for measure in {entry["measure"] for entry in small["estimates"]}:
        assert f"no {measure} because of fog" in page.text


def test_reason_that_only_repeats_the_parts_is_not_said_twice(small, quick_render):
    verdict = small["verdicts"][0]
    verdict["parts"] = [
        {"name": "first", "holds": True, "text": "One 1."},
        {"name": "second", "holds": None, "text": "Two 2."},
    ]
    verdict["reason"] = "One 1. Two 2."
    text = read_page(quick_render(small)).text
    assert (text.count("One 1."), text.count("Two 2.")) == (1, 1)
    verdict["reason"] = "One 1. But three."
    assert "One 1. But three." in read_page(quick_render(small)).text


def test_one_run_has_no_spread_and_says_why(quick_render):
    page = read_page(quick_render(build(populations=POPULATIONS[2:], runs=1, examples=20, checkpoints=2)))
    assert "a spread needs at least two finished runs" in page.text
    assert re.search(r"1 run: test accuracy \d[\d.]* % ?; test loss", page.text)


def test_diverged_runs_are_counted(page, report):
    assert "1 of 8 runs diverged" in page.text
    assert [row["finished"] for row in rows_of(report / "tables" / "runs.csv")][:2] == ["false", "true"]


def test_many_classes_and_long_names_fit(quick_render):
    name = "a very long name of a population that nobody would ever want to read in full, let alone twice, " * 3
    many = Population("many", name + "end", 6.0, 1.0, 0.9, shape=(32, 32, 3), classes=100, published=0.5)
    folder = quick_render(build(populations=(many,), runs=6, examples=50, checkpoints=2))
    svg = (folder / "figures" / "runs--many.svg").read_text()
    assert name not in svg.split("<defs", 1)[1]
    assert "letaloneend" not in svg
    assert "end</text>" in svg
    assert name.strip() in read_page(folder).text
    flips = rows_of(folder / "tables" / "flips.csv")
    assert all(sum(int(vote.split(": ")[1]) for vote in row["votes"].split("; ")) == 6 for row in flips)


def test_report_is_replaced_without_leftovers(small, minimal, quick_render):
    folder = quick_render(small)
    (folder / "notes.txt").write_text("mine")
    quick_render(minimal)
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == [
        "analysis.json", "index.html", "notes.txt", "report.md",
    ]  # fmt: skip


def test_files_of_others_are_not_removed(minimal, quick_render, tmp_path):
    other = tmp_path / "quick" / "figures" / "holiday.svg"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    quick_render(minimal)
    assert other.read_text() == "mine"


def test_failed_write_keeps_the_old_page_and_leaves_no_partial_file(minimal, quick_render, monkeypatch):
    folder = quick_render(minimal)
    before = (folder / "index.html").read_bytes()
    replace = os.replace

    def full_disk(source, target):
        if Path(target).name == "report.md":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(InputError, match=r"cannot write the report to .* no space is left on the disk"):
        render({**minimal, "title": "Newer"}, folder)
    assert (folder / "index.html").read_bytes() == before
    assert not [path for path in folder.rglob("*") if "partial" in path.name]


def test_out_that_is_a_file_is_refused(minimal, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        render(minimal, tmp_path / "file")


def test_what_takes_room_is_written_once(report):
    page = (report / "index.html").read_text()
    pictures = [path.read_text() for path in (report / "figures").glob("*.svg")]
    inline = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert sum(map(len, inline)) < 0.9 * sum(map(len, pictures)), "the page holds the styles of all figures once"
    assert not any("<style>" in picture for picture in inline)
    assert max(map(len, pictures)) < 40_000
    for path in (report / "tables").glob("*.csv"):
        lines = path.read_text().splitlines()
        assert len(set(lines)) == len(lines), path.name
