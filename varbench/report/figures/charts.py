"""The charts that studies declare (lines with bands, rows with intervals, clouds), and their small pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from varbench.report.document import Document, file_stem
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.logarithmic import log_axis
from varbench.report.figures.style import (
    FAINT,
    GRID,
    LEFT,
    ORANGE,
    RIGHT,
    SERIES,
    SMALL,
    SOFT,
    WIDTH,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
    with_unit,
)
from varbench.report.figures.text import fitted, log_number, text_width
from varbench.report.figures.tracks import ROW
from varbench.report.numbers import USUAL_LEVEL, Quantity, number
from varbench.report.tables import Cell, Column, Table

LOOKS = (*SERIES, (ORANGE, "v", (0, (4, 1, 1, 1))), (SOFT, "P", (0, (1, 1))))
"""Color, marker and line of the series, in order; the last one serves all beyond."""

THUMB = (1.5, 0.62)  # inches
KEY_LINE = 0.17  # inches of one line of the key
HEIGHT = 1.75  # inches of the axes, unless rows or one scale for both axes need others
BESIDE = 0.075  # inches between the marks of two series in a row


@dataclass(frozen=True)
class Drawn:
    """One series as arrays: places, values and ends of intervals of one level, NaN where there is none."""

    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    look: tuple[Any, str, Any]
    level: float | None = None


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each chart, grouped by study."""
    for chart in document.items("charts"):
        if _series(chart):
            yield _panel(chart)


def tables(document: Document) -> Iterator[Table]:
    """Every point of every chart; where they are many, the last one of each series."""
    rows: list[tuple[Cell, ...]] = []
    ends: list[tuple[Cell, ...]] = []
    for chart in document.items("charts"):
        unit = str(chart.get("unit") or "")
        for s in chart.get("series") or []:
            none = [None] * len(s["x"])
            for x, y, low, high in zip(s["x"], s["y"], s.get("low") or none, s.get("high") or none, strict=True):
                value = Quantity(y, low, high, unit, "" if y is not None else "not measured", s.get("level"))
                at = f"{x:g}" if isinstance(x, int | float) else x
                rows.append((chart["study"], chart["name"], s["label"], at, value))
            if chart.get("kind") == "rows":
                ends += rows[len(rows) - len(s["x"]) :]
            else:
                ends += rows[-1:] if s["x"] else []
    if rows:
        columns = (
            Column("study", "Study"),
            Column("chart", "Chart"),
            Column("series", "Series"),
            Column("at", "At"),
            Column("value", "Value"),
        )
        last = "The last point of every line of the charts of the studies, and every row."
        digest = Table("charts", last, columns, tuple(ends))
        yield Table("charts", "Every point of the charts of the studies.", columns, tuple(rows), digest, "charts")


def thumbnail(document: Document, study: str) -> tuple[Figure, str] | None:
    """The small picture of a study, its first chart without words, and what it shows in words; None if it has none."""
    chart = next((c for c in document.items("charts") if c.get("study") == study and _series(c)), None)
    if chart is None:
        return None
    figure = Figure(figsize=THUMB)
    axes = figure.add_axes((0.03, 0.08, 0.94, 0.84))
    axes.patch.set_alpha(0)
    axes.set_axis_off()
    _draw(axes, chart, small=True)
    return figure, f"Small picture of {chart['title']}"


def _panel(chart: Mapping[str, Any]) -> Panel:
    drawn = _series(chart)
    key = _key_lines(drawn) if len(drawn) > 1 else []
    rows = chart.get("kind") == "rows"
    body = _row_height(drawn) * len(_names(chart)) + 0.06 if rows else _height(chart, drawn)
    top = 0.46 + KEY_LINE * len(key)
    figure = panel_figure(str(chart["title"]), height=top + body + (0.26 if rows else 0.44))
    axes = axes_at(figure, top=top, height=body, **({"left": 0.0} if rows else {}))
    _key(figure, key, str(chart.get("kind") or "lines"))
    _draw(axes, chart, small=False)
    head(axes, with_unit(str(chart.get("y_label") or ""), str(chart.get("unit") or "")) + _levels(chart, drawn))
    caption = str(chart.get("caption") or "")
    name = f"chart--{file_stem(str(chart['study']))}--{file_stem(str(chart['name']))}"
    named = ": ".join(part for part in (str(chart["title"]), _axes_named(chart)) if part)
    alt = f"{named}. {_said(chart, drawn)} {caption}"
    return Panel(name, figure, caption, alt, group=str(chart["study"]))


