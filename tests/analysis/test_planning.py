"""Pilots and plans: at its own runs a pilot is planned to have what it has; planned comparisons keep their word."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.document import document
from varbench.analysis.planning.amounts import amount, of_measure, of_same_unit
from varbench.analysis.planning.answers import curve_of, needed_runs, runs_of_curve, shown_difference, shown_width
from varbench.analysis.planning.goals import goal_of
from varbench.analysis.planning.pilot import pilot_of_population, pilots_of_document
from varbench.analysis.planning.spreads import DeviationSpread, MeanSpread, PairSpread
from varbench.analysis.plots import MATRIX_RUNS
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.measures.predictions import disagreement_matrix
from varbench.stats.jackknife import jackknife_variance, off_diagonal_row_sums, pair_mean, pair_mean_left_out
from varbench.stats.pair_planning import PairComponents
from varbench.stats.power import runs_for_difference
from varbench.stats.precision import sd_ends_normal
from varbench.studies.study import Named

NO_GOAL = {"difference": None, "width": None, "probability": None, "runs": None}
USUAL = {"alpha": 0.05, "power": None, "paired": False, "comparisons": 1}


def goal(**wanted):
    return goal_of(**{**NO_GOAL, **USUAL, **wanted})


def population(n_runs=12, *, seed=0, n_examples=80):
    """Runs of different quality on three classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n_examples)
    quality = 1.5 + 0.4 * rng.normal(size=(n_runs, 1, 1))
    logits = quality * np.eye(3)[labels] + rng.normal(size=(n_runs, n_examples, 3))
    return PopulationArrays(logits=logits.astype(np.float32), labels=labels)


def pilot(arrays, measure=None):
    return pilot_of_population(arrays, name="p", label="P", measure=measure, level=0.95)


def report_of(arrays, *, name="p"):
    """The parts of an analysis.json that plans read, made as reports make them."""
    rows = [("s", Named(name, *found)) for found in estimates(arrays, key=0)]
    matrix = disagreement_matrix(arrays.predicted_labels, n_classes=3)[:MATRIX_RUNS, :MATRIX_RUNS]
    rounded = [[float(f"{value:.6g}") for value in row] for row in matrix]
    return document(
        name="s",
        title="",
        headline="",
        budget="",
        studies=[{}],
        conditions=[{"condition": name, "label": "P", "role": "population"}, {"condition": "c", "role": "control"}],
        estimates=rows,
        verdicts=[],
        anchors=[],
        plots={name: {"matrices": {"disagreement": rounded}}},
        measures=MEASURES,
        manifest={},
    )


@pytest.mark.parametrize(
    "measure",
    [
        *("accuracy", "error", "loss", "brier", "disagreement", "js_divergence", "loss_sd", "ensemble_brier@2"),
        "accuracy_variance_distribution",
    ],
)
def test_at_its_own_runs_a_pilot_is_planned_to_have_the_interval_that_it_has(measure):
    arrays = population()
    found = pilot(arrays, measure)
    key = found.key_of(measure)
    spread, estimate = found.spread(key), found.rows[key]
    if isinstance(spread, DeviationSpread) and spread.kurtosis == 3.0:
        pytest.fail("this population should show more kurtosis than a normal one")
    assert spread.width(arrays.n_runs, level=0.95) == pytest.approx(estimate.high - estimate.low, rel=1e-6)


def test_the_upper_end_of_a_mean_over_pairs_stretches_its_interval():
    spread = PairSpread(PairComponents(0.2, 1.0), 1.5)
    assert spread.upper().width(20, level=0.95) == pytest.approx(1.5 * spread.width(20, level=0.95))


def test_a_report_plans_what_its_arrays_plan():
    arrays = population()
    content = report_of(arrays)
    content["conditions"][0]["n_diverged"] = 3
    (stored,) = pilots_of_document(content)
    assert (stored.name, stored.label, stored.n_runs, stored.n_diverged) == ("p", "P", 12, 3)
    for measure in ("accuracy", "loss", "disagreement", "accuracy_sd"):
        ours, theirs = (p.spread(p.key_of(measure)) for p in (pilot(arrays), stored))
        assert type(ours) is type(theirs)
        assert theirs.width(40, level=0.95) == pytest.approx(ours.width(40, level=0.95), rel=1e-4)
        assert theirs.upper().width(40, level=0.95) == pytest.approx(ours.upper().width(40, level=0.95), rel=1e-4)


