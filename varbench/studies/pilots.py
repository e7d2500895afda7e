"""Reading a pilot, whatever it is: a run directory, a report, a file of results, a population, an analysis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from varbench.analysis.inputs import read_results
from varbench.analysis.planning.pilot import Pilot, pilot_of_population, pilots_of_document
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.store import PopulationStore
from varbench.studies.judge import population_arrays
from varbench.studies.request import request_of

REPORT = "analysis.json"
STUDY = "study.json"
NO_RUNS = (
    "a report does not hold the runs that are matched: give the run directory or the file of results, or the SD of the "
    "differences with --sd"
)


def pilots(
    given: str | Path | PopulationArrays | Mapping[str, Any], *, measure: str | None, level: float
) -> list[Pilot]:
    """Every population of the pilot, controls left out.

    Args:
        given: A path, a population, or the content of an `analysis.json`.
        measure: A measure to estimate beside those of the overview, where arrays are given.
        level: Coverage of the intervals that are made.

    Raises:
        InputError: If it is nothing of the kind.
    """
    if isinstance(given, Mapping):
        return pilots_of_document(given)
    if isinstance(given, PopulationArrays):
        return [pilot_of_population(given, name="population", label="this population", measure=measure, level=level)]
    path = Path(given)
    if path.is_dir() and (path / REPORT).is_file():
        path = path / REPORT
    if path.suffix == ".json" and path.is_file():
        return pilots_of_document(_json(path))
    return [
        pilot_of_population(arrays, name=name, label=label, measure=measure, level=level)
        for name, label, arrays in (_of_rundir(path) if path.is_dir() else _of_file(path))
    ]


def conditions_of(given: str | Path | PopulationArrays | Mapping[str, Any]) -> dict[str, PopulationArrays]:
    """The runs of every population of a pilot, by name.

    Raises:
        InputError: If it holds no runs, as a report does not.
    """
    if isinstance(given, Mapping):
        if given and all(isinstance(population, PopulationArrays) for population in given.values()):
            return dict(given)
        raise InputError(NO_RUNS)
    if isinstance(given, PopulationArrays):
        return {"population": given}
    path = Path(given)
    if (path / REPORT).is_file() or path.suffix == ".json":
        raise InputError(NO_RUNS)
    return {name: arrays for name, _, arrays in (_of_rundir(path) if path.is_dir() else _of_file(path))}


def _of_rundir(path: Path) -> Iterator[tuple[str, str, PopulationArrays]]:
    """The runs that are committed so far: a pilot need not be finished."""
    if not (path / STUDY).exists():
        raise InputError(
            f"{path} is no pilot: there is neither {STUDY} of a run directory nor {REPORT} of a report in it"
        )
    empty = True
    for plan in request_of(path).populations():
        if plan.role == "control" or not (path / plan.name / "manifest.json").exists():
            continue
        store = PopulationStore.open(path / plan.name)
        if store.commits:
            empty = False
            yield plan.name, plan.label, population_arrays(store, store.read())
    if empty:
        raise InputError(f"{path} holds no finished run yet: there is nothing to plan from")


def _of_file(path: Path) -> Iterator[tuple[str, str, PopulationArrays]]:
    if not path.exists():
        raise InputError(
            f"no pilot at {path}: give a run directory, a report folder, an analysis.json or a file of results"
        )
    for name, arrays in read_results(path).conditions.items():
        yield name, name, arrays


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not an analysis.json that varbench wrote")
    return content
