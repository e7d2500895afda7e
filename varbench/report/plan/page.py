"""The folder of a plan: a small page, the figure of its curve as SVG and PDF, its points as CSV, and `plan.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from varbench.errors import InputError
from varbench.report.plan.rows import needed_rows, shown_columns, shown_rows

FOREIGN = ("analysis.json", "study.json")
"""Files of folders that are not a plan's."""


def write_plan(plan: Mapping[str, Any], out: Path) -> Path:
    """Write the plan into the folder `out` and return the path of its page.

    Raises:
        InputError: If the folder holds a report or a run directory, or cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from varbench.report.canonical import canonical_json
    from varbench.report.output import write_folder
    from varbench.report.render import quiet_first_import
    from varbench.report.tables import to_csv

    for name in FOREIGN:
        if (out / name).exists():
            raise InputError(f"{out} holds {name} and is not a plan's folder: give another --out")
    with quiet_first_import():
        from varbench.report.figures.write import drawing, figure_pdf, figure_svg
        from varbench.report.plan.figure import panels, table
    files: dict[str, bytes] = {}
    drawn = []
    with drawing():
        for panel in panels(plan):
            svg = figure_svg(panel.figure, name=panel.name, alt=panel.alt)
            files[f"figures/{panel.name}.svg"] = svg.encode()
            files[f"figures/{panel.name}.pdf"] = figure_pdf(panel.figure)
            drawn.append({"svg": Markup(svg), "caption": panel.caption})
    environment = Environment(
        loader=PackageLoader("varbench.report"), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    files["tables/plan.csv"] = to_csv(table(plan)).encode()
    files["plan.json"] = canonical_json(plan).encode()
    files["index.html"] = (
        environment.get_template("plan.html.j2")
        .render(
            plan=plan,
            panels=drawn,
            needed=needed_rows(plan),
            columns=shown_columns(plan),
            shown=shown_rows(plan),
        )
        .encode()
    )
    return write_folder(out, files)
