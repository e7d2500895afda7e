"""The judge of the shortcuts, on networks made by hand that follow a plant or do not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.planted_networks import Readers
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.studies.claims.shortcuts.study import STUDY
from varbench.studies.study import Evidence, Judgement

RUNS = 16


def judged(*, follows, loss=lambda amount: 1.0 - amount, spread=0.02, diverged=0) -> Judgement:
    """The judgement on digits, when runs follow a plant on `follows(amount)` of the test examples."""
    random = np.random.default_rng(1)
    evidence, networks = {}, Readers("digits")
    shared = random.uniform(0.02, 0.03, RUNS)  # errors
    apart = random.normal(size=RUNS)
    for plan in STUDY.plan(STUDY.cases("standard")[:1], "standard", RUNS):
        dataset = load(plan.recipe.data)
        amount = float(plan.recipe.data.rpartition(":")[2])
        chance = 0.5 if "group" in plan.recipe.data else 0.1
        reliance = np.clip(follows(amount) + spread * apart, 0, 0.9) if amount > chance else np.zeros(RUNS)
        weights = np.stack([reliance, shared], 1).astype(np.float32)
        losses = loss(amount) + (0.01 * random.random(RUNS))
        arrays = PopulationArrays(
            logits=networks.logits_on(weights, dataset.x_test),
            labels=dataset.y_test,
            finished=np.arange(RUNS) >= diverged,
            weights=weights,
            initial_weights=np.zeros_like(weights),
            train_loss=losses,
            networks=networks,  # type: ignore[arg-type]
        )
        evidence[plan.name] = Evidence(plan, arrays, ())
    return STUDY.judge(evidence, {})


def parts_of(judgement: Judgement) -> dict[str, bool | None]:
    return {part.name: part.holds for part in judgement.verdicts[0].parts}


def test_runs_that_follow_plants_the_more_the_more_they_predict_support_the_claim():
    judgement = judged(follows=lambda amount: 0.3 * amount)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    assert len(judgement.verdicts[0].parts) == 9


def test_reliance_is_the_share_of_the_examples_that_follow():
    judgement = judged(follows=lambda amount: 0.3 * amount, spread=0.0)
    found = {(n.condition, n.measure): n.estimate.value for n in judgement.estimates}
    assert found["planted-digits-patch-1000", "reliance"] == pytest.approx(0.3, abs=1 / 360)
    assert found["planted-digits-group-800", "reliance"] == pytest.approx(0.24, abs=1 / 360)
    assert found["planted-digits-scanner-100", "reliance"] == 0.0
    assert found["planted-digits-scanner-1000", "reliance_over_chance"] == pytest.approx(0.3, abs=1 / 360)
    assert found["planted-digits-patch-1000", "train_loss_change"] == pytest.approx(-0.9, abs=0.01)


def test_runs_that_ignore_plants_contradict_the_claim():
    judgement = judged(follows=lambda amount: 0.0, spread=0.0)
    assert judgement.verdicts[-1].verdict == "contradicted"
    assert parts_of(judgement)["patch: exploited"] is False


def test_runs_that_follow_weak_plants_more_contradict_the_grading_alone():
    parts = parts_of(judged(follows=lambda amount: 0.5 - 0.3 * amount))
    assert parts["group: exploited"] is True
    assert parts["group: the more predictive, the more relied on"] is False


def test_runs_that_stay_together_out_of_distribution_contradict_underspecification():
    parts = parts_of(judged(follows=lambda amount: 0.3 * amount, spread=0.0))
    assert parts["scanner: exploited"] is True
    assert all(parts[f"{plant}: runs part out of distribution"] is not True for plant in ("patch", "group", "scanner"))


def test_plants_that_lower_no_loss_decide_nothing_on_whether_they_are_exploited():
    judgement = judged(follows=lambda amount: 0.0, loss=lambda amount: 1.0, spread=0.0)
    assert parts_of(judgement)["patch: exploited"] is None


def test_diverged_runs_are_left_out_of_the_reliance():
    judgement = judged(follows=lambda amount: 0.3 * amount, diverged=14)
    rows = [n for n in judgement.estimates if n.measure == "reliance"]
    assert {n.estimate.n_runs for n in rows} == {2}
    nothing = judged(follows=lambda amount: 0.3 * amount, diverged=RUNS)
    assert [v.verdict for v in nothing.verdicts] == ["inconclusive", "inconclusive"]


@pytest.mark.parametrize("budget", ["smoke", "standard", "full"])
def test_every_budget_has_a_plant_that_says_nothing_beside_those_that_do(budget):
    plans = STUDY.plan(STUDY.cases(budget), budget, None)
    assert len({p.name for p in plans}) == len(plans)
    assert all(p.measures for p in plans)
    assert len(STUDY.cases(budget)) >= (1 if budget == "smoke" else 2)
    for base in {p.recipe.data.partition("+")[0] for p in plans}:
        for plant, chance in (("patch", 0.1), ("group", 0.5), ("scanner", 0.1)):
            mine = [p.recipe.data for p in plans if p.recipe.data.startswith(f"{base}+{plant}:")]
            amounts = sorted(float(text.rpartition(":")[2]) for text in mine)
            assert amounts[0] == chance
            assert amounts[-1] == 1.0
            assert len(amounts) >= 3
