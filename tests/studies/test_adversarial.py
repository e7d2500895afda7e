"""The judge of adversarial examples, on linear networks whose worst examples are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.evidence import check_plans, evidence, holds, interval, plan
from varbench.analysis.population import PopulationArrays
from varbench.studies.claims.adversarial import DECIDING, RADII, STUDY, Attacked

RUNS = 8


class Linear:
    """Logits (0, w·x) of two classes; the worst change within ±ε is ε sign(w) against the right class."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def logits_on(self, weights, x):
        scores = np.einsum("nd,md->nm", weights, x)
        return np.stack([np.zeros_like(scores), scores], axis=-1).astype(np.float32)

    def adversarial(self, weights, *, examples, radii, steps):
        toward = np.where(self.y[examples] == 1, -1.0, 1.0)[:, None] * np.sign(weights)[:, None]
        return self.x[examples] + np.asarray(radii)[:, None, None] * toward[:, None]

    def noisy(self, *, examples, radii, key):
        signs = np.random.default_rng(key).choice([-1.0, 1.0], size=self.x[examples].shape)
        return self.x[examples] + np.asarray(radii)[:, None, None] * signs


def case(*, inputs, margin, shared, spread=0.0):
    """Classes `margin` apart along the mean direction; runs share the direction or have unrelated parts in it."""
    random = np.random.default_rng(4)
    y = np.arange(200) % 2
    own = random.choice([-1.0, 1.0], size=(RUNS, inputs))
    weights = np.where(shared, np.ones((RUNS, inputs)), own) / inputs
    signal = margin * (2 * y - 1)[:, None] * (1.0 + spread * random.normal(size=(200, 1)))
    x = np.repeat(signal, inputs, axis=1)
    networks = Linear(x, y)
    if not shared:  # every run reads an input of its own, that says the class as well
        weights = np.eye(RUNS, inputs)
        weights[:, RUNS:] = 0.0
    arrays = PopulationArrays(
        logits=networks.logits_on(weights, x), labels=y, weights=weights.astype(np.float32), networks=networks
    )
    return {"case": evidence(plan(runs=RUNS), arrays)}


def judged(found):
    judgement = STUDY.judge(found, {})
    one, whole = judgement.verdicts
    assert whole.verdict == one.verdict
    return one, judgement


def rows(judgement, measure):
    return {named.at: named.estimate for named in judgement.estimates if named.measure == measure}


def test_many_weak_inputs_that_all_runs_read_alike_support_the_claim():
    verdict, judgement = judged(case(inputs=100, margin=0.15, shared=True))
    assert verdict.verdict == "supported"
    attacked, noise = rows(judgement, "adversarial_accuracy"), rows(judgement, "noise_accuracy")
    assert [attacked[r].value for r in RADII] == [1.0, 1.0, 1.0, 0.0, 0.0]  # flips once ε > 0.15
    assert noise[DECIDING].value == 1.0
    assert rows(judgement, "transfer_accuracy")[DECIDING].value == 0.0
    assert rows(judgement, "transfer_gap")[DECIDING].value == pytest.approx(1.0)
    (chart,) = judgement.charts
    assert [s.y[RADII.index(DECIDING)] for s in chart.series] == [1.0, 0.0, 0.0, 0.0]


def test_classes_far_apart_contradict_it():
    verdict, judgement = judged(case(inputs=100, margin=3.0, shared=True))
    assert verdict.verdict == "contradicted"
    assert holds(verdict) == {"the gradient finds errors": False, "noise does not": True, "they transfer": False}
    assert rows(judgement, "adversarial_gap")[DECIDING].value == 0.0


def test_noise_that_does_as_much_contradicts_it():
    verdict, _ = judged(case(inputs=1, margin=0.15, shared=True))
    assert verdict.verdict == "contradicted"
    assert holds(verdict)["noise does not"] is False


def test_runs_that_read_other_inputs_do_not_fool_each_other():
    verdict, judgement = judged(case(inputs=100, margin=0.15, shared=False))
    assert rows(judgement, "adversarial_accuracy")[DECIDING].value == 0.0
    assert rows(judgement, "transfer_accuracy")[DECIDING].value == 1.0
    assert holds(verdict)["they transfer"] is False


def test_the_transfer_interval_is_the_jackknife_of_the_difference():
    judgement = STUDY.judge(case(inputs=9, margin=0.2, shared=True, spread=0.5), {})
    gap = rows(judgement, "transfer_gap")[DECIDING]
    transfer, noise = (rows(judgement, f"{kind}_accuracy")[DECIDING] for kind in ("transfer", "noise"))
    assert gap.value == pytest.approx(noise.value - transfer.value)
    assert gap.n_runs == RUNS


@pytest.mark.parametrize(
    ("lost", "verdict"), [(0.70, "supported"), (0.501, "inconclusive"), (0.48, "inconclusive"), (0.40, "contradicted")]
)
def test_a_narrow_failure_among_the_numbers_of_the_study_is_not_sure(lost, verdict, monkeypatch):
    """0.48 ± 0.018 lies below a half by itself (p = 0.016), and not among three numbers."""
    attacks = {"adversarial_accuracy": interval(lost, 0.018), "noise_accuracy": interval(0.01)}
    monkeypatch.setattr(Attacked, "lost", lambda self, kind, q: attacks[kind])
    judgement = STUDY.judge(case(inputs=9, margin=0.2, shared=True, spread=0.5), {})
    assert judgement.verdicts[-1].verdict == verdict
    if verdict != "supported":
        assert judgement.number.startswith(f"{100 * lost:.1f} % [")
        assert judgement.number.endswith("is lost along the gradient (Case); claimed: above 50 %")


def test_differences_of_accuracies_are_told_in_percentage_points():
    _, judgement = judged(case(inputs=100, margin=0.15, shared=False))
    assert judgement.number == (
        "−50.6 pp [−51.8, −49.3] more lost to another run's examples than to noise (Case); claimed: above 0"
    )


def test_runs_without_networks_decide_nothing():
    arrays = PopulationArrays(logits=np.zeros((4, 10, 2), np.float32), labels=np.arange(10) % 2)
    verdict, judgement = judged({"case": evidence(plan(runs=4), arrays)})
    assert verdict.verdict == "inconclusive"
    assert judgement.charts == ()
    assert judgement.number == ""


def test_plans():
    check_plans(STUDY)
