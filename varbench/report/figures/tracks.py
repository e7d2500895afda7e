"""Rows of labeled points on one shared scale, a text line above each; used by several figure kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from varbench.report.figures.style import (
    BLUE,
    GRID,
    SMALL,
    SOFT,
    WIDTH,
    axes_at,
    head,
    number_axis,
    panel_figure,
    with_unit,
)
from varbench.report.figures.text import fitted, log_number, text_width
from varbench.report.numbers import Quantity, unit_scale, unit_suffix

ROW = 0.34  # inches
LOG_RATIO = 50.0  # values that span more than this are drawn on a logarithmic scale with a place for zero
ZERO_SLOT = 0.7  # decades to the left of the smallest value


@dataclass(frozen=True)
class Point:
    """One marker on a track; its interval, if it has one, is drawn as a bar."""

    quantity: Quantity
    color: str = BLUE
    marker: str = "o"
    hollow: bool = False


@dataclass(frozen=True)
class Track:
    """One row: `label` on the left, `text` on the right, the points below, a pale band behind them."""

    label: str
    text: str
    points: tuple[Point, ...]
    band: tuple[float, float] | None = None


def track_figure(
    title: str,
    tracks: Sequence[Track],
    *,
    unit: str,
    subtitle: str = "",
    scale_of: Sequence[Track] = (),
    reference: float | None = None,
) -> Figure:
    """The tracks on one horizontal scale, that of `scale_of` where panels are to be compared.

    With a reference the scale is linear, holds it, and a tick on every track marks it.
    """
    height = ROW * len(tracks) + 0.14
    top = 0.44 if subtitle else 0.26
    figure = panel_figure(title, height=top + height + 0.24)
    axes = axes_at(figure, top=top, height=height, left=0.0, right=0.16)
    if subtitle:
        head(axes, with_unit(subtitle, unit))
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    place = _horizontal(axes, scale_of or tracks, unit, reference)
    for index, track in enumerate(tracks, start=1):
        _draw(axes, track, ROW * index, place)
        if reference is not None:
            axes.plot([reference] * 2, [ROW * index - 0.03, ROW * index + 0.07], color=SOFT, linewidth=1.1, zorder=1)
    return figure


@dataclass(frozen=True)
class _Place:
    """From a stored value to its position on the axis; `zero` is where zero stands on a logarithmic one."""

    zero: float | None = None
    apart: bool = False

    def __call__(self, value: float) -> float:
        if self.zero is None:
            return value
        return float(np.log10(value)) if value > 0 else self.zero


def _horizontal(axes: Axes, tracks: Sequence[Track], unit: str, reference: float | None = None) -> _Place:
    quantities = [point.quantity for track in tracks for point in track.points]
    ends = [x for q in quantities for x in (q.value, q.low, q.high) if x is not None]
    ends += [x for track in tracks for x in track.band or ()]
    positive = [q.value for q in quantities if q.value is not None and q.value > 0]
    ends += [] if reference is None else [reference]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    if reference is not None:
        gap = (high - low) * 0.08 or 0.5
        axes.set_xlim(low - gap, high + gap)
        number_axis(axes.xaxis, unit)
        return _Place()
    if not positive or low < 0 or max(positive) / min(positive) <= LOG_RATIO:
        start = low if low > 0 and (high - low) < 0.5 * high else min(low, 0.0)
        gap = (high - start) * 0.05 or 0.5
        axes.set_xlim(start - gap, high + gap)
        number_axis(axes.xaxis, unit)
        return _Place()
    bottom, top = np.floor(np.log10(min(positive))), np.ceil(np.log10(high))
    has_zero = any(q.value == 0 for q in quantities)
    zero = float(bottom - ZERO_SLOT)
    axes.set_xlim((zero if has_zero else bottom) - 0.3, top + 0.1)
    stride = max(1, int(np.ceil((top - bottom) / 5)))
    decades = np.arange(top, bottom - 0.5, -stride)[::-1]
    axes.xaxis.set_major_locator(FixedLocator([*([zero] if has_zero else []), *decades]))
    suffix = "%" if unit_suffix(unit) == "%" else ""
    scale = unit_scale(unit)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "0" if x < bottom - 0.1 else log_number(10**x * scale) + suffix)
    )
    return _Place(zero, apart=has_zero)


def _draw(axes: Axes, track: Track, y: float, place: _Place) -> None:
    left, right = axes.get_xlim()
    stretches = [(left, right)]
    if place.zero is not None and place.apart:
        stretches = [(left, place.zero + 0.3), (place.zero + 0.4, right)]
    for stretch in stretches:
        axes.plot(stretch, [y, y], color=GRID, linewidth=0.8, zorder=0, solid_capstyle="butt")
    room = WIDTH - 0.3 - text_width(track.text, size=SMALL)
    axes.text(left, y - 0.075, fitted(track.label, room, size=SMALL), fontsize=SMALL, color=SOFT)
    axes.text(right, y - 0.075, track.text, fontsize=SMALL, ha="right")
    if track.band is not None:
        axes.plot(
            [place(x) for x in track.band],
            [y, y],
            color="#dcd8cf",
            linewidth=6,
            solid_capstyle="butt",
            zorder=1,
        )
    for point in track.points:
        q = point.quantity
        if q.low is not None and q.high is not None and not q.is_exact_zero:
            bar = [max(left, place(x)) for x in (q.low, q.high)]
            axes.plot(bar, [y, y], color=point.color, linewidth=1.8, solid_capstyle="butt")
        if q.value is not None:
            axes.plot(
                [place(q.value)],
                [y],
                point.marker,
                color=point.color,
                markersize=5.0,
                markerfacecolor="white" if point.hollow else point.color,
                markeredgecolor=point.color if point.hollow else "white",
                markeredgewidth=1.1 if point.hollow else 0.6,
                clip_on=False,
            )
