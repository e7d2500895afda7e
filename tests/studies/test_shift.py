"""The judge of the study of shift, on networks whose layers and errors are planted in their weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.evidence import check_plans
from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.data.plants import PROXIES
from varbench.studies.claims.shift.corruption import AMOUNTS
from varbench.studies.claims.shift.group_probe import group_probes
from varbench.studies.claims.shift.study import STUDY
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.request import Request

RUNS = 12
DATA = load("digits")
Y = DATA.y_test


def key(row: np.ndarray) -> bytes:
    return row.reshape(-1)[:-PROXIES].tobytes()


class Layered:
    """Weights: how strongly a unit holds whether the class is odd, another the group by its proxies, a third noise."""

    def __init__(self):
        self.activation_shapes = {"hidden/0": (3,), "logits": (10,)}
        pairs = ((DATA.x_train, DATA.y_train), (DATA.x_test, DATA.y_test))
        self.odd = {key(row): y % 2 for x, labels in pairs for row, y in zip(x, labels, strict=True)}

    def activations_on(self, weights, x):
        odd = np.array([self.odd[key(row)] for row in x], float)
        group = x.reshape(len(x), -1)[:, -PROXIES:].sum(axis=1) > PROXIES / 2
        random = np.random.default_rng(0).normal(size=len(x))
        units = np.stack([2 * odd - 1, 2.0 * group - 1, random], -1)
        return {
            "hidden/0": (weights[:, None, :] * units).astype(np.float32),
            "logits": np.zeros((len(weights), len(x), 10)),
        }


class Corruptible:
    """Weights: the share of errors under each noise, and the place of the first example that is misread."""

    def __init__(self):
        self.inputs = [load(f"digits+noise:{amount:g}").x_test for amount in AMOUNTS]

    def logits_on(self, weights, x):
        (amount,) = (i for i, known in enumerate(self.inputs) if np.array_equal(known, x))
        place = (np.arange(len(Y)) / len(Y) - weights[:, -1:]) % 1.0
        wrong = place < weights[:, amount, None]
        return np.eye(10, dtype=np.float32)[np.where(wrong, (Y + 1) % 10, Y)]


LAYERED = Layered()


def arrays(weights, networks, *, diverged=0) -> PopulationArrays:
    finished = np.arange(len(weights)) >= diverged
    return PopulationArrays(
        labels=Y,
        logits=np.repeat(np.eye(10, dtype=np.float32)[Y][None], len(weights), axis=0),
        finished=finished,
        weights=np.where(finished[:, None], weights, np.nan).astype(np.float32),
        networks=networks,
    )


def judged(
    units=(1.0, 0.0, 0.0), *, errors=(0.02, 0.05, 0.1, 0.2, 0.5), spread=(0.01, 0.01, 0.05, 0.05, 0.05), **setting
):
    """Runs whose layers hold (class, group, noise), and that err on shares of the examples with a spread over runs."""
    runs, diverged = setting.get("runs", RUNS), setting.get("diverged", 0)
    random = np.random.default_rng(1)
    apart = random.permutation(np.linspace(-1, 1, runs))[:, None]
    shares = np.array(errors) + np.array(spread) * apart
    places = random.random((runs, 1)) if setting.get("apart", True) else np.zeros((runs, 1))
    planted, main = STUDY.plan(STUDY.cases("smoke"), "smoke", runs)
    layers = np.tile(np.array(units), (runs, 1)) * (1 + 0.01 * apart)
    return STUDY.judge(
        {
            planted.name: evidence(planted, arrays(layers, LAYERED, diverged=diverged)),
            main.name: evidence(main, arrays(np.hstack([shares, places]), Corruptible(), diverged=diverged)),
        },
        {},
    )


def test_a_probe_that_reads_the_class_and_runs_that_part_support_the_claim():
    judgement = judged()
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    found = {(n.measure, n.at): n.estimate.value for n in judgement.estimates}
    assert found["shift_probe_inside", None] == pytest.approx(0.95, abs=0.03)
    assert found["shift_probe_outside", None] == pytest.approx(0.5)
    assert found["shift_probe_turned", None] == 0.0
    assert found["shift_probe_refitted", None] == pytest.approx(0.5)
    assert found["shift_probe_absent", None] == pytest.approx(0.95, abs=0.03)
    assert found["shift_accuracy", 0.5] == pytest.approx(0.9, abs=0.01)
    assert found["shift_sd_added", 0.5] == pytest.approx(0.03, abs=0.005)


@pytest.mark.parametrize(
    ("setting", "broken"),
    [
        ({"units": (1.0, 1.0, 0.0)}, {"it loses out of distribution"}),
        ({"units": (0.0, 0.0, 1.0)}, {"the probe finds the factor", "it loses out of distribution"}),
        ({"errors": (0.05, 0.02, 0.1, 0.2, 0.5)}, {"disagreement rises with the noise"}),
        ({"errors": (0.02, 0.15, 0.06, 0.2, 0.5)}, {"disagreement rises with the noise"}),
        ({"spread": (0.015, 0.015, 0.002, 0.02, 0.02)}, {"accuracy spreads further under noise"}),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(setting, broken):
    judgement = judged(**setting)
    assert {name: held for name, held in holds(judgement).items() if not held} == dict.fromkeys(broken, False)
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_a_layer_that_holds_the_factor_shows_it_everywhere():
    found = {n.measure: n.estimate.value for n in judged((0.0, 1.0, 0.0)).estimates}
    for where in ("inside", "outside", "turned", "refitted"):
        assert found[f"shift_probe_{where}"] == pytest.approx(0.98, abs=0.02)
    # The class can then be told from the group alone, which is right for 95 % of it: 0.95² + 0.05² of the other factor.
    assert found["shift_probe_absent"] == pytest.approx(0.905, abs=0.04)


def test_one_narrow_failure_among_the_numbers_decides_nothing():
    judgement = judged(errors=(0.02, 0.019, 0.1, 0.2, 0.5))
    (part,) = [p for p in judgement.verdicts[0].parts if p.name == "disagreement rises with the noise"]
    assert part.weighed[0].holds is False
    assert part.holds is None
    assert "times as much with noise of 0.25 SD, not 0" in judgement.number


@pytest.mark.parametrize("setting", [{"runs": 1}, {"diverged": RUNS}, {"diverged": RUNS - 1}, {"runs": 2}])
def test_too_few_runs_decide_nothing_on_the_spread(setting):
    judgement = judged(**setting)
    assert holds(judgement)["accuracy spreads further under noise"] is None
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert "nan" not in judgement.headline + judgement.number


def test_runs_that_all_agree_have_no_ratio():
    judgement = judged(errors=(0.0,) * 5, spread=(0.0,) * 5, apart=False)
    assert holds(judgement)["disagreement rises with the noise"] is None
    assert holds(judgement)["accuracy spreads further under noise"] is None


def test_diverged_runs_are_left_out():
    judgement = judged(runs=RUNS + 4, diverged=2)
    assert {n.estimate.n_runs for n in judgement.estimates} == {RUNS + 2}
    assert judgement.verdicts[-1].verdict == "supported"


def test_networks_that_are_not_at_hand_decide_nothing():
    planted, main = STUDY.plan(STUDY.cases("smoke"), "smoke", RUNS)
    bare = PopulationArrays(labels=Y, predictions=np.tile(Y, (RUNS, 1)), classes=10)
    judgement = STUDY.judge({p.name: evidence(p, bare) for p in (planted, main)}, {})
    assert [v.verdict for v in judgement.verdicts] == ["inconclusive", "inconclusive"]
    assert not judgement.charts


def test_runs_looked_at_in_smaller_parts_give_the_same(monkeypatch):
    planted, _ = STUDY.plan(STUDY.cases("smoke"), "smoke", 5)
    made = arrays(np.random.default_rng(0).random((5, 3)), LAYERED, diverged=1)
    e = evidence(planted, made)
    whole = group_probes(e, LAYERED, made.weights).accuracy
    monkeypatch.setattr("varbench.studies.claims.shift.group_probe.BYTES", 1)
    for name, values in group_probes(e, LAYERED, made.weights).accuracy.items():
        np.testing.assert_array_equal(values, whole[name])
        assert np.isnan(values).tolist() == [True, False, False, False, False]


def test_small_recipes_are_probed_main_ones_corrupted_and_one_alone_is_both():
    check_plans(STUDY)
    cases = STUDY.cases("standard")
    names = [p.name for p in STUDY.plan(cases, "standard", None)]
    assert names == ["planted-digits-group-950", "planted-mnist1d-group-950", "digits-mlp", "mnist1d-mlp"]
    assert [p.name for p in STUDY.plan(cases[-1:], "standard", 4)] == [
        f"planted-{cases[-1].name}-group-950",
        cases[-1].name,
    ]


def test_a_small_run_is_trained_and_judged(tmp_path):
    asked = Request((STUDY,), "smoke", runs=3, overrides={"steps": 60})
    execute(asked, jobs_of(asked, tmp_path / "run"), tmp_path / "run", command="varbench run shift")
    analysis = judge(tmp_path / "run")
    assert [chart["name"] for chart in analysis["charts"]][:3] == ["probe", "noise", "spread"]
    found = {(r["measure"], r["at"], r["condition"]): r["value"] for r in analysis["estimates"]}
    assert found["shift_accuracy", 0.0, "digits-mlp"] == pytest.approx(found["accuracy", None, "digits-mlp"])
    assert found["shift_disagreement", 0.0, "digits-mlp"] == pytest.approx(found["disagreement", None, "digits-mlp"])
    assert found["shift_probe_inside", None, "planted-digits-group-950"] > 0.8
