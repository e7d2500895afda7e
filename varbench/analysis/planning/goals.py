"""What a plan is for, and how sure it must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from varbench.errors import InputError
from varbench.stats.planning import alpha_of_one, check_error_rates

Kind: TypeAlias = Literal["difference", "width", "probability", "runs", "overview"]

POWER = 0.8
"""Usual chance to see a difference of means that is there."""

POWER_OF_PROBABILITY = 0.95
"""The chance at which the published numbers of runs for P(A > B) are given: 29 for 75 %."""


@dataclass(frozen=True)
class Goal:
    """What is wanted.

    Attributes:
        kind: A difference to see, a width of an interval, a P(A > B); "runs" for what so many runs show, "overview"
            for what the pilot's do.
        value: The difference, width (end to end) or probability in stored units, or the runs; None for the overview.
        alpha: Chance of a false alarm, two-sided for a difference, one-sided for P(A > B); intervals have 1 − α.
        power: Chance to see a difference of means that is there.
        power_of_probability: Chance to see that A is better.
        paired: Runs of the two pipelines are matched one by one.
        comparisons: How many comparisons are made; each is tested at α/m.
    """

    kind: Kind
    value: float | None
    alpha: float
    power: float
    power_of_probability: float
    paired: bool
    comparisons: int

    @property
    def level(self) -> float:
        """Coverage of intervals."""
        return 1.0 - self.alpha

    @property
    def alpha_of_one(self) -> float:
        """Level of each of the comparisons."""
        return alpha_of_one(self.alpha, comparisons=self.comparisons)


def goal_of(
    *,
    difference: float | None,
    width: float | None,
    probability: float | None,
    runs: int | None,
    alpha: float,
    power: float | None,
    paired: bool,
    comparisons: int,
) -> Goal:
    """The one goal among the arguments; none is the overview.

    Raises:
        InputError: If there are two, or a number is out of range.
    """
    values: dict[Kind, float | None] = {
        "difference": difference,
        "width": width,
        "probability": probability,
        "runs": runs,
    }
    given = [kind for kind, value in values.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"a plan has one goal, not both {given[0]} and {given[1]}: ask for one after the other")
    kind = given[0] if given else "overview"
    check_error_rates(alpha, POWER if power is None else power)
    alpha_of_one(alpha, comparisons=comparisons)
    if kind == "difference" and difference == 0:
        raise InputError("the difference is 0, which no number of runs can show: give the smallest that matters")
    if kind == "runs" and runs is not None and runs < 2:
        raise InputError(f"{runs} {'run says' if runs == 1 else 'runs say'} nothing about a spread: give 2 or more")
    if kind == "width" and comparisons > 1:
        raise InputError("the number of comparisons matters to tests, not to the width of an interval: leave it out")
    if paired and kind in ("width", "probability"):
        raise InputError(f"matched runs matter to a difference of means, not to a {kind}: leave paired out")
    return Goal(
        kind=kind,
        value=values[kind] if given else None,
        alpha=alpha,
        power=POWER if power is None else power,
        power_of_probability=POWER_OF_PROBABILITY if power is None else power,
        paired=paired,
        comparisons=comparisons,
    )
