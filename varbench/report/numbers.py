"""How a number is written: digits follow the uncertainty, the unit follows the measure.

Fractions are stored in [0, 1] and shown in percent; differences of fractions (unit `pp`) are stored as
fractions too and shown in percentage points. An interval is always written out, never as a bare plus-minus; value and
ends have the decimals that give half its width two significant digits, less a last digit that is 0 in all three, and
they share a power of ten and separators between thousands. What these decimals would show as 0 without
being 0 has one significant digit of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

PERCENT_UNITS = {"fraction": "%", "pp": "pp"}
BARE_UNITS = frozenset(
    {
        "",
        "none",
        "ratio",
        "correlation",
        "cosine",
        "distance",
        "kappa",
        "score",
        "index",
        "probability",
        "count",
    }
)
USUAL_LEVEL = 0.95
SMALLEST_PLAIN = Decimal("0.001")
LARGEST_PLAIN = Decimal("1000000")
SMALLEST_GROUPED = Decimal("10000")
FLOAT_NOISE = Decimal("1e-12")
MOST_DECIMALS = 6  # of a number that is written with one significant digit
DIGITS_ALONE = 3  # significant digits of a number that has no interval to set them

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Quantity:
    """A value with its interval, in stored units; `None` where there is none, and then `reason` says why.

    `level` is the coverage of the interval; one other than that of most, 95 %, is written out.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    reason: str = ""
    level: float | None = None

    @property
    def is_exact_zero(self) -> bool:
        """True for a zero whose interval is zero itself; one without an interval is an estimate like any other."""
        return self.value == 0 and self.low == 0 and self.high == 0

    @property
    def text(self) -> str:
        """`92.13 % [92.10, 92.16]`, `0 (exactly)`, or an em dash for a missing value."""
        return " ".join(part for part in (self.value_text, self.interval_text) if part)

    @property
    def value_text(self) -> str:
        """The value and its unit, without the interval."""
        if self.value is None:
            return "—"
        if self.is_exact_zero:
            return "0 (exactly)"
        return _join(_write(self)[0], unit_suffix(self.unit))

    @property
    def value_said(self) -> str:
        """The value as a sentence has it: as `value_text`, but an exact zero is `0` with its unit."""
        return number(0.0, self.unit) if self.is_exact_zero else self.value_text

    @property
    def said(self) -> str:
        """Value and interval as a sentence has them: as `text`, but an exact zero is `0` with its unit."""
        return " ".join(part for part in (self.value_said, self.interval_text) if part)

    @property
    def interval_text(self) -> str:
        """`[low, high]` in the digits of the value, `(no spread)` where all runs give the same, or nothing.

        An interval of another level than 95 % says so: `[low, high at 90 %]`.
        """
        if self.value is None or self.is_exact_zero or (self.low is None and self.high is None):
            return ""
        if self.low == self.value == self.high:
            return "(no spread)"
        _, low, high = _write(self)
        level = "" if self.level in (None, USUAL_LEVEL) else f" at {100 * (self.level or 0):.4g} %"
        return f"[{low}, {high}{level}]"


def unit_scale(unit: str) -> int:
    """Factor from the stored to the shown value: 100 for fractions and their differences, otherwise 1."""
    return 100 if unit in PERCENT_UNITS else 1


def unit_suffix(unit: str) -> str:
    """What follows the number: `%`, `pp`, `nats`, …, or nothing for a pure number."""
    if unit in PERCENT_UNITS:
        return PERCENT_UNITS[unit]
    return "" if unit in BARE_UNITS else unit


def number(value: float | None, unit: str = "") -> str:
    """One number with its unit and without an interval: three significant digits.

    Close to 100 % the digits are those of the distance to 100 %, so that 99.97 % is not shown as 100 %.
    """
    return _join("0", unit_suffix(unit)) if value == 0 else Quantity(value, unit=unit).text


def alongside(*values: float, unit: str = "") -> tuple[str, ...]:
    """Numbers that are read together, such as the ends of a range and the median, each with its unit.

    All have the decimals that give half their range two significant digits. Where these would show a number that is
    not zero as 0, or all are equal, each has three significant digits of its own.
    """
    scaled = [_scaled(value, unit) for value in values]
    half = Decimal(repr(float(max(values) - min(values)))) * unit_scale(unit) / 2
    texts = _alike(scaled, unit, half=half)
    lost = any(value and not _says_something(text) for value, text in zip(values, texts, strict=True))
    if lost or not half:
        return tuple(number(value, unit) for value in values)
    return tuple(_join(text, unit_suffix(unit)) for text in texts)


def difference(value: float | None, unit: str = "") -> str:
    """A signed difference: a difference of fractions reads in pp, `+0.4 pp`; an exact zero reads `0`."""
    if value is None:
        return "—"
    if value == 0:
        return "0"
    text = Quantity(value, unit="pp" if unit == "fraction" else unit).value_text
    return text if value < 0 else f"+{text}"


