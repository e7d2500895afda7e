"""The judge of the study of hyperparameters, on runs made to follow its predictions and to break one each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.measures.curvature import Curvature
from varbench.measures.gradient_noise import GradientNoise
from varbench.studies.claims.hyperparameters import STUDY, WORDS

RUNS, EXAMPLES, CLASSES = 8, 150, 10
FOLLOWED = {
    "base": {},
    "rate-low": {"travel": 1.0},
    "rate-high": {"travel": 5.0},
    "decay-mid": {},
    "decay-high": {"norm": 50.0, "slope": 0.5, "sharpness": 0.5},
    "init": {},
    "order": {},
    "order-small": {"flips": 0.3},
}
"""Condition → what it changes of what all have, as the claim wants it."""

BROKEN = {
    "larger steps end farther away": ("rate-high", {"travel": 0.5}),
    "smaller batches are noisier": ("order-small", {"flips": 0.3, "noise": 0.01}),
    "smaller batches, less agreement": ("order-small", {"flips": 0.03}),
    "decay shrinks the weights": ("decay-high", {"norm": 200.0, "slope": 0.5, "sharpness": 0.5}),
    "decay flattens the function": ("decay-high", {"norm": 50.0, "slope": 2.0, "scale": 4.0}),
    "decay smooths the answer": ("decay-high", {"norm": 50.0, "slope": 0.5, "scale": 0.25}),
}
"""Part → the condition that breaks it, and how."""


class Told:
    """A network whose first weights say what it is like, and whose last ones are its logits."""

    def logits(self, weights, split):
        return weights[:, 4:].reshape(len(weights), EXAMPLES, CLASSES)

    def curvature(self, weights, *, key):
        return Curvature(*[weights[:, 0].astype(np.float64)] * 6)

    def input_gradients(self, weights, *, examples):
        return np.repeat(weights[:, 1, None, None], len(examples), axis=1)

    def gradient_noise(self, weights):
        return GradientNoise(weights[:, 2].astype(np.float64), np.ones(len(weights)))


def arrays(plan, *, key, travel=2.0, norm=100.0, slope=1.0, sharpness=1.0, noise=1.0, flips=0.1, scale=1.0):
    random = np.random.default_rng(key)
    runs = len(plan.design)
    labels = np.arange(EXAMPLES) % CLASSES
    said = np.where(random.random((runs, EXAMPLES)) < flips, random.integers(0, CLASSES, (runs, EXAMPLES)), labels)
    logits = np.float32(scale) * np.eye(CLASSES, dtype=np.float32)[said]
    around = np.exp(0.05 * random.normal(size=(runs, 4)))
    weights = np.concatenate([around * [sharpness, slope, noise, norm], logits.reshape(runs, -1)], axis=1)
    initial = weights + np.eye(weights.shape[1])[3] * travel * around[:, :1]
    snapshots = np.repeat(weights[:, None], 4, axis=1).astype(np.float32)
    return PopulationArrays(
        labels=labels,
        logits=logits,
        weights=weights.astype(np.float32),
        initial_weights=initial.astype(np.float32),
        snapshots=snapshots if plan.snapshots else None,
        snapshot_steps=np.arange(4) if plan.snapshots else None,
        networks=Told(),
    )


def judged(changes, *, runs=RUNS):
    plans = STUDY.plan(STUDY.cases("smoke"), "smoke", runs)
    found = {}
    for key, (plan, word) in enumerate(zip(plans, WORDS, strict=True)):
        assert plan.name.endswith(word)
        found[plan.name] = evidence(plan, arrays(plan, key=key, **changes[word]))
    return STUDY.judge(found, {})


def test_runs_that_follow_every_prediction_support_the_claim() -> None:
    judgement = judged(FOLLOWED)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    found = {named.measure: named.estimate.value for named in judgement.estimates}
    assert found["hyper_travel"] == pytest.approx(5.0, rel=0.1)
    assert found["hyper_slope"] == pytest.approx(0.5, rel=0.1)
    assert found["hyper_relative"] == pytest.approx(found["hyper_slope"], rel=1e-6)
    plan = STUDY.plan(STUDY.cases("smoke"), "smoke", RUNS)[0]
    share = plan.recipe.batch_size / len(load("digits").y_train)
    assert found["hyper_noise"] == pytest.approx(10 * (1 - share / 10) / (1 - share), rel=0.1)
    assert "[" in judgement.number
    assert judgement.headline.count("[") == 4


@pytest.mark.parametrize("part", BROKEN)
def test_one_broken_prediction_contradicts_the_claim(part: str) -> None:
    word, change = BROKEN[part]
    judgement = judged({**FOLLOWED, word: change})
    assert judgement.verdicts[-1].verdict == "contradicted"
    assert [name for name, held in holds(judgement).items() if not held] == [part]


def test_the_slope_is_held_against_the_spread_of_the_logits() -> None:
    """A quarter of the logits at half of the slope is twice as steep."""
    judgement = judged({**FOLLOWED, "decay-high": {"norm": 50.0, "slope": 0.5, "scale": 0.25}})
    found = {named.measure: named.estimate.value for named in judgement.estimates}
    assert found["hyper_relative"] == pytest.approx(4 * found["hyper_slope"], rel=1e-6)
    assert "slope over spread of logits changes by a factor of 2" in judgement.number
    assert judgement.number.endswith(" (Digits · MLP 32); claimed: below 1")


def test_the_sharpness_is_shown_and_not_judged() -> None:
    judgement = judged({**FOLLOWED, "decay-high": {**FOLLOWED["decay-high"], "sharpness": 2.0}})
    assert judgement.verdicts[-1].verdict == "supported"
    sharpness = next(named.estimate for named in judgement.estimates if named.measure == "hyper_curvature")
    assert sharpness.value == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(("norm", "verdict"), [(104.3, "inconclusive"), (120.0, "contradicted")])
def test_a_narrow_failure_among_the_numbers_of_the_study_is_not_sure(norm: float, verdict: str) -> None:
    judgement = judged({**FOLLOWED, "decay-high": {**FOLLOWED["decay-high"], "norm": norm}})
    assert ("not surely among the 7 numbers" in judgement.verdicts[0].reason) == (verdict == "inconclusive")
    assert judgement.verdicts[-1].verdict == verdict


def test_a_starting_point_that_changes_nothing_contradicts_the_claim() -> None:
    judgement = judged({**FOLLOWED, "init": {"flips": 0.0}}, runs=12)
    assert holds(judgement)["the starting point decides"] is False
    assert judgement.verdicts[-1].verdict == "contradicted"


@pytest.mark.parametrize("runs", [1, 2])
def test_few_runs_decide_nothing_and_fail_nothing(runs: int) -> None:
    judgement = judged(FOLLOWED, runs=runs)
    assert judgement.verdicts[-1].verdict == "inconclusive"


def test_runs_without_weights_decide_nothing() -> None:
    plans = STUDY.plan(STUDY.cases("smoke"), "smoke", RUNS)
    made = {p.name: evidence(p, arrays(p, key=0)) for p in plans}
    bare = {n: dataclasses.replace(e, arrays=dataclasses.replace(e.arrays, networks=None)) for n, e in made.items()}
    judgement = STUDY.judge(bare, {})
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert not judgement.charts


def test_a_run_that_diverged_is_left_out_of_the_ratios() -> None:
    plans = STUDY.plan(STUDY.cases("smoke"), "smoke", RUNS)
    made = {}
    for key, (plan, word) in enumerate(zip(plans, WORDS, strict=True)):
        runs = arrays(plan, key=key, **FOLLOWED[word])
        if word == "rate-high":
            weights = runs.weights.copy()
            weights[3] = np.nan
            runs = dataclasses.replace(runs, finished=np.arange(RUNS) != 3, weights=weights)
        made[plan.name] = evidence(plan, runs)
    judgement = STUDY.judge(made, {})
    travel = next(named.estimate for named in judgement.estimates if named.measure == "hyper_travel")
    assert travel.n_runs == RUNS - 1
    assert travel.value == pytest.approx(5.0, rel=0.1)


def test_the_sweeps_change_one_setting_each_and_keep_the_steps() -> None:
    cases = STUDY.cases("standard")
    assert len(cases) == 2
    for plan in STUDY.plan(cases, "standard", None):
        base = next(c for c in cases if c.name in plan.name).recipe.as_dict()
        changed = {k for k, v in plan.recipe.as_dict().items() if v != base[k]}
        setting = {"rate": {"lr"}, "deca": {"weight_decay"}, "orde": {"batch_size"} if "small" in plan.name else set()}
        assert changed == setting.get(plan.name.split("-")[2][:4], set())
