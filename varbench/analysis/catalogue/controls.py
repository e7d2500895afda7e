"""Measures that only a control has, against the population it repeats; `analysis.controls` makes them."""

from __future__ import annotations

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.stats.estimate import Estimate


@measure(
    "bitwise_equal",
    label="Runs equal bit for bit",
    unit="fraction",
    better="none",
    meaning="Fraction of the control's runs whose weights and predictions came back bit for bit.",
    respects_levels=True,
)
def bitwise_equal(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """None for a population by itself."""
    return []
