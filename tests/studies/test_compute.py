"""The judge of the study of compute, on networks whose reliance, shift and loss are planted in their weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.data.variants import with_patch
from varbench.studies.claims.compute import NOISE, STUDY
from varbench.training.moments import snapshot_steps

RUNS = 6
DATA = load("digits+patch:0.9")
STEPS = np.array(snapshot_steps(13, steps=120))
Y = DATA.y_test
RIGHT = with_patch(DATA, DATA.x_test, Y)
SHIFTED = load(f"digits+patch:0.9+{NOISE}").x_test


class Planted:
    """Weights [loss, share right where the plant lies, share right under noise]; always right where it does not."""

    def scores(self, weights, split):
        return weights[:, 0].astype(np.float64), 0.0 * weights[:, 0]

    def logits(self, weights, split):
        return self.logits_on(weights, RIGHT)

    def logits_on(self, weights, x):
        share = np.ones(len(weights))
        if np.array_equal(x, SHIFTED):
            share = weights[:, 2]
        elif not np.array_equal(x, RIGHT):
            share = weights[:, 1]
        right = np.arange(len(Y)) < share[:, None] * len(Y)
        return np.eye(10, dtype=np.float32)[np.where(right, Y, (Y + 1) % 10)]


def judged(narrow, wide, *, runs=RUNS, spread=0.01):
    """Each width: (early, late) triples of training loss, accuracy where the plant lies, accuracy under noise."""
    random = np.random.default_rng(0)
    plans = STUDY.plan(STUDY.cases("smoke"), "smoke", runs)
    found = {}
    for plan, (early, late) in zip(plans, (narrow, wide), strict=True):
        weights = np.where((STEPS <= 60)[:, None], np.array(early), np.array(late))
        snapshots = (weights + spread * random.normal(size=(runs, len(STEPS), 3))).astype(np.float32)
        arrays = PopulationArrays(
            labels=Y,
            logits=np.repeat(np.eye(10, dtype=np.float32)[Y][None], runs, axis=0),
            weights=snapshots[:, -1],
            snapshots=snapshots,
            snapshot_steps=STEPS,
            networks=Planted(),
        )
        found[plan.name] = evidence(plan, arrays)
    return STUDY.judge(found, {})


def test_a_falling_loss_with_the_same_reliance_supports_the_claim() -> None:
    judgement = judged([(1.0, 0.5, 0.6), (0.5, 0.5, 0.6)], [(0.5, 0.5, 0.6), (0.2, 0.5, 0.6)])
    assert all(holds(judgement).values())
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    last = {n.measure: n.estimate.value for n in judgement.estimates if n.at == 120.0 and n.condition.endswith("wide")}
    assert last["compute_reliance"] == pytest.approx(0.5, abs=0.02)
    assert last["compute_shifted"] == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize(
    ("wide", "broken"),
    [
        ([(0.5, 0.5, 0.6), (0.7, 0.5, 0.6)], "steps: lower training loss"),
        ([(1.5, 0.5, 0.6), (0.2, 0.5, 0.6)], "width: lower training loss"),
        ([(0.5, 0.3, 0.6), (0.2, 0.5, 0.6)], "steps: no less reliance"),
        ([(0.5, 0.7, 0.6), (0.2, 0.7, 0.6)], "width: no less reliance"),
        ([(0.5, 0.5, 0.4), (0.2, 0.5, 0.6)], "steps: no better under shift"),
        ([(0.5, 0.5, 0.8), (0.2, 0.5, 0.8)], "width: no better under shift"),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(wide, broken: str) -> None:
    judgement = judged([(1.0, 0.5, 0.6), (0.5, 0.5, 0.6)], wide)
    assert {name: held for name, held in holds(judgement).items() if not held} == {broken: False}
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_one_narrow_failure_among_the_numbers_decides_nothing() -> None:
    judgement = judged([(1.0, 0.5, 0.6), (0.5, 0.5, 0.6)], [(0.5, 0.5, 0.6), (0.2, 0.56, 0.6)])
    parts = {part.name: part for part in judgement.verdicts[0].parts}
    assert parts["width: no less reliance"].weighed[0].holds is False
    assert parts["width: no less reliance"].holds is None
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert judgement.number.startswith("reliance on a shortcut changes by −6.5 pp [−8.0, −5.0] with 8 times the width")
    assert judgement.number.endswith("claimed: above −5 pp")


@pytest.mark.parametrize("runs", [1, 6])
def test_one_run_or_a_wide_spread_decides_nothing(runs: int) -> None:
    spread = 0.01 if runs == 1 else 0.3
    judgement = judged([(0.5, 0.5, 0.6), (0.5, 0.5, 0.6)], [(0.5, 0.5, 0.6), (0.4, 0.5, 0.6)], runs=runs, spread=spread)
    assert judgement.verdicts[-1].verdict == "inconclusive"
