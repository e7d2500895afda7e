"""From what was asked for, in words and numbers as they were given, to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from varbench.analysis.planning.amounts import FRACTIONS, of_measure, of_same_unit
from varbench.analysis.planning.goals import goal_of
from varbench.analysis.planning.pilot import OVERVIEW, Key, Pilot
from varbench.analysis.planning.spreads import DeviationSpread, MeanSpread, Spread
from varbench.errors import InputError
from varbench.report.plan.document import Basis, Subject, plan_document
from varbench.stats.power import check_sd
from varbench.stats.precision import sd_ends_normal

Given = str | float | None

MEAN, DEVIATION = "mean", "sd"
"""What a width is of, where an SD is given and no pilot."""


def plan_from_pilot(
    pilots: Sequence[Pilot],
    *,
    condition: str | None,
    measure: str | None,
    difference: Given,
    width: Given,
    probability: float | None,
    runs: int | None,
    power: float | None,
    alpha: float,
    paired: bool,
    comparisons: int,
) -> dict[str, Any]:
    """A plan from a pilot's populations.

    Args:
        pilots: The populations of the pilot, the one to plan from by default first.
        condition: Which one, by name; None for the first.
        measure: Which measure the goal is about; None for the accuracy.
        difference: Wanted: a difference to see.
        width: Wanted: the width of an interval, end to end.
        probability: Wanted: a P(A > B) to see.
        runs: Asked: what so many runs show.
        power: Chance to see what is there, or None for the usual one.
        alpha: Chance of a false alarm.
        paired: Matched runs; a pilot of one population cannot say how these differ, so it is refused.
        comparisons: How many comparisons there will be.

    Raises:
        InputError: If something does not fit.
    """
    pilot = _chosen(pilots, condition)
    if paired:
        raise InputError(
            "a pilot of one population does not say how matched runs of two pipelines differ: give the SD of the "
            "differences with --sd, and --paired"
        )
    asked = difference is None and width is None and probability is None
    wanted = [measure] if measure else [name for name in OVERVIEW if (name, None) in pilot.rows]
    subjects: list[Subject] = []
    for name in wanted if asked else [measure or OVERVIEW[0]]:
        key = pilot.key_of(name)
        try:
            subjects.append(_subject(pilot, key))
        except InputError:
            # In the overview, a measure without a spread is left out; not the first.
            if not asked or name == wanted[0] or pilot.n_runs < 2:
                raise
    unit = subjects[0].unit
    goal = goal_of(
        difference=None if difference is None else of_measure(difference, unit, what="the difference"),
        width=None if width is None else of_measure(width, unit, what="the width"),
        probability=probability,
        runs=runs,
        alpha=alpha,
        power=power,
        paired=paired,
        comparisons=comparisons,
    )
    others = [other.name for other in pilots if other is not pilot]
    notes = []
    if others and condition is None:
        notes.append(f"This is {pilot.label}, the first population of the pilot; others: {', '.join(others)}.")
    return plan_document(
        goal,
        Basis(tuple(subjects), pilot.label, pilot.name, pilot.n_runs, None, tuple(notes)),
    )


def plan_from_sd(
    *,
    sd: Given,
    other_sd: Given,
    sd_runs: int | None,
    measure: str | None,
    difference: Given,
    width: Given,
    probability: float | None,
    runs: int | None,
    power: float | None,
    alpha: float,
    paired: bool,
    comparisons: int,
) -> dict[str, Any]:
    """A plan from a given SD, or from none where only P(A > B) or a number of runs is asked of.

    Args:
        sd: SD over runs; of the differences of matched runs where `paired`.
        other_sd: SD of the other pipeline, where it is another one.
        sd_runs: How many runs the SD was taken from, where that is known.
        measure: "mean" or "sd": what the width is of.
        difference, width, probability, runs, power, alpha, paired, comparisons: As in `plan_from_pilot`.

    Raises:
        InputError: If something does not fit.
    """
    if measure not in (None, MEAN, DEVIATION):
        raise InputError(f"without a pilot the measure is {MEAN!r} or {DEVIATION!r}, not {measure!r}: give a pilot")
    asked = {"--sd": sd, "--other-sd": other_sd, "--difference": difference, "--width": width}
    numbers, unit = of_same_unit({what: value for what, value in asked.items() if value is not None})
    goal = goal_of(
        difference=numbers.get("--difference"),
        width=numbers.get("--width"),
        probability=probability,
        runs=runs,
        alpha=alpha,
        power=power,
        paired=paired,
        comparisons=comparisons,
    )
    if sd is None:
        return _without_spread(goal.kind, goal, other_sd, sd_runs)
    _check(numbers, sd_runs, paired=paired)
    if goal.kind == "overview":
        raise InputError("an SD alone is no goal: add --difference, --width, --probability or --runs")
    high = sd_ends_normal(numbers["--sd"], sd_runs, level=goal.level)[1] if sd_runs else None
    what, label = (MEAN, "Mean") if measure != DEVIATION else (DEVIATION, "SD over runs")
    spread: Spread = DeviationSpread(numbers["--sd"], high)
    if what == MEAN:
        spread = MeanSpread(numbers["--sd"], high, "a mean over runs: the given SD, Student's t")
    subject = Subject(what, label, unit, spread)
    return plan_document(goal, Basis((subject,), pilot_runs=sd_runs, other_sd=numbers.get("--other-sd")))


def _without_spread(kind: str, goal: Any, other_sd: Given, sd_runs: int | None) -> dict[str, Any]:
    if other_sd is not None or sd_runs is not None:
        raise InputError("--other-sd and --sd-runs go with --sd: give that too")
    if kind == "probability":
        return plan_document(goal, Basis(()))
    if kind == "runs":
        spread = MeanSpread(1.0, None, "a mean over runs: an SD of 1, Student's t")
        note = "No SD was given: amounts are multiples of the standard deviation from run to run."
        return plan_document(goal, Basis((Subject(MEAN, "Mean", "run-to-run SDs", spread),), notes=(note,)))
    if kind == "overview":
        raise InputError(
            "give a pilot (a run directory, a report or a file of results), or --sd with a goal; "
            "for example: varbench plan --sd 0.149pp --difference 0.1pp"
        )
    raise InputError(f"a plan for a {kind} needs to know how much runs vary: give --sd or a pilot")


def _check(numbers: dict[str, float], sd_runs: int | None, *, paired: bool) -> None:
    for what in ("--sd", "--other-sd"):
        if what in numbers:
            check_sd(numbers[what])
    if sd_runs is not None and sd_runs < 2:
        raise InputError(f"an SD cannot come from {sd_runs} run: --sd-runs is 2 or more")
    if paired and "--other-sd" in numbers:
        raise InputError("a paired plan has one SD, that of the differences: leave --other-sd out")


def _chosen(pilots: Sequence[Pilot], condition: str | None) -> Pilot:
    if not pilots:
        raise InputError("the pilot has no population to plan from")
    if condition is None:
        return pilots[0]
    for pilot in pilots:
        if condition in (pilot.name, pilot.label):
            return pilot
    raise InputError(f"the pilot has no condition {condition!r}: it has {', '.join(pilot.name for pilot in pilots)}")


def _subject(pilot: Pilot, key: Key) -> Subject:
    unit = pilot.units.get(key[0], "")
    label = pilot.labels.get(key[0], key[0])
    at = "" if key[1] is None else f" at {key[1]}"
    return Subject(key[0], label + at, "pp" if unit in FRACTIONS else unit, pilot.spread(key))
