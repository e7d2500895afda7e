"""A pilot of two conditions whose runs are matched: how much the differences of matched runs vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue import MEASURES
from varbench.analysis.churn import matched_rows
from varbench.analysis.comparing.per_run import PER_RUN
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError


@dataclass(frozen=True)
class PairedPilot:
    """Differences of matched runs, second − first, finite.

    Attributes:
        first: Name of the condition that is compared with.
        second: Name of the other.
        measure: Measure of every run.
        gaps: [R], one for each pair of runs.
    """

    first: str
    second: str
    measure: str
    gaps: Float[np.ndarray, " R"]


def paired_pilot(
    conditions: Mapping[str, PopulationArrays], *, measure: str, condition: str | None, against: str | None
) -> PairedPilot:
    """The differences of the runs of two conditions that have the same levels.

    Args:
        conditions: Populations by name.
        measure: A measure that every run has by itself: accuracy, error, loss, brier, ece, train_loss, train_accuracy.
        condition: The first; None for the first there is.
        against: The second; None for the other one, where there are two.

    Raises:
        InputError: If there are no two such conditions, the runs do not match, or their differences have no spread.
    """
    first = _named(condition or next(iter(conditions)), conditions)
    others = [name for name in conditions if name != first]
    if against is None and len(others) != 1:
        told = f"it has {', '.join(conditions)}: name the other with against" if others else f"it has {first} alone"
        raise InputError(f"matched runs are those of two conditions of the pilot, but {told}")
    second = _named(against or others[0], conditions)
    if second == first:
        raise InputError(f"the runs of {first!r} are matched with those of another condition, not with themselves")
    if measure not in PER_RUN:
        raise InputError(f"matched runs are planned for a measure that every run has: {', '.join(PER_RUN)}")
    before, after = conditions[first], conditions[second]
    partners = matched_rows(before, after)
    if partners is None:
        raise InputError(
            f"the runs of {first!r} and {second!r} do not match: every run of one needs a run with the same levels in "
            "the other, and their levels (init, order, …) must be known"
        )
    for name, population in ((first, before), (second, after)):
        reason = MEASURES[measure].lacking(population) or (population.infinite_loss if measure == "loss" else "")
        if reason:
            raise InputError(f"{name!r} has no {measure} to plan with: {reason}")
    gaps = PER_RUN[measure](after)[partners] - PER_RUN[measure](before)
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) < 2 or np.ptp(gaps) == 0:
        raise InputError(f"{len(gaps)} pairs of runs with differences that do not vary say nothing about a spread")
    return PairedPilot(first, second, measure, gaps)


def _named(name: str, conditions: Mapping[str, PopulationArrays]) -> str:
    if name not in conditions:
        near = get_close_matches(name, conditions, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(conditions)}"
        raise InputError(f"the pilot has no condition {name!r}: {hint}")
    return name
