"""Tables in their three forms."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.report.numbers import Quantity
from varbench.report.tables import Column, Table, readable, to_csv, to_latex, to_markdown

COLUMNS = (Column("name", "Name"), Column("value", "Value ↑"), Column("n", "Parameters", "count"))


def table(*rows, digest=None):
    return Table("t", "A caption.", COLUMNS, rows, digest)


def parsed(text):
    return list(csv.DictReader(io.StringIO(text)))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_csv_keeps_every_bit(value, low):
    row = parsed(to_csv(table(("a", Quantity(value, low, None, "nats"), 1))))[0]
    assert float(row["value"]) == value
    assert math.copysign(1, float(row["value"])) == math.copysign(1, value)
    assert float(row["value_low"]) == low
    assert row["value_high"] == ""


def test_csv_survives_commas_quotes_and_newlines_in_names():
    name = 'a,"b"\nc'
    assert parsed(to_csv(table((name, None, 1))))[0]["name"] == name


def test_missing_values_refer_to_their_reasons():
    rows = [
        ("a", Quantity(None, unit="nats", reason="too few runs"), 1),
        ("b", Quantity(1.0, reason="one run only"), 2),
        ("c", Quantity(None, reason="too few runs"), 3),
    ]
    text = readable(table(*rows))
    assert text.notes == (("a", "too few runs"), ("b", "one run only"))
    assert [row[1].mark for row in text.rows] == ["a", "b", "a"]
    assert parsed(to_csv(table(*rows)))[0]["value_reason"] == "too few runs"
    for written in (to_markdown(text), to_latex(text)):
        assert "too few runs" in written


def test_markdown_table_has_one_cell_a_column():
    written = to_markdown(readable(table(("x | y", Quantity(0.9213, 0.9210, 0.9216, "fraction"), 15210))))
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert rows == [
        "| Name | Value ↑ | Parameters |",
        "| :--- | ---: | ---: |",
        r"| x \| y | 92.13 % [92.10, 92.16] | 15,210 |",
    ]


def test_latex_is_booktabs_without_vertical_rules():
    written = to_latex(readable(table(("50 %", Quantity(0.9213, 0.9210, 0.9216, "fraction"), 1))))
    assert r"\begin{tabular}{@{}lrr@{}}" in written
    assert [rule in written for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\hline")] == [True] * 3 + [False]
    assert r"50 \% & 92.13 \% [92.10, 92.16] & 1 \\" in written
    assert written.count(r"\begin") == written.count(r"\end") == 2


def test_long_table_is_cut_for_reading_and_whole_for_machines():
    whole = table(*((str(i), float(i), i) for i in range(300)))
    text = readable(whole)
    assert len(text.rows) == 20
    assert text.remainder == "The first 20 of 300 rows; all of them in t.csv."
    assert len(parsed(to_csv(whole))) == 300


def test_digest_is_read_and_the_table_is_stored():
    digest = Table("t", "Short.", (Column("a", "A"),), (("only",),))
    whole = table(("x", 1.0, 2), digest=digest)
    assert readable(whole).headers == ("A",)
    assert parsed(to_csv(whole))[0] == {"name": "x", "value": "1.0", "n": "2"}


def test_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="rows of \\[2\\] cells, 3 columns"):
        table(("a", 1.0))


def test_wide_latex_table_is_turned_to_fit_a_page():
    columns = tuple(Column(f"c{i}", f"C{i}") for i in range(8))
    wide = Table("t", "A caption.", columns, (("first", *map(float, range(1, 8))), ("second", *map(float, range(7)))))
    written = to_latex(readable(wide))
    assert r"\begin{tabular}{@{}lrr@{}}" in written
    assert r" & first & second \\" in written
    assert r"C7 & 7.00 & 6.00 \\" in written
    assert "The first" not in written


def test_columns_without_anything_are_not_shown_and_stay_in_the_csv():
    columns = tuple(Column(key, key) for key in ("name", "empty", "none", "why", "some", "zero"))
    rows = (
        ("a", None, Quantity(None), Quantity(None, reason="too few runs"), None, 0),
        ("b", None, None, None, 2.5, 0),
    )
    table = Table("made", "", columns, rows)
    shown = readable(table)
    assert shown.headers == ("name", "why", "some", "zero")
    assert all(len(row) == 4 for row in shown.rows)
    assert shown.numeric == (False, True, True, True)
    assert to_csv(table).startswith("name,empty,none,none_low")