def _levels(chart: Mapping[str, Any], drawn: list[Drawn]) -> str:
    """Levels of the intervals other than 95 %, unless the text of every row has them."""
    unusual = sorted({f"{100 * s.level:.4g} %" for s in drawn if s.level not in (None, USUAL_LEVEL)})
    told = chart.get("kind") == "rows" and len(drawn) == 1
    return f"; intervals at {', '.join(unusual)}" if unusual and not told else ""


def _axes_named(chart: Mapping[str, Any]) -> str:
    """`accuracy against hidden units`; rows have a first axis without a name."""
    value, place = (str(chart.get(f"{axis}_label") or "") for axis in "yx")
    return f"{value} against {place}" if place else value


def _height(chart: Mapping[str, Any], drawn: list[Drawn]) -> float:
    """Inches of the axes; where both have one scale, as many as the data fill."""
    if not chart.get("equal"):
        return HEIGHT
    wide, high = (np.ptp(np.concatenate([getattr(s, axis) for s in drawn])) for axis in "xy")
    width = WIDTH - LEFT - RIGHT
    return float(np.clip(width * high / wide if wide else HEIGHT, HEIGHT, width))


def _row_height(drawn: list[Drawn]) -> float:
    """Inches of one row: its name, and below it the marks of all series, one under the other."""
    return ROW + BESIDE * (len(drawn) - 1)


def _said(chart: Mapping[str, Any], drawn: list[Drawn]) -> str:
    """The range of every series in words, for those who cannot see it."""
    unit = str(chart.get("unit") or "")
    known = [(s.label, s.y[np.isfinite(s.y)]) for s in drawn]
    said = [f"{label}: {number(float(y.min()), unit)} to {number(float(y.max()), unit)}" for label, y in known]
    return f"{'; '.join(said)}."


def _series(chart: Mapping[str, Any]) -> list[Drawn]:
    names = _names(chart)
    found = []
    for index, s in enumerate(chart.get("series") or []):
        x = [names.index(v) if isinstance(v, str) else v for v in s["x"]]
        y, low, high = (_column(s.get(column), len(x)) for column in ("y", "low", "high"))
        if np.isfinite(y).any():
            look = LOOKS[min(index, len(LOOKS) - 1)]
            found.append(Drawn(str(s["label"]), np.array(x, float), y, low, high, look, s.get("level")))
    return found


def _column(values: Any, length: int) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values or [None] * length], dtype=float)


def _names(chart: Mapping[str, Any]) -> list[str]:
    """The names along the first axis, in order of appearance; empty where it has numbers."""
    return list(dict.fromkeys(v for s in chart.get("series") or [] for v in s["x"] if isinstance(v, str)))


def _draw(axes: Axes, chart: Mapping[str, Any], *, small: bool) -> None:
    drawn = _series(chart)
    kind = chart.get("kind") or "lines"
    if kind == "rows":
        _rows(axes, chart, drawn, small=small)
        return
    thin = 0.9 if small else 1.3
    for s in drawn:
        color, marker, line = s.look
        if kind == "points":
            size, alpha = (2.2, 0.8) if small else (3.0, 0.55)
            axes.plot(s.x, s.y, marker, color=color, markersize=size, alpha=alpha, markeredgewidth=0)
            continue
        axes.fill_between(s.x, s.low, s.high, color=color, alpha=0.18, linewidth=0)
        axes.plot(s.x, s.y, color=color, linestyle=line, linewidth=thin)
        if not small:
            axes.plot(s.x, s.y, marker, color=color, markersize=3.4, markeredgewidth=0)
    values = [float(v) for s in drawn for column in (s.y, s.low, s.high) for v in column if np.isfinite(v)]
    _reference(axes, chart, values, small=small)
    _value_scale(axes, chart, values)
    _place_scale(axes, chart, drawn)
    if chart.get("equal"):
        _one_scale(axes)
    if not small:
        horizontal_grid(axes)
        axes.set_xlabel(str(chart.get("x_label") or ""), color=SOFT)