def test_without_its_pairs_a_report_scales_by_one_over_r():
    content = report_of(population())
    content["plots"] = {}
    (stored,) = pilots_of_document(content)
    spread = stored.spread(("disagreement", None))
    assert isinstance(spread, MeanSpread)
    assert not spread.of_runs
    assert spread.scatter(10) == spread.scatter(1000)


def test_pairs_of_only_the_first_runs_are_not_taken_for_all():
    content = report_of(population())
    content["plots"]["p"]["matrices"]["disagreement"] = np.full((12, 12), 0.9).tolist()
    (stored,) = pilots_of_document(content)
    assert isinstance(stored.spread(("disagreement", None)), MeanSpread)


def test_the_upper_end_of_a_mean_is_that_of_the_sd_in_the_report():
    found = pilot(population())
    assert found.spread(("accuracy", None)).upper().sd == found.rows["accuracy_sd", None].high
    few = pilot(population(4))  # Bonett's interval needs 5 runs, the chi-square one 2
    sd = few.spread(("accuracy", None)).sd
    assert few.spread(("accuracy", None)).upper().sd == pytest.approx(sd_ends_normal(sd, 4, level=0.95)[1])


def test_a_difference_from_a_pilot_is_that_of_its_sd():
    spread = pilot(population()).spread(("accuracy", None))
    found = {n.way: n.runs for n in needed_runs(goal(difference=0.02), spread, other_sd=None)}
    expected = runs_for_difference(spread.sd, 0.02, alpha=0.05, power=0.8, paired=False)
    upper = runs_for_difference(spread.high, 0.02, alpha=0.05, power=0.8, paired=False)
    assert (found["answer"], found["upper"]) == (expected, upper)
    assert found["normal"] <= expected
    several = {n.way: n.runs for n in needed_runs(goal(difference=0.02, comparisons=4), spread, other_sd=None)}
    assert several["answer"] == runs_for_difference(spread.sd, 0.02, alpha=0.0125, power=0.8, paired=False)
    assert several["single"] == expected


@pytest.mark.parametrize(
    "spread",
    [MeanSpread(1.0, 1.7), PairSpread(PairComponents(0.2, 1.0), 1.5), DeviationSpread(1.0, 1.5, 4.0)],
    ids=["mean", "pairs", "sd"],
)
def test_the_planned_width_is_reached_and_not_with_one_run_less(spread):
    asked = goal(width=0.4)
    ways = {entry.way: entry.runs for entry in needed_runs(asked, spread, other_sd=None)}
    assert shown_width(spread, ways["answer"], asked) <= 0.4 < shown_width(spread, ways["answer"] - 1, asked)
    assert shown_width(spread.upper(), ways["upper"], asked) <= 0.4
    assert ways["upper"] > ways["answer"]


def test_two_disagreements_compared_at_the_planned_runs():
    """Matrices with planted run effects and noise: the test on jackknife errors is somewhat on the safe side."""
    rng = np.random.default_rng(0)
    spread = PairSpread(PairComponents(0.25, 1.5))
    asked = goal(difference=0.8)
    runs = needed_runs(asked, spread, other_sd=None)[0].runs
    assert 10 < runs < 60

    def draw(shift):
        effects, noise = rng.normal(0, 0.5, runs), np.triu(rng.normal(size=(runs, runs)), 1)
        sums = off_diagonal_row_sums(shift + effects[:, None] + effects[None, :] + noise + noise.T)
        return pair_mean(sums), jackknife_variance(pair_mean_left_out(sums))

    seen = []
    for _ in range(2500):
        (first, v_first), (second, v_second) = draw(0.8), draw(0.0)
        freedom = (runs - 1) * (v_first + v_second) ** 2 / (v_first**2 + v_second**2)
        seen.append((first - second) / math.sqrt(v_first + v_second) > stats.t.ppf(0.975, freedom))
    assert 0.8 - 3 * math.sqrt(0.16 / 2500) < np.mean(seen) < 0.87


