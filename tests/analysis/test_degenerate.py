"""At the edge every measure gives a defined value or a named reason: no NaN, no warning, no exception."""

import math

import numpy as np
import pytest

from tests.analysis.populations import degenerate, population, with_arrays
from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.plotdata import square
from varbench.analysis.plots import plots

CASES = degenerate()


def values(case, *names):
    return {(name, at): estimate for name, at, estimate in estimates(CASES[case], names=names or None, key=0)}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", MEASURES)
def test_defined_or_with_a_reason(case, name):
    for _, _, estimate in estimates(CASES[case], names=[name], key=0):
        for number in (estimate.value, estimate.low, estimate.high):
            assert number is None or (type(number) is float and math.isfinite(number))
        if estimate.value is None or estimate.low is None:
            assert len(estimate.reason) > 10
        else:
            assert estimate.reason == ""
            assert estimate.low <= estimate.high
            largest = 0.5 if name.startswith("accuracy_sd") and MEASURES[name].unit == "pp" else 1.0
            bounded = MEASURES[name].unit in ("fraction", "pp") and name != "cace"  # that is a sum over classes
            assert not bounded or max(-estimate.low, estimate.high) <= largest


def test_weights_too_large_for_distances_say_so_and_are_drawn_without_a_number():
    named = dict(unavailable(CASES["weights beyond any distance"]))
    for name in ("weight_distance", "weight_cosine", "weight_pca_share", "initial_weight_distance"):
        assert named[name] == "the weights are beyond 1e+300, and their distances leave float64"
    near, usual = (
        values(case, "weight_distance", "weight_pca_share") for case in ("weights near the largest", "usual")
    )
    for place, estimate in near.items():
        assert estimate.value == pytest.approx(usual[place].value, rel=1e-6)
    assert values("one run's weights overflow", "weight_distance")["weight_distance", None].n_runs == 8
    drawn = square(plots(CASES["one run's weights overflow"])["matrices"]["weight_distance"])
    assert np.isnan(drawn[4]).all()
    assert drawn[0, 1] > 0


@pytest.mark.parametrize("case", ["weights whose squares overflow", "weights whose squares underflow"])
def test_the_unit_of_the_weights_changes_nothing(case):
    names = ("weight_distance", "weight_cosine", "weight_distance_over_travel", "weight_pca_share")
    found, usual = values(case, *names), values("usual", *names)
    assert set(found) == set(usual)
    for place, estimate in found.items():
        expected = usual[place]
        numbers = [(e.value, e.low, e.high) for e in (estimate, expected)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-6, abs=1e-9), place


def test_one_run_has_its_own_scores_without_an_interval_and_nothing_between_runs():
    found = values("one run")
    over_runs = [place for place, estimate in found.items() if estimate.low is not None and "runs" in estimate.method]
    assert over_runs == []
    run = population(1)
    for name in ("accuracy", "loss", "brier", "ece"):
        assert found[name, None].value is not None
        assert (found[name, None].low, found[name, None].reason) == (
            None,
            "an interval over runs needs at least 2 runs",
        )
    assert found["accuracy", None].value == run.accuracy[0]
    for name in ("disagreement", "logit_correlation", "weight_distance", "js_divergence"):
        assert (found[name, None].value, found[name, None].reason) == (None, "a mean over pairs needs at least 2 runs")
    assert found["accuracy_sd", None].value is None
    assert found["ensemble_gain", None].reason == "an ensemble curve needs at least 4 finished runs, there are 1"


def test_two_runs_have_a_disagreement_without_an_interval():
    disagreement = values("two runs")["disagreement", None]
    first, second = population(2).predicted_labels
    assert disagreement.value == (first != second).mean()
    assert (disagreement.low, disagreement.reason) == (None, "an interval by leaving out one run needs at least 3 runs")


