"""Results of models trained elsewhere, from a file or from arrays to a document and its report; needs no jax."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varbench.analysis.document import LEVEL
from varbench.errors import InputError
from varbench.refusals import folder_named

if TYPE_CHECKING:
    from varbench.analysis.inputs import Results
    from varbench.analysis.population import PopulationArrays

PACKAGES = ("python", "varbench", "numpy", "scipy", "pandas")
"""Where the numbers come from."""


def analyze(
    results: str | Path | PopulationArrays | Mapping[str, PopulationArrays],
    *,
    out: str | Path | None = None,
    name: str | None = None,
    level: float = LEVEL,
) -> dict[str, Any]:
    """Measure how much runs vary, whoever trained them.

    Args:
        results: An `.npz`, `.csv` or `.parquet` file, a run directory, a population, or condition → population.
        out: Folder for the report; none is written without.
        name: Name of the report; by default the file's own, without its ending.
        level: Nominal coverage of the intervals, in (0, 1).

    Returns:
        The content of `analysis.json`.

    Raises:
        InputError: If the results cannot be read, or are not what they should be.
    """
    folder = None if out is None else folder_named(out)
    document = _document(results, name=name, level=level)
    if folder is not None:
        from varbench.report import render

        render(document, folder)
    return document


def _document(results: Any, *, name: str | None, level: float) -> dict[str, Any]:
    from varbench.analysis.checks import check_level
    from varbench.analysis.inputs import Results, read_results

    check_level(level)
    if isinstance(results, str | Path):
        path = Path(results)
        if path.is_dir():
            return _judged(path, name=name, level=level)
        return _measured(read_results(path, name=name), name=name or path.stem, renamed=name is not None, level=level)
    named = name or "results"
    conditions = dict(results) if isinstance(results, Mapping) else {named: results}
    if not conditions:
        raise InputError("there is nothing to analyze: give at least one population")
    _check_kinds(conditions)
    return _measured(Results(conditions, form="arrays from memory"), name=named, renamed=False, level=level)


def _check_kinds(conditions: Mapping[Any, Any]) -> None:
    from varbench.analysis.population import PopulationArrays

    for name, population in conditions.items():
        if not isinstance(population, PopulationArrays):
            given = type(population).__name__
            raise InputError(
                f"{name!r} is of type {given}, not results: give a file, or populations made by "
                "varbench.PopulationArrays(labels=…, logits=…)"
            )
        if not isinstance(name, str) or not name:
            raise InputError(f"a condition is named {name!r}: give every condition a name, as text")


def _judged(rundir: Path, *, name: str | None, level: float) -> dict[str, Any]:
    from varbench.studies.judge import judge

    if name is not None or level != LEVEL:
        raise InputError(
            f"{rundir} is a run directory, which its study names and judges at 95 %: leave out name and level"
        )
    return judge(rundir)


def _measured(results: Results, *, name: str, renamed: bool, level: float) -> dict[str, Any]:
    from varbench.analysis.outside import results_document
    from varbench.report.document import read_document
    from varbench.report.headline import headline
    from varbench.studies.environment import git, versions

    found = versions()
    return results_document(
        results,
        name=name,
        headline=lambda document: headline(read_document(document)),
        provenance={
            "varbench": found["varbench"],
            "command": _command(results, name=name if renamed else None, level=level),
            "versions": {package: found[package] for package in PACKAGES if package in found},
            "git": git(),
        },
        level=level,
    )


def _command(results: Results, *, name: str | None, level: float) -> str:
    """The command that gives the document again; the folder that it writes changes no number."""
    if not results.file:
        return ""
    words = ["varbench", "analyze", results.file]
    words += [] if name is None else ["--name", name]
    words += [] if level == LEVEL else ["--level", f"{level:g}"]
    return shlex.join(words)
