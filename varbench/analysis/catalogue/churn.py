"""Measures that only a comparison of two populations has, old → new; `analysis.churn` makes them."""

from __future__ import annotations

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.stats.estimate import Estimate


@measure(
    "churn",
    label="Churn",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples whose predicted label changes from an old to a new run.",
)
def churn(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """None for a population by itself."""
    return []


@measure(
    "good_churn",
    label="Good churn",
    unit="fraction",
    better="higher",
    meaning="Fraction of test examples that go from wrong to right.",
)
def good_churn(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """None for a population by itself."""
    return []


@measure(
    "bad_churn",
    label="Bad churn",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples that go from right to wrong.",
)
def bad_churn(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """None for a population by itself."""
    return []


@measure(
    "win_loss_ratio",
    label="Wins over losses",
    unit="ratio",
    better="higher",
    meaning="Test examples that go from wrong to right over those that go from right to wrong.",
)
def win_loss_ratio(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """None for a population by itself."""
    return []