def test_the_curve_runs_through_the_answer():
    spread, asked = MeanSpread(1.0, 2.0), goal(difference=0.5)
    runs = needed_runs(asked, spread, other_sd=None)[0].runs
    curve = curve_of("difference", asked, spread, runs=runs_of_curve([8, runs]), other_sd=None)
    at = dict(zip(curve.runs, curve.values, strict=True))
    assert at[runs] <= 0.5 < at[max(n for n in curve.runs if n < runs)]
    assert 8 in at
    assert list(curve.values) == sorted(curve.values, reverse=True)
    assert np.allclose(np.array(curve.upper) / np.array(curve.values), 2.0)


def test_a_second_sd_counts():
    alone = shown_difference(MeanSpread(1.0), 20, goal(runs=20), other_sd=None)
    assert shown_difference(MeanSpread(1.0), 20, goal(runs=20), other_sd=1.0) == pytest.approx(alone)
    assert shown_difference(MeanSpread(1.0), 20, goal(runs=20), other_sd=3.0) > 2 * alone


@pytest.mark.parametrize(
    ("text", "number", "unit", "stored"),
    [
        ("0.1pp", 0.1, "pp", 0.001),
        ("0.5%", 0.5, "%", 0.005),
        (".5 %", 0.5, "%", 0.005),
        ("2e-3nats", 0.002, "nats", 0.002),
        (0.25, 0.25, "", 0.25),
        ("−1", -1.0, "", -1.0),
    ],
)
def test_amounts(text, number, unit, stored):
    found = amount(text, what="x")
    assert (found.number, found.unit) == (number, unit)
    assert found.stored == pytest.approx(stored)


@pytest.mark.parametrize("text", ["", "pp", "1,5", "nan", "inf", "1e999", "0.1 mm", "0.1pp0"])
def test_what_is_no_amount(text):
    with pytest.raises(InputError, match="the width"):
        amount(text, what="the width")


def test_units_of_a_measure_and_of_each_other():
    assert of_measure("0.1pp", "fraction", what="x") == pytest.approx(0.001)
    assert of_measure("0.001", "pp", what="x") == 0.001
    assert of_measure("0.1nats", "nats", what="x") == 0.1
    for text, unit in (("0.1pp", "nats"), ("0.1nats", "fraction"), ("0.1%", "ratio")):
        with pytest.raises(InputError, match="this measure is in"):
            of_measure(text, unit, what="x")
    assert of_same_unit({"a": "0.1pp", "b": "1%"}) == ({"a": pytest.approx(0.001), "b": pytest.approx(0.01)}, "pp")
    with pytest.raises(InputError, match="same unit"):
        of_same_unit({"a": "0.1pp", "b": 1.0})


def test_pilots_without_a_spread_are_refused_by_a_sentence():
    with pytest.raises(InputError, match="one run"):
        pilot(population(1)).spread(("accuracy", None))
    same = population()
    equal = dataclasses.replace(same, logits=np.repeat(same.logits[:1], 6, axis=0), finished=np.ones(6, bool))
    with pytest.raises(InputError, match="all 6 runs of the pilot have the same test accuracy"):
        pilot(equal).spread(("accuracy", None))
    with pytest.raises(InputError, match="there is no spread to plan with"):
        pilot(equal).spread(("disagreement", None))
    labels_only = PopulationArrays(predictions=same.predicted_labels, labels=same.labels)
    with pytest.raises(InputError, match="neither logits nor probabilities"):
        pilot(labels_only).spread(("loss", None))
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        pilot(same).key_of("acuracy")


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"difference": 0.0}, "difference is 0"),
        ({"difference": 0.1, "width": 0.1}, "one goal"),
        ({"runs": 1}, "1 run says nothing"),
        ({"width": 0.1, "comparisons": 3}, "comparisons"),
        ({"probability": 0.7, "paired": True}, "matched runs"),
        ({"runs": 10, "power": 1.0}, "power"),
        ({"runs": 10, "comparisons": 0}, "comparisons"),
    ],
)
def test_goals_that_cannot_be(wanted, word):
    with pytest.raises(InputError, match=word):
        goal(**wanted)


def test_what_is_no_report():
    for broken in ({}, {"schema": 2}, {"schema": 1, "conditions": [{}]}, {"schema": 1, "conditions": 3}):
        with pytest.raises(InputError, match="pilot"):
            pilots_of_document(broken)
