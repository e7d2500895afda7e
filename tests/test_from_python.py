"""What the Python interface makes of arrays in memory: refused in one sentence, or treated as from a file."""

import numpy as np
import pytest

import varbench
from varbench.errors import InputError

LABELS = np.arange(30) % 3
LOGITS = np.random.default_rng(0).normal(size=(5, 30, 3)) + np.eye(3)[LABELS]


def runs(**change):
    return varbench.PopulationArrays(**{"labels": LABELS, "logits": LOGITS, **change})


@pytest.mark.parametrize("given", [None, [1, 2], 3.0, {"labels": LABELS, "logits": LOGITS}, {}])
def test_what_holds_no_results_is_refused(given):
    with pytest.raises(InputError, match=r"give a file, or populations made by|give at least one population"):
        varbench.analyze(given)


def test_conditions_have_names():
    with pytest.raises(InputError, match="a condition is named 1"):
        varbench.analyze({1: runs()})
    with pytest.raises(InputError, match="a condition is of type NoneType"):
        varbench.compare(runs(), None)


@pytest.mark.parametrize("level", ["x", "0.95", None, 0.0, 95, float("nan"), True])
def test_a_level_is_a_number_between_0_and_1(level):
    calls = [lambda: varbench.analyze(runs(), level=level), lambda: varbench.compare(runs(), runs(), level=level)]
    if isinstance(level, float):
        calls.append(lambda: varbench.estimates(runs(), names=["accuracy"], key=0, level=level))
    for call in calls:
        with pytest.raises(InputError, match=r"the level of intervals is .*; give a number between 0 and 1"):
            call()


def test_unknown_sources_are_refused():
    with pytest.raises(InputError, match="names the source of randomness 'innit'; did you mean 'init'"):
        runs(levels={"innit": np.arange(5)})


def test_a_run_without_any_number_diverged_and_a_gap_is_refused():
    spoiled = LOGITS.copy()
    spoiled[2] = np.nan
    document = varbench.analyze(runs(logits=spoiled))
    assert document["conditions"][0]["n_diverged"] == 1
    assert document["headline"].startswith("5 runs (1 diverged) disagree")
    silent = np.where(np.arange(5)[:, None] == 2, -1, LOGITS.argmax(-1))
    assert runs(logits=None, predictions=silent).finished.tolist() == [True, True, False, True, True]
    for hole in ("nan", "inf", "1e[+]39"):
        spoiled = LOGITS.copy()
        spoiled[3, 4, 1] = float(hole.replace("[+]", ""))
        with pytest.raises(InputError, match=rf"logits\[3, 4, 1\] is {hole}; give finite numbers in float32, or"):
            runs(logits=spoiled)
        assert not runs(logits=spoiled, finished=np.ones(5, dtype=bool)).usable[3]  # said to have finished
    with pytest.raises(InputError, match=r"logits\[2, 0, 0\] is -?[0-9.]+e[+]\d+; give finite numbers in float32"):
        runs(logits=np.where(np.arange(5)[:, None, None] == 2, 1e300 * LOGITS, LOGITS))


def test_runs_that_are_the_same_bits_are_named():
    twice = np.concatenate([LOGITS, LOGITS[:2]])
    document = varbench.analyze(runs(logits=twice, levels={"init": np.arange(7)}))
    assert document["conditions"][0]["n_repeated"] == 2
    assert document["headline"].startswith("7 runs (2 the same as another, bit for bit) disagree on")
    weights = np.arange(14.0).reshape(7, 2)
    assert runs(logits=twice, weights=weights).n_repeated == 0
    assert runs(logits=None, predictions=twice.argmax(-1)).n_repeated == 0  # good models predict alike
    frozen = runs(logits=None, predictions=twice.argmax(-1), weights=np.ones((7, 2)))
    assert frozen.n_repeated == 7 - len(np.unique(twice.argmax(-1), axis=0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: varbench.plan(sd=0.01, width=0.01, out=""),
        lambda: varbench.compare(runs(), runs(), out=""),
        lambda: varbench.analyze(runs(), out=""),
        lambda: varbench.write_report("anywhere", out=""),
        lambda: varbench.run("identical-pipelines", budget="smoke", out=""),
    ],
)
def test_a_folder_has_a_name(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="out has an empty name: give a folder"):
        call()
    assert not list(tmp_path.iterdir())


def test_the_public_names_are_listed():
    assert set(varbench.__all__) <= set(dir(varbench))
