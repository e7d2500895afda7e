"""From results of others to `analysis.json`: all measures that the arrays allow, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.churn import churn_estimates
from varbench.analysis.document import KEY, LEVEL, Named, document
from varbench.analysis.inputs import Results
from varbench.analysis.plots import plots
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError

ANALYSIS = "analysis"
"""What stands where the documents of studies name a study: nothing was planned beforehand, so nothing is decided."""

CHURN = ("churn", "good_churn", "bad_churn", "win_loss_ratio")
"""What only two conditions have."""

ALONE = "it takes two conditions, and there is one"


def results_document(
    results: Results,
    *,
    name: str,
    headline: Callable[[Mapping[str, Any]], str],
    provenance: Mapping[str, Any],
    level: float = LEVEL,
) -> dict[str, Any]:
    """Measure every condition, and what changes from each one to those that come after it.

    Args:
        results: Runs of any models, by condition.
        name: Name of the report.
        headline: Makes the opening sentence of a document that lacks one.
        provenance: Versions, commit and command, for the manifest.
        level: Nominal coverage of the intervals.

    Returns:
        The content of `analysis.json`.
    """
    conditions = results.conditions
    compared = _compared(conditions, level=level)
    content: dict[str, Any] = {
        "name": name,
        "title": f"How much the runs of {name} vary" if len(conditions) == 1 else f"How much runs vary: {name}",
        "budget": "",
        "studies": [{"study": ANALYSIS}],
        "conditions": [
            *(_condition(condition, population) for condition, population in conditions.items()),
            *(_comparison(pair) for pair in dict.fromkeys(named.condition for named in compared)),
        ],
        "estimates": [
            (ANALYSIS, Named(condition, measure, at, estimate))
            for condition, population in conditions.items()
            for measure, at, estimate in estimates(population, level=level, key=KEY)
        ]
        + [(ANALYSIS, named) for named in compared],
        "verdicts": [],
        "anchors": [],
        "plots": {name: plots(population, examples=results.examples) for name, population in conditions.items()},
        "measures": MEASURES,
        "manifest": {**provenance, "input": _input(results)},
        "unavailable": [
            (condition, *entry) for condition, population in conditions.items() for entry in unavailable(population)
        ]
        + [(name, measure, ALONE) for name in conditions for measure in CHURN if len(conditions) == 1],
    }
    return document(headline=headline(document(headline="", **content)), **content)


def _condition(name: str, population: PopulationArrays) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "condition": name,
        "study": ANALYSIS,
        "label": name,
        "role": "population",
        "of": None,
        "description": "",
        "n_runs": population.n_runs,
        "n_diverged": int((~population.finished).sum()),
        "n_repeated": population.n_repeated,
        "n_examples": population.n_examples,
        "n_classes": population.n_classes,
    }
    if population.weights is not None:
        entry["n_parameters"] = population.weights.shape[1]
    if population.levels:
        entry["design"] = {"sources": list(population.levels)}
    return entry


def _compared(conditions: Mapping[str, PopulationArrays], *, level: float) -> list[Named]:
    """Churn from every condition to those after it, under the name `A → B`."""
    found = []
    for (old, before), (new, after) in combinations(conditions.items(), 2):
        name = f"{old} → {new}"
        if name in conditions:
            raise InputError(f"the condition {name!r} is named as the comparison of two others is: rename it")
        found += [Named(name, *entry) for entry in churn_estimates(before, after, level=level)]
    return found


def _comparison(name: str) -> dict[str, Any]:
    return {"condition": name, "study": ANALYSIS, "label": name, "role": "comparison", "of": None, "description": ""}


def _input(results: Results) -> dict[str, Any]:
    return {
        "file": results.file,
        "sha256": results.sha256,
        "form": results.form,
        "arrays": {name: list(shape) for name, shape in (results.arrays or {}).items()},
        "ignored": list(results.ignored),
    }
