"""Snapshots from training to the report: one-ULP pairs on real data, judged, verified and grown."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.studies import registry, request
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.study import Case, Judgement, PopulationPlan, Study, Verdict
from varbench.studies.verify import verify
from varbench.training.design import ulp_pairs
from varbench.training.recipe import Recipe

RECIPE = Recipe(data="digits", model="mlp", hidden=(8,), lr=1e-2, batch_size=50, steps=60)
SNAPSHOTS = 7


def _plan(cases, budget, runs):
    return tuple(
        PopulationPlan(c.name, c.label, c.recipe, ulp_pairs(runs or 3, sources=("init", "order"), width=6), snapshots=7)
        for c in cases
    )


STUDY = Study(
    name="one-ulp",
    title="One ULP",
    claim="One ULP is enough.",
    citation="",
    rule="None.",
    meaning="",
    limits="",
    cases=lambda budget: (Case("digits", "Digits", RECIPE),),
    plan=_plan,
    judge=lambda evidence, experiments: Judgement((Verdict(None, "inconclusive", "Nothing is decided."),), "One ULP."),
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "study", lambda name: STUDY)
        folder = tmp_path_factory.mktemp("ulp") / "run"
        asked = request.Request((STUDY,), "smoke")
        execute(asked, jobs_of(asked), folder, command="varbench run one-ulp")
        yield folder


@pytest.fixture(scope="module")
def analysis(out):
    return judge(out)


def values(analysis, measure):
    return {row["at"]: row for row in analysis["estimates"] if row["measure"] == measure}


def test_the_protocol_is_kept_and_one_ulp_grows(analysis):
    assert values(analysis, "ulp_one_word")[None]["value"] == 1.0
    assert values(analysis, "ulp_duplicate_equal")[None]["value"] == 1.0
    curve = values(analysis, "separation")
    steps = sorted(curve)
    assert (steps[0], steps[-1]) == (0, 60)
    assert 0 < curve[0]["value"] < 1e-7
    assert curve[60]["value"] > 10 * curve[0]["value"]
    assert curve[60]["n_runs"] == 3
    plot = analysis["plots"]["digits"]["separation"]
    assert plot["run"] == [0, 3, 6]
    assert all(0 < d < 0.1 * plot["independent"][-1] for d in np.ravel(plot["distance"]))
    assert values(analysis, "separation_saturation")[None]["value"] < 0.1


def test_curvature_and_slices_are_of_the_base_runs(analysis):
    sharpness, trace = values(analysis, "sharpness"), values(analysis, "hessian_trace")
    assert set(sharpness) == {None, *values(analysis, "separation")}
    assert sharpness[None]["n_runs"] == 3
    assert all(0 < sharpness[at]["value"] < trace[at]["value"] for at in sharpness if at != 0)
    plots = analysis["plots"]["digits"]
    assert plots["landscape"]["run"] == plots["slices"]["run"] == [0, 3, 6]
    line = plots["slices"]["line"]
    start = line["position"].index(0.0)
    curve = np.array(plots["curves"]["test_loss"])[0, -1]
    assert float(f"{line['test_loss'][start]:.4g}") == curve  # curves are drawn with four digits


def test_training_again_gives_the_same_bits_and_the_same_request_goes_on(out):
    (check,) = verify(out, everything=True)
    assert check.sound
    assert len(check.runs) == 9
    asked = request.Request((STUDY,), "smoke", runs=4)
    execute(asked, jobs_of(asked, out), out, command="varbench run one-ulp --runs 4")
    grown = judge(out)
    assert values(grown, "separation")[60]["n_runs"] == 4
    distances = np.array(grown["plots"]["digits"]["separation"]["distance"])
    before = json.loads(json.dumps(distances[:3].tolist()))
    assert before == judge(out)["plots"]["digits"]["separation"]["distance"][:3]


def test_too_many_snapshots_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("varbench.store.budget.SNAPSHOT_BYTES", 10_000)
    with pytest.raises(InputError, match="snapshots of the 610 parameters of 9 runs take"):
        jobs_of(request.Request((STUDY,), "smoke"))
    single = replace(STUDY, plan=lambda *args: tuple(replace(p, snapshots=1) for p in _plan(*args)))
    with pytest.raises(InputError, match="snapshots = 1"):
        jobs_of(request.Request((single,), "smoke"))
