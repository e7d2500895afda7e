"""The type of a measure, the one place where measures are registered, and how they are all estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from varbench.analysis.checks import check_level
from varbench.analysis.population import ABSENT, PopulationArrays
from varbench.errors import InputError
from varbench.stats.estimate import Estimate, missing

At: TypeAlias = float | str | None
"""Position of an estimate: ensemble size, share of examples, path of a layer; None for the whole."""

Better: TypeAlias = Literal["lower", "higher", "none"]


@runtime_checkable
class Estimator(Protocol):
    """Estimates of one measure of a population, one for each position."""

    def __call__(self, population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
        """Estimate with intervals of the given level; `key` seeds whatever is random."""
        ...


@dataclass(frozen=True)
class Measure:
    """A measure by name.

    Attributes:
        name: Name in `analysis.json`.
        label: What tables and figures call it.
        unit: "fraction", "pp" (a difference of fractions, stored as a fraction), "nats", "ratio", …
        better: Which direction is better, or "none".
        meaning: One sentence for readers.
        estimate: Makes the estimates.
        needs: What it reads beside labels and predictions, by the names in `ABSENT`.
        respects_levels: Whether its intervals hold for runs that share levels, as those of a crossed design do.
        spread: Whether it says how runs differ from each other.
    """

    name: str
    label: str
    unit: str
    better: Better
    meaning: str
    estimate: Estimator
    needs: tuple[str, ...] = ()
    respects_levels: bool = False
    spread: bool = False

    def lacking(self, population: PopulationArrays) -> str:
        """Why a population does not have this measure, as a sentence without a final stop; empty if it has."""
        return next(filter(None, map(population.lacks, self.needs)), "")


MEASURES: dict[str, Measure] = {}
"""Every registered measure by name, in the order of registration, which is the order of reports."""

F = TypeVar("F", bound=Estimator)


def measure(
    name: str,
    *,
    label: str,
    unit: str,
    better: Better,
    meaning: str,
    needs: tuple[str, ...] = (),
    respects_levels: bool = False,
    spread: bool = False,
) -> Callable[[F], F]:
    """Register the decorated estimator as the measure `name`.

    Args:
        name, label, unit, better, meaning: As in `Measure`.
        needs: What the estimator reads beside labels and predictions: "probabilities", "logits", "weights", ….
            It is never called with a population that lacks one of them; one that needs the "log_loss" of every run has
            no value where that is infinite.
        respects_levels: The estimator knows of `PopulationArrays.shared`, or its protocol is made for it. The intervals
            of all others are taken away where runs share levels.
        spread: The measure has no value where fewer than 2 runs finished: those that diverged all predict nothing, and
            would agree.

    Raises:
        ValueError: If the name is taken or a need is unknown.
    """
    if not set(needs) <= set(ABSENT):
        raise ValueError(f"the measure {name!r} needs {needs}; known are {', '.join(ABSENT)}")

    def register(estimator: F) -> F:
        if name in MEASURES:
            raise ValueError(f"the measure {name!r} is registered twice")
        MEASURES[name] = Measure(name, label, unit, better, meaning, estimator, needs, respects_levels, spread)
        return estimator

    return register


def estimates(
    population: PopulationArrays, *, names: Iterable[str] | None = None, level: float = 0.95, key: int
) -> list[tuple[str, At, Estimate]]:
    """Estimates of the named measures, or of all that the population has what they need for, as (name, at, estimate).

    Args:
        population: The arrays of the population.
        names: Names in `MEASURES`, in the wanted order; a named one whose needs are lacking gives an estimate without
            value, and the reason. None for all that are not in `unavailable`.
        level: Nominal coverage of the intervals, in (0, 1).
        key: Non-negative integer that seeds whatever is random; the same key gives the same estimates.

    Raises:
        InputError: If a name is unknown or the level is out of range.
    """
    check_level(level)
    chosen = [_named(name) for name in (MEASURES if names is None else names)]
    found: list[tuple[str, At, Estimate]] = []
    for entry in chosen:
        lacking = entry.lacking(population)
        if not lacking:
            found += [(entry.name, *pair) for pair in _of(entry, population, level=level, key=key)]
        elif names is not None:
            nothing = missing(lacking, level=level, n_runs=population.n_runs, n_examples=population.n_examples)
            found.append((entry.name, None, nothing))
    return found


def unavailable(population: PopulationArrays) -> list[tuple[str, str]]:
    """The measures that a population cannot have, and why: (name, reason)."""
    return [(name, entry.lacking(population)) for name, entry in MEASURES.items() if entry.lacking(population)]


def _of(entry: Measure, population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    n_runs, n_finished = population.n_runs, int(population.finished.sum())
    if entry.spread and n_finished < 2 <= n_runs:
        reason = f"{n_finished} of {n_runs} runs finished, and how much runs vary takes at least 2"
        return [(None, missing(reason, level=level, n_runs=n_runs, n_examples=population.n_examples))]
    if "log_loss" in entry.needs and population.infinite_loss:
        return [(None, missing(population.infinite_loss, level=level, n_runs=n_runs, n_examples=population.n_examples))]
    found = entry.estimate(population, level=level, key=key)
    if entry.respects_levels or population.shared is None:
        return found
    reason = population.shared.reason
    return [(at, estimate.without_interval(reason)) for at, estimate in found]


def _named(name: str) -> Measure:
    if name not in MEASURES:
        close = get_close_matches(name, MEASURES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(MEASURES)}."
        raise InputError(f"There is no measure {name!r}; {hint}")
    return MEASURES[name]
