"""The measures of the study of instability, what decides, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from varbench.analysis.described import Described
from varbench.stats.estimate import Estimate
from varbench.studies.rules import percent, significant, told

FACTOR = 2.0
"""Each learning rate of a sweep is so many times the one before."""

NEAR = (0, 2, 4)
"""Places in the sweep of the learning rates at which one-ULP pairs are trained: ×1, ×4, ×16 of the smallest."""

ALIKE = 3.0
"""Stability limits of networks lie between 4 and 12 over λ_max for plain descent: within this factor of one another."""

GROWN = 1000.0
"""One ULP that grows by less than this is still far below anything that a prediction could show."""

Measured = Mapping[tuple[str, str], Estimate]
"""(measure, the populations that it is of) → estimate."""

MEASURES = {
    "instability_failed": Described(
        "Runs that failed",
        "fraction",
        "lower",
        "Share of runs that are not finite at the end, or whose training loss is no better than one constant answer's.",
    ),
    "instability_critical": Described(
        "Critical learning rate", "none", "higher", "Lowest learning rate of the sweep at which a run fails."
    ),
    "instability_critical_ratio": Described(
        "Critical learning rate, badly conditioned", "ratio", "none", "With half of the inputs × 4, over as they are."
    ),
    "instability_units": Described(
        "Critical learning rate in units of 2(1+β)/λ", "ratio", "none", "λ is the largest curvature at initialization."
    ),
    "instability_curvature_ratio": Described(
        "Critical rate × curvature, badly conditioned",
        "ratio",
        "none",
        "With half of the inputs × 4, over as they are; 1 if the curvature at initialization says it all.",
    ),
    "instability_growth": Described(
        "Growth of one ULP",
        "ratio",
        "none",
        "Distance of one-ULP pairs at the end over that at the beginning, of pairs that end apart.",
    ),
    "instability_grown": Described(
        "Pairs in which one ULP grows",
        "fraction",
        "none",
        "Share of one-ULP pairs that end more than 1,000 times as far apart as they began, of those that do not fail.",
    ),
    "instability_merged": Described(
        "Pairs that end identical", "fraction", "none", "Share of one-ULP pairs that end in one point and do not fail."
    ),
    "instability_parted": Described(
        "Pairs farther apart at the large step",
        "fraction",
        "none",
        "Share of one-ULP pairs that end farther apart at 16 times the smallest learning rate, ties counted half.",
    ),
    "instability_separation_ratio": Described(
        "Separation, large steps over small",
        "ratio",
        "none",
        "Final distance of one-ULP pairs at 16 times the smallest learning rate over that at the smallest.",
    ),
}


def headline(measured: Mapping[str, Measured]) -> str:
    """The sentence that opens the report."""
    if not measured:
        return "No recipe could be measured."
    lines = [
        f"{label}: runs fail from a learning rate of {rate_told(found['instability_critical', 'plain'])} on; with half "
        f"of the inputs × 4, from {rate_told(found['instability_critical', 'scaled'])} on. One ULP grows more than "
        f"{GROWN:,.0f}-fold in {percent(found['instability_grown', str(NEAR[1])], digits=0)} of the pairs at "
        f"{FACTOR ** NEAR[1]:g} times the smallest rate, and in "
        f"{percent(found['instability_grown', str(NEAR[2])], digits=0)} at {FACTOR ** NEAR[2]:g} times"
        for label, found in measured.items()
    ]
    return f"{'. '.join(lines)}."


def factor_told(estimate: Estimate) -> str:
    """A number of any size with its interval, to two digits."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return told(estimate, digits=0)
    return f"{digits_told(estimate.value)} [{digits_told(estimate.low)}, {digits_told(estimate.high)}]"


def digits_told(value: float) -> str:
    """`230`, `5,700`, `1.8 × 10⁵`: two digits."""
    if 0.01 <= value < 1e5:
        return f"{float(f'{value:.2g}'):,g}"
    return significant(value)


def rate_told(estimate: Estimate) -> str:
    """A critical rate; on the grid of the sweep all runs may have the same."""
    if estimate.value is not None and estimate.low is not None and np.isclose(estimate.low, estimate.value, rtol=1e-9):
        return f"{estimate.value:.2g} (all runs)"
    return told(estimate, digits=2)
