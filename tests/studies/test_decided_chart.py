"""The number that decided a study is drawn in one of its charts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.studies.evidence import interval, unknown
from varbench.analysis.charts import Chart, series
from varbench.studies.decided_chart import shows, with_deciding_chart
from varbench.studies.rules import decided, weigh
from varbench.studies.study import Judgement, Part
from varbench.studies.weighed import Weighed


def number(value: float, limit: str = "0 pp") -> Weighed:
    return Weighed(interval(value), "above", 0.0, f"{value:g} measured (MLP)", limit)


def judgement(*values: tuple[float, float]) -> Judgement:
    """One recipe for each pair of values, of two parts with one number each."""
    parts = {
        f"case-{i}": [weigh("first", number(a), ""), weigh("second", number(b), "")] for i, (a, b) in enumerate(values)
    }
    return Judgement(decided(parts), "Told.")


def chart(*rows: tuple[float | str, float]) -> Chart:
    return Chart("x", "X", "", "", "pp", (series("one", [(at, interval(value)) for at, value in rows]),))


def test_the_deciding_number_is_drawn_for_all_recipes() -> None:
    found = with_deciding_chart(judgement((1.0, 0.5), (1.0, -0.5)), {"case-1": "Case one"})
    (drawn,) = found.charts
    (line,) = drawn.series
    assert (line.x, line.y) == (("MLP", "Case one"), (0.5, -0.5))
    assert (line.low, line.high) == (pytest.approx((0.49, -0.51)), pytest.approx((0.51, -0.49)))
    assert (drawn.reference, drawn.reference_label, drawn.unit) == (0.0, "claimed: above 0 pp", "pp")
    assert (drawn.title, drawn.y_label) == ("Second", "what decided; claimed: above 0 pp (the tick)")
    assert drawn.caption == "0.5 measured (MLP); -0.5 measured (MLP); claimed: above 0 pp."
    assert shows(drawn, interval(-0.5))


def test_a_number_that_is_weighed_in_another_form_is_drawn_as_it_is_told() -> None:
    variance = replace(number(-0.25), as_told=interval(-0.5))
    plain = Judgement(decided({"case": [weigh("spread", variance, "")]}), "Told.")
    (drawn,) = with_deciding_chart(plain, {}).charts
    assert drawn.series[0].y == (-0.5,)
    shown = replace(plain, charts=(chart((1.0, -0.5)),))
    assert with_deciding_chart(shown, {}) is shown


def test_what_another_chart_shows_is_not_drawn_again() -> None:
    plain = judgement((1.0, -0.5))
    shown = replace(plain, charts=(chart((1.0, 2.0)), chart((1.0, 3.0), (2.0, -0.5))))
    assert with_deciding_chart(shown, {}) is shown
    other = replace(plain, charts=(chart((1.0, -0.4)),))
    assert len(with_deciding_chart(other, {}).charts) == 2


def test_a_value_without_its_interval_does_not_count() -> None:
    bare = replace(chart((1.0, 0.5)).series[0], low=(), high=())
    assert not shows(replace(chart(), series=(bare,)), interval(0.5))
    assert not shows(chart((1.0, 0.5)), replace(interval(0.5), high=0.6))
    assert not shows(chart((1.0, 0.5)), unknown())


def test_without_numbers_there_is_nothing_to_draw() -> None:
    facts = Judgement(decided({"case": [Part("same bits", True, "All.")]}), "Told.")
    assert with_deciding_chart(facts, {}) is facts


@pytest.mark.parametrize(
    ("limit", "unit"), [("5 %", "fraction"), ("0 pp", "pp"), ("0.1 nats", "nats"), ("1/3", "none"), ("", "none")]
)
def test_the_unit_is_that_of_the_threshold(limit: str, unit: str) -> None:
    assert number(1.0, limit).drawn_unit == unit
    assert replace(number(1.0, limit), unit="distance").drawn_unit == "distance"
    assert replace(number(1.0, "1"), ratio=True).drawn_unit == "ratio"


def test_a_series_keeps_the_level_of_its_intervals_and_mixes_none() -> None:
    narrow = replace(interval(1.0), level=0.9)
    assert series("one", [(1.0, narrow), (2.0, unknown())]).level == 0.9
    assert series("none", [(1.0, unknown())]).level is None
    with pytest.raises(ValueError, match="mixes intervals of the levels"):
        series("both", [(1.0, narrow), (2.0, interval(2.0))])
