"""Reading what is to be compared: run directories, single populations, reports, files of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.comparing.environment import flattened
from varbench.analysis.comparing.side import Arm, Side
from varbench.analysis.described import Described
from varbench.analysis.document import KEY, LEVEL, SCHEMA
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.stats.estimate import Estimate
from varbench.studies.probed import NETWORK_MEASURES, network_estimates

if TYPE_CHECKING:
    from varbench.store import PopulationStore

REPORT = "analysis.json"
STUDY = "study.json"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Asked:
    """What is measured of the populations that are read: all of them, at 95 %, unless something is left out.

    Attributes:
        level: Coverage of the intervals that are made; a report brings its own.
        population: The one population that is read of a run directory, where it has it.
        measures: Names of the measures, or None for all.
    """

    level: float = LEVEL
    population: str | None = None
    measures: tuple[str, ...] | None = None


def side_of(given: str | Path | PopulationArrays, *, name: str | None = None, asked: Asked = Asked()) -> Side:
    """One argument of a comparison.

    Args:
        given: A run directory, the folder of one of its populations, a report folder or its `analysis.json`, an `.npz`,
            `.csv` or `.parquet` file, or a population.
        name: What to call it; by default the name of the folder or file.
        asked: What is measured of it.

    Raises:
        InputError: If it is nothing of the kind.
    """
    if isinstance(given, PopulationArrays):
        named = name or "population"
        return Side(named, "population", {named: _arm(named, named, given, asked=asked)})
    if not isinstance(given, str | Path):
        raise InputError(f"a condition is of type {type(given).__name__}: give a path, or a varbench.PopulationArrays")
    path = Path(given)
    named = name or path.resolve().name.removesuffix(path.suffix if path.is_file() else "")
    if path.is_dir():
        if (path / STUDY).exists():
            return Side(named, "run directory", _of_rundir(path, asked=asked))
        if (path / REPORT).is_file():
            return _of_report(path / REPORT, named)
        if (path / MANIFEST).exists():
            return Side(named, "population of a run directory", _of_population(path, asked=asked))
        raise InputError(
            f"{path} cannot be compared: there is neither {STUDY} of a run directory, {MANIFEST} of a population nor "
            f"{REPORT} of a report in it"
        )
    if path.suffix == ".json" and path.is_file():
        return _of_report(path, path.resolve().parent.name if name is None else named)
    if not path.exists():
        raise InputError(
            f"there is nothing at {path}: give a run directory, a report folder or results (.npz, .csv, .parquet)"
        )
    return _of_file(path, named, asked=asked)


def sides_of(given: Sequence[str | Path | PopulationArrays], *, asked: Asked = Asked()) -> list[Side]:
    """The arguments of a comparison; one alone that has several populations is a side for each of them.

    Raises:
        InputError: If one is nothing of the kind.
    """
    found = [side_of(one, asked=asked) for one in given]
    if len(found) != 1 or len(found[0].arms) < 2:
        return found
    (whole,) = found
    return [replace(whole, name=name, arms={name: arm}) for name, arm in whole.arms.items()]


def _arm(
    name: str,
    label: str,
    population: PopulationArrays,
    *,
    asked: Asked,
    facts: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    examples: tuple[str, ...] | None = None,
    store: PopulationStore | None = None,
    among: int = 1,
) -> Arm:
    """An arm of measured runs; with a store, of their networks too, of `among` populations."""
    names = None if asked.measures is None else [name for name in asked.measures if name in MEASURES]
    left_out: dict[str, str] = {}
    if store is None:
        found = estimates(population, names=names, level=asked.level, key=KEY)
    else:
        others = None if names is None else [name for name in names if name not in NETWORK_MEASURES]
        found = estimates(population, names=others, level=asked.level, key=KEY)
        of_networks, left_out = network_estimates(store, population, names=names, among=among, level=asked.level)
        found += of_networks
    sizes: dict[str, Any] = {
        "n_runs": population.n_runs,
        "n_diverged": int((~population.finished).sum()),
        "n_repeated": population.n_repeated,
        "n_examples": population.n_examples,
        "n_classes": population.n_classes,
    }
    return Arm(
        name=name,
        label=label,
        estimates={(measure, at): estimate for measure, at, estimate in found},
        population=population,
        facts={**sizes, **(facts or {})},
        environment=flattened(environment or {}),
        provenance=provenance or {},
        examples=examples,
        left_out=left_out,
    )


def _of_rundir(path: Path, *, asked: Asked) -> dict[str, Arm]:
    """The populations of which runs are committed, controls left out."""
    from varbench.store import PopulationStore
    from varbench.studies.request import read_study

    names = read_study(path)["populations"]
    if asked.population is not None and asked.population in names:
        names = [asked.population]
    stores = {name: PopulationStore.open(path / name) for name in names if (path / name / MANIFEST).exists()}
    chosen = {name: s for name, s in stores.items() if s.commits and s.manifest["role"] != "control"}
    if not chosen:
        raise InputError(f"{path} has no finished runs yet: train some first with `varbench run`")
    return {name: _of_store(store, asked=asked, among=len(chosen)) for name, store in chosen.items()}


def _of_population(path: Path, *, asked: Asked) -> dict[str, Arm]:
    from varbench.store import PopulationStore

    arm = _of_store(PopulationStore.open(path), asked=asked)
    return {arm.name: arm}


def _of_store(store: PopulationStore, *, asked: Asked, among: int = 1) -> Arm:
    from varbench.studies.judge import population_arrays

    manifest = store.manifest
    parts = ("recipe", "data", "strategy", "versions", "device", "flags", "git")
    return _arm(
        manifest["population"],
        manifest["label"],
        population_arrays(store, store.read()),
        asked=asked,
        facts={
            "n_parameters": manifest["parameters"][-1][3],
            "n_train": manifest["data"]["train"],
            "steps": manifest["steps"],
            **{key: manifest[key] for key in ("recipe", "recipe_hash", "design")},
        },
        environment={part: manifest.get(part) or {} for part in parts},
        provenance={
            "strategy": manifest["strategy"],
            "seconds": manifest.get("seconds"),
            "data": manifest["data"],
            "fingerprint": store.fingerprint(),
        },
        store=store,
        among=among,
    )


def _of_file(path: Path, name: str, *, asked: Asked) -> Side:
    from varbench.analysis.inputs import read_results

    results = read_results(path, name=name)
    origin = {"input": {"sha256": results.sha256}}
    arms = {
        condition: _arm(condition, condition, population, asked=asked, environment=origin, examples=results.examples)
        for condition, population in results.conditions.items()
    }
    return Side(name, f"file of results ({results.form})", arms)


def _of_report(path: Path, name: str) -> Side:
    """The populations of an `analysis.json`, with their estimates as they stand there."""
    document = _read(path)
    roles = {str(entry.get("condition")): entry for entry in document.get("conditions") or []}
    manifest = document.get("manifest") or {}
    trained = {str(entry.get("name")): entry for entry in manifest.get("populations") or []}
    found: dict[str, dict[Any, Estimate]] = {}
    for row in document["estimates"]:
        entry = roles.get(row["condition"], {})
        if (entry.get("role") or "population") not in ("control", "comparison"):
            found.setdefault(row["condition"], {})[row["measure"], row["at"]] = _estimate(row, path)
    if not found:
        raise InputError(f"{path} has no estimates of a population to compare")
    arms = {}
    for condition, rows in found.items():
        facts, entry = roles.get(condition, {}), trained.get(condition, {})
        environment = {
            **{part: manifest.get(part) or {} for part in ("versions", "device", "flags", "git")},
            **{part: entry.get(part) or {} for part in ("strategy", "data")},
            "recipe": facts.get("recipe") or {},
            "input": {"sha256": (manifest.get("input") or {}).get("sha256")},
        }
        arms[condition] = Arm(
            name=condition,
            label=str(facts.get("label") or condition),
            estimates=rows,
            population=None,
            facts=facts,
            environment=flattened(environment),
            plots=(document.get("plots") or {}).get(condition) or {},
            provenance=entry,
        )
    described = {
        measure: Described(*(str(entry.get(key) or "") for key in ("label", "unit", "better", "meaning")))
        for measure, entry in (document.get("measures") or {}).items()
    }
    return Side(name, "report", arms, described)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("estimates"), list):
        raise InputError(f"{path} is not the analysis.json of a report: it has no list of estimates")
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"{path} has schema {document.get('schema')!r}; this version of varbench reads schema {SCHEMA}"
        )
    return document


def _estimate(row: Mapping[str, Any], path: Path) -> Estimate:
    names = ("value", "low", "high", "level", "method", "resampled", "n_runs", "n_examples")
    try:
        return Estimate(*(row[name] for name in names), reason=row.get("reason") or "", freedom=row.get("freedom"))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} was edited: the estimate of {row.get('measure')!r} is not sound ({error})") from None
