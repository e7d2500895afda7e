"""The look of every figure: size, type, color, and the few drawing steps they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from varbench.report.figures.text import fitted, text_width
from varbench.report.numbers import Quantity, unit_scale, unit_suffix

WIDTH = 3.55  # inches: three panels side by side in the page, one on a phone, one column of a paper
LEFT, RIGHT = 0.46, 0.2  # inches left free for tick labels
BASE, SMALL, TITLE = 8.0, 7.5, 9.0  # points
SMALLEST = 0.8  # of a type size, where a line would not fit
RASTER_DPI = 220
RASTER_POINTS = 12_000  # more drawn points than this are embedded as pixels

BLUE, ORANGE, GREEN, VERMILION, PINK = (sns.color_palette("colorblind").as_hex()[i] for i in (0, 1, 2, 3, 4))
INK, SOFT, FAINT, GRID = "#222222", "#5f5f5f", "#a8a8a8", "#e4e2dd"
SERIES = ((BLUE, "o", "-"), (VERMILION, "s", "--"), (GREEN, "^", ":"), (PINK, "D", "-."))

STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": BASE,
    "axes.titlesize": BASE,
    "axes.labelsize": BASE,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "xtick.major.width": 0.6,
    "ytick.major.pad": 4.0,
    "lines.solid_capstyle": "round",
    "figure.dpi": 100.0,
    "savefig.dpi": RASTER_DPI,
    "path.simplify": True,
    "image.composite_image": False,  # each picture keeps its own pixels
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "pdf.fonttype": 42,
    "pdf.compression": 9,
}


def panel_figure(title: str, *, height: float, note: str = "") -> Figure:
    """An empty panel `WIDTH` wide, title at the top left, warning at the top right; for the style's context."""
    figure = Figure(figsize=(WIDTH, height))
    top = 1 - 0.05 / height
    room = WIDTH - 0.1 - text_width(note, size=SMALL)
    shown = fitted(title, room, size=TITLE, weight="bold")
    figure.text(0.0, top, shown, va="top", ha="left", fontsize=TITLE, fontweight="bold")
    if note:
        figure.text(1.0, top, note, va="top", ha="right", fontsize=SMALL, color=VERMILION)
    return figure


def axes_at(figure: Figure, *, top: float, height: float, left: float = LEFT, right: float = RIGHT) -> Axes:
    """Axes placed in inches from the top of the figure, without frame except the bottom line."""
    width, total = figure.get_size_inches()
    axes = figure.add_axes((left / width, 1 - (top + height) / total, (width - left - right) / width, height / total))
    axes.patch.set_alpha(0)
    sns.despine(ax=axes, left=True)
    axes.tick_params(axis="y", length=0)
    return axes


def head(axes: Axes, name: str, text: str = "") -> None:
    """The line above a plot: what is drawn (left) and its number (right), set smaller where both would not fit."""
    room = axes.bbox.width / axes.figure.dpi - 0.08
    wanted = text_width(name, size=BASE) + text_width(text, size=BASE)
    shrink = min(1.0, room / max(wanted, 1e-9))
    size = BASE * max(shrink, SMALLEST)
    left = name if shrink >= SMALLEST else fitted(name, room - text_width(text, size=size), size=size)
    for x, shown, align, color in ((0, left, "left", SOFT), (1, text, "right", INK)):
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        if shown:
            axes.annotate(shown, (x, 1), (0, 5), ha=align, color=color, fontsize=size, **place)


def with_unit(label: str, unit: str) -> str:
    """The name of an axis with the unit of its numbers, unless the name or every number says it: `loss (nats)`."""
    suffix = unit_suffix(unit)
    said = suffix in ("", "%") or suffix in label.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return label if said or not label else f"{label} ({suffix})"


def horizontal_grid(axes: Axes) -> None:
    axes.yaxis.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def number_axis(axis: Any, unit: str, *, bins: int = 5) -> None:
    """Ticks in shown units, with as few decimals as tell them apart."""
    scale = unit_scale(unit)
    axis.set_major_locator(MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2))
    suffix = "%" if unit_suffix(unit) == "%" else ""

    def write(value: float, _: int | None) -> str:
        ticks = np.asarray(axis.get_majorticklocs()) * scale
        gap = float(np.min(np.diff(ticks))) if len(ticks) > 1 else 1.0
        decimals = next((d for d in range(9) if abs(gap * 10**d - round(gap * 10**d)) < 1e-6), 9)
        text = f"{value * scale:.{decimals}f}"
        return f"{text.replace('-', '−') if float(text) else text.lstrip('-')}{suffix}"

    axis.set_major_formatter(FuncFormatter(write))


def interval_bar(axes: Axes, y: float, quantity: Quantity, *, color: str = INK, size: float = 5.0) -> None:
    """The value as a point and its interval as a bar, at height `y`, in stored units."""
    if quantity.low is not None and quantity.high is not None:
        axes.plot([quantity.low, quantity.high], [y, y], color=color, linewidth=1.6, solid_capstyle="butt")
    if quantity.value is not None:
        axes.plot(
            [quantity.value],
            [y],
            "o",
            color=color,
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=0.6,
        )


def spread_offsets(values: Float[np.ndarray, " R"]) -> Float[np.ndarray, " R"]:
    """Offsets in [-1, 1] that part overlapping points: van der Corput steps, as wide as the density there.

    Deterministic, unlike the random jitter of a strip plot, and as wide as a violin where points crowd.
    """
    count = len(values)
    ranks = np.empty(count, dtype=int)
    ranks[np.argsort(values, kind="stable")] = np.arange(count)
    spread = float(np.std(values))
    if count < 2 or spread == 0.0:
        density = np.ones(count)
    else:
        bandwidth = 0.9 * spread * count**-0.2
        density = np.exp(-0.5 * ((values[:, None] - values[None, :]) / bandwidth) ** 2).mean(axis=1)
        density /= density.max()
    steps = np.array([sum(int(bit) * 2.0 ** -(i + 1) for i, bit in enumerate(f"{k + 1:b}"[::-1])) for k in ranks])
    return (2 * steps - 1) * density if count > 1 else np.zeros(count)


ROUNDED = 1e-5
"""Relative difference up to which two values are one: plot data are stored with six digits, estimates in full."""


def padded(values: Sequence[float], *, share: float = 0.06) -> tuple[float, float]:
    """Axis limits around the values; around a single value, a small window."""
    low, high = float(min(values)), float(max(values))
    same = high - low <= ROUNDED * max(abs(low), abs(high))
    gap = abs(low) * 0.05 or 0.5 if same else (high - low) * share
    return low - gap, high + gap
