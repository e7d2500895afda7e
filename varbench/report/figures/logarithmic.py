"""Ticks of logarithmic axes: powers of ten where there are two, finer steps where the axis is shorter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from varbench.report.figures.text import log_number
from varbench.report.numbers import unit_scale, unit_suffix

MOST = 5  # ticks; of more powers of ten every second, third, … is shown
FINER: tuple[tuple[float, ...], ...] = ((1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0))


def log_axis(axis: Any, unit: str = "", *, most: int = MOST) -> None:
    """Give a logarithmic axis, whose limits are set, at least two labeled ticks, in shown units."""
    scale, suffix = unit_scale(unit), "%" if unit_suffix(unit) == "%" else ""
    axis.set_major_locator(FixedLocator(log_ticks(*sorted(axis.get_view_interval()), most=most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: log_number(value * scale) + suffix))


def log_ticks(low: float, high: float, *, most: int = MOST) -> list[float]:
    """Round numbers in [low, high], 0 < low < high: two or more, and of powers of ten at most `most`."""
    decades = _within(low, high, (1.0,))
    if len(decades) > 1:
        stride = math.ceil((len(decades) - 1) / (most - 1))
        return decades[::-stride][::-1]
    for steps in FINER:
        found = _within(low, high, steps)
        if len(found) > 1:
            return found
    ticks = MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _within(low: float, high: float, steps: Sequence[float]) -> list[float]:
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    found = (float(f"{step}e{exponent}") for exponent in exponents for step in steps)
    return [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
