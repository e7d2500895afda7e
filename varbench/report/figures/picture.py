"""Small pictures of examples: a curve for one-dimensional ones, an image for two-dimensional ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from varbench.report.figures.style import INK, WIDTH


def sheet(figure: Figure) -> Axes:
    """Axes over the whole figure, in inches from its top left corner."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.patch.set_alpha(0)
    axes.set_autoscale_on(False)
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(figure.get_figheight(), 0)
    return axes


def shape_of(example: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of the example under "x", empty where none was kept or it does not fit."""
    values = np.array(example.get("x") or [], dtype=float)
    shape = tuple(example.get("shape") or values.shape)
    return shape if np.isfinite(values).any() and values.size == np.prod(shape) else ()


def picture(axes: Axes, example: Mapping[str, Any], *, left: float, top: float, width: float, height: float) -> None:
    """The example under "x" within a rectangle in inches; nothing where none was kept."""
    shape = shape_of(example)
    if not shape:
        return
    values = np.array(example["x"], dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    scaled = (np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0)
    if len(shape) not in (2, 3):
        axes.plot(left + np.linspace(0, width, values.size), top + height * (1 - scaled), color=INK, linewidth=1.0)
        return
    image = scaled.reshape(shape)
    if image.ndim == 2 or image.shape[-1] != 3:
        image = 1 - np.repeat(image.reshape(*shape[:2], -1)[..., :1], 3, axis=-1)  # ink on paper
    pixels_at(axes, image, left=left, top=top, width=width, height=height)


def pixels_at(axes: Axes, image: np.ndarray, *, left: float, top: float, width: float, height: float) -> None:
    """Colors [H, W, 3] in 0..1, as large as fits without distortion."""
    side = height * min(1.0, width / height * image.shape[0] / image.shape[1])
    extent = (left, left + side * image.shape[1] / image.shape[0], top + side, top)
    axes.imshow(np.round(image * 255).astype(np.uint8), extent=extent, interpolation="none", aspect="auto")
