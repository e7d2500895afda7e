"""What decision rules are made of: how numbers read in sentences, and which part decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from tests.studies.evidence import interval, unknown
from varbench.stats.mean import mean_estimate
from varbench.studies.rules import briefly, decided, deciding, fixed, significant, told, weigh, within
from varbench.studies.study import Part, Verdict
from varbench.studies.sweeps import exponential
from varbench.studies.weighed import Side, Weighed


def number(name: str, value: float | None, half: float = 0.01, *, side: Side = "above", limit: str = "") -> Weighed:
    estimate = unknown() if value is None else interval(value, half)
    return Weighed(estimate, side, 0.0, name, limit)


def one(*parts: Part) -> tuple[Verdict, ...]:
    return decided({"case": parts})


def alone(name: str, value: float | None, half: float = 0.01) -> Part:
    return weigh(name, number(name, value, half), f"{name}.")


@pytest.mark.parametrize(
    ("low", "high", "above_zero", "below_zero"),
    [
        (0.1, 0.3, True, False),
        (-0.3, -0.1, False, True),
        (-0.1, 0.1, None, None),
        (0.0, 0.2, None, False),
        (-0.2, 0.0, False, None),
        (0.0, 0.0, False, False),
    ],
)
def test_a_number_holds_with_its_whole_interval(low, high, above_zero, below_zero):
    middle, half = (low + high) / 2, (high - low) / 2
    assert number("x", middle, half).holds is above_zero
    assert number("x", middle, half, side="below").holds is below_zero
    assert number("x", None).holds is None


def test_the_p_value_is_that_of_the_t_test():
    rng = np.random.default_rng(0)
    values = rng.normal(-0.3, 1.0, 12)
    estimate = mean_estimate(values, level=0.95, n_examples=None)
    for side, alternative in (("above", "less"), ("below", "greater")):
        expected = scipy.stats.ttest_1samp(values, 0.1, alternative=alternative).pvalue
        assert Weighed(estimate, side, 0.1).p_value == pytest.approx(expected, rel=1e-9)


def test_a_ratio_is_weighed_on_the_scale_of_its_logarithm():
    rng = np.random.default_rng(1)
    logs = rng.normal(-0.5, 0.4, 9)
    ratio = exponential(mean_estimate(logs, level=0.95, n_examples=None))
    expected = scipy.stats.ttest_1samp(logs, 0.0, alternative="less").pvalue
    assert Weighed(ratio, "above", 1.0, ratio=True).p_value == pytest.approx(expected, rel=1e-9)
    assert Weighed(ratio, "above", 1.0).p_value != pytest.approx(expected, rel=1e-3)


def test_an_interval_ends_at_its_threshold_with_half_of_the_rest_as_p():
    assert number("x", -0.01, 0.01).p_value == pytest.approx(0.025)
    assert number("x", 0.01, 0.01).p_value == pytest.approx(0.975)
    assert number("x", None).p_value is None


@pytest.mark.parametrize("runs", [2, 3, 6, 7, 12])
@pytest.mark.parametrize("half", [0.0, 1e-17])
def test_runs_that_are_all_alike_are_no_certainty(runs, half):
    """The sign test: however equal they are, p is 2^(1 − n) and not 0."""
    fails = Weighed(interval(-0.1, half, runs=runs), "above", 0.0)
    held = Weighed(interval(0.1, half, runs=runs), "above", 0.0)
    assert fails.p_value == pytest.approx(0.5 ** (runs - 1))
    assert held.p_value == pytest.approx(1 - 0.5 ** (runs - 1))
    assert (fails.holds, held.holds) == ((False, True) if runs >= 7 else (None, None))
    assert abs(fails.clearness) < float("inf")


@pytest.mark.parametrize("runs", [1000, 1023, 1024, 1075, 1076, 4096, 60_000])
def test_thousands_of_runs_that_are_all_alike_are_on_their_side(runs):
    """From 1,076 runs on 2^(1 − n) is less than the smallest number."""
    fails = Weighed(interval(-0.1, 0.0, runs=runs), "above", 0.0)
    held = Weighed(interval(0.1, 0.0, runs=runs), "above", 0.0)
    assert (fails.holds, held.holds) == (False, True)
    assert 0 < fails.p_value < 1e-290
    assert held.p_value == 1
    assert fails.clearness == -held.clearness > 10


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.5, 0.25, 0.25), (0.4, 0.3, 0.3)])
def test_the_sign_test_bounds_how_often_runs_are_all_alike(shares):
    """Outcomes of which none has more than half of the runs."""
    runs, repetitions = 5, 20_000
    outcomes = np.random.default_rng(3).choice(len(shares), size=(repetitions, runs), p=shares)
    alike = (outcomes == outcomes[:, :1]).all(axis=1).mean()
    p = Weighed(interval(-0.1, 0.0, runs=runs), "above", 0.0).p_value
    assert alike < p + 0.005
    if len(shares) == 2:
        assert alike > p - 0.005


def test_many_numbers_are_not_outweighed_by_one_without_width():
    same = weigh("same", Weighed(interval(-0.1, 0.0, runs=8), "above", 0.0, "same"), "")
    assert one(same)[-1].verdict == "contradicted"
    assert one(same, *(alone(f"held {i}", 1.0) for i in range(20)))[-1].verdict == "inconclusive"
    assert deciding(one(same, alone("clear", -1.0))) == "clear"


@pytest.mark.parametrize(
    ("parts", "number"),
    [
        ([alone("far", 9.0), alone("close", 0.5)], "close"),
        ([alone("held", 0.1), alone("fails", -0.2), alone("fails clearly", -3.0)], "fails clearly"),
        ([alone("held", 0.1), alone("unsure", 0.005), alone("unmeasured", None)], "unsure"),
        ([alone("held", 0.1), alone("unmeasured", None)], ""),
        ([alone("fails", -9.0), alone("without width", -1.0, 0.0)], "fails"),
        ([alone("unmeasured", None)], ""),
        ([], ""),
    ],
)
def test_the_number_that_decided_is_told(parts, number):
    assert deciding(one(*parts)) == number


def test_the_number_stands_beside_what_was_claimed():
    assert deciding(one(weigh("x", number("3 pp", 3.0, limit="0"), ""))) == "3 pp; claimed: above 0"


def test_recipes_that_decide_otherwise_than_the_whole_give_no_number():
    parts = {"a": [alone("held", 0.1)], "b": [alone("fails", -0.1)]}
    assert deciding(decided(parts)) == "fails"
    assert deciding(decided({"a": parts["a"]})) == "held"


def test_a_part_of_several_numbers_fails_with_one_and_holds_with_all():
    held, fails, unsure = number("held", 0.1), number("fails", -0.1), number("unsure", 0.0)
    assert weigh("x", [held, fails, unsure], "").holds is False
    assert weigh("x", [held, unsure], "").holds is None
    assert weigh("x", [held, held], "").holds is True
    assert weigh("x", [], "").holds is None


def test_one_narrow_failure_among_many_numbers_is_not_sure():
    narrow = alone("narrow", -0.011)
    assert one(narrow)[-1].verdict == "contradicted"
    among = one(narrow, *(alone(f"held {i}", 1.0) for i in range(20)))
    assert among[-1].verdict == "inconclusive"
    assert among[0].parts[0].holds is None
    assert "among the 21 numbers" in among[0].parts[0].text
    assert deciding(among) == "narrow"
    assert one(alone("clear", -0.1), *(alone(f"held {i}", 1.0) for i in range(20)))[-1].verdict == "contradicted"


def test_a_gated_number_tells_nothing_and_counts_all_the_same():
    gated = [replace(number(f"gated {i}", -1.0), gated=True) for i in range(20)]
    assert {w.holds for w in gated} == {None}
    assert {w.p_value for w in gated} == {1.0}
    narrow = alone("narrow", -0.011)
    among = one(narrow, *(weigh(w.words, w, "") for w in gated))
    assert among[-1].verdict == "inconclusive"
    assert deciding(among) == "narrow"
    assert one(alone("held", 1.0), weigh("x", gated[0], ""))[-1].verdict == "inconclusive"


def test_numbers_of_other_recipes_count_too():
    held = [alone(f"held {i}", 1.0) for i in range(20)]
    assert decided({"a": [alone("narrow", -0.011)], "b": held})[0].verdict == "inconclusive"


def test_matters_of_fact_need_no_correction():
    fact = Part("same bits", False, "3 of 4 came back.")
    assert one(fact, *(alone(f"held {i}", 1.0) for i in range(20)))[-1].verdict == "contradicted"


def test_claims_that_just_hold_are_seldom_contradicted():
    """Every number at its threshold: at most half of 5 % of the studies may find a failure."""
    rng = np.random.default_rng(2)
    studies, numbers, runs = 2_000, 12, 10
    found = {True: 0, False: 0}
    for values in rng.normal(0.0, 1.0, (studies, numbers, runs)):
        parts = [
            weigh(str(i), Weighed(mean_estimate(row, level=0.95, n_examples=None), "above", 0.0), "")
            for i, row in enumerate(values)
        ]
        found[True] += one(*parts)[-1].verdict == "contradicted"
        found[False] += any(part.holds is False for part in parts)
    assert 0.015 < found[True] / studies < 0.035
    assert found[False] / studies > 0.2


def test_what_was_weighed_is_written_down():
    (case, _) = one(weigh("x", number("3 pp", 3.0), "Three."))
    (part,) = case.as_dict()["parts"]
    assert {k: v for k, v in part.items() if k != "weighed"} == {"name": "x", "holds": True, "text": "Three."}
    (row,) = part["weighed"]
    assert (row["value"], row["side"], row["threshold"]) == (3.0, "above", 0.0)
    assert row["p_value"] == pytest.approx(1.0)


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


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (0.123, 0.005, "12.3 % [11.8, 12.8]"),
        (0.00025, 0.0002, "0.03 % [0.00, 0.04]"),  # with one decimal the value would be its lower end
        (0.5, 0.0, "50.0 % [50.0, 50.0]"),
        (1e-9, 1e-9, "0.0 % [0.0, 0.0]"),  # no few decimals tell these apart
    ],
)
def test_a_value_is_told_apart_from_the_ends_of_its_interval(value, half, text):
    assert told(interval(value, half), scale=100, unit="%") == text


def test_a_number_beside_a_threshold_says_on_which_side_it_lies():
    estimate = replace(interval(0.9929, 0.003), low=0.9897, high=0.9961)
    assert told(estimate, scale=100, unit="%") == "99.3 % [99.0, 99.6]"
    assert told(estimate, scale=100, unit="%", beside=0.99) == "99.29 % [98.97, 99.61]"


def test_a_level_other_than_the_usual_one_is_named():
    estimate = replace(interval(0.055, 0.005), level=0.9)
    assert told(estimate, digits=3, unit="nats") == "0.055 nats [0.050, 0.060 at 90 %]"
    assert briefly(estimate) == "0.055 [0.050, 0.060 at 90 %]"
    assert told(replace(estimate, level=1 - 0.05 / 3), digits=3) == "0.055 [0.050, 0.060 at 98.33 %]"


def test_a_short_number_is_told_apart_from_its_interval_and_from_one():
    assert briefly(interval(1.2e-6, 0.4e-6)) == "1.2 × 10⁻⁶ [0.8 × 10⁻⁶, 1.6 × 10⁻⁶]"
    assert briefly(interval(0.9951, 0.0004)) == "0.9951 [0.9947, 0.9955]"
    assert briefly(replace(interval(0.995), low=0.99, high=0.996)) == "0.995 [0.990, 0.996]"
    assert briefly(replace(interval(0.00072), low=0.0, high=0.002)) == "0.00072 [0.00000, 0.00200]"
    assert briefly(replace(interval(0.17), low=0.14, high=0.2)) == "0.17 [0.14, 0.20]"
    assert briefly(replace(interval(9.97e-7), low=9.4e-7, high=1.1e-6)) == "1.0 × 10⁻⁶ [0.9 × 10⁻⁶, 1.1 × 10⁻⁶]"
    assert significant(0.9951) == "0.995"
    assert significant(0.9999999) == "1"
    assert significant(1.0) == "1"


@pytest.mark.parametrize(
    ("value", "half", "holds"),
    [
        (0.92, 0.01, True),
        (0.894, 0.003, None),  # the value lies within, the interval does not
        (0.886, 0.01, None),  # the value lies outside, the interval not wholly
        (0.88, 0.005, False),
        (0.96, 0.005, False),
        (0.92, 0.05, None),
    ],
)
def test_a_number_is_within_a_tolerance_where_its_whole_interval_is(value, half, holds):
    assert within(interval(value, half), 0.923, 0.03) is holds


def test_alike_runs_are_within_as_far_as_the_sign_test_goes():
    assert within(interval(0.32, 0.0, runs=8), 0.323, 0.01) is True
    assert within(interval(0.32, 0.0, runs=4), 0.323, 0.01) is None
    assert within(unknown(), 0.323, 0.01) is None


def test_what_was_weighed_gives_its_p_value_again():
    numbers = [
        number("x", 0.012),
        number("x", 0.012, side="below"),
        Weighed(replace(exponential(interval(0.3, 0.4)), level=0.9), "above", 1.0, ratio=True),
        replace(number("x", 0.012), gated=True),
    ]
    part = Verdict("c", "supported", "", (weigh("p", numbers, ""),)).as_dict()["parts"][0]
    for w, written in zip(numbers, part["weighed"], strict=True):
        numbers_told = [written[k] for k in ("value", "low", "high", "threshold")]
        value, low, high, threshold = np.log(numbers_told) if written["ratio"] else numbers_told
        length = value - low if threshold < value else high - value
        beyond = (threshold - value if written["side"] == "above" else value - threshold) / length
        quantile = scipy.stats.t.ppf((1 + written["level"]) / 2, written["degrees"])
        expected = 1.0 if written["gated"] else scipy.stats.t.sf(beyond * quantile, written["degrees"])
        assert written["p_value"] == pytest.approx(expected, rel=1e-9) == w.p_value
