"""Runs that lie further apart on other test examples than where they were trained for: one part of a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from varbench.analysis.document import LEVEL
from varbench.stats.estimate import Estimate
from varbench.stats.spread_change import distribution_variance_change, signed_root
from varbench.studies.rules import told, weigh
from varbench.studies.study import Part
from varbench.studies.weighed import Weighed

NOISE_REMOVED = (
    "Compared are variances over runs of the true accuracy: what independent test examples would give is taken out of "
    "both. Where the mean accuracy comes nearer to 0 or 100 %, runs have less room, and that they lie closer together "
    "tells nothing."
)
"""What a rule says of such a part."""


def spread_change(first: Bool[np.ndarray, "R E"], second: Bool[np.ndarray, "R F"]) -> Estimate:
    """Variance over runs of the true accuracy in the second condition, minus that in the first."""
    return distribution_variance_change(first, second, level=LEVEL)


def parting(
    name: str, first: Bool[np.ndarray, "R E"], second: Bool[np.ndarray, "R F"], *, words: str, label: str, text: str
) -> Part:
    """Whether runs lie further apart in the second condition.

    Args:
        name: Of the part.
        first: Which run is right on which example, of the runs that finished.
        second: The same runs in the other condition.
        words: What makes the second condition, as the table of claims has it.
        label: The recipe.
        text: What follows the number in a sentence, without a final stop.
    """
    change = spread_change(first, second)
    added = signed_root(change)
    number = told(added, scale=100, digits=2, unit="pp")
    weighed = Weighed(
        change, "above", 0.0, f"{words} changes the spread of accuracy by {number} ({label})", "0 pp", as_told=added
    )
    text = f"{number} of spread over runs (SD of the true accuracy; negative where it falls) are added {text}."
    if weighed.holds is False and _room(second) < _room(first):
        less = "Accuracies have less room there, so that this tells nothing."
        return weigh(name, replace(weighed, gated=True), f"{text} {less}")
    return weigh(name, weighed, text)


def _room(correct: Bool[np.ndarray, "R E"]) -> float:
    """The largest variance that the accuracy of a run could have at this mean: ā (1 − ā)."""
    return float(correct.mean() * (1.0 - correct.mean()))
