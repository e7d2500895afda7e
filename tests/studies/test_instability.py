"""The judge of the study of instability, on runs whose fate is made, and the study itself on a few runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.measures.curvature import Curvature
from varbench.report import render
from varbench.studies.claims.instability.numbers import FACTOR, NEAR
from varbench.studies.claims.instability.runs import critical_rates, failed, sharpness, stable_rates
from varbench.studies.claims.instability.study import RATES, STUDY
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.request import Request, command_line
from varbench.training.recipe import Recipe

RUNS, EXAMPLES, CLASSES = 12, 20, 10
LABELS = np.arange(EXAMPLES) % CLASSES
RIGHT = np.eye(CLASSES, dtype=np.float32)[LABELS]
FOLLOWED = {
    "critical": {"plain": 6, "scaled": 3},
    "curvature": {"plain": 2.0, "scaled": 16.0},
    "growth": {0: 10.0, 2: 1e5, 4: 1e6},
}
"""Place in the sweep from which on runs fail, λ_max, and by how much one ULP grows, as the claim wants them."""

BROKEN = {
    "the step decides": {"critical": {"plain": RATES, "scaled": 3}, "curvature": {"plain": 2.0, "scaled": 128.0}},
    "conditioning decides": {"critical": {"plain": 3, "scaled": 5}, "curvature": {"plain": 8.0, "scaled": 2.0}},
    "curvature says where": {"curvature": {"plain": 2.0, "scaled": 2000.0}},
    "larger steps part faster": {"growth": {0: 1e6, 2: 1e5, 4: 1e4}},
    "one ULP grows at a stable rate": {"growth": {0: 10.0, 2: 100.0, 4: 1e6}},
}


class Told:
    """A network whose curvature is its first weight."""

    def curvature(self, weights, *, key):
        return Curvature(*[weights[:, 0].astype(np.float64)] * 6)


def swept(plan, place, *, critical, curvature):
    """Runs that fail from a place of the sweep on, one in four of them one place earlier: half of those not finite."""
    random = np.random.default_rng(0)
    runs = len(plan.design)
    fails = place >= critical - (np.arange(runs) % 4 == 3)
    finished = ~(fails & (np.arange(runs) % 2 == 0))
    weights = (curvature * np.exp(0.05 * random.normal(size=(runs, 1)))).astype(np.float32)
    return PopulationArrays(
        labels=LABELS,
        logits=np.where(finished[:, None, None], RIGHT, np.float32(np.nan)),
        finished=finished,
        train_loss=np.where(fails, 2.31, 0.1).astype(np.float32),
        initial_weights=weights,
        networks=Told(),
    )


def pairs(plan, *, growth, fails=(), repeats=True, merged=()):
    """Triples in which one ULP of the first of two weights grows into a change of the second."""
    runs = len(plan.design)
    first = np.ones((runs, 2), np.float32)
    first[1::3, 0] = np.nextafter(np.float32(1), np.float32(2))
    last = first.copy()
    last[1::3, 1] += np.float32(growth) * np.spacing(np.float32(1)) * (1 + np.arange(runs // 3, dtype=np.float32) / 100)
    last[[3 * pair + 1 for pair in merged]] = last[0]
    last[2, 1] += 0.0 if repeats else 1e-6
    return PopulationArrays(
        labels=LABELS,
        logits=np.repeat(RIGHT[None], runs, axis=0),
        train_loss=np.where(np.isin(np.arange(runs), fails), 2.31, 0.1).astype(np.float32),
        weights=last,
        initial_weights=first,
        snapshots=np.stack([first, last], axis=1),
        snapshot_steps=np.array([0, 120]),
        levels={source: plan.design.column(source) for source in ("init", "order", "ulp", "width")},
    )


def judged(changes=None, *, runs=RUNS, **options):
    made = {**FOLLOWED, **(changes or {})}
    found, places = {}, {}
    for plan in STUDY.plan(STUDY.cases("smoke"), "smoke", runs):
        kind = plan.name.split("-")[2]
        place = places[kind] = places.get(kind, -1) + 1
        arrays = (
            pairs(plan, growth=made["growth"][NEAR[place]], **options)
            if kind == "ulp"
            else swept(plan, place, critical=made["critical"][kind], curvature=made["curvature"][kind])
        )
        found[plan.name] = evidence(plan, arrays)
    return STUDY.judge(found, {})


def value(judgement, measure, *, name):
    (found,) = [n.estimate for n in judgement.estimates if n.measure == measure and n.condition.endswith(name)]
    return found.value


def test_runs_that_fail_where_curvature_says_support_the_claim() -> None:
    judgement = judged()
    assert set(holds(judgement).values()) == {True}
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    first = STUDY.cases("smoke")[0].recipe.lr
    assert value(judgement, "instability_critical", name="plain-0.02") == pytest.approx(first * FACTOR**5.75)
    assert value(judgement, "instability_critical_ratio", name="scaled-0.02") == pytest.approx(1 / 8)
    assert value(judgement, "instability_curvature_ratio", name="scaled-0.02") == pytest.approx(1.0, rel=1e-6)
    assert value(judgement, "instability_growth", name="ulp-0.08") == pytest.approx(1e5, rel=0.1)
    assert value(judgement, "instability_separation_ratio", name="ulp-0.32") == pytest.approx(1e5, rel=0.1)
    assert value(judgement, "instability_failed", name="plain-0.64") == 0.25
    assert [chart.name for chart in judgement.charts] == ["share", "limits", "grown", "separation"]


@pytest.mark.parametrize("part", BROKEN)
def test_one_broken_prediction_contradicts_the_claim(part: str) -> None:
    judgement = judged(BROKEN[part])
    assert {name: held for name, held in holds(judgement).items() if not held} == {part: False}
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_a_duplicate_with_other_bits_contradicts_the_claim() -> None:
    judgement = judged(repeats=False)
    assert holds(judgement)["the machine repeats itself"] is False


def test_pairs_of_which_a_run_failed_are_left_out() -> None:
    judgement = judged(fails=(0, 4))
    (growth,) = [n.estimate for n in judgement.estimates if n.measure == "instability_growth" and "0.08" in n.condition]
    assert growth.n_runs == RUNS - 2


def test_pairs_that_end_identical_are_counted_among_those_that_do_not_grow() -> None:
    judgement = judged({"growth": {0: 10.0, 2: 0.0, 4: 1e6}})
    assert value(judgement, "instability_grown", name="ulp-0.08") == 0.0
    assert value(judgement, "instability_parted", name="ulp-0.32") == 1.0
    assert value(judgement, "instability_growth", name="ulp-0.08") == pytest.approx(1.0)
    assert holds(judgement)["one ULP grows at a stable rate"] is False
    assert judgement.number == (
        "one ULP grows 1,000-fold in 0.0 % [0.0, 22.1] of pairs (Digits · MLP 32); claimed: above 50 %"
    )


def test_a_pair_of_distance_zero_has_no_ratio_and_is_told() -> None:
    judgement = judged(merged=(0, 3))
    assert value(judgement, "instability_merged", name="ulp-0.08") == pytest.approx(2 / RUNS)
    assert value(judgement, "instability_grown", name="ulp-0.08") == pytest.approx(1 - 2 / RUNS)
    text = next(p.text for p in judgement.verdicts[0].parts if p.name == "one ULP grows at a stable rate")
    assert "; 2 end identical" in text
    assert holds(judgement)["one ULP grows at a stable rate"] is True


def test_no_pair_of_few_is_not_sure_among_the_numbers_of_the_study() -> None:
    """None of 6 lies below a half by itself (p = 0.008), and not among nine numbers."""
    judgement = judged({"growth": {0: 10.0, 2: 100.0, 4: 1e6}}, fails=range(18))
    assert holds(judgement)["one ULP grows at a stable rate"] is None
    assert "not surely among the 9 numbers" in judgement.verdicts[0].reason


@pytest.mark.parametrize("critical", [0, RATES])
def test_runs_that_all_fail_or_never_do_crash_nothing(critical: int) -> None:
    judgement = judged({"critical": {"plain": critical, "scaled": critical}}, fails=range(3 * RUNS))
    found = holds(judgement)
    assert found["the step decides"] is False
    assert found["larger steps part faster"] is None
    assert judgement.verdicts[-1].verdict == "contradicted"


@pytest.mark.parametrize("runs", [1, 2])
def test_few_runs_decide_nothing(runs: int) -> None:
    assert judged(runs=runs).verdicts[-1].verdict == "inconclusive"


def test_a_run_fails_if_it_is_not_finite_or_no_better_than_the_class_frequencies() -> None:
    plan = STUDY.plan(STUDY.cases("smoke"), "smoke", 4)[0]
    arrays = swept(plan, 0, critical=9, curvature=1.0)
    losses = np.array([0.1, 2.30, 2.31, 0.1], np.float32)  # ln 10 = 2.3026; the classes of digits are nearly equal
    arrays = dataclasses.replace(arrays, train_loss=losses, finished=np.array([True, True, True, False]))
    np.testing.assert_array_equal(failed(evidence(plan, arrays)), [False, False, True, True])


def test_the_critical_rate_is_the_lowest_at_which_a_run_fails() -> None:
    plans = [p for p in STUDY.plan(STUDY.cases("smoke"), "smoke", 4) if "plain" in p.name]
    sweep = [evidence(p, swept(p, i, critical=5, curvature=1.0)) for i, p in enumerate(plans)]
    np.testing.assert_allclose(critical_rates(sweep, factor=2.0), [0.64, 0.64, 0.64, 0.32])
    np.testing.assert_allclose(critical_rates(sweep[:3], factor=2.0), np.full(4, 0.16))


def test_the_limit_is_that_of_heavy_ball_descent_on_a_quadratic() -> None:
    plan = STUDY.plan(STUDY.cases("smoke"), "smoke", 1)[0]
    limit = stable_rates(evidence(plan, swept(plan, 0, critical=9, curvature=5.0)))[0]
    curvature = sharpness(evidence(plan, swept(plan, 0, critical=9, curvature=5.0)))[0]
    for rate, grows in ((0.99 * limit, False), (1.01 * limit, True)):
        x, moment = 1.0, 0.0
        for _ in range(4000):
            moment = plan.recipe.momentum * moment + curvature * x
            x -= rate * moment
        assert (abs(x) > 1.0) == grows
    other = dataclasses.replace(plan, recipe=plan.recipe.replace(optimizer="adam"))
    assert np.isnan(stable_rates(evidence(other, swept(other, 0, critical=9, curvature=5.0)))).all()


def test_the_data_are_multiplied_and_nothing_else_of_the_recipe_changes() -> None:
    plans = STUDY.plan(STUDY.cases("standard"), "standard", None)
    by_name = {p.name: p.recipe for p in plans}
    assert len(plans) == 2 * (2 * RATES + len(NEAR))
    for name, recipe in by_name.items():
        base = by_name[name.replace("-scaled-", "-plain-").replace("-ulp-", "-plain-")]
        assert recipe.replace(data=base.data) == base
        assert (recipe.data != base.data) == ("-scaled-" in name)


def test_a_smoke_run_end_to_end_in_which_everything_fails(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("varbench.studies.claims.instability.study.RATES", max(NEAR) + 1)
    recipe = Recipe(data="digits", model="logistic", optimizer="sgd", schedule="constant", lr=1e36, steps=9)
    asked = Request((STUDY,), "smoke", runs=3, recipe=recipe)
    execute(asked, jobs_of(asked), tmp_path / "run", command=command_line(asked, tmp_path / "run"))
    analysis = judge(tmp_path / "run")
    assert {e["value"] for e in analysis["estimates"] if e["measure"] == "instability_failed"} == {1.0}
    assert sum(c["n_diverged"] == c["n_runs"] for c in analysis["conditions"]) > 1
    parts = {p["name"]: p["holds"] for p in analysis["verdicts"][0]["parts"]}
    assert parts["the machine repeats itself"] is True
    assert parts["one ULP grows at a stable rate"] is None
    page = render(analysis, tmp_path / "report").read_text()
    assert ">nan" not in page.lower()