def plus(quantity: Quantity) -> str:
    """What stands before a difference: `+` where it is above 0 and not written as 0."""
    return "+" if quantity.value is not None and quantity.value > 0 and _says_something(quantity.value_text) else ""


def integer(value: int | None) -> str:
    """A count with thousands separators: `15,210`; an em dash for a missing one."""
    return "—" if value is None else f"{int(value):,}"


def duration(seconds: float | None) -> str:
    """Wall time for reading: `0.42 s`, `8.1 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds is None:
        return "—"
    if seconds < 99.5:
        return f"{_fixed(Decimal(repr(float(seconds))), _decimals_alone(Decimal(repr(float(seconds))), 2))} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _write(quantity: Quantity) -> tuple[str, ...]:
    """Value, low and high as text, all three with the same decimals (and the same power of ten)."""
    numbers = [_scaled(x, quantity.unit) for x in (quantity.value, quantity.low, quantity.high)]
    _, low, high = numbers
    half = (high - low) / 2 if low is not None and high is not None else None
    shown = _alike(numbers, quantity.unit, half=half)
    if not half:
        return shown
    hidden = [x and abs(x) > half * FLOAT_NOISE and not _says_something(t) for x, t in zip(numbers, shown, strict=True)]
    return tuple(_one_digit(x) if lost and x else text for x, text, lost in zip(numbers, shown, hidden, strict=True))


def _says_something(text: str) -> bool:
    """Whether a number is written with a digit other than 0, its power of ten aside."""
    return any(digit in text.partition(" ")[0] for digit in "123456789")


def _one_digit(value: Decimal) -> str:
    """A number close to 0 with its first significant digit: `0.0004`, `4 × 10⁻⁹`."""
    decimals = _decimals_alone(value, 1)
    if decimals <= MOST_DECIMALS:
        return _fixed(value, decimals)
    exponent = Decimal(f"{value:.0e}").adjusted()
    return _power(_fixed(value.scaleb(-exponent), 0), exponent)


def _alike(numbers: Sequence[Decimal | None], unit: str, *, half: Decimal | None) -> tuple[str, ...]:
    """Numbers in the decimals of half an interval or, without one, of the first of them, which is never missing."""
    magnitude = max(abs(x) for x in numbers if x is not None)
    exponent = 0
    if magnitude and not SMALLEST_PLAIN <= magnitude < LARGEST_PLAIN:
        exponent = magnitude.adjusted()
    shifted = [None if x is None else x.scaleb(-exponent) for x in numbers]
    value = shifted[0]
    assert value is not None
    decimals = None if half is None else _decimals_of_interval(half.scaleb(-exponent), value)
    if decimals is None:
        near_one = unit == "fraction" and 90 < value < 100 and not exponent
        decimals = max(1, min(2, _decimals_alone(100 - value, 2))) if near_one else _decimals_alone(value, DIGITS_ALONE)
    elif decimals > 0 and all(x is None or _fixed(x, decimals).endswith("0") for x in shifted):
        decimals -= 1
    if exponent:
        decimals = min(decimals, 4)
    grouped = _rounded(magnitude.scaleb(-exponent), decimals) >= SMALLEST_GROUPED
    return tuple("…" if x is None else _power(_fixed(x, decimals, grouped=grouped), exponent) for x in shifted)


def _scaled(value: float | None, unit: str) -> Decimal | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"a shown number must be finite, got {value!r}; give None and a reason instead")
    return Decimal(repr(float(value))) * unit_scale(unit)


def _decimals_of_interval(half_width: Decimal, value: Decimal) -> int | None:
    """Decimals that give the half-width of an interval two significant digits.

    None for an interval without width (up to the rounding of float64).
    """
    if half_width <= abs(value) * FLOAT_NOISE:
        return None
    return max(0, 1 - Decimal(f"{half_width:.1e}").adjusted())  # 0.0996 rounds to 0.10 before its digits count


def _decimals_alone(value: Decimal, digits: int) -> int:
    if value == 0:
        return 0
    return max(0, digits - 1 - Decimal(f"{value:.{digits - 1}e}").adjusted())


def _fixed(value: Decimal, decimals: int, *, grouped: bool = False) -> str:
    rounded = _rounded(value, decimals)
    text = f"{abs(rounded):,f}" if grouped else f"{abs(rounded):f}"
    return f"−{text}" if rounded < 0 else text


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)


def _power(mantissa: str, exponent: int) -> str:
    return f"{mantissa} × 10{str(exponent).translate(_SUPERSCRIPTS)}" if exponent else mantissa


def _join(text: str, suffix: str) -> str:
    return f"{text} {suffix}" if suffix else text
