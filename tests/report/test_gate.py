"""Gates: what they say, what fails them, and that what cannot be told is not passed."""

from __future__ import annotations

import contextlib
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.errors import InputError
from varbench.report.document import read_document
from varbench.report.gate import Gate, failures, parse_gate


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("disagreement > 0.03", (None, "disagreement", None, "value", ">", 0.03)),
        ("disagreement>3%", (None, "disagreement", None, "value", ">", 0.03)),
        (" disagreement.high >= 3 % ", (None, "disagreement", None, "high", ">=", 0.03)),
        ("ensemble_gain@4.low<1e-3", (None, "ensemble_gain", 4.0, "low", "<", 0.001)),
        ("instability_share@0.05 > 50%", (None, "instability_share", 0.05, "value", ">", 0.5)),
        ("instability_share@0.05.value > 50%", (None, "instability_share", 0.05, "value", ">", 0.5)),
        ("weight_distance@dense/kernel <= .5", (None, "weight_distance", "dense/kernel", "value", "<=", 0.5)),
        ("weight_distance@dense.kernel.high < 1", (None, "weight_distance", "dense.kernel", "high", "<", 1.0)),
        ("accuracy_sd > 0.2pp", (None, "accuracy_sd", None, "value", ">", 0.002)),
        ("loss > 3", (None, "loss", None, "value", ">", 3.0)),
        ("sgd: accuracy < 90%", ("sgd", "accuracy", None, "value", "<", 0.9)),
        ("a<b: c: accuracy.low < 90%", ("a<b: c", "accuracy", None, "low", "<", 0.9)),
        ("ensemble_gain@2 < -1%", (None, "ensemble_gain", 2.0, "value", "<", -0.01)),
    ],
)
def test_grammar(text: str, parts: tuple) -> None:
    gate = parse_gate(text)
    found = (gate.condition, gate.measure, gate.at, gate.bound, gate.operator, gate.limit)
    assert found == (*parts[:5], pytest.approx(parts[5]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("disagreement", "has no comparison: write [CONDITION:] MEASURE"),
        ("disagreement = 3", "has no comparison"),
        ("> 3", "names no measure in ''"),
        ("disagrement > 3%", "there is no 'disagrement'; did you mean 'disagreement'?"),
        ("disagreement.hi > 3%", "has the bound 'hi'; did you mean 'high'?"),
        ("disagreement.mean > 3%", "has the bound 'mean'; known are value, low, high"),
        ("disagreement > three", "compares with 'three', which is no number"),
        ("disagreement > nan", "compares with 'nan', which is no number"),
        ("disagreement > 3", "a fraction between 0 and 1, with 3: write 3% or 0.03"),
        ("accuracy_sd > 1", "which could mean 1 pp or 100 pp: write 1pp or 0.01"),
        ("loss > 50%", "compares loss with percent, but it is given in nats"),
        ("dis agreement > 3%", "names no measure in 'dis agreement'"),
        ("", "has no comparison"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        parse_gate(text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=40))
def test_any_text_is_a_gate_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(parse_gate(text), Gate)


def entry(condition: str, measure: str, value: float | None, at: float | None = None, **more) -> dict:
    row = {"study": "s", "condition": condition, "measure": measure, "at": at, "value": value, "unit": "fraction"}
    return {**row, "low": None, "high": None, "level": 0.95, "method": "none", "reason": "", **more}


def view(*estimates: dict, unavailable: tuple = ()):
    names = ("a", "b", "a-again")
    return read_document(
        {
            "schema": 1, "id": "0", "name": "n", "title": "t", "manifest": {}, "estimates": list(estimates),
            "conditions": [
                {"condition": n, "label": n.upper(), "role": "control" if "again" in n else "population"} for n in names
            ],
            "unavailable": [{"condition": c, "measure": m, "reason": r} for c, m, r in unavailable],
        }
    )  # fmt: skip


INTERVALS = (
    entry("a", "disagreement", 0.03, low=0.02, high=0.04, method="jackknife over runs"),
    entry("b", "disagreement", 0.10, low=0.09, high=0.11, method="jackknife over runs"),
    entry("a-again", "disagreement", 0.0),
)


@given(
    end=st.sampled_from(["value", "low", "high"]),
    sign=st.sampled_from(["<", "<=", ">", ">="]),
    limit=st.sampled_from([0.02, 0.03, 0.04, 0.05, 0.09, 0.1, 0.11, 0.5]),
)
def test_a_gate_fails_exactly_where_its_comparison_holds(end: str, sign: str, limit: float) -> None:
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[sign]
    found = failures(parse_gate(f"disagreement.{end} {sign} {limit}"), view(*INTERVALS))
    expected = [c for c, row in (("A", INTERVALS[0]), ("B", INTERVALS[1])) if compare(row[end], limit)]
    assert [sentence.rpartition(" in ")[2] for sentence in found] == expected


def test_a_sentence_says_what_was_measured() -> None:
    (sentence,) = failures(parse_gate("disagreement.low > 5%"), view(*INTERVALS))
    assert (
        sentence == "disagreement.low > 5%: the low end of the interval of disagreement, 10 % [9, 11], is 9.00 % in B"
    )


def test_a_condition_can_be_named_and_a_control_is_left_alone_unless_named() -> None:
    assert failures(parse_gate("a: disagreement > 5%"), view(*INTERVALS)) == []
    assert len(failures(parse_gate("B: disagreement > 5%"), view(*INTERVALS))) == 1  # by its label too
    assert len(failures(parse_gate("disagreement < 1%"), view(*INTERVALS))) == 0
    assert len(failures(parse_gate("a-again: disagreement < 1%"), view(*INTERVALS))) == 1
    with pytest.raises(InputError, match="there is no 'aa'; did you mean 'a'"):
        failures(parse_gate("aa: disagreement > 5%"), view(*INTERVALS))


@pytest.mark.parametrize(
    ("text", "rows", "unavailable", "reason"),
    [
        ("loss > 3", (), [("a", "loss", "there are no logits")], "loss > 3: cannot be told in A: there are no logits"),
        ("loss > 3", (), [], "loss > 3: cannot be told in A: loss is not measured there"),
        ("loss > 3", [entry("a", "loss", None, reason="no run finished")], [], "no estimate (no run finished) in A"),
        ("loss.low > 3", [entry("a", "loss", 1.0, reason="one run")], [], "there is no interval (one run) in A"),
        ("ensemble_gain@8 < 0", [entry("a", "ensemble_gain", 0.1, 2)], [], "ensemble_gain is measured at 2 only"),
        ("ensemble_gain@8 < 0", [entry("a", "ensemble_gain", None, reason="too few")], [], "told in A: too few"),
    ],
)
def test_what_cannot_be_told_is_not_passed(text: str, rows, unavailable, reason: str) -> None:
    found = failures(parse_gate(text), view(*rows, unavailable=unavailable))
    assert reason in found[0]


def test_a_measure_with_positions_needs_one() -> None:
    curve = [entry("a", "ensemble_gain", 0.1, m) for m in (2, 4)]
    with pytest.raises(InputError, match=r"needs a position: ensemble_gain is measured at 2, 4; write ensemble_gain@2"):
        failures(parse_gate("ensemble_gain < 0"), view(*curve))
