"""The judge of representations, on estimates made to support, contradict and leave open the claim."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from tests.studies.evidence import check_plans, evidence, holds, interval, plan, population, unknown
from varbench.analysis.catalogue import estimates
from varbench.analysis.catalogue.equivalence import margin_for
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.probes import TrainedNetworks
from varbench.studies.claims.representations import MEASURES, STUDY
from varbench.studies.common import main_population
from varbench.studies.study import Evidence, Named
from varbench.trees import ravel

DIFFERENT = {
    ("accuracy", None): interval(0.9),
    ("equivalent_loss", None): interval(0.02, level=0.9),
    ("cka", "hidden/0"): interval(0.97),
    ("cka", "hidden/1"): interval(0.6),
    ("cka", "logits"): interval(0.99),
    ("cka_untrained", "hidden/1"): interval(0.5),
    ("procrustes_distance", "hidden/0"): interval(0.1),
    ("procrustes_distance", "hidden/1"): interval(0.5),
    ("procrustes_distance", "logits"): interval(0.1),
    ("attribution_topk_overlap", None): interval(0.3),
    ("attribution_topk_overlap_untrained", None): interval(0.1),
}
"""The last hidden layers differ between runs; the layers around them do not."""


def judged(change):
    judgement = STUDY.judge({"case": evidence(plan(), population(), {**DIFFERENT, **change})}, {})
    one, whole = judgement.verdicts
    assert whole.verdict == one.verdict
    return one, judgement


def test_other_insides_and_explanations_at_equal_loss_support_the_claim():
    verdict, judgement = judged({})
    assert verdict.verdict == "supported"
    assert all(holds(verdict).values())
    least_clear = "test loss differs by 0.020 nats [0.010, 0.030 at 90 %] (Case); claimed: below 0.115 nats"
    assert judgement.number == least_clear
    assert "CKA 0.60 in the last hidden layer and 30 % of the important inputs" in judgement.headline
    layers, explanations = judgement.charts
    assert layers.series[0].x == ("Case, hidden/0", "Case, hidden/1", "Case, logits")
    assert explanations.series[0].y == (0.3,)


@pytest.mark.parametrize(
    ("part", "change", "number"),
    [
        (
            "same performance",
            {("equivalent_loss", None): interval(margin_for(10) + 0.02)},
            "test loss differs by 0.135",
        ),
        ("CKA below 0.9", {("cka", "hidden/1"): interval(0.92)}, "CKA 0.92"),
        ("rotation misses 10%", {("procrustes_distance", "hidden/1"): interval(0.30)}, "Procrustes distance 0.30"),
        ("explanations differ", {("attribution_topk_overlap", None): interval(0.52)}, "52.0 % [51.0, 53.0] of the"),
    ],
)
def test_one_prediction_that_fails_contradicts_the_claim_and_gives_the_number(part, change, number):
    verdict, judgement = judged(change)
    assert judgement.number.startswith(number)
    assert verdict.verdict == "contradicted"
    assert [name for name, h in holds(verdict).items() if h is False] == [part]


@pytest.mark.parametrize(
    "change",
    [
        {("cka", "hidden/1"): interval(0.9)},
        {("procrustes_distance", "hidden/1"): interval(0.316)},
        {("attribution_topk_overlap", None): unknown()},
        {("equivalent_loss", None): interval(margin_for(10))},
    ],
)
def test_an_interval_across_its_threshold_decides_nothing(change):
    assert judged(change)[0].verdict == "inconclusive"


def test_a_network_that_does_not_tell_its_layers_decides_nothing():
    rows = {place: e for place, e in DIFFERENT.items() if place[0] not in ("cka", "procrustes_distance")}
    rows[("cka", None)] = rows[("procrustes_distance", None)] = unknown("the network does not tell its layers")
    judgement = STUDY.judge({"case": evidence(plan(), population(), rows)}, {})
    assert judgement.verdicts[0].verdict == "inconclusive"
    assert judgement.number == ""
    assert [chart.name for chart in judgement.charts] == ["layers", "explanations"]


def test_runs_that_are_all_the_same_network_contradict_the_claim():
    recipe = STUDY.cases("smoke")[-1].recipe.replace(hidden=[16])
    networks = TrainedNetworks(recipe, load("digits"))
    weights = np.asarray(ravel(networks.model.init(jax.random.key(0))[0]))[None].repeat(12, axis=0)
    arrays = PopulationArrays(
        logits=networks.logits(weights, "test"),
        labels=networks.dataset.y_test,
        weights=weights,
        initial_weights=weights,
        networks=networks,
    )
    one = plan(runs=12, recipe=recipe)
    found = [Named("case", m, at, e) for m, at, e in estimates(arrays, names=MEASURES, level=0.95, key=0)]
    verdict = STUDY.judge({"case": Evidence(one, arrays, tuple(found))}, {}).verdicts[0]
    assert verdict.verdict == "contradicted"
    assert list(holds(verdict).values()) == [True, False, False, False]


def test_populations_are_the_ones_that_other_studies_train():
    check_plans(STUDY)
    for budget in ("smoke", "standard", "full"):
        cases = STUDY.cases(budget)
        for plan_, case in zip(STUDY.plan(cases, budget, None), cases, strict=True):
            assert plan_.trains_as(main_population(case, budget, None, measures=None))
