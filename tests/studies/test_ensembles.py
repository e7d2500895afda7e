"""The judge of ensembles, on estimates and on runs made to support, contradict and leave open the claim."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.studies import made
from tests.studies.evidence import check_plans, evidence, holds, interval, plan, population, unknown
from varbench.analysis.population import PopulationArrays
from varbench.stats.difference import independent_difference
from varbench.stats.mean import mean_estimate
from varbench.studies.claims.ensembles import AVERAGED, CALMED, MEASURES, STUDY, calmed
from varbench.studies.common import main_population
from varbench.studies.study import PopulationPlan

STEADY = {
    ("accuracy", None): interval(0.7),
    ("disagreement", None): interval(0.3),
    **{("ensemble_accuracy", m): interval(a) for m, a in ((1, 0.7), (2, 0.72), (4, 0.73), (8, 0.74), (16, 0.745))},
    **{("ensemble_loss", m): interval(a) for m, a in ((1, 1.0), (2, 0.8), (4, 0.7), (8, 0.65), (16, 0.6))},
    **{("ensemble_gain", m): interval(a) for m, a in ((2, 0.02), (4, 0.03), (8, 0.04), (16, 0.045))},
    **{("ensemble_disagreement", m): interval(a) for m, a in ((1, 0.3), (2, 0.25), (4, 0.2), (8, 0.15), (16, 0.1))},
    **{("soup_accuracy", m): interval(a) for m, a in ((2, 0.4), (4, 0.3), (8, 0.2), (16, 0.15))},
    **{("soup_accuracy_aligned", m): interval(a) for m, a in ((2, 0.7), (4, 0.71), (8, 0.72))},
}
"""Ensembles calm, averages of weights fail; sizes above the deciding one go on as the smaller ones do."""


def judged(change):
    judgement = STUDY.judge({"case": evidence(plan(), population(), {**STEADY, **change})}, {})
    one, whole = judgement.verdicts
    assert whole.verdict == one.verdict
    return one, judgement


def test_calm_ensembles_and_failing_averages_of_weights_support_the_claim():
    verdict, judgement = judged({})
    assert verdict.verdict == "supported"
    assert all(holds(verdict).values())
    own = {(n.measure, n.at): n.estimate.value for n in judgement.estimates}
    assert own == {(CALMED, 8): pytest.approx(-0.15), (AVERAGED, 8): pytest.approx(-0.5)}
    assert judgement.number == "ensembles of 8 change accuracy by 4.0 pp [3.0, 5.0] (Case); claimed: above −0.5 pp"
    assert "the disagreement of two trainings from 30.0 to 15.0 % (Case, 8 runs)" in judgement.headline
    assert "Averaging their weights takes the accuracy from 70 to 20 % (Case, 8 runs)." in judgement.headline
    disagreement, accuracy, weights = judgement.charts
    assert disagreement.series[0].x == (1, 2, 4, 8, 16)
    assert accuracy.series[0].y == (0.7, 0.72, 0.73, 0.74, 0.745)
    assert [s.y for s in weights.series] == [(0.7,), (0.74,), (0.2,), (0.72,)]
    assert weights.reference == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("ensembles disagree less", {("ensemble_disagreement", 8): interval(0.32)}),
        ("no less accurate", {("ensemble_gain", 8): interval(-0.02)}),
        ("weights do not average", {("soup_accuracy", 8): interval(0.72)}),
    ],
)
def test_one_prediction_that_fails_contradicts_the_claim(part, change):
    verdict, _ = judged(change)
    assert verdict.verdict == "contradicted"
    assert [name for name, h in holds(verdict).items() if h is False] == [part]


@pytest.mark.parametrize(
    "change",
    [
        {("ensemble_disagreement", 8): interval(0.29)},
        {("ensemble_gain", 8): interval(-0.005)},
        {("ensemble_gain", 8): interval(0.004)},
        {("soup_accuracy", 8): interval(0.69)},
        {("disagreement", None): unknown()},
    ],
)
def test_an_interval_across_its_threshold_decides_nothing(change):
    assert judged(change)[0].verdict == "inconclusive"


def test_one_narrow_failure_among_the_numbers_decides_nothing():
    verdict, judgement = judged({("soup_accuracy", 8): interval(0.715)})
    assert verdict.parts[2].weighed[0].holds is False
    assert holds(verdict)["weights do not average"] is None
    assert verdict.verdict == "inconclusive"
    assert "averaging the weights of 8 runs changes accuracy by" in judgement.number


def test_the_largest_number_of_members_with_all_intervals_decides():
    wide = interval(0.29)
    bare = dataclasses.replace(wide, low=None, high=None, reason="too few ensembles of this size remain")
    verdict, judgement = judged({("ensemble_disagreement", 8): bare})
    assert verdict.verdict == "supported"
    assert {n.at for n in judgement.estimates} == {4}
    assert "Two ensembles of 4 runs each, none in both, disagree on 20.0 %" in verdict.parts[0].text
    assert judged({("ensemble_disagreement", 4): bare})[1].estimates[0].at == 8


def test_what_was_not_measured_is_said_and_decides_nothing():
    rows = {place: e for place, e in STEADY.items() if not place[0].startswith("soup")}
    rows[("soup_accuracy", None)] = unknown("the population has no networks")
    judgement = STUDY.judge({"case": evidence(plan(), population(), rows)}, {})
    verdict = judgement.verdicts[0]
    assert verdict.verdict == "inconclusive"
    assert list(holds(verdict).values()) == [True, True, None]
    assert "the population has no networks" in verdict.reason
    rows = {place: unknown("the runs diverged") for place in (("accuracy", None), ("disagreement", None))}
    nothing = STUDY.judge({"case": evidence(plan(), population(), rows)}, {})
    assert set(holds(nothing.verdicts[0]).values()) == {None}
    assert (nothing.number, nothing.charts) == ("", ())


def test_a_difference_is_that_of_two_samples():
    random = np.random.default_rng(0)
    single, ensembles = random.normal(0.3, 0.02, 12), random.normal(0.2, 0.01, 12)
    of = {name: mean_estimate(x, level=0.95, n_examples=20) for name, x in (("s", single), ("e", ensembles))}
    rows = {**STEADY, ("disagreement", None): of["s"], ("ensemble_disagreement", 8): of["e"]}
    found = calmed(evidence(plan(), population(), rows))
    wanted = independent_difference(single, ensembles, level=0.95, n_examples=20).estimate
    assert (found.value, found.low, found.high) == pytest.approx((wanted.value, wanted.low, wanted.high))


class Opposed:
    """Networks of one weight, right where it is 1 or −1 and by chance where it is 0: between them lies nothing."""

    symmetries = ()

    def scores(self, weights, split):
        return np.ones(len(weights)), 0.9 * (1.0 - np.abs(weights[:, 0].astype(float)))


def measured(runs: int) -> PopulationPlan:
    return dataclasses.replace(plan(runs=runs), measures=MEASURES)


def noisy_runs(noise: float, *, runs: int = 32, examples: int = 200) -> PopulationArrays:
    """Runs that see the right class through noise of their own; neighbors have weights 1 and −1."""
    random = np.random.default_rng(3)
    labels = np.arange(examples) % 10
    logits = 1.5 * np.eye(10)[labels] + noise * random.normal(size=(runs, examples, 10))
    weights = np.where(np.arange(runs) % 2, -1.0, 1.0)[:, None].astype(np.float32)
    return PopulationArrays(
        logits=logits.astype(np.float32),
        labels=labels,
        weights=weights,
        initial_weights=weights,
        networks=Opposed(),  # type: ignore[arg-type]
    )


def test_runs_with_errors_of_their_own_support_the_claim():
    given = made.evidence(measured(32), noisy_runs(1.0))
    judgement = STUDY.judge({"case": given}, {})
    assert judgement.verdicts[0].verdict == "supported"
    assert {n.at for n in judgement.estimates} == {8}
    change = {n.measure: n.estimate for n in judgement.estimates}
    assert change[CALMED].value < -0.2
    assert given.get("accuracy").value + change[AVERAGED].value == pytest.approx(0.1)


def test_runs_that_are_all_the_same_network_contradict_the_claim():
    same = population(runs=16)
    arrays = dataclasses.replace(same, weights=np.ones((16, 1)), initial_weights=np.ones((16, 1)), networks=Opposed())
    judgement = STUDY.judge({"case": made.evidence(measured(16), arrays)}, {})
    verdict = judgement.verdicts[0]
    assert verdict.verdict == "contradicted"
    assert list(holds(verdict).values()) == [False, True, False]
    assert {n.at for n in judgement.estimates} == {4}
    assert [n.estimate.value for n in judgement.estimates] == [0.0, 0.0]


def test_populations_are_the_ones_that_other_studies_train():
    check_plans(STUDY)
    for budget in ("smoke", "standard", "full"):
        cases = STUDY.cases(budget)
        for plan_, case in zip(STUDY.plan(cases, budget, None), cases, strict=True):
            assert plan_.trains_as(main_population(case, budget, None, measures=None))
