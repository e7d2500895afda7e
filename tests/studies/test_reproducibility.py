"""The judge of reproducibility on comparisons made by hand, what they are made of, and a smoke run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.studies.claims.reproducibility.again import compared, settings_of, yardstick
from varbench.studies.claims.reproducibility.study import EXPERIMENT, SAME, STUDY, WAYS
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.request import Request
from varbench.studies.study import BUDGETS
from varbench.training.elsewhere import Trained

RUNS, EXAMPLES, CLASSES = 6, 100, 10
OTHER = [way for way in WAYS if way not in SAME]


def runs_of(key: int, runs: int = RUNS) -> Trained:
    random = np.random.default_rng(key)
    logits = random.normal(size=(runs, EXAMPLES, CLASSES)).astype(np.float32)
    return Trained(random.normal(size=(runs, 40)).astype(np.float32), logits)


def moved(base: Trained, amount: float) -> Trained:
    random = np.random.default_rng(9)
    weights, logits = (a + amount * random.normal(size=a.shape).astype(np.float32) for a in base)
    return Trained(weights.astype(np.float32), logits.astype(np.float32))


def judged(changes=None, *, runs=RUNS, left_out=("autotuned",), base=None):
    """Ways that must give the same bits do, the others move weights and logits by 0.1, or by their `changes`."""
    base = base or runs_of(0, runs)
    amounts = {**dict.fromkeys(SAME, 0.0), **dict.fromkeys(OTHER, 0.1), **(changes or {})}
    arrays = {f"digits/{name}": array for name, array in yardstick(base).items()}
    for way, amount in amounts.items():
        if way not in left_out:
            other = base if amount == 0.0 else moved(base, amount)
            arrays |= {f"digits/{way}/{name}": array for name, array in compared(base, other).items()}
    words = json.dumps({"left_out": dict.fromkeys(left_out, "not here"), "environment": {}})
    (plan,) = STUDY.plan(STUDY.cases("smoke"), "smoke", runs)
    found = PopulationArrays(labels=np.arange(EXAMPLES) % CLASSES, logits=base.logits, weights=base.weights)
    return STUDY.judge({plan.name: evidence(plan, found)}, {EXPERIMENT: {**arrays, "words": np.array(words)}})


def test_the_same_bits_where_they_must_be_and_others_elsewhere_support_the_claim() -> None:
    judgement = judged()
    assert holds(judgement) == {WAYS[w]: True for w in ("again", "process", "devices", "width", "precision")}
    assert judgement.verdicts[-1].verdict == "supported"
    found = {(n.measure, n.at): n.estimate.value for n in judgement.estimates}
    assert found["reproducibility_equal", "process"] == 1.0
    assert found["reproducibility_distance", "process"] == 0.0
    assert found["reproducibility_equal", "width"] == 0.0
    assert found["reproducibility_distance", "width"] == pytest.approx(0.1 / np.sqrt(2), rel=0.1)
    assert found["reproducibility_flips", "width"] > 0
    assert ("reproducibility_equal", "autotuned") not in found
    assert judgement.number.startswith("18 of 18 runs bit for bit; another precision moves the weights by 0.07")
    assert judgement.charts[0].series[0].y[:3] == (None, None, None), "the same bits have no place on a log scale"
    assert "GPU kernels chosen by timing (not here)" in judgement.charts[0].caption
    assert judgement.charts[1].series[0].x[-1] == "another seed"


@pytest.mark.parametrize("way", [*SAME, "width", "precision"])
def test_one_way_on_its_other_side_contradicts_the_claim(way: str) -> None:
    judgement = judged({way: 0.1 if way in SAME else 0.0})
    assert [name for name, held in holds(judgement).items() if not held] == [WAYS[way]]
    assert judgement.verdicts[-1].verdict == "contradicted"
    assert WAYS[way] in judgement.number


@pytest.mark.parametrize("way", ["matmul", "instructions"])
def test_what_is_only_shown_decides_nothing(way: str) -> None:
    assert judged({way: 0.0}).verdicts[-1].verdict == "supported"


def test_ways_that_a_machine_has_not_are_no_condition_and_missing_ones_leave_it_open() -> None:
    judgement = judged(left_out=("devices", "instructions"))
    assert WAYS["devices"] not in holds(judgement)
    assert judgement.verdicts[-1].verdict == "supported"
    (plan,) = STUDY.plan(STUDY.cases("smoke"), "smoke", 2)
    arrays = PopulationArrays(labels=np.zeros(3, int), logits=np.zeros((2, 3, 10), np.float32))
    nothing = STUDY.judge({plan.name: evidence(plan, arrays)}, {})
    assert nothing.verdicts[-1].verdict == "inconclusive"
    assert nothing.headline == "No recipe could be measured."


@pytest.mark.parametrize("runs", [1, 2])
def test_bits_need_no_other_runs(runs: int) -> None:
    assert judged(runs=runs).verdicts[-1].verdict == "supported"


def test_diverged_runs_come_back_too_and_have_no_distance() -> None:
    base = runs_of(0)
    base.weights[2] = np.nan
    judgement = judged(base=base)
    assert judgement.verdicts[-1].verdict == "supported"
    found = {(n.measure, n.at): n.estimate for n in judgement.estimates}
    assert found["reproducibility_distance", "width"].n_runs == RUNS - 1
    base.weights[:] = np.nan
    assert "unknown" in judged(base=base).verdicts[0].reason


def test_one_bit_of_one_logit_is_another_run() -> None:
    base, other = runs_of(0), runs_of(0)
    other.logits[3, 5, 2] = np.nextafter(other.logits[3, 5, 2], np.float32(np.inf))
    found = compared(base, other)
    assert found["equal"].tolist() == [True, True, True, False, True, True]
    assert found["distance"].tolist() == [0.0] * RUNS


def test_every_kind_of_device_says_what_it_leaves_out() -> None:
    for platform, devices in (("cpu", 1), ("gpu", 1), ("gpu", 8), ("tpu", 1)):
        settings, left_out = settings_of(platform, devices=devices)
        there = {"again", "width", "precision", *settings, *(["devices"] if settings["process"].devices == 2 else [])}
        assert there | set(left_out) == set(WAYS)
        assert not there & set(left_out)
    assert set(settings_of("cpu", devices=1)[0]) == {"process", "instructions"}
    assert settings_of("gpu", devices=1)[1] == {"devices": "there is one GPU", "instructions": "a flag of CPUs"}


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_facts_are_those_of_the_recipes_and_levels(budget: str) -> None:
    cases = STUDY.cases(budget)
    (experiment,) = STUDY.experiments(cases, budget, None)
    assert list(experiment.facts["recipes"]) == [case.name for case in cases]
    assert json.loads(json.dumps(experiment.facts)) == experiment.facts
    assert len(cases) == (1 if budget == "smoke" else 2)


def test_it_runs_from_training_to_verdict(tmp_path, monkeypatch) -> None:
    few = {"instructions": "not in this test"}

    def quick(platform, *, devices):
        settings, left_out = settings_of(platform, devices=devices)
        return {way: s for way, s in settings.items() if way not in few}, {**left_out, **few}

    monkeypatch.setattr("varbench.studies.claims.reproducibility.again.settings_of", quick)
    asked = Request((STUDY,), "smoke", runs=3, overrides={"steps": 40, "model": "logistic", "hidden": None})
    execute(asked, jobs_of(asked), tmp_path / "run", command="varbench run reproducibility")
    found = judge(tmp_path / "run")
    rows = {row["at"]: row["value"] for row in found["estimates"] if row["measure"] == "reproducibility_equal"}
    assert rows == {"again": 1.0, "process": 1.0, "devices": 1.0, "width": rows["width"], "precision": 0.0}
    parts = found["verdicts"][0]["parts"]
    assert [part["holds"] for part in parts[:3]] == [True, True, True]
