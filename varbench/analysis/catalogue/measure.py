"""The type of a measure, the one place where measures are registered, and how they are all estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.stats.estimate import Estimate

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
    """

    name: str
    label: str
    unit: str
    better: Better
    meaning: str
    estimate: Estimator


MEASURES: dict[str, Measure] = {}
"""Every registered measure by name, in the order of registration, which is the order of reports."""

F = TypeVar("F", bound=Estimator)


def measure(name: str, *, label: str, unit: str, better: Better, meaning: str) -> Callable[[F], F]:
    """Register the decorated estimator as the measure `name`.

    Raises:
        ValueError: If the name is taken.
    """

    def register(estimator: F) -> F:
        if name in MEASURES:
            raise ValueError(f"the measure {name!r} is registered twice")
        MEASURES[name] = Measure(name, label, unit, better, meaning, estimator)
        return estimator

    return register


def estimates(
    population: PopulationArrays, *, names: Iterable[str] | None = None, level: float = 0.95, key: int
) -> list[tuple[str, At, Estimate]]:
    """Estimates of the named measures, or of all, as (name, at, estimate).

    Args:
        population: The arrays of the population.
        names: Names in `MEASURES`, in the wanted order; None for all.
        level: Nominal coverage of the intervals, in (0, 1).
        key: Non-negative integer that seeds whatever is random; the same key gives the same estimates.

    Raises:
        InputError: If a name is unknown or the level is out of range.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"The level of intervals is {level}; give a number between 0 and 1, such as 0.95.")
    chosen = [_named(name) for name in (MEASURES if names is None else names)]
    return [
        (entry.name, at, estimate)
        for entry in chosen
        for at, estimate in entry.estimate(population, level=level, key=key)
    ]


def _named(name: str) -> Measure:
    if name not in MEASURES:
        close = get_close_matches(name, MEASURES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(MEASURES)}."
        raise InputError(f"There is no measure {name!r}; {hint}")
    return MEASURES[name]
