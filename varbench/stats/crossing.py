"""Which design a table of levels is: crossed sources, with or without replicates, or one source at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

MOST_SOURCES = 3


@dataclass(frozen=True)
class Crossing:
    """A balanced crossed design.

    Attributes:
        sources: The two or three sources; those that always change together are one, "a and b".
        cells: [A, B(, C), n], the row of each run by its level of each source and its replicate.
    """

    sources: tuple[str, ...]
    cells: Int[np.ndarray, "... n"]

    @property
    def replicates(self) -> int:
        """n, 1 where each combination of levels was run once."""
        return self.cells.shape[-1]


@dataclass(frozen=True)
class OneAtATime:
    """Runs that differ from a common baseline in one source each.

    Attributes:
        rows: For each source the rows of the runs in which it alone varies, the baseline first.
    """

    rows: Mapping[str, Int[np.ndarray, " r"]]


def crossing(levels: Mapping[str, Int[np.ndarray, " R"]]) -> Crossing | str:
    """The crossed design of 2 or 3 sources that these runs are, in any order of rows, or why they are none.

    A source with a level of its own in every run tells the replicates of a cell apart; it is not crossed.

    Args:
        levels: The level of each run, by source; sources that do not vary are passed over.
    """
    if not levels:
        return "the runs have no levels"
    n_runs = len(next(iter(levels.values())))
    crossed: dict[tuple[int, ...], list[str]] = {}
    for source, column in levels.items():
        place = _places(column)
        if 0 < place.max(initial=0) < n_runs - 1:
            crossed.setdefault(tuple(_places(_first_of_level(place))), []).append(source)
    if len(crossed) < 2:
        return "no two sources are crossed: a crossed design runs every level of one source with every level of another"
    if len(crossed) > MOST_SOURCES:
        return f"{len(crossed)} sources vary; components are computed for crossed designs of 2 or {MOST_SOURCES}"
    names = tuple(" and ".join(together) for together in crossed.values())
    places = np.stack([_places(levels[together[0]]) for together in crossed.values()])
    shape = tuple(int(n) for n in places.max(axis=1) + 1)
    cell = np.ravel_multi_index(tuple(places), shape)
    counts = np.bincount(cell, minlength=math.prod(shape))
    if counts.min() != counts.max():
        what = " × ".join(f"{n} of {name}" for n, name in zip(shape, names, strict=True))
        return (
            f"the levels ({what}) are not crossed evenly: a combination has {counts.min()} to {counts.max()} runs; "
            "every combination needs the same number"
        )
    return Crossing(names, np.argsort(cell, kind="stable").reshape(*shape, -1))


def one_at_a_time(levels: Mapping[str, Int[np.ndarray, " R"]]) -> OneAtATime | str:
    """The one-at-a-time design that these runs are, in any order of rows, or why they are none.

    Args:
        levels: The level of each run, by source; sources that do not vary are passed over.
    """
    varying = {source: column for source, column in levels.items() if len(column) and np.ptp(column) > 0}
    if len(varying) < 2:
        return "fewer than two sources vary"
    table = np.stack(list(varying.values()))
    for row in range(table.shape[1]):
        differing = table != table[:, row : row + 1]
        if differing.sum(axis=0).max() == 1 and (~differing).all(axis=0).sum() == 1:
            found = {source: np.concatenate([[row], np.flatnonzero(differing[i])]) for i, source in enumerate(varying)}
            repeated = [s for s, rows in found.items() if len(np.unique(varying[s][rows])) < len(rows)]
            return f"a level of {repeated[0]} occurs twice" if repeated else OneAtATime(found)
    return "there is no run from which each other run differs in one source"


def _places(column: Int[np.ndarray, " R"]) -> Int[np.ndarray, " R"]:
    """Levels as 0, 1, 2, … by size."""
    return np.unique(column, return_inverse=True)[1]


def _first_of_level(place: Int[np.ndarray, " R"]) -> Int[np.ndarray, " R"]:
    """For each run the first row of its level: the same for sources that always change together."""
    return np.unique(place, return_index=True)[1][place]
