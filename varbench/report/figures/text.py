"""Text that fits: widths as DejaVu Sans would set it, the widest of the fonts it may be shown in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

POINTS = 72.0  # per inch


@lru_cache(maxsize=4096)
def text_width(text: str, *, size: float, weight: str = "normal") -> float:
    """Width in inches at `size` points."""
    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans", weight=weight)
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().x1 / POINTS)


def fitted(text: str, width: float, *, size: float, weight: str = "normal") -> str:
    """The text on one line, its middle cut out until it is at most `width` inches wide."""
    length = len(text)
    shown = ellipsis(text, length)
    while length > 3 and text_width(shown, size=size, weight=weight) > width:
        length = min(length - 1, int(length * 0.95))
        shown = ellipsis(text, length)
    return shown


def ellipsis(text: str, length: int) -> str:
    """The text on one line, its middle cut out beyond `length` characters: names often differ at their ends."""
    flat = " ".join(text.split())
    keep = (length - 1) // 2
    return flat if len(flat) <= length else f"{flat[: length - 1 - keep].rstrip()}…{flat[len(flat) - keep :].lstrip()}"


def log_number(value: float) -> str:
    """A tick of a logarithmic axis: `0.01`, `1`, `100`, or `10⁻⁵` where plain digits would be long."""
    exponent = round(np.log10(value))
    if -4 < exponent < 5:
        return f"{value:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
