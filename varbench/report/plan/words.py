"""The sentences of a plan: the answer first, for readers who never studied statistics."""

from __future__ import annotations

from varbench.analysis.planning.answers import Needed
from varbench.analysis.planning.goals import Goal
from varbench.report.numbers import integer, number


def answer_needed(goal: Goal, runs: int, *, name: str, unit: str, is_sd: bool) -> str:
    """`Train 29 runs of each pipeline: …`

    Args:
        goal: A difference, a width or a probability.
        runs: The answer.
        name: What the measure is called inside a sentence.
        unit: Unit of differences and widths.
        is_sd: The measure is an SD over runs, not a mean.
    """
    assert goal.value is not None
    count = integer(runs)
    if goal.kind == "difference":
        difference = trimmed(abs(goal.value), unit)
        each = f"{count} pairs of runs, matched one by one" if goal.paired else f"{count} runs of each pipeline"
        return (
            f"Train {each}: if the two pipelines really differ by {difference} {where(name)}, comparing them "
            f"will show it {times(goal.power)}."
        )
    if goal.kind == "width":
        half, whole = trimmed(goal.value / 2, unit), trimmed(goal.value, unit)
        what = f"the {name}" if is_sd else f"the {name} of the pipeline"
        return f"Train {count} runs: they pin {what} down to within about {half} (an interval {whole} from end to end)."
    return (
        f"Train {count} runs of each pipeline: if a run of A beats a run of B {times(goal.value)}, so many runs will "
        f"show that A is the better pipeline {times(goal.power_of_probability)}."
    )


def answer_shown(
    goal: Goal, runs: int, *, name: str, unit: str, difference: float | None, width: float | None, pilot: str
) -> str:
    """`With 30 runs of each pipeline you will see …`

    Args:
        goal: Runs, or the overview.
        runs: The runs that are spoken of.
        name: What the measure is called inside a sentence.
        unit: Unit of differences and widths.
        difference: Smallest difference that shows, or None.
        width: Width of the interval, or None.
        pilot: What the pilot is called; "" without one.
    """
    count = integer(runs)
    pinned = "" if width is None else f"pin the {name} down to within about {number(width / 2, unit)}"
    whose = f"The {count} runs of {pilot}" if goal.kind == "overview" else f"{count} runs"
    if difference is None:
        return f"{whose} {pinned}." if pinned else f"{whose} are too few to say anything about the {name}."
    against = f"{count} runs of another pipeline"
    against = f"{'matched one by one with' if goal.paired else 'against'} {against}"
    shown = f"a difference of {number(difference, unit)} or more, {times(goal.power)}"
    seen = f"{against} they show {shown}; a smaller one will often go unseen"
    return f"{whose} {pinned}, and {seen}." if pinned else f"{whose}: {seen}."


def way(entry: Needed, goal: Goal, *, basis: str, of_runs: bool, pilot_runs: int | None) -> str:
    """How a number of runs was reckoned; `of_runs` where the measure is a mean over runs."""
    test = "paired t test" if goal.paired else "Welch t test"
    exact = f"{test}, exact for normally distributed runs"
    answers = {
        "difference": exact if of_runs else "t test on jackknife standard errors over runs, approximate",
        "width": basis,
        "probability": "Mann–Whitney test, Noether's formula",
    }
    words = {
        "answer": answers.get(goal.kind, ""),
        "normal": "quick formula with normal quantiles: too few where runs are few",
        "assured": "so that 9 of 10 such experiments get an interval no wider than wanted",
        "single": f"if this were the only comparison and not one of {goal.comparisons}",
        "upper": f"if runs vary as much as {pilot_runs or 'the pilot'} pilot runs still allow "
        "(upper end of the interval of their spread)",
    }
    return words[entry.way]


def notes(goal: Goal, *, pilot: bool, given_sd: bool) -> list[str]:
    """What the answer rests on."""
    found = []
    if goal.kind in ("difference", "runs", "overview"):
        found.append(
            f"Where the pipelines do not differ at all, the comparison claims a difference {times(goal.alpha)} "
            f"(alpha {goal.alpha:g}, two-sided)."
        )
    if goal.kind == "probability":
        found.append(
            f"Where A and B are equally good, A is called better by mistake {times(goal.alpha)} "
            f"(alpha {goal.alpha:g}, one-sided)."
        )
    if goal.kind in ("width", "runs", "overview"):
        found.append(f"An interval holds the true value {times(goal.level)}.")
    if goal.comparisons > 1:
        found.append(
            f"Each of {goal.comparisons} comparisons is tested at {goal.alpha_of_one:.2g}, so that all together "
            f"keep to {goal.alpha:g}; Holm's procedure needs no more runs than this."
        )
    if goal.kind in ("difference", "runs", "overview") and pilot and not goal.paired:
        found.append("The other pipeline is taken to vary from run to run as much as the pilot.")
    if goal.paired and given_sd:
        found.append("The given SD is that of the differences between matched runs.")
    return found


def where(name: str) -> str:
    """`in test accuracy`; `on average` where the measure has no name."""
    return "on average" if name == "mean" else f"in {name}"


def trimmed(value: float, unit: str) -> str:
    """A number that was asked for, without the zeros of a measured one: `0.1 pp`."""
    digits, _, suffix = number(value, unit).partition(" ")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{digits} {suffix}".strip()


def times(probability: float) -> str:
    """`95 times out of 100`; as many digits as the probability has."""
    return f"{100 * probability:.6g} times out of 100"


QUANTITIES = {
    "width": "Width of the interval",
    "difference": "Smallest difference that shows",
    "probability": "Smallest P(A > B) that shows",
}
"""Headings of the quantities of a plan."""
