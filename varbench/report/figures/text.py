"""Text that fits: widths as DejaVu Sans would set it, the widest of the fonts it may be shown in."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties, findfont, get_font

POINTS = 72.0  # per inch


def text_width(text: str, *, size: float, weight: str = "normal") -> float:
    """Width in inches at `size` points, the sum of the advances of the characters."""
    return sum(_advance(character, weight) for character in text) * size / POINTS


def fitted(text: str, width: float, *, size: float, weight: str = "normal") -> str:
    """The text on one line, its middle cut out until it is at most `width` inches wide."""
    length = len(text)
    shown = ellipsis(text, length)
    while length > 3 and text_width(shown, size=size, weight=weight) > width:
        length -= 1
        shown = ellipsis(text, length)
    return shown


@lru_cache(maxsize=4096)
def _advance(character: str, weight: str) -> float:
    """Advance of one character, in units of the type size; unknown characters count as one."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    if not font.get_char_index(ord(character)):
        return 1.0
    font.set_size(1.0, POINTS)
    return float(font.load_char(ord(character)).linearHoriAdvance) / 65536


def ellipsis(text: str, length: int) -> str:
    """The text on one line, its middle cut out beyond `length` characters: names often differ at their ends."""
    flat = " ".join(text.split())
    keep = (length - 1) // 2
    return flat if len(flat) <= length else f"{flat[: length - 1 - keep].rstrip()}…{flat[len(flat) - keep :].lstrip()}"


def log_number(value: float) -> str:
    """A tick of a logarithmic axis: `0.01`, `1`, `100`, or `10⁻⁵` and `2·10⁻⁵` where plain digits would be long."""
    mantissa, _, power = f"{value:.2e}".partition("e")
    exponent = int(power)
    if -4 < exponent < 5:
        return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    digits = "" if float(mantissa) == 1 else f"{float(mantissa):g}·"
    return f"{digits}10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
