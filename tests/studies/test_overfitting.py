"""The judge of the study of overfitting, on networks whose losses and accuracies are planted in their weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from tests.training.toys import train
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.measures.predictions import predicted_labels
from varbench.measures.scores import loss_per_run
from varbench.probes import TrainedNetworks
from varbench.studies.claims.overfitting import NOISE, STUDY, labels_trained_on, turning
from varbench.studies.study import BUDGETS, Evidence, PopulationPlan
from varbench.training.design import together
from varbench.training.engine import Engine
from varbench.training.moments import snapshot_steps
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

RUNS = 12
DATA = load("digits")
STEPS = np.array(snapshot_steps(13, steps=120))
Y = DATA.y_test


class Planted:
    """Weights [test loss, logit of the true class of training examples]."""

    def scores(self, weights, split):
        assert split == "test"
        return weights[:, 0].astype(np.float64), 0.0 * weights[:, 0]

    def logits(self, weights, split):
        assert split == "train"
        return weights[:, 1, None, None] * np.eye(10, dtype=np.float32)[DATA.y_train]


def answers(right, random):
    """Logits of runs that are right for shares [R] of the test examples."""
    shares = right + 0.002 * random.normal(size=RUNS)
    correct = np.arange(len(Y)) < shares[:, None] * len(Y)
    return np.eye(10, dtype=np.float32)[np.where(correct, Y, (Y + 1) % 10)]


def judged(*, fitted=0.9, right=0.05, curve=(1.0, 0.4, 0.9), spread=0.01, runs=RUNS, diverged=False, weights=True):
    """Runs that fit a share of the wrong labels, and whose test loss passes three values along the training."""
    random = np.random.default_rng(0)
    found = {}
    for plan, noise in zip(STUDY.plan(STUDY.cases("smoke"), "smoke", runs), NOISE.values(), strict=True):
        loss = np.interp(np.arange(len(STEPS)), (0, len(STEPS) // 2, len(STEPS) - 1), curve)
        snapshots = np.stack([loss + spread * random.normal(size=(RUNS, len(STEPS))), np.ones((RUNS, len(STEPS)))], -1)
        finished = np.ones(RUNS, dtype=bool)
        accuracy = fitted + spread * random.normal(size=RUNS) if noise == 1.0 else np.full(RUNS, 0.95)
        logits = answers(right if noise == 1.0 else 0.9, random)
        if diverged:
            finished[0], accuracy[0], snapshots[0, -1] = False, np.nan, np.nan
        arrays = PopulationArrays(
            labels=Y,
            logits=logits[:runs],
            finished=finished[:runs],
            train_accuracy=accuracy[:runs].astype(np.float32),
            train_loss=np.ones(runs, np.float32),
            levels={"label_noise": np.arange(runs)},
            snapshots=snapshots[:runs].astype(np.float32) if noise == 0.4 and weights else None,
            snapshot_steps=STEPS if noise == 0.4 and weights else None,
            networks=Planted() if weights else None,
        )
        found[plan.name] = evidence(plan, arrays)
    return STUDY.judge(found, {})


def value(judgement, measure, *, word, at=None):
    named = [n for n in judgement.estimates if (n.measure, n.at) == (measure, at) and n.condition.endswith(word)]
    assert len(named) == 1
    return named[0].estimate.value


PARTS = (
    "wrong labels are fitted",
    "what is fitted does not generalize",
    "fitting goes on after it stops helping",
)


def test_fitted_noise_supports_the_claim_with_the_planted_numbers() -> None:
    judgement = judged()
    assert holds(judgement) == dict.fromkeys(PARTS, True)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    assert value(judgement, "overfitting_fitted", word="wrong") == pytest.approx(0.9, abs=0.02)
    assert value(judgement, "overfitting_right", word="wrong") == pytest.approx(0.05, abs=0.005)
    assert value(judgement, "overfitting_excess", word="part") == pytest.approx(0.5, abs=0.02)
    assert value(judgement, "overfitting_gain", word="part") == pytest.approx(0.0, abs=1e-6)
    # A logit of 1 for the true class: 40 % of the labels trained on are another one, whose logit is 0.
    wrong = round(0.4 * len(DATA.y_train)) / len(DATA.y_train)
    planted = np.log(np.e + 9) - (1 - wrong)
    assert value(judgement, "overfitting_train_loss", word="part", at=120.0) == pytest.approx(planted, abs=1e-5)
    assert [chart.name for chart in judgement.charts] == ["accuracy", "loss"]


@pytest.mark.parametrize(
    ("planted", "broken"),
    [
        ({"fitted": 0.3}, PARTS[0]),
        ({"right": 0.3}, PARTS[1]),
        ({"curve": (1.0, 0.9, 0.4)}, PARTS[2]),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(planted, broken: str) -> None:
    judgement = judged(**planted)
    assert {name: held for name, held in holds(judgement).items() if not held} == {broken: False}
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_the_table_has_the_number_that_decided_with_what_was_claimed() -> None:
    assert judged(fitted=0.3).number.startswith("29.9 % [")
    assert judged(fitted=0.3).number.endswith(
        "of labels that are all wrong are fitted (Digits · MLP 32); claimed: above 50 %"
    )
    number = judged(right=0.3).number
    assert number.startswith("trained on wrong labels only, runs are right on 30.")
    assert number.endswith("of the test examples (Digits · MLP 32); claimed: below 12 %")


@pytest.mark.parametrize(("fitted", "verdict"), [(0.495, "inconclusive"), (0.485, "contradicted")])
def test_a_narrow_failure_among_the_numbers_of_the_study_is_not_sure(fitted: float, verdict: str) -> None:
    """Twelve runs with an SD of 0.008: 0.495 lies below a half by itself, and not among three numbers."""
    judgement = judged(fitted=fitted, spread=0.008)
    assert holds(judgement)[PARTS[0]] is {"inconclusive": None, "contradicted": False}[verdict]
    assert ("not surely among the 3 numbers" in judgement.verdicts[0].reason) == (verdict == "inconclusive")
    assert judgement.verdicts[-1].verdict == verdict


@pytest.mark.parametrize("planted", [{"runs": 1}, {"fitted": 0.5, "spread": 0.3}, {"weights": False}])
def test_one_run_a_wide_spread_or_no_weights_decide_nothing(planted) -> None:
    assert judged(**planted).verdicts[-1].verdict == "inconclusive"


def test_a_loss_that_only_fluctuates_is_no_rise() -> None:
    judgement = judged(curve=(0.5, 0.5, 0.5), spread=0.2)
    assert holds(judgement)[PARTS[2]] is None


def test_the_turning_point_of_a_run_is_that_of_the_others() -> None:
    loss = np.array([[1.0, 0.0, 2.0], [1.0, 3.0, 2.5], [1.0, 3.0, 2.5], [np.nan, 0.0, 0.0]])
    np.testing.assert_array_equal(turning(loss), [0, 0, 0, -1])
    np.testing.assert_array_equal(turning(loss[[0, 3]]), [-1, -1])
    np.testing.assert_array_equal(turning(np.array([[1.0, 0.5], [0.5, 1.0]])), [0, 1])


def test_a_diverged_run_is_left_out_and_not_counted_as_wrong() -> None:
    judgement = judged(right=0.3, diverged=True)
    assert value(judgement, "overfitting_right", word="wrong") == pytest.approx(0.3, abs=0.005)
    assert holds(judgement) == {PARTS[0]: True, PARTS[1]: False, PARTS[2]: True}


@pytest.mark.parametrize("budget", BUDGETS)
def test_only_the_labels_differ_between_the_conditions_of_a_recipe(budget: str) -> None:
    plans = STUDY.plan(STUDY.cases(budget), budget, None)
    assert len(plans) == (3 if budget == "smoke" else 6)
    assert len({plan.recipe.replace(label_noise=0.0).hash() for plan in plans}) == len(plans) // 3
    assert [plan.recipe.label_noise for plan in plans] == list(NOISE.values()) * (len(plans) // 3)


def test_the_labels_trained_on_are_those_whose_fit_the_runs_stored() -> None:
    recipe = Recipe(data="digits", model="mlp", hidden=(16,), lr=1e-2, schedule="constant", label_noise=0.4, steps=200)
    design = together(2, sources=("init", "order", "label_noise"))
    runs = train(Engine(recipe, DATA, Strategy(width=2)), design.levels)
    levels = {"label_noise": design.column("label_noise")}
    logits = np.stack([run.logits for run in runs])
    e = Evidence(
        PopulationPlan("part", "Part", recipe, design), PopulationArrays(labels=Y, logits=logits, levels=levels), ()
    )
    there = TrainedNetworks(recipe, DATA).logits(np.stack([run.weights for run in runs]), "train")
    for run, labels, found in zip(runs, labels_trained_on(e), there, strict=True):
        assert (labels != DATA.y_train).sum() == round(0.4 * len(labels))
        assert (predicted_labels(found[None])[0] == labels).mean() == pytest.approx(run.train_accuracy, abs=2e-3)
        assert loss_per_run(found[None], labels)[0] == pytest.approx(run.train_loss, rel=1e-4)
