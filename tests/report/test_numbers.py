"""Numbers as they are written: cases by hand, and what must hold for every interval."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.report.numbers import Quantity, alongside, difference, duration, integer, number

WRITTEN = [
    # value, low, high, unit, text
    (0.9213, 0.9210, 0.9216, "fraction", "92.13 % [92.10, 92.16]"),
    (0.649, 0.645, 0.653, "fraction", "64.9 % [64.5, 65.3]"),
    (0.64897, 0.64461, 0.65338, "fraction", "64.90 % [64.46, 65.34]"),
    (0.437, 0.404, 0.469, "fraction", "43.7 % [40.4, 46.9]"),
    (0.039, 0.015, 0.133, "pp", "3.9 pp [1.5, 13.3]"),
    (0.0186, 0.0142, 0.0230, "pp", "1.86 pp [1.42, 2.30]"),
    (-0.001, -0.0243, 0.0227, "pp", "−0.1 pp [−2.4, 2.3]"),
    (1.3462, 1.3211, 1.3704, "nats", "1.346 nats [1.321, 1.370]"),
    (0.99113, 0.98701, 0.99513, "distance", "0.9911 [0.9870, 0.9951]"),
    (1.04, 0.91, 1.17, "ratio", "1.04 [0.91, 1.17]"),
    (0.0504, 0.0012, 0.0996, "", "0.050 [0.001, 0.100]"),  # a half-width of 0.0492 has two digits at three decimals
    (0.1130, 0.0134, 0.2126, "", "0.11 [0.01, 0.21]"),  # one of 0.0996 rounds to 0.10
    (9950.0, 9800.0, 10100.0, "steps", "9,950 steps [9,800, 10,100]"),
    (9950.0, 9810.0, 9995.0, "steps", "9950 steps [9810, 9995]"),
    (12345.6, 12000.0, 12700.0, "steps", "12,346 steps [12,000, 12,700]"),
    (3.21e-9, 2.93e-9, 3.49e-9, "nats", "3.21 × 10⁻⁹ nats [2.93 × 10⁻⁹, 3.49 × 10⁻⁹]"),
    (2.3e-9, None, None, "fraction", "2.30 × 10⁻⁷ %"),
    (1234567.0, 1.2e6, 1.27e6, "", "1.235 × 10⁶ [1.200 × 10⁶, 1.270 × 10⁶]"),
    (0.0, None, None, "fraction", "0 %"),  # without an interval nobody knows how exactly
    (0.0, 0.0, 0.0, "distance", "0 (exactly)"),
    (-0.0, 0.0, 0.0, "distance", "0 (exactly)"),
    (0.0, 0.0, 0.0042, "fraction", "0.00 % [0.00, 0.42]"),
    (1.0, 1.0, 1.0, "fraction", "100 % (no spread)"),
    (0.324, 0.324, 0.324 + 1e-16, "fraction", "32.4 % [32.4, 32.4]"),
    (0.5, 0.1, None, "", "0.500 [0.100, …]"),
    (0.0004, 0.0, 0.084, "score", "0.0004 [0.000, 0.084]"),  # not nothing
    (0.0421, 0.0002, 0.084, "score", "0.042 [0.0002, 0.084]"),  # above nothing
    (-0.00036, -0.04, 0.0842, "fraction", "−0.04 % [−4.0, 8.4]"),
    (4e-9, -0.021, 0.084, "", "4 × 10⁻⁹ [−0.021, 0.084]"),
    (3e-18, -0.021, 0.084, "", "0.000 [−0.021, 0.084]"),  # what float64 leaves of nothing
    (9.6e-8, -1e-5, 1e-4, "", "1 × 10⁻⁷ [−0.1 × 10⁻⁴, 1.0 × 10⁻⁴]"),
    (None, None, None, "fraction", "—"),
]


@pytest.mark.parametrize(("value", "low", "high", "unit", "text"), WRITTEN)
def test_quantity_is_written_as_by_hand(value, low, high, unit, text):
    assert Quantity(value, low, high, unit).text == text


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "said"),
    [
        (0.0, None, None, "fraction", "0 %"),
        (0.0, 0.0, 0.0, "distance", "0"),
        (0.0, 0.0, 0.0042, "fraction", "0.00 % [0.00, 0.42]"),
        (0.923, 0.921, 0.925, "fraction", "92.3 % [92.1, 92.5]"),
        (1.0, 1.0, 1.0, "fraction", "100 % (no spread)"),
    ],
)
def test_a_sentence_has_zero_with_its_unit(value, low, high, unit, said):
    assert Quantity(value, low, high, unit).said == said


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.372, "fraction", "37.2 %"),
        (0.9997, "fraction", "99.97 %"),
        (0.973, "fraction", "97.3 %"),
        (1.0, "fraction", "100 %"),
        (0.0, "fraction", "0 %"),
        (0.0052, "fraction", "0.520 %"),
        (1.5832, "nats", "1.58 nats"),
        (15210.0, "count", "15,210"),
        (None, "nats", "—"),
    ],
)
def test_number_alone_has_three_digits(value, unit, text):
    assert number(value, unit) == text


def test_difference_of_fractions_reads_in_points_with_its_sign():
    assert difference(0.0123, "fraction") == "+1.23 pp"
    assert difference(-0.0123, "fraction") == "−1.23 pp"
    assert difference(0.25, "nats") == "+0.250 nats"
    assert difference(0.0, "fraction") == "0"
    assert difference(None, "fraction") == "—"


def test_durations_and_counts():
    written = [duration(s) for s in (0.42, 8.13, 99.4, 99.6, 200, 3599.7, 7500, None)]
    assert written == ["0.42 s", "8.1 s", "99 s", "1 min 40 s", "3 min 20 s", "1 h 00 min", "2 h 05 min", "—"]
    assert [integer(n) for n in (0, 999, 15210, None)] == ["0", "999", "15,210", "—"]


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ((0.972, 0.9917), "fraction", ("97.20 %", "99.17 %")),
        ((0.0921, 0.0833, 0.104), "nats", ("0.092 nats", "0.083 nats", "0.104 nats")),
        ((0.978, 1.07, 0.99), "", ("0.978", "1.070", "0.990")),
        ((9950.0, 10100.0), "steps", ("9,950 steps", "10,100 steps")),
        ((2e-9, 3.1e-9), "nats", ("2.0 × 10⁻⁹ nats", "3.1 × 10⁻⁹ nats")),
        ((1e-6, 2.3), "", ("1.00 × 10⁻⁶", "2.30")),  # the digits of the range would show a zero
        ((0.0, 0.3), "fraction", ("0 %", "30 %")),
        ((0.5, 0.5), "", ("0.500", "0.500")),
    ],
)
def test_numbers_that_are_read_together_have_the_same_digits(values, unit, texts):
    assert alongside(*values, unit=unit) == texts


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_number_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="must be finite"):
        _ = Quantity(bad).text


finite = st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: 0.0 if abs(x) < 1e-250 else x)


@given(st.tuples(finite, finite, finite).map(sorted), st.sampled_from(["fraction", "pp", "nats", ""]))
def test_what_is_shown_is_the_interval_up_to_a_rounding_smaller_than_the_uncertainty(ends, unit):
    low, value, high = ends
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return
    shown = [_read(text) for text in _numbers(Quantity(value, low, high, unit).text)]
    scale = 100 if unit in ("fraction", "pp") else 1
    half = (high - low) / 2 * scale
    assert shown[1] <= shown[0] <= shown[2]
    for text, exact in zip(shown, (value, low, high), strict=True):
        assert abs(text - exact * scale) <= max(0.051 * half, 1e-4 * max(abs(low), abs(high)) * scale)


@given(st.tuples(finite, finite, finite).map(sorted), st.sampled_from(["fraction", "pp", "nats", ""]))
def test_value_and_ends_have_the_same_digits(ends, unit):
    low, value, high = ends
    numbers = _numbers(Quantity(value, low, high, unit).text)
    visible = [
        text for text, exact in zip(numbers, (value, low, high), strict=False)
        if exact == 0 or abs(exact) > 0.03 * (high - low)  # what is closer to 0 may have a digit of its own
    ]  # fmt: skip
    forms = {(len(mantissa.partition(".")[2]), power) for mantissa, _, power in (n.partition(" ") for n in visible)}
    assert len(forms) <= 1
    large = [n for n in numbers if len(n.partition(".")[0].strip("−").replace(",", "")) > 3]
    assert len({"," in n for n in large}) <= 1


@given(finite, st.sampled_from(["fraction", "nats", ""]))
def test_sign_and_zero_are_never_misleading(value, unit):
    text = number(value, unit)
    assert "-" not in text  # the typographic minus only
    assert not re.search(r"−0(\.0*)?(?![.\d])", text)  # no negative zero
    if value:
        assert _read(_numbers(text)[0]) != 0  # a number that is not zero is not shown as one


def _numbers(text: str) -> list[str]:
    return re.findall(r"−?[\d,]*\d(?:\.\d+)?(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?", text)


def _read(text: str) -> float:
    mantissa, _, exponent = text.replace("−", "-").replace(",", "").partition(" × 10")
    return float(f"{mantissa}e{exponent.translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789')) or 0}")


def test_an_interval_of_another_level_says_so():
    assert Quantity(0.0553, 0.0476, 0.066, "nats", level=0.9).text == "0.0553 nats [0.0476, 0.0660 at 90 %]"
    assert Quantity(0.0553, 0.0476, 0.066, "nats", level=0.95).text == "0.0553 nats [0.0476, 0.0660]"
    assert Quantity(0.5, 0.5, 0.5, level=0.9).text == "0.500 (no spread)"


def test_the_level_of_an_interval_has_four_digits_at_most():
    assert Quantity(1.0, 0.5, 1.5, level=0.9833333333).interval_text == "[0.5, 1.5 at 98.33 %]"
    assert Quantity(1.0, 0.5, 1.5, level=0.9).interval_text == "[0.5, 1.5 at 90 %]"
