"""From a goal and a spread to numbers: runs that are needed, what runs can show, and the curve between the two."""

from __future__ import annotations

import math
from dataclasses import dataclass

from varbench.analysis.planning.goals import Goal
from varbench.analysis.planning.spreads import DeviationSpread, MeanSpread, Spread
from varbench.errors import InputError
from varbench.stats.planning import (
    detectable_probability,
    runs_for_difference_normal,
    runs_for_probability,
    smallest_runs,
)
from varbench.stats.power import detectable_difference, power_of_test
from varbench.stats.precision import check_width, runs_for_mean_width

ASSURANCE = 0.9
"""In so many of 10 repetitions the interval shall be no wider."""

POINTS = 48
"""Points of a curve at most."""

NOT_AN_SD = "a difference of two SDs is not planned here; ask for the width of its interval, or for another measure"


@dataclass(frozen=True)
class Needed:
    """Runs that reach a goal, one way of reckoning; for a comparison, runs of each pipeline."""

    way: str
    runs: int


@dataclass(frozen=True)
class Curve:
    """A quantity against the number of runs; `upper` is the same at the upper end of the pilot's own interval."""

    runs: tuple[int, ...]
    values: tuple[float, ...]
    upper: tuple[float, ...] | None


def needed_runs(goal: Goal, spread: Spread | None, *, other_sd: float | None) -> list[Needed]:
    """Every way of reckoning, the answer first.

    Ways: "answer"; "normal", the closed form with normal quantiles; "upper", at the upper end of the pilot's spread;
    "assured", so that nine of ten intervals are no wider; "single", one comparison in place of several.

    Raises:
        InputError: If the goal cannot be reached, or the measure is none that it can be asked of.
    """
    assert goal.value is not None
    if goal.kind == "probability":
        power = goal.power_of_probability
        found = [Needed("answer", runs_for_probability(goal.value, alpha=goal.alpha_of_one, power=power))]
        if goal.comparisons > 1:
            found.append(Needed("single", runs_for_probability(goal.value, alpha=goal.alpha, power=power)))
        return found
    assert spread is not None
    upper = spread.upper()
    if goal.kind == "width":
        found = [Needed("answer", _runs_for_width(spread, goal.value, level=goal.level))]
        if isinstance(spread, MeanSpread):
            assured = runs_for_mean_width(spread.sd, goal.value, level=goal.level, assurance=ASSURANCE)
            found.append(Needed("assured", assured))
        if upper is not None:
            found.append(Needed("upper", _runs_for_width(upper, goal.value, level=goal.level)))
        return found
    found = [Needed("answer", _runs_for_difference(goal, spread, alpha=goal.alpha_of_one, other_sd=other_sd))]
    if isinstance(spread, MeanSpread):
        sd = spread.sd if other_sd is None else math.sqrt((spread.sd**2 + other_sd**2) / 2)
        normal = runs_for_difference_normal(
            sd, goal.value, alpha=goal.alpha_of_one, power=goal.power, paired=goal.paired
        )
        found.append(Needed("normal", normal))
    if upper is not None:
        stretched = None if other_sd is None else other_sd * _stretch(spread, upper)
        found.append(Needed("upper", _runs_for_difference(goal, upper, alpha=goal.alpha_of_one, other_sd=stretched)))
    if goal.comparisons > 1:
        found.append(Needed("single", _runs_for_difference(goal, spread, alpha=goal.alpha, other_sd=other_sd)))
    return found


def shown_width(spread: Spread, n_runs: int, goal: Goal) -> float | None:
    """Width of the interval over R runs; None where R is too small for one."""
    return spread.width(n_runs, level=goal.level) if n_runs >= spread.fewest else None


def shown_difference(spread: Spread, n_runs: int, goal: Goal, *, other_sd: float | None) -> float | None:
    """Smallest difference of means that R runs of each pipeline show; None for an SD, or where R is too small."""
    scatter = spread.scatter(n_runs) if n_runs >= spread.fewest else None
    if scatter is None:
        return None
    return detectable_difference(
        scatter, n_runs, alpha=goal.alpha_of_one, power=goal.power, paired=goal.paired, other_sd=other_sd
    )


def shown_probability(n_runs: int, goal: Goal) -> float | None:
    """Smallest P(A > B) that R runs of each pipeline show; None where not even always winning would."""
    return detectable_probability(n_runs, alpha=goal.alpha_of_one, power=goal.power_of_probability)


def curve_of(
    quantity: str, goal: Goal, spread: Spread | None, *, runs: tuple[int, ...], other_sd: float | None
) -> Curve:
    """The quantity "width", "difference" or "probability" at each number of runs where it exists."""

    def value(n_runs: int, of: Spread | None) -> float | None:
        if quantity == "probability":
            return shown_probability(n_runs, goal)
        assert of is not None
        if quantity == "width":
            return shown_width(of, n_runs, goal)
        stretch = 1.0 if spread is None or of is spread else _stretch(spread, of)
        return shown_difference(of, n_runs, goal, other_sd=None if other_sd is None else other_sd * stretch)

    found = [(n_runs, x) for n_runs in runs if (x := value(n_runs, spread)) is not None]
    upper = None if spread is None or quantity == "probability" else spread.upper()
    beside = None if upper is None else tuple(y for n_runs, _ in found if (y := value(n_runs, upper)) is not None)
    return Curve(tuple(n for n, _ in found), tuple(x for _, x in found), beside)


def runs_of_curve(marked: list[int]) -> tuple[int, ...]:
    """Whole numbers on a logarithmic scale, from a few runs to three times the most marked, with the marked ones."""
    low, high = max(2, min(4, *marked)), max(32, 3 * max(marked))
    steps = [low * (high / low) ** (i / (POINTS - 1)) for i in range(POINTS)]
    return tuple(sorted({*map(round, steps), *(m for m in marked if m >= 2)}))


def _runs_for_width(spread: Spread, width: float, *, level: float) -> int:
    check_width(width)
    return smallest_runs(
        lambda runs: spread.width(runs, level=level) <= width, guess=spread.fewest, fewest=spread.fewest
    )


def _runs_for_difference(goal: Goal, spread: Spread, *, alpha: float, other_sd: float | None) -> int:
    assert goal.value is not None
    if isinstance(spread, DeviationSpread):
        raise InputError(NOT_AN_SD)
    difference = goal.value

    def enough(n_runs: int) -> bool:
        scatter = spread.scatter(n_runs)
        assert scatter is not None
        found = power_of_test(scatter, difference, n_runs, alpha=alpha, paired=goal.paired, other_sd=other_sd)
        return found >= goal.power

    return smallest_runs(enough, guess=spread.fewest, fewest=spread.fewest)


def _stretch(spread: Spread, upper: Spread) -> float:
    first, second = spread.scatter(spread.fewest), upper.scatter(spread.fewest)
    return second / first if first and second else 1.0
