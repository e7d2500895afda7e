"""From what was asked for, in words and numbers as they were given, to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from varbench.analysis.catalogue import MEASURES
from varbench.analysis.planning.amounts import FRACTIONS, of_measure, of_same_unit
from varbench.analysis.planning.goals import Goal, goal_of
from varbench.analysis.planning.pairs import PairedPilot
from varbench.analysis.planning.pilot import OVERVIEW, Key, Pilot
from varbench.analysis.planning.spreads import DeviationSpread, MeanSpread, Spread
from varbench.errors import InputError
from varbench.report.numbers import number
from varbench.report.plan.document import Basis, Subject, plan_document
from varbench.stats.power import check_sd
from varbench.stats.precision import sd_ends_normal

Given = str | float | None

MEAN, DEVIATION = "mean", "sd"
"""What a width is of, where an SD is given and no pilot."""


@dataclass(frozen=True)
class Request:
    """What is asked of a plan, as it was given: amounts in words or stored units, not yet checked.

    Attributes:
        difference: Wanted: a difference to see.
        width: Wanted: the width of an interval, end to end.
        probability: Wanted: a P(A > B) to see.
        runs: Asked: what so many runs show.
        measure: What the goal is about; None for the accuracy of a pilot, for the mean where an SD is given.
        power: Chance to see what is there, or None for the usual one.
        alpha: Chance of a false alarm.
        paired: Runs of the two pipelines are matched.
        comparisons: How many comparisons there will be.
    """

    difference: Given = None
    width: Given = None
    probability: float | None = None
    runs: int | None = None
    measure: str | None = None
    power: float | None = None
    alpha: float = 0.05
    paired: bool = False
    comparisons: int = 1

    @property
    def is_overview(self) -> bool:
        """Whether no amount is wanted."""
        return self.difference is None and self.width is None and self.probability is None

    def goal(self, *, difference: float | None, width: float | None) -> Goal:
        """The goal, with its amounts in stored units.

        Raises:
            InputError: If there are two goals, or a number is out of range.
        """
        return goal_of(
            difference=difference,
            width=width,
            probability=self.probability,
            runs=self.runs,
            alpha=self.alpha,
            power=self.power,
            paired=self.paired,
            comparisons=self.comparisons,
        )


def plan_from_pilot(request: Request, pilots: Sequence[Pilot], *, condition: str | None) -> dict[str, Any]:
    """A plan from a pilot's populations.

    Args:
        request: What is asked; matched runs are those of `plan_from_pairs`.
        pilots: The populations of the pilot, the one to plan from by default first.
        condition: Which one, by name; None for the first.

    Raises:
        InputError: If something does not fit.
    """
    pilot = _chosen(pilots, condition)
    asked, measure = request.is_overview, request.measure
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
    difference, width = (
        None if given is None else of_measure(given, unit, what=what)
        for given, what in ((request.difference, "the difference"), (request.width, "the width"))
    )
    goal = request.goal(difference=difference, width=width)
    others = [other.name for other in pilots if other is not pilot]
    notes = []
    if others and condition is None:
        notes.append(f"This is {pilot.label}, the first population of the pilot; others: {', '.join(others)}.")
    if pilot.n_diverged:
        notes.append(
            f"{pilot.n_diverged} of the {pilot.n_runs} runs of the pilot diverged: they count with accuracy 0 and with "
            "no prediction, which differs from every prediction and widens the spread; in the loss they do not count."
        )
    return plan_document(
        goal,
        Basis(tuple(subjects), pilot.label, pilot.name, pilot.n_runs, None, tuple(notes)),
    )


def plan_from_pairs(request: Request, pilot: PairedPilot) -> dict[str, Any]:
    """A plan from the differences of matched runs of two conditions.

    Raises:
        InputError: If something does not fit.
    """
    entry, n_pairs = MEASURES[pilot.measure], len(pilot.gaps)
    unit = "pp" if entry.unit in FRACTIONS else entry.unit
    given = request.difference
    difference = None if given is None else of_measure(given, unit, what="the difference")
    if request.width is not None or request.probability is not None:
        raise InputError("matched runs matter to a difference of means alone: ask with --difference or --runs")
    goal = request.goal(difference=difference, width=None)
    sd = float(pilot.gaps.std(ddof=1))
    high = sd_ends_normal(sd, n_pairs, level=goal.level)[1]
    basis = "a mean over pairs of runs: the SD of their differences in the pilot, Student's t"
    label = f"Difference in {entry.label[:1].lower()}{entry.label[1:]}"
    subject = Subject(pilot.measure, label, unit, MeanSpread(sd, high, basis))
    told = number(sd, unit)
    note = f"The differences of {n_pairs} matched runs of {pilot.first} and {pilot.second} have an SD of {told}."
    label = f"{pilot.second} − {pilot.first}"
    return plan_document(goal, Basis((subject,), label, pilot.first, n_pairs, None, (note,)))


def plan_from_sd(request: Request, *, sd: Given, other_sd: Given, sd_runs: int | None) -> dict[str, Any]:
    """A plan from a given SD, or from none where only P(A > B) or a number of runs is asked of.

    Args:
        request: What is asked; its measure is "mean" or "sd", what the width is of.
        sd: SD over runs; of the differences of matched runs where they are paired.
        other_sd: SD of the other pipeline, where it is another one.
        sd_runs: How many runs the SD was taken from, where that is known.

    Raises:
        InputError: If something does not fit.
    """
    measure = request.measure
    if measure not in (None, MEAN, DEVIATION):
        raise InputError(f"without a pilot the measure is {MEAN!r} or {DEVIATION!r}, not {measure!r}: give a pilot")
    asked = {"--sd": sd, "--other-sd": other_sd, "--difference": request.difference, "--width": request.width}
    numbers, unit = of_same_unit({what: value for what, value in asked.items() if value is not None})
    goal = request.goal(difference=numbers.get("--difference"), width=numbers.get("--width"))
    if sd is None:
        return _without_spread(goal, other_sd, sd_runs)
    _check(numbers, sd_runs, paired=request.paired)
    if goal.kind == "overview":
        raise InputError("an SD alone is no goal: add --difference, --width, --probability or --runs")
    high = sd_ends_normal(numbers["--sd"], sd_runs, level=goal.level)[1] if sd_runs else None
    what, label = (MEAN, "Mean") if measure != DEVIATION else (DEVIATION, "SD over runs")
    spread: Spread = DeviationSpread(numbers["--sd"], high)
    if what == MEAN:
        spread = MeanSpread(numbers["--sd"], high, "a mean over runs: the given SD, Student's t")
    subject = Subject(what, label, unit, spread)
    return plan_document(goal, Basis((subject,), pilot_runs=sd_runs, other_sd=numbers.get("--other-sd")))


def _without_spread(goal: Goal, other_sd: Given, sd_runs: int | None) -> dict[str, Any]:
    if other_sd is not None or sd_runs is not None:
        raise InputError("--other-sd and --sd-runs go with --sd: give that too")
    if goal.kind == "probability":
        return plan_document(goal, Basis(()))
    if goal.kind == "runs":
        spread = MeanSpread(1.0, None, "a mean over runs: an SD of 1, Student's t")
        note = "No SD was given: amounts are multiples of the standard deviation from run to run."
        return plan_document(goal, Basis((Subject(MEAN, "Mean", "run-to-run SDs", spread),), notes=(note,)))
    if goal.kind == "overview":
        raise InputError(
            "give a pilot (a run directory, a report or a file of results), or --sd with a goal; "
            "for example: varbench plan --sd 0.149pp --difference 0.1pp"
        )
    raise InputError(f"a plan for a {goal.kind} needs to know how much runs vary: give --sd or a pilot")


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
