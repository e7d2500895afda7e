"""Whether all arms of a race did the same training: a race between different trainings says nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.speed.result import Result

ACCURACY = 0.03
"""Mean accuracies of two arms may differ by this much besides three standard errors."""
DISTANCE = 0.03
"""Mean distances from the initialization may differ by this fraction besides three standard errors."""
LEAST_SPREAD, ALONE = 0.05, 0.12
"""Relative standard deviation of the distance that is assumed at least, for that of few runs is known badly, and for
one run alone: over the runs of the perceptrons it is 1 to 3 %, of the convolutional networks 4 to 11 %."""


def parity(results: Sequence[Result], *, others: Sequence[Result] = (), alone: float = 0.01) -> list[str]:
    """Sentences on arms that trained otherwise than varbench, which is compared by two means over the runs.

    The test accuracy. It may differ by `ACCURACY` and three standard errors, from the standard deviation of the runs
    of the arm or of varbench, whichever is larger, each from the race in which it trained the most runs, or
    `alone` where that is one. Near chance it tells little.

    The distance from the initialization, ‖w_T − w_0‖₂ over all parameters. It hardly varies from run to run, says how
    far the optimizer went long before the accuracy does, and is another one with another rate or number of steps. With
    m runs of the arm and n of varbench it may differ by `DISTANCE` + 3 s √(1/m + 1/n) of varbench's mean, where s is
    the relative standard deviation over the runs of varbench, or `LEAST_SPREAD` if that is more; `ALONE` for one run.
    The spread of the arm is not asked, so that no arm passes for being erratic.

    Args:
        results: Of one race.
        others: Of other races of the same task.
        alone: Standard deviation of the accuracy that is assumed for an arm that trained one run in all of them.
    """
    ours = next((r for r in results if r.arm == "varbench" and not r.failed), None)
    found = [f"varbench failed: {r.failed}" for r in results if r.arm == "varbench" and r.failed]
    for result in results:
        if ours is None or result.failed or result is ours:
            continue
        found += _accuracy(result, ours, others, alone) + _distance(result, ours)
    return found


def _accuracy(result: Result, ours: Result, others: Sequence[Result], alone: float) -> list[str]:
    gap = float(np.mean(result.accuracies) - np.mean(ours.accuracies))
    spread = max(_spread(r, others, alone) for r in (result, ours))
    allowed = ACCURACY + 3.0 * spread * _root(result, ours)
    if abs(gap) <= allowed:
        return []
    return [f"{result.arm} is {100 * gap:+.1f} pp off varbench in accuracy; {100 * allowed:.1f} are allowed"]


def _spread(result: Result, others: Sequence[Result], alone: float) -> float:
    same = [result, *(other for other in others if other.arm == result.arm and not other.failed)]
    largest = max(same, key=lambda r: r.trained)
    return float(np.std(largest.accuracies, ddof=1)) if largest.trained > 1 else alone


def _distance(result: Result, ours: Result) -> list[str]:
    if not result.distances or not ours.distances:
        return []
    mean = float(np.mean(ours.distances))
    gap = float(np.mean(result.distances)) / mean - 1.0
    spread = max(float(np.std(ours.distances, ddof=1)) / mean, LEAST_SPREAD) if ours.trained > 1 else ALONE
    allowed = DISTANCE + 3.0 * spread * _root(result, ours)
    if abs(gap) <= allowed:
        return []
    direction = "nearer to" if gap < 0 else "farther from"
    off = f"{100 * abs(gap):.1f} % {direction} its initialization than varbench"
    return [f"{result.arm} ends {off}; {100 * allowed:.1f} % are allowed"]


def _root(a: Result, b: Result) -> float:
    return (1.0 / a.trained + 1.0 / b.trained) ** 0.5
