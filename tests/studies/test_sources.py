"""The judge of the study of sources, on runs whose predictions are made to depend on chosen levels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.keys import SOURCES
from varbench.studies.claims.sources import NARROW, STUDY
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.request import Request
from varbench.studies.study import BUDGETS, Evidence
from varbench.training.design import check_against
from varbench.training.moments import snapshot_steps

RUNS, EXAMPLES, CLASSES, FLIPS = 8, 500, 10, 0.3
MANY = 24
"""So many that none of them predicting otherwise is no accident."""

STEPS = np.array(snapshot_steps(13, steps=1000))
TRUTH = np.arange(EXAMPLES) % CLASSES
EVERYTHING = {"init", "order", "dropout", "data", "ulp"}
PARTS = ["init alone", "order alone", "dropout alone", "data alone", "one ULP alone"]


class Said:
    """A network whose weights are its labels."""

    def logits(self, weights, split):
        return np.eye(CLASSES, dtype=np.float32)[weights.astype(int)]


def said(levels, sources):
    """Labels of a run that are drawn anew with every level of the sources given."""
    random = np.random.default_rng([SOURCES[s] + 100 * levels[s] for s in sorted(sources)])
    return np.where(random.random(EXAMPLES) < FLIPS, random.integers(0, CLASSES, EXAMPLES), TRUTH)


def judged(*, early=frozenset({"init"}), late=(EVERYTHING,), runs=RUNS, diverged=0, snapshots=True):
    """Early labels depend on some sources; each of equal parts of the examples depends on sources of its own late."""
    found = {}
    for plan in STUDY.plan(STUDY.cases("standard")[:1], "standard", runs):
        rows = [np.array([said(lv, sources) for lv in plan.design.levels]) for sources in (early, *late)]
        parts = np.arange(EXAMPLES) // CLASSES % len(late)
        end = np.take_along_axis(np.stack(rows[1:]), np.broadcast_to(parts, rows[0].shape)[None], axis=0)[0]
        kept = np.where((STEPS < 500)[:, None], rows[0][:, None], end[:, None]).astype(np.float32)
        finished = np.arange(len(end)) >= diverged
        arrays = PopulationArrays(
            labels=TRUTH,
            logits=np.eye(CLASSES, dtype=np.float32)[end],
            finished=finished,
            weights=end.astype(np.float32),
            levels={source: plan.design.column(source) for source in SOURCES},
            snapshots=kept if snapshots else None,
            snapshot_steps=STEPS if snapshots else None,
            networks=Said() if snapshots else None,
        )
        found[plan.name] = Evidence(plan, arrays, ()) if plan.role == "control" else evidence(plan, arrays)
    return STUDY.judge(found, {})


def test_runs_that_any_change_sets_apart_support_the_claim() -> None:
    judgement = judged()
    assert holds(judgement) == dict.fromkeys([*PARTS, "interaction dominates", "main effects fade"], True)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    shares = {n.at: n.estimate.value for n in judgement.estimates if n.measure == "disagreement_share_by_source"}
    assert shares.pop("width") == 0.0
    assert list(shares.values()) == pytest.approx([1.0] * 5, abs=0.1)
    grown = {n.at: n.estimate.value for n in judgement.estimates if n.measure == "interaction_share"}
    assert grown[1.0] == pytest.approx(0.0, abs=0.02)
    assert grown[1000.0] == pytest.approx(1.0, abs=0.05)
    assert "[" in judgement.number


@pytest.mark.parametrize("source", ["dropout", "data", "ulp"])
def test_a_source_that_changes_nothing_contradicts_the_claim(source: str) -> None:
    judgement = judged(late=(EVERYTHING - {source},), runs=MANY)
    failing = [name for name, held in holds(judgement).items() if not held]
    assert failing == ["one ULP alone" if source == "ulp" else f"{source} alone"]
    assert judgement.verdicts[-1].verdict == "contradicted"
    assert (
        "alone flips 0.00 [0.00, 0.26] times as many predictions as all sources (" in judgement.number
    )  # 1 − 0.025^(1/12)
    assert judgement.number.endswith("; claimed: above 0.5 times")
    assert "None of the 24 runs predicts otherwise" in judgement.verdicts[0].reason


def test_a_few_runs_that_never_differ_contradict_nothing() -> None:
    part = {p.name: p for p in judged(late=(EVERYTHING - {"ulp"},)).verdicts[0].parts}["one ULP alone"]
    assert part.holds is None
    assert part.weighed[0].p_value > 0.025


def test_one_narrow_failure_among_the_numbers_decides_nothing() -> None:
    judgement = judged(late=(*[EVERYTHING] * 3, *[EVERYTHING - {"ulp"}] * 4))
    parts = {part.name: part for part in judgement.verdicts[0].parts}
    assert parts["one ULP alone"].weighed[0].holds is False
    assert parts["one ULP alone"].holds is None
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert judgement.number.endswith(
        "times as many predictions as all sources (Digits · MLP 32); claimed: above 0.5 times"
    )
    assert judgement.number.startswith("one ULP alone flips ")


@pytest.mark.parametrize("source", ["init", "order"])
def test_sources_that_do_not_act_together_contradict_the_claim(source: str) -> None:
    judgement = judged(late=(EVERYTHING - {source},), runs=MANY)
    assert holds(judgement)[f"{source} alone"] is False
    assert holds(judgement)["interaction dominates"] is None  # no interaction at all: 8 levels, without any width
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_main_effects_that_come_with_training_contradict_the_claim() -> None:
    late = (EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING - {"order"})
    judgement = judged(early=frozenset(EVERYTHING), late=late)
    assert [name for name, held in holds(judgement).items() if not held] == ["main effects fade"]
    assert judgement.verdicts[-1].verdict == "contradicted"
    assert judgement.number.startswith("the share of init and order acting together changes by ")


def test_the_headline_tells_what_is_divided_by_what() -> None:
    judgement = judged(late=(EVERYTHING - {"ulp"},))
    whole = next(e for e in judgement.estimates if (e.measure, e.at) == ("disagreement_share_by_source", "init"))
    assert "of the predictions flip between two runs when all sources vary. " in judgement.headline
    assert f"One source alone flips this many times as many: init {whole.estimate.value:.2f}, " in judgement.headline
    assert ", one ULP 0.00, " in judgement.headline
    (chart, *_) = judgement.charts
    assert chart.y_label == "flips with one source ÷ flips with all"
    assert chart.caption.startswith("How many times as many predictions flip as with all sources. ")


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_few_runs_decide_nothing(runs: int) -> None:
    assert judged(runs=runs).verdicts[-1].verdict == "inconclusive"


def test_runs_that_all_agree_decide_nothing() -> None:
    judgement = judged(late=(frozenset(),))
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert "unknown" in judgement.verdicts[0].reason


def test_diverged_runs_are_counted_and_break_nothing() -> None:
    assert judged(diverged=64).verdicts[0].reason == "Fewer than two runs did."
    judgement = judged(diverged=1)
    shares = {n.at: n.estimate.n_runs for n in judgement.estimates if n.measure == "disagreement_share_by_source"}
    assert shares.pop("width") == NARROW
    assert set(shares.values()) == {RUNS}


def test_without_weights_the_interaction_cannot_be_told() -> None:
    judgement = judged(snapshots=False)
    assert holds(judgement) == {**dict.fromkeys(PARTS, True), "interaction": None}
    assert judgement.verdicts[-1].verdict == "inconclusive"


@pytest.mark.parametrize("budget", BUDGETS)
def test_plans_vary_what_their_recipes_have(budget: str) -> None:
    cases = STUDY.cases(budget)
    plans = STUDY.plan(cases, budget, None)
    assert len(plans) == 4 * len(cases)
    for plan in plans:
        check_against(plan.design, plan.recipe)
    crossed = [p for p in plans if p.name.endswith("-crossed")]
    assert all(p.design.column("init").min() > 100 for p in crossed), "no run in common with the others"


def test_it_runs_from_training_to_verdict(tmp_path) -> None:
    asked = Request((STUDY,), "smoke", runs=3, overrides={"epochs": 1, "hidden": (8,)})
    execute(asked, jobs_of(asked), tmp_path / "run", command="varbench run sources")
    found = judge(tmp_path / "run")
    rows = {row["at"]: row["value"] for row in found["estimates"] if row["measure"] == "disagreement_share_by_source"}
    assert set(rows) == {"init", "order", "dropout", "data", "ulp", "width"}
    assert rows["init"] > 0
    assert [v["verdict"] for v in found["verdicts"]][-1] in ("inconclusive", "contradicted")
    assert [chart["name"] for chart in found["charts"]][:3] == ["alone", "along-digits-mlp-8", "components"]
