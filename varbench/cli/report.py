"""`varbench report`: tables, figures and the page."""

from __future__ import annotations

import json as json_
from pathlib import Path

import tyro

from varbench.errors import InputError


def report(rundir: tyro.conf.Positional[Path], out: Path, json: bool = False, quiet: bool = False) -> int:
    """Write the report of a run directory: index.html, report.md, analysis.json, tables, figures.

    Example: varbench report runs/first --out reports/first

    Args:
        rundir: A finished run directory.
        out: Report folder; files of an older report in it are replaced.
        json: Print the headline and the paths as JSON.
        quiet: No progress.
    """
    from varbench.cli.judge import print_verdicts
    from varbench.cli.progress import shown
    from varbench.report import render
    from varbench.report.output import check_folder
    from varbench.studies.judge import judge

    if rundir.is_file() and rundir.suffix in (".npz", ".csv", ".parquet"):
        raise InputError(
            f"{rundir} is a file of results, not a run directory: varbench analyze {rundir} --out {out} reports it"
        )
    check_folder(out)
    with shown(quiet=quiet) as listen:
        document = judge(rundir, listen=listen)
    page = render(document, out)
    if json:
        print(json_.dumps({"id": document["id"], "headline": document["headline"], "page": str(page)}, indent=1))
    else:
        print_verdicts(document)
        print(f"\nThe page: {page}")
    return 0
