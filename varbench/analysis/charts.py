"""Charts that a study declares as data; the report draws them, and their numbers travel in `analysis.json`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from varbench.stats.estimate import Estimate

Place: TypeAlias = float | str
"""Where a point stands along the first axis: a number, or the name of a row."""


@dataclass(frozen=True)
class Series:
    """One line, row of marks or cloud of a chart: values at places, with intervals where there are any.

    Attributes:
        label: Its name in the chart.
        x: Places [n]: all numbers, or all names.
        y: Values [n], None where there is none.
        low, high: Ends of the intervals [n], or empty.
        level: Coverage of the intervals; None where there are none.
    """

    label: str
    x: tuple[Place, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    level: float | None = None

    def __post_init__(self) -> None:
        """Refuse columns of different lengths, and numbers that are not finite."""
        for name in ("y", "low", "high"):
            column = getattr(self, name)
            if len(column) != len(self.x) and (column or name == "y"):
                raise ValueError(f"series {self.label!r}: {len(column)} {name} at {len(self.x)} places")
            if any(v is not None and not math.isfinite(v) for v in column):
                raise ValueError(f"series {self.label!r}: {name} holds a number that is not finite; use None")


@dataclass(frozen=True)
class Chart:
    """A figure of a study. The first chart of a study is also its small picture in the table of claims.

    Attributes:
        name: Short name, unique within the study: lower-case letters, digits and hyphens.
        title: What it is about, in a few words.
        x_label: Name of the first axis.
        y_label: Name of the second axis.
        unit: Unit of the values, as measures have them: "fraction", "nats", "ratio", ….
        series: What is drawn, at most six.
        kind: "lines": values with interval bands against numbers. "rows": one row for each name, marks with interval
            bars. "points": a cloud of (x, y) pairs.
        caption: The finding, in a sentence or two with its numbers.
        log_x: Whether the first axis is logarithmic; its numbers are then greater than 0.
        log_y: The same of the values.
        reference: A value to draw a line at: chance, the control, no difference.
        reference_label: What that line is.
        equal: Whether both axes have one scale, so that a circle is round.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    unit: str
    series: tuple[Series, ...]
    kind: Literal["lines", "rows", "points"] = "lines"
    caption: str = ""
    log_x: bool = False
    log_y: bool = False
    reference: float | None = None
    reference_label: str = ""
    equal: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For `analysis.json`."""
        return asdict(self)


def series(label: str, points: Iterable[tuple[Place, Estimate]]) -> Series:
    """A series of estimates with their intervals, which have one level, in the order given.

    Raises:
        ValueError: intervals of two levels would look alike in one series.
    """
    points = list(points)
    levels = {e.level for _, e in points if e.low is not None}
    if len(levels) > 1:
        raise ValueError(f"series {label!r} mixes intervals of the levels {sorted(levels)}: make one series of each")
    return Series(
        label,
        tuple(x for x, _ in points),
        tuple(e.value for _, e in points),
        tuple(e.low for _, e in points),
        tuple(e.high for _, e in points),
        next(iter(levels), None),
    )


def cloud(label: str, x: Sequence[float], y: Sequence[float]) -> Series:
    """A series of (x, y) pairs without intervals; pairs that are not finite are left out."""
    pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
    return Series(label, tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
