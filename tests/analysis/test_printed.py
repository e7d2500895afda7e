"""How numbers and texts are written into `analysis.json`."""

from __future__ import annotations

from varbench.analysis.document import shortened, spaced


def test_a_space_stands_before_percent_signs_of_numbers_alone():
    assert spaced({"a": ["5% of 100 %", ("x%y",)], "b": 5, "c": None}) == {
        "a": ["5 % of 100 %", ["x%y"]],
        "b": 5,
        "c": None,
    }


def test_floats_are_rounded_and_nothing_else_is_touched():
    given = {"a": [1 / 3, (2e-9 / 3,)], "b": 123456789, "c": "0.123456789", "d": None, "e": True}
    assert shortened(given) == {
        "a": [0.3333333, [6.666667e-10]],
        "b": 123456789,
        "c": "0.123456789",
        "d": None,
        "e": True,
    }
    assert shortened(1 / 3, digits=2) == 0.33