def test_equal_runs_are_exactly_alike():
    found = values("all runs equal")
    zero = ["accuracy_sd", "loss_sd", "disagreement", "disagreement_over_error", "js_divergence", "tv_distance",
            "weight_distance", "equivalent_loss", "accuracy_sd_independent", "accuracy_sd_distribution"]  # fmt: skip
    for name in zero:
        estimate = found[name, None]
        assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0), name
    assert found["weight_cosine", None].value == 1.0
    assert found["weight_distance", "dense/bias"].high == 0.0
    assert found["logit_correlation", None].value == pytest.approx(1.0, abs=1e-12)
    assert found["error_consistency", None].value == 1.0
    assert found["instability_share", 0.01].reason == "no two runs disagree"
    assert found["ensemble_gain", 4].value == pytest.approx(0.0, abs=1e-15)
    assert found["ensemble_disagreement", 2].value == 0.0


def test_without_an_error_ratios_and_kappa_are_not_defined_and_say_so():
    found = values("perfect")
    assert (found["accuracy", None].value, found["accuracy", None].high) == (1.0, 1.0)
    assert found["disagreement_over_error", None].reason == "no run makes an error"
    assert "both right" in found["error_consistency", None].reason
    assert found["accuracy_sampling_se", None].value == 0.0


def test_one_class_leaves_nothing_to_predict():
    found = values("one class")
    assert found["accuracy", None].value == 1.0
    assert found["loss", None].value == 0.0
    assert found["disagreement", None].value == 0.0


def test_one_example_cannot_tell_runs_from_test_noise():
    estimate = values("one example")["accuracy_sd_distribution", None]
    assert (estimate.value, estimate.reason) == (None, "telling runs from test noise needs at least 2 test examples")


@pytest.mark.parametrize("case", ["NaN logits in one run", "one run diverged"])
def test_a_lost_run_counts_in_labels_and_is_left_out_of_losses(case):
    found = values(case)
    others = np.delete(population().accuracy, 3)
    assert found["accuracy", None].value == pytest.approx(others.sum() / 9)
    assert (found["accuracy", None].n_runs, found["loss", None].n_runs) == (9, 8)
    alone = with_arrays(
        population(),
        **{
            name: np.delete(getattr(population(), name), 3, axis=0)
            for name in ("logits", "finished", "weights", "initial_weights", "train_loss", "train_accuracy")
        },
    )
    for name in ("loss", "logit_correlation", "ensemble_brier"):
        expected = [e.value for _, _, e in estimates(alone, names=[name], key=0)]
        assert [e.value for (n, _), e in found.items() if n == name] == pytest.approx(expected)
    between = estimates(alone, names=["disagreement"], key=0)[0][2].value
    assert found["disagreement", None].value == pytest.approx((between * 28 + 8) / 36)


def test_what_was_not_stored_is_named():
    bare = degenerate()["no weights"]
    reasons = dict(unavailable(bare))
    assert reasons["weight_distance"] == "the population was stored without its weights"
    assert reasons["initial_weight_cosine"] == "the population was stored without its initial weights"
    assert not {name for name, _ in values("no weights")} & set(reasons)
    (_, at, asked), *others = estimates(bare, names=["weight_distance"], key=0)
    assert (at, asked.value, asked.reason, others) == (None, None, reasons["weight_distance"], [])
    assert "training examples" in dict(unavailable(degenerate()["no training scores"]))["train_loss"]


def test_a_run_without_its_training_loss_is_left_out_of_that_alone():
    base = population()
    losses = base.train_loss.copy()
    losses[2] = np.nan
    found = estimates(with_arrays(base, train_loss=losses), names=["train_loss", "train_accuracy"], key=0)
    assert [estimate.n_runs for _, _, estimate in found] == [8, 9]
    assert found[0][2].value == pytest.approx(np.delete(losses, 2).mean())


def test_weights_that_never_moved_have_a_distance_and_no_travel():
    found = values("weights never moved")
    assert found["weight_distance", None].value > 0
    assert (
        found["weight_distance_over_travel", None].reason == "two of the runs did not move from their initial weights"
    )
    assert "no direction" in values("weights are all zero")["weight_cosine", None].reason
