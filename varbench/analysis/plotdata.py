"""What figures are drawn from beyond the estimates: a registry, so that every family of measures brings its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from varbench.analysis.population import ABSENT, PopulationArrays


@dataclass(frozen=True)
class PlotData:
    """One entry under `plots.<condition>` of `analysis.json`: its name, its maker, and what the maker reads."""

    name: str
    make: Callable[[PopulationArrays], Any]
    needs: tuple[str, ...]


PLOT_DATA: dict[str, PlotData] = {}


def plot_data(
    name: str, *, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[PopulationArrays], Any]], Callable[[PopulationArrays], Any]]:
    """Register the decorated function as the maker of the entry `name`.

    It returns plain lists and numbers (`rounded` helps), or None for no entry.

    Raises:
        ValueError: If the name is taken or a need is unknown.
    """
    if name in PLOT_DATA or not set(needs) <= set(ABSENT):
        raise ValueError(f"the plot data {name!r} are registered twice, or need something unknown: {needs}")

    def register(make: Callable[[PopulationArrays], Any]) -> Callable[[PopulationArrays], Any]:
        PLOT_DATA[name] = PlotData(name, make, needs)
        return make

    return register


def registered_plot_data(population: PopulationArrays) -> dict[str, Any]:
    """The entries of all makers whose needs the population meets."""
    makers = [entry for entry in PLOT_DATA.values() if not any(map(population.lacks, entry.needs))]
    found = {entry.name: entry.make(population) for entry in makers}
    return {name: value for name, value in found.items() if value is not None}


DRAWN = 4
"""Significant digits of what is drawn alone: the width of a panel has fewer."""


def rounded(values: np.ndarray, *, digits: int = 6) -> Any:
    """Nested lists with so many significant digits; what is not finite becomes None."""
    flat = [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in np.asarray(values, dtype=np.float64).ravel()]
    for size in reversed(np.shape(values)[1:]):
        flat = [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat


def triangle(rows: list[list[Any]]) -> list[list[Any]]:
    """The lower triangle of a symmetric matrix given by its rows, with its diagonal."""
    return [row[: place + 1] for place, row in enumerate(rows)]


def square(rows: list[list[Any]]) -> Float[np.ndarray, "R R"]:
    """The symmetric matrix of which the rows of the lower triangle, or all of it, are given; None becomes NaN."""
    if rows and len(rows[0]) == len(rows):
        return np.array(rows, dtype=float)
    matrix = np.empty((len(rows), len(rows)))
    for place, row in enumerate(rows):
        matrix[place, : place + 1] = matrix[: place + 1, place] = np.array(row, dtype=float)
    return matrix
