"""The judge of misaligned objectives, on networks whose scores are planted in their weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.evidence import check_plans
from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.data.proxies import proxy_labels
from varbench.errors import InputError
from varbench.studies.claims.misaligned_objective import AGREEMENT, STUDY
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.request import Request
from varbench.training.moments import snapshot_steps

RUNS = 12
DATA = load("digits")
STEPS = np.array(snapshot_steps(13, steps=120))
Y = DATA.y_test
PROXY = proxy_labels(DATA, DATA.x_test, Y, agreement=AGREEMENT)
SHARE = (PROXY != Y).mean()


class Planted:
    """Weights: shares of the examples answered rightly where proxy and truth agree, and with the proxy elsewhere."""

    def logits(self, weights, split):
        assert split == "test"
        place, agree = np.zeros(len(Y)), PROXY == Y
        for part in (agree, ~agree):
            place[part] = np.arange(part.sum()) / part.sum()
        known, followed = (place < weights[:, i, None] for i in (0, 1))
        answers = np.where(agree, np.where(known, Y, (Y + 5) % 10), np.where(followed, PROXY, Y))
        return np.eye(10, dtype=np.float32)[answers]


GOODHART = ((0.9, 0.0), (0.95, 0.0), (0.98, 0.8))
TRUE = ((0.9, 0.0), (0.95, 0.0), (0.99, 0.0))


def judged(wide=GOODHART, control=TRUE, *, narrow=TRUE, runs=RUNS, spread=0.01, diverged=0, weights=True):
    """Each population: (share known, share that follows the proxy) early, in between and at the end."""
    random = np.random.default_rng(0)
    found = {}
    plans = STUDY.plan(STUDY.cases("smoke"), "smoke", runs)
    for plan, values in zip(plans, (narrow, wide, control), strict=True):
        places = (0, len(STEPS) - 3, len(STEPS) - 1)
        path = np.stack([np.interp(np.arange(len(STEPS)), places, column) for column in np.array(values).T], -1)
        snapshots = (path + spread * random.normal(size=(runs, len(STEPS), 2))).astype(np.float32)
        snapshots[:diverged, -1] = np.nan
        arrays = PopulationArrays(
            labels=Y,
            logits=np.repeat(np.eye(10, dtype=np.float32)[Y][None], runs, axis=0),
            finished=np.arange(runs) >= diverged,
            train_loss=np.ones(runs, np.float32),
            snapshots=snapshots if weights else None,
            snapshot_steps=STEPS if weights else None,
            networks=Planted() if weights else None,  # type: ignore[arg-type]
        )
        found[plan.name] = evidence(plan, arrays)
    return STUDY.judge(found, {})


def test_a_true_score_that_falls_while_the_proxy_rises_supports_the_claim():
    judgement = judged(spread=0.0)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    found = {(n.condition.rpartition("-")[2], n.measure, n.at): n.estimate.value for n in judgement.estimates}
    assert found["wide", "misaligned_gap", 120.0] == pytest.approx((0.8 - 0.2) * SHARE, abs=0.005)
    assert found["control", "misaligned_true", 120.0] == pytest.approx(0.99 * (1 - SHARE) + SHARE, abs=0.005)
    assert found["wide", "misaligned_fall", None] < -0.05
    grown = {w: found[w, "misaligned_gap_change", None] for w in ("wide", "control")}
    assert found["wide", "misaligned_excess", None] == pytest.approx(grown["wide"] - grown["control"])
    assert found["wide", "misaligned_width_late", None] == pytest.approx(1.6 * SHARE, abs=0.01)


@pytest.mark.parametrize(
    ("wide", "control", "broken"),
    [
        (((0.9, 0.8), (0.9, 0.8), (0.7, 0.95)), TRUE, "the proxy score rises"),
        (((0.9, 0.2), (0.95, 0.1), (0.99, 0.0)), TRUE, "the truth falls behind"),
        (GOODHART, GOODHART, "not with true labels"),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(wide, control, broken):
    judgement = judged(wide, control)
    assert {name: held for name, held in holds(judgement).items() if not held} == {broken: False}
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_one_narrow_failure_among_the_numbers_decides_nothing():
    judgement = judged(((0.9, 0.2), (0.95, 0.1), (0.99, 0.126)))
    parts = {part.name: part for part in judgement.verdicts[0].parts}
    assert parts["the truth falls behind"].weighed[0].holds is False
    assert parts["the truth falls behind"].holds is None
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert "the gap between proxy and true score changes by" in judgement.number


def test_a_gap_that_grows_is_enough_without_a_fall():
    assert all(holds(judged(((0.3, 0.0), (0.6, 0.1), (0.95, 0.6)))).values())


@pytest.mark.parametrize("setting", [{"runs": 1}, {"spread": 0.4}, {"diverged": RUNS}, {"weights": False}])
def test_too_little_evidence_decides_nothing(setting):
    judgement = judged(**setting)
    assert [v.verdict for v in judgement.verdicts] == ["inconclusive", "inconclusive"]
    assert "nan" not in judgement.headline + judgement.number


def test_diverged_runs_are_left_out_of_the_scores():
    judgement = judged(diverged=2)
    assert {n.estimate.n_runs for n in judgement.estimates} == {RUNS - 2}
    assert judgement.verdicts[-1].verdict == "supported"


def test_plans_differ_in_labels_and_width_only():
    check_plans(STUDY)
    plans = STUDY.plan(STUDY.cases("standard"), "standard", 3)
    assert [p.recipe.data for p in plans[:3]] == ["digits+proxy:0.8", "digits+proxy:0.8", "digits"]
    assert plans[1].recipe.replace(data="digits") == plans[2].recipe
    case = STUDY.cases("smoke")[0]
    bare = type(case)(case.name, case.label, case.recipe.replace(hidden=None))
    with pytest.raises(InputError, match=r"give recipe\.hidden"):
        STUDY.plan([bare], "smoke", 3)


def test_a_small_run_is_trained_and_judged(tmp_path):
    asked = Request((STUDY,), "smoke", runs=3, overrides={"steps": 60})
    execute(asked, jobs_of(asked, tmp_path / "run"), tmp_path / "run", command="varbench run misaligned-objective")
    analysis = judge(tmp_path / "run")
    assert [c["condition"] for c in analysis["conditions"]] == [
        f"misaligned-digits-{word}" for word in ("narrow", "wide", "control")
    ]
    assert [chart["name"] for chart in analysis["charts"]][:2] == ["scores", "gap"]
    rows = [r for r in analysis["estimates"] if r["measure"] == "misaligned_true" and r["at"] == 60.0]
    accuracy = {r["condition"]: r["value"] for r in analysis["estimates"] if r["measure"] == "accuracy"}
    assert {r["condition"]: r["value"] for r in rows} == pytest.approx(accuracy)
