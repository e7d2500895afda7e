"""What is put side by side: a side has a name and one or more populations, its arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from varbench.analysis.catalogue.measure import At
from varbench.analysis.described import Described
from varbench.analysis.population import PopulationArrays
from varbench.stats.estimate import Estimate


@dataclass(frozen=True)
class Arm:
    """One population of a side.

    Attributes:
        name: Its name within the side.
        label: What tables call it.
        estimates: (measure, at) → estimate, in the order of reports.
        population: Its runs, or None where only estimates are known.
        facts: Entry of a condition in `analysis.json`: sizes, recipe, design.
        environment: What it was made with, flat: `versions.jax`, `recipe.optimizer`, ….
        plots: What figures are drawn from, where a report brought it along.
        provenance: Its entry among the populations of a manifest, or empty.
        examples: What its file calls the test examples, in their order, or None.
        left_out: Measure → why it was not made, for those that could be had by asking.
    """

    name: str
    label: str
    estimates: Mapping[tuple[str, At], Estimate]
    population: PopulationArrays | None
    facts: Mapping[str, Any]
    environment: Mapping[str, Any]
    plots: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[str, ...] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One argument of a comparison.

    Attributes:
        name: What it is called: the name of its folder or file.
        form: "run directory", "report" or "results".
        arms: Its populations by name, in order.
        measures: Names of measures that the catalogue may not know, described.
    """

    name: str
    form: str
    arms: Mapping[str, Arm]
    measures: Mapping[str, Described] = field(default_factory=dict)
