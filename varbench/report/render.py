"""From one analysis document to one report folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varbench.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from varbench.report.document import Document
    from varbench.report.sections import Block
    from varbench.report.tables import Table


EMPTY_OUT = "the folder for the report has an empty name: give one, such as reports/mine"


def render(document: Mapping[str, Any], out: str | Path) -> Path:
    """Write the report of `document` (analysis.json, schema 1) into the folder `out`; returns the page.

    Writes `index.html`, `report.md`, `analysis.json`, `tables/*.csv` (short ones also as `.md` and `.tex`),
    `figures/*.svg` and `figures/figures.pdf`, in which every figure is a page. The same document gives the same bytes,
    whatever the time, the machine's settings or the order of its keys.

    Raises:
        InputError: the document lacks a required key or has another schema; `out` cannot be written.
    """
    from varbench.report import page
    from varbench.report.canonical import canonical_json
    from varbench.report.document import read_document
    from varbench.report.figures.compact import style_sheet
    from varbench.report.links import csv_link
    from varbench.report.output import write_folder
    from varbench.report.sections import STUDIES, sections_of
    from varbench.report.tables import readable

    if out == "":
        raise InputError(EMPTY_OUT)
    view = read_document(document)
    files: dict[str, bytes] = {}
    blocks = _draw(view, files)
    pictures = _pictures(view)
    overview = {table.name: table for table in _overview(view)}
    for table in overview.values():
        _add_table(table, files)
    read = {name: readable(table) for name, table in overview.items()}
    links = {Path(name).stem: csv_link(Path(name).stem, files[name]) for name in files if name.endswith(".csv")}
    drawn = [*pictures.values(), *(files[name].decode() for name in files if name.endswith(".svg"))]
    context = page.page_context(
        view,
        sections_of(blocks),
        read,
        links=links,
        charts=next((block for section, block in blocks if section == STUDIES), None),
        pictures=pictures,
        styles="\n".join(sorted(set().union(*map(style_sheet, drawn)))),
    )
    files["index.html"] = page.page_html(context).encode()
    files["report.md"] = page.page_markdown(context).encode()
    files["analysis.json"] = canonical_json(document).encode()
    return write_folder(Path(out), files)


def _overview(view: Document) -> Iterator[Table]:
    from varbench.report import overview, provenance

    makers: Iterable[Callable[[Document], Table | None]] = (
        overview.summary_table,
        overview.churn_table,
        overview.conditions_table,
        overview.recipes_table,
        overview.measures_table,
        overview.estimates_table,
        overview.unavailable_table,
        overview.verdicts_table,
        provenance.populations_table,
    )
    for make in makers:
        table = make(view)
        if table is not None:
            yield table


def _draw(view: Document, files: dict[str, bytes]) -> list[tuple[str, Block]]:
    """Draw every figure kind; the files go into `files`, what the page needs is returned."""
    with quiet_first_import():
        from varbench.report.figures.registry import KINDS
        from varbench.report.figures.write import drawing, figure_svg, figures_pdf
    from varbench.report.sections import Block, DrawnPanel
    from varbench.report.tables import readable

    blocks = []
    figures: list[Figure] = []
    with drawing():
        for kind in KINDS:
            panels = []
            for panel in kind.panels(view):
                svg = figure_svg(panel.figure, name=panel.name, alt=panel.alt)
                files[f"figures/{panel.name}.svg"] = svg.encode()
                figures.append(panel.figure)
                panels.append(DrawnPanel(panel.name, svg, panel.caption, panel.alt, panel.group, len(figures)))
            tables = list(kind.tables(view))
            for table in tables:
                _add_table(table, files)
            read = [readable(table) for table in tables]
            blocks.append((kind.section, Block(kind.name, kind.reading, panels, read, kind.tables_open)))
        if figures:
            files["figures/figures.pdf"] = figures_pdf(figures)
    return blocks


def _pictures(view: Document) -> dict[str, str]:
    """The small pictures of the studies, by name, where there are several."""
    from varbench.report.figures.charts import thumbnail
    from varbench.report.figures.write import drawing, figure_svg

    found: dict[str, str] = {}
    names = [str(study.get("study")) for study in view.items("studies")]
    with drawing():
        for name in names if len(names) > 1 else ():
            made = thumbnail(view, name)
            if made is not None:
                found[name] = figure_svg(made[0], name=f"picture--{name}", alt=made[1])
    return found


def _add_table(table: Table, files: dict[str, bytes]) -> None:
    from varbench.report.tables import is_printed, readable, to_csv, to_latex, to_markdown

    text = readable(table)
    files[f"tables/{table.name}.csv"] = to_csv(table.written).encode()
    if not is_printed(text):
        return
    files[f"tables/{table.name}.md"] = to_markdown(text).encode()
    files[f"tables/{table.name}.tex"] = to_latex(text).encode()


@contextmanager
def quiet_first_import() -> Iterator[None]:
    """matplotlib logs when it builds its font cache or finds no home; neither concerns the reader."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