def _reference(axes: Axes, chart: Mapping[str, Any], values: list[float], *, small: bool) -> None:
    reference = chart.get("reference")
    if reference is None:
        return
    values.append(float(reference))
    axes.axhline(reference, color=FAINT, linewidth=0.7 if small else 0.9, linestyle=(0, (2, 2)), zorder=0)
    if chart.get("reference_label") and not small:
        axes.annotate(
            str(chart["reference_label"]),
            (1, reference),
            (0, 2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=SMALL,
            color=SOFT,
        )


def _value_scale(axes: Axes, chart: Mapping[str, Any], values: list[float]) -> None:
    positive = [v for v in values if v > 0]
    if chart.get("log_y") and positive:
        axes.set_yscale("log")
        axes.set_ylim(min(positive) * 0.8, max(positive) * 1.25)
        log_axis(axes.yaxis, str(chart.get("unit") or ""))
        return
    axes.set_ylim(*padded(values, share=0.1))
    number_axis(axes.yaxis, str(chart.get("unit") or ""), bins=4)


def _place_scale(axes: Axes, chart: Mapping[str, Any], drawn: list[Drawn]) -> None:
    places = np.concatenate([s.x for s in drawn])
    if chart.get("log_x") and places.min() > 0:
        axes.set_xscale("log")
        ratio = (places.max() / places.min()) ** 0.04
        axes.set_xlim(places.min() / ratio, places.max() * ratio)
        marks = np.unique(places)
        if len(marks) <= 6 and np.ptp(np.log10(marks)) < 1.9:
            axes.set_xticks(marks, [log_number(v) for v in marks])
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            log_axis(axes.xaxis)
        return
    axes.set_xlim(*padded([float(places.min()), float(places.max())], share=0.04))
    number_axis(axes.xaxis, "", bins=5)


def _one_scale(axes: Axes) -> None:
    """Widen the shorter axis around its middle until both have one scale."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    ratio = axes.bbox.width / axes.bbox.height
    half = max((right - left) / ratio, high - low) / 2
    axes.set_xlim((left + right) / 2 - half * ratio, (left + right) / 2 + half * ratio)
    axes.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)


def _rows(axes: Axes, chart: Mapping[str, Any], drawn: list[Drawn], *, small: bool) -> None:
    names = _names(chart)
    values = [float(v) for s in drawn for column in (s.y, s.low, s.high) for v in column if np.isfinite(v)]
    reference = chart.get("reference")
    values += [] if reference is None else [float(reference)]
    positive = [v for v in values if v > 0]
    logarithmic = bool(chart.get("log_y") and positive)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(min(positive) * 0.7, max(positive) * 1.4)
    else:
        axes.set_xlim(*padded(values, share=0.05))
    unit = str(chart.get("unit") or "")
    if not small:
        if logarithmic:
            log_axis(axes.xaxis, unit)
        else:
            number_axis(axes.xaxis, unit)
    left, right = axes.get_xlim()
    height = 1.0 if small else _row_height(drawn)
    axes.set_ylim(height * len(names) + (0.0 if small else 0.12), 0)
    axes.set_yticks([])
    mark = reference if reference is not None and (reference > 0 or not logarithmic) else None
    several = len(drawn) > 1
    lift = 5 + BESIDE * (len(drawn) - 1) / 2 * 72  # points from the middle of the marks to the name
    for row, name in enumerate(names):
        y = height * (row + 0.5) if small else height * (row + 1) - BESIDE * (len(drawn) - 1) / 2 - 0.04
        axes.plot([left, right], [y, y], color=GRID, linewidth=0.7, zorder=0)
        if mark is not None:
            axes.plot([mark, mark], [y - 0.1 * height, y + 0.2 * height], color=SOFT, linewidth=1.1, zorder=1)
        text = "" if several or small else _row_text(drawn[0], row, unit)
        if not small:
            room = WIDTH - 0.3 - text_width(text, size=SMALL)
            axes.annotate(
                fitted(name, room, size=SMALL), (0, y), (0, lift), xycoords=("axes fraction", "data"),
                textcoords="offset points", fontsize=SMALL, color=SOFT,
            )  # fmt: skip
            axes.annotate(
                text, (1, y), (0, lift), xycoords=("axes fraction", "data"), textcoords="offset points",
                fontsize=SMALL, ha="right",
            )  # fmt: skip
        for order, s in enumerate(drawn):
            step = 0.0 if small else (order - (len(drawn) - 1) / 2) * BESIDE
            _mark(axes, s, row, y + step, small=small)


def _mark(axes: Axes, s: Drawn, row: int, y: float, *, small: bool) -> None:
    color, marker, _ = s.look
    left, _ = axes.get_xlim()
    for i in np.flatnonzero(s.x == row):
        if np.isfinite(s.low[i]):
            ends = [max(s.low[i], left), s.high[i]]
            axes.plot(ends, [y, y], color=color, linewidth=1.0 if small else 1.7, solid_capstyle="butt")
        edge: dict[str, Any] = {} if small else {"markeredgecolor": "white", "markeredgewidth": 0.6}
        axes.plot([s.y[i]], [y], marker, color=color, markersize=2.4 if small else 5.0, clip_on=False, **edge)


def _row_text(s: Drawn, row: int, unit: str) -> str:
    at = np.flatnonzero(s.x == row)
    if not len(at) or not np.isfinite(s.y[at[0]]):
        return ""
    value, low, high = (float(v) if np.isfinite(v) else None for v in (s.y[at[0]], s.low[at[0]], s.high[at[0]]))
    return Quantity(value, low, high, unit, level=s.level).text


def _key_lines(drawn: list[Drawn]) -> list[list[Drawn]]:
    """The names of the series in as many lines as they need."""
    lines: list[list[Drawn]] = [[]]
    used = 0.0
    for s in drawn:
        width = text_width(s.label, size=SMALL) + 0.42
        if lines[-1] and used + width > WIDTH:
            lines.append([])
            used = 0.0
        lines[-1].append(s)
        used += width
    return lines


def _key(figure: Figure, lines: list[list[Drawn]], kind: str) -> None:
    """The names of the series beside what they are drawn with: marks alone in a cloud, marks with bars in rows."""
    total = figure.get_figheight()
    for index, line in enumerate(lines):
        y = 1 - (0.27 + KEY_LINE * index) / total
        x = 0.0
        for s in line:
            color, marker, style = s.look
            line_style = {"points": "none", "rows": "-"}.get(kind, style)
            figure.add_artist(
                Line2D([x / WIDTH, (x + 0.22) / WIDTH], [y, y], color=color, linestyle=line_style, linewidth=1.2)
            )
            figure.add_artist(
                Line2D([(x + 0.11) / WIDTH], [y], color=color, marker=marker, markersize=3.6, linestyle="none")
            )
            label = fitted(s.label, WIDTH - x - 0.28, size=SMALL)
            figure.text((x + 0.27) / WIDTH, y, label, fontsize=SMALL, color=SOFT, va="center")
            x += text_width(s.label, size=SMALL) + 0.42


KIND = FigureKind(
    name="charts",
    section="charts",
    panels=panels,
    tables=tables,
    reading="Bands and bars are 95 % intervals over runs, where no other level is named.",
)
