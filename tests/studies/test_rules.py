"""What decision rules are made of: how numbers read in sentences, and which part decided."""

from __future__ import annotations

import pytest

from tests.studies.evidence import interval, unknown
from varbench.studies.rules import Weighed, deciding, deciding_of, fixed, significant, told, verdict
from varbench.studies.study import Part


def weighed(name: str, holds: bool | None, value: float | None, threshold: float = 0.0) -> Weighed:
    return Weighed(Part(name, holds, ""), unknown() if value is None else interval(value), threshold, name)


@pytest.mark.parametrize(
    ("parts", "number"),
    [
        ([weighed("far", True, 9.0), weighed("close", True, 0.5)], "close"),
        (
            [weighed("held", True, 0.1), weighed("fails", False, -0.2), weighed("fails clearly", False, -3.0)],
            "fails clearly",
        ),
        ([weighed("held", True, 0.1), weighed("unsure", None, 0.005), weighed("unmeasured", None, None)], "unsure"),
        ([weighed("held", True, 0.1), weighed("unmeasured", None, None)], ""),
        ([], ""),
    ],
)
def test_the_part_that_decided_gives_the_number(parts, number):
    assert deciding(parts) == number


def test_an_interval_without_length_is_as_clear_as_can_be():
    sure = Weighed(Part("sure", False, ""), interval(1.0, 0.0), 0.0, "sure")
    assert deciding([weighed("fails", False, -9.0), sure]) == "sure"


def test_recipes_that_decide_otherwise_than_the_whole_give_no_number():
    parts = {"a": [weighed("held", True, 0.1)], "b": [weighed("fails", False, -0.1)]}
    verdicts = [verdict(name, [w.part for w in found]) for name, found in parts.items()]
    assert deciding_of(verdicts, parts) == "fails"
    assert deciding_of(verdicts[:1], parts) == "held"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-1.25, 1, "−1.2"), (-0.04, 1, "0.0"), (0.04, 1, "0.0"), (3.0, 0, "3"), (-12.0, 0, "−12")],
)
def test_decimals_have_a_true_minus_and_no_negative_zero(value, digits, text):
    assert fixed(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.9e-5, "4.9 × 10⁻⁵"),
        (-4.9e-5, "−4.9 × 10⁻⁵"),
        (0.0123, "0.012"),
        (-3.0, "−3"),
        (1e-5, "1 × 10⁻⁵"),
        (2e12, "2 × 10¹²"),
    ],
)
def test_significant_digits_have_a_power_in_print(value, text):
    assert significant(value) == text


def test_an_estimate_is_told_with_true_minus():
    assert told(interval(-0.5, 0.25), digits=2, unit="pp") == "−0.50 pp [−0.75, −0.25]"
