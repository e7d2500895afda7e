"""The judge of the study of the loss landscape, on networks whose loss surface is written in their weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.errors import InputError
from varbench.measures.curvature import Curvature
from varbench.measures.gradient_noise import GradientNoise
from varbench.parameters import Leaf, PermutationGroup, Slot
from varbench.probes import TrainedNetworks
from varbench.studies.claims import hyperparameters
from varbench.studies.claims.landscape.points import (
    Along,
    bad_points,
    progress_rank,
    rank_between,
    rank_within,
    rescaled,
)
from varbench.studies.claims.landscape.study import STUDY
from varbench.studies.registry import study
from varbench.studies.request import Request
from varbench.studies.study import BUDGETS, Case
from varbench.training.recipe import Recipe

RUNS, CLASSES = 8, 10
LABELS = np.arange(50) % CLASSES
STEPS = np.array([0, 1, 3, 10, 30, 100])
PARTS = (
    "bad points curve down",
    "flat stretches are slow",
    "sharper recipes generalize worse",
    "full batches end sharper and worse",
    "many good minima",
    "minima are joined",
    "wider is better joined",
)

FOLLOWED: dict[str, dict[str, float]] = {
    "rate-low": {"sharpness": 4.0, "test": 0.9},
    "base": {"sharpness": 3.0, "test": 0.8},
    "rate-high": {"sharpness": 2.0, "test": 0.7},
    "decay-mid": {"sharpness": 1.5, "test": 0.6},
    "decay-high": {"sharpness": 1.0, "test": 0.5},
    "narrow": {"aligned": 0.5, "raw": 0.5},
    "wide": {"aligned": 0.05, "raw": 0.4},
    "small-batch": {"sharpness": 1.0, "test": 0.5},
    "full-batch": {"sharpness": 2.0, "test": 0.6},
}
"""Condition → what is told of it, as the claim wants it."""

REVERSED = {w: {"test": 0.1 * i} for i, w in enumerate(("rate-low", "base", "rate-high", "decay-mid", "decay-high"), 1)}
"""The sharper, the better."""

JITTER = 0.2
"""Relative noise of these at each snapshot: runs that were all alike would tell little."""

FALLING = {"negative": (0.4, 0.1), "lowest": (-2.0, -0.1), "norm": (1.0, 0.01)}
"""At the first and at the last snapshot of the base."""


class Told:
    """A network of ten weights: λ_max, negative share, λ_min, ‖G‖², loss, two heights; a mark; two units.

    Between networks whose units are swapped the loss rises by the first height, between those of other marks by the
    second one. Relabeling swaps the units back.
    """

    leaves = (Leaf("told", (7,), 0, 7), Leaf("mark", (1,), 7, 8), Leaf("units", (2,), 8, 10))
    symmetries = (PermutationGroup("units", 2, (Slot("units", 0),)),)
    epsilon = 1e-7

    def scores(self, weights, split):
        w = weights.astype(np.float64)
        loss = w[:, 4] + w[:, 5] * 4.0 * w[:, 8] * w[:, 9] + w[:, 6] * (1.0 - w[:, 7] ** 2)
        return loss, 0.0 * loss

    def curvature(self, weights, *, key):
        w = weights.astype(np.float64)
        return Curvature(w[:, 0], w[:, 2], w[:, 0], w[:, 0], w[:, 1], w[:, 1])

    def gradient_noise(self, weights):
        return GradientNoise(weights[:, 3].astype(np.float64), weights[:, 3].astype(np.float64))

    def logits(self, weights, split):
        return np.zeros((len(weights), len(LABELS), CLASSES), np.float32)


def weights_of(told, random, *, spread):
    """Weights [R, 10] of runs whose told numbers [7] differ a little; units and marks alternate from run to run."""
    noisy = np.asarray(told) * (1.0 + spread * random.normal(size=(RUNS, 7)))
    odd = np.arange(RUNS) % 2
    return np.concatenate([noisy, 1.0 - 2.0 * odd[:, None], (odd == 0)[:, None], (odd == 1)[:, None]], axis=1)


def logits_of(loss):
    """Logits of runs [R] whose cross-entropy is given."""
    size = -np.log(np.expm1(loss) / (CLASSES - 1))
    return (size[:, None, None] * np.eye(CLASSES)[LABELS]).astype(np.float32)


def judged(changes=None, *, falling=None, train=0.1, spread=0.01, runs=RUNS, diverged=(), snapshots=True):
    """Evidence of the smoke plan with what is told of every condition."""
    found = {}
    ends = {**FALLING, **(falling or {})}
    for seed, plan in enumerate(STUDY.plan(STUDY.cases("smoke"), "smoke", runs)):
        word = plan.name.partition("-digits-")[2]
        told = {
            "sharpness": 1.0,
            "test": 0.5,
            "raw": 0.3,
            "aligned": 0.1,
            **FOLLOWED[word],
            **(changes or {}).get(word, {}),
        }
        random = np.random.default_rng(seed)
        row = (told["sharpness"], 0.1, -0.1, 0.01, train, told["raw"], told["aligned"])
        weights = weights_of(row, random, spread=spread).astype(np.float32)
        along = np.repeat(weights[:, None], len(STEPS), axis=1)
        share = np.linspace(0.0, 1.0, len(STEPS))
        for column, name in ((1, "negative"), (2, "lowest"), (3, "norm")):
            first, last = ends[name]
            along[:, :, column] *= (first + (last - first) * share) / along[:, -1:, column]
            along[:, :, column] *= np.exp(JITTER * random.normal(size=(RUNS, len(STEPS))))
        along[:, :, 4] = 2.3 * np.exp(-STEPS / 10.0) + weights[:, 4:5]
        finished = np.isin(np.arange(RUNS), diverged, invert=True)
        arrays = PopulationArrays(
            labels=LABELS,
            logits=logits_of(told["test"] * np.exp(spread * random.normal(size=RUNS)))[:runs],
            finished=finished[:runs],
            weights=weights[:runs],
            initial_weights=np.zeros_like(weights[:runs]),
            train_loss=(train * (1.0 + spread * random.normal(size=RUNS))).astype(np.float32)[:runs],
            snapshots=along[:runs] if word == "base" and snapshots else None,
            snapshot_steps=STEPS if word == "base" and snapshots else None,
            networks=Told(),
        )
        found[plan.name] = evidence(plan, arrays)
    return STUDY.judge(found, {})


def value(judgement, measure, *, word="base"):
    (named,) = [n for n in judgement.estimates if n.measure == measure and n.condition.endswith(f"-{word}")]
    return named.estimate.value


def test_a_surface_as_claimed_supports_the_claim_with_the_planted_numbers() -> None:
    judgement = judged()
    assert holds(judgement) == dict.fromkeys(PARTS, True)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    assert value(judgement, "landscape_progress") > 0.8
    assert value(judgement, "landscape_between") == pytest.approx(1.0)
    assert value(judgement, "landscape_batch") == pytest.approx(2.0, rel=0.03)
    assert value(judgement, "landscape_batch_loss") == pytest.approx(0.1, abs=0.02)
    assert value(judgement, "landscape_raw", word="wide") == pytest.approx(0.45, abs=0.02)
    assert value(judgement, "landscape_aligned", word="wide") == pytest.approx(0.05, abs=0.01)
    assert value(judgement, "landscape_aligned", word="narrow") == pytest.approx(0.5, abs=0.02)
    names = [chart.name for chart in judgement.charts]
    assert names == ["barriers", "path-1", "saddles", "sharpness", "progress", "sharp-1"]


@pytest.mark.parametrize(
    ("planted", "broken"),
    [
        ({"falling": {"negative": (0.1, 0.4)}}, PARTS[0]),
        ({"falling": {"lowest": (0.5, 0.1)}}, PARTS[0]),
        ({"falling": {"norm": (0.5, 1.0)}}, PARTS[1]),
        ({"changes": {"full-batch": {"sharpness": 0.5}}}, PARTS[3]),
        ({"changes": {"full-batch": {"test": 0.4}}}, PARTS[3]),
        ({"changes": {"wide": {"raw": 0.001, "aligned": 0.001}}}, PARTS[4]),
        ({"changes": {"wide": {"aligned": 0.4}}}, PARTS[5]),
        ({"changes": {"narrow": {"aligned": 0.02}}}, PARTS[6]),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(planted, broken: str) -> None:
    judgement = judged(**planted)
    assert {name: held for name, held in holds(judgement).items() if not held} == {broken: False}
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_five_recipes_in_reverse_are_too_few_to_contradict() -> None:
    judgement = judged(REVERSED)
    (part,) = [part for part in judgement.verdicts[0].parts if part.name == PARTS[2]]
    assert (part.weighed[0].holds, part.holds) == (False, None)
    assert part.weighed[0].p_value >= 1 / 120
    assert judgement.verdicts[-1].verdict == "inconclusive"


@pytest.mark.parametrize("planted", [{"runs": 1}, {"spread": 3.0}, {"diverged": range(RUNS)}, {"snapshots": False}])
def test_one_run_a_wide_spread_no_run_and_no_snapshots_are_no_support(planted) -> None:
    judgement = judged(**planted)
    assert judgement.verdicts[-1].verdict != "supported"
    assert None in holds(judgement).values()
    assert all(n.estimate.value is None or np.isfinite(n.estimate.value) for n in judgement.estimates)


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_runs_that_all_diverged_are_no_answer(runs: int) -> None:
    judgement = judged(runs=runs, diverged=range(runs))
    assert set(holds(judgement).values()) == {None}
    assert judgement.verdicts[-1].verdict == "inconclusive"


def test_one_narrow_failure_among_the_numbers_decides_nothing() -> None:
    judgement = judged({"full-batch": {"test": 0.492}})
    (part,) = [part for part in judgement.verdicts[0].parts if part.name == PARTS[3]]
    assert [w.holds for w in part.weighed] == [True, False]
    assert part.holds is None
    assert judgement.verdicts[-1].verdict == "inconclusive"


def test_runs_that_end_at_no_good_minimum_tell_nothing_of_how_many_there_are() -> None:
    judgement = judged(train=1.0)
    assert {name: held for name, held in holds(judgement).items() if not held} == dict.fromkeys(PARTS[4:])
    assert "do not end at good minima" in judgement.verdicts[0].reason
    assert judgement.verdicts[-1].verdict == "inconclusive"


def test_a_diverged_run_is_left_out_with_its_pair() -> None:
    judgement = judged(diverged=(0,))
    assert holds(judgement) == dict.fromkeys(PARTS, True)
    (named,) = [n for n in judgement.estimates if n.measure == "landscape_width"]
    assert named.estimate.n_runs == RUNS - 2
    assert named.estimate.degrees == RUNS // 2 - 2


def test_bad_points_are_those_above_half_of_the_initial_loss() -> None:
    rows = np.array([[1.0, 0.6, 0.4, 0.1], [1.0, 0.9, 0.8, 0.7]])
    negative = np.array([[0.4, 0.2, 0.1, 0.1], [0.4, 0.4, 0.4, 0.4]])
    points = Along(np.arange(4), rows, negative, -negative, negative, negative)
    excess, lowest = bad_points(points)
    np.testing.assert_allclose(excess, [0.2, np.nan])
    np.testing.assert_allclose(lowest, [-0.3, -0.4])


def test_progress_is_held_against_the_gradient_where_it_begins() -> None:
    steps, loss = np.array([0, 1, 3, 9]), np.array([[4.0, 2.0, 1.0, 0.9]])
    falls = [2.0, 0.5, 0.1 / 6]
    for norm in ([9.0, 4.0, 1.0, 5.0], [1.0, 4.0, 2.0, 5.0]):
        squared = np.array([norm])
        expected = stats.kendalltau(norm[:3], falls).statistic
        assert progress_rank(Along(steps, loss, loss, loss, loss, squared))[0] == pytest.approx(expected)


def test_ranks_between_recipes_are_of_their_means_and_ranks_within_pool_recipes() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 5, 6))
    between = rank_between(first, second)
    assert between.value == pytest.approx(stats.kendalltau(first.mean(axis=1), second.mean(axis=1)).statistic)
    assert (between.n_runs, between.resampled) == (5, "recipes")
    found = rank_within(first, second)
    pooled = [stats.kendalltau(first[c], second[c]).statistic for c in range(5)]
    assert found.value == pytest.approx(np.mean(pooled))
    first[2, 4] = np.nan
    means = [np.delete(values[2], 4).mean() for values in (first, second)]
    rows = [values.mean(axis=1) for values in (first, second)]
    for row, mean in zip(rows, means, strict=True):
        row[2] = mean
    assert rank_between(first, second).value == pytest.approx(stats.kendalltau(*rows).statistic)
    keep = [0, 1, 2, 3, 5]
    pooled = [stats.kendalltau(first[c, keep], second[c, keep]).statistic for c in range(5)]
    assert rank_within(first, second).value == pytest.approx(np.mean(pooled))


def test_scaled_layers_are_the_same_function_and_another_sharpness() -> None:
    networks = TrainedNetworks(Recipe(data="digits", model="mlp", hidden=(8,)), load("digits"))
    weights = (0.3 * np.random.default_rng(0).normal(size=(2, networks.leaves[-1].stop))).astype(np.float32)
    moved = rescaled(weights, networks.leaves, 4.0)
    assert moved is not None
    assert np.abs(moved - weights).max() > 0.5
    np.testing.assert_allclose(networks.logits(moved, "test"), networks.logits(weights, "test"), rtol=1e-4, atol=1e-4)
    assert rescaled(weights, networks.leaves[:3], 4.0) is None


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_swept_populations_are_those_of_the_study_of_hyperparameters(budget: str) -> None:
    theirs = {p.name: p for p in hyperparameters.STUDY.plan(hyperparameters.STUDY.cases(budget), budget, None)}
    plans = STUDY.plan(STUDY.cases(budget), budget, None)
    shared = [p for p in plans if p.name in theirs]
    assert len(shared) == 5 * len(STUDY.cases(budget))
    assert all(p.trains_as(theirs[p.name]) for p in shared)


def test_full_batches_are_the_training_set_at_the_steps_of_the_small_ones() -> None:
    plans = {p.name.partition("-digits-")[2]: p.recipe for p in STUDY.plan(STUDY.cases("smoke"), "smoke", 2)}
    small, full = plans["small-batch"], plans["full-batch"]
    assert full.batch_size == len(load("digits").y_train)
    assert small == full.replace(batch_size=small.batch_size)
    assert [plans[w].hidden for w in ("narrow", "base", "wide")] == [(8,), (32,), (128,)]


def test_a_recipe_without_layers_is_refused() -> None:
    plain = Recipe(data="digits", model="mlp", steps=5)
    with pytest.raises(InputError, match=r"give recipe\.hidden"):
        STUDY.plan([Case("own", "Own", plain)], "smoke", 2)


def test_a_small_run_end_to_end(tmp_path) -> None:
    from varbench.studies.execute import execute, jobs_of
    from varbench.studies.judge import judge

    asked = Request((study("landscape"),), "smoke", runs=3, overrides={"steps": 20, "hidden": (8,)})
    execute(asked, jobs_of(asked, tmp_path / "run"), tmp_path / "run", command="")
    analysis = judge(tmp_path / "run")
    assert analysis["verdicts"][-1]["verdict"] in ("supported", "contradicted", "inconclusive")
    raw, aligned = (
        [row["value"] for row in analysis["estimates"] if row["measure"] == f"landscape_{form}"]
        for form in ("raw", "aligned")
    )
    assert len(raw) == len(aligned) == 3
    assert min(raw) >= 0.0
