"""The races of the speed benchmark: what they count, what they compare, and that a small one runs."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed import analysis_race
from benchmarks.speed.analysis import CASES, LEAST_RUNS
from benchmarks.speed.analysis_race import AnalysisRow, Timed
from benchmarks.speed.arms import ARMS
from benchmarks.speed.bars import bars
from benchmarks.speed.earlier import Earlier, earlier
from benchmarks.speed.overheads import Clock, shares
from benchmarks.speed.parity import parity
from benchmarks.speed.race import _fits, race
from benchmarks.speed.report import knee, looks_of_arms, row_of, table, write
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import TASKS, step_bytes, step_flops

ROOT = Path(__file__).parents[1]
LIMITS = {"float32": 1e11, "bytes": 1e10}


def result(arm: str, seconds: float, *, accuracy: float = 0.9, failed: str = "") -> Result:
    return Result(arm, 2.0 * seconds, (seconds, seconds, 3.0 * seconds), (accuracy, accuracy + 0.01), 2, failed)


def test_the_arithmetic_of_a_perceptron_is_that_of_its_formula() -> None:
    # Forward, and the gradient of the weights, of every layer; the gradient of the inputs of all but the first.
    a, b, c = 64 * 32, 32 * 32, 32 * 10
    assert step_flops(TASKS["mlp-32"]) == 2 * 100 * (2 * (a + b + c) + b + c)
    assert step_bytes(TASKS["mlp-32"]) == 24 * (a + b + c + 32 + 32 + 10)


def test_a_convolution_counts_once_for_each_place_of_its_window() -> None:
    places = (19 * 5 * 25, 10 * 75 * 25, 5 * 75 * 25, 125 * 10)
    assert step_flops(TASKS["mnist1d-cnn"]) == 2 * 100 * (2 * sum(places) + sum(places[1:]))


def test_varbench_is_held_against_the_fastest_peer_by_medians() -> None:
    results = [result("torch", 9.0), result("jax", 6.0), result("jax-vmap", 1.0, failed="out of memory")]
    row = row_of(TASKS["mlp-32"], 64, [*results, result("varbench", 2.0)], LIMITS, platform="cpu")
    assert (row.peer, row.ratio) == ("jax", 3.0)
    assert row.share == pytest.approx(64 * TASKS["mlp-32"].steps * step_flops(TASKS["mlp-32"]) / 1e11 / 2.0)
    assert "3.00 ×" in table([row], LIMITS)


def test_a_race_of_unequal_trainings_is_named() -> None:
    assert parity([result("torch", 1.0), result("varbench", 1.0)]) == []
    (sentence,) = parity([result("torch", 1.0, accuracy=0.7), result("varbench", 1.0)])
    assert "torch is -20.0 pp off varbench" in sentence
    assert parity([result("torch", 1.0, accuracy=float("nan")), result("varbench", 1.0)])


def test_single_runs_may_differ_as_much_as_runs_of_the_other_races_do() -> None:
    alone = [Result(arm, 1.0, (1.0,), (accuracy,), 1) for arm, accuracy in (("torch", 0.6), ("varbench", 0.9))]

    def others(*accuracies: float) -> list[Result]:
        return [Result(arm, 1.0, (1.0,), accuracies, len(accuracies)) for arm in ("torch", "varbench")]

    assert parity(alone)
    assert parity(alone, alone=TASKS["mlp-32"].spread)
    assert parity(alone, alone=TASKS["cnn"].spread) == []
    assert parity(alone, others=others(0.6, 0.7, 0.8, 0.9)) == []
    assert parity(alone, others=[*others(0.6, 0.9), *others(0.89, 0.9, 0.91)])


def test_the_knee_is_where_more_runs_hardly_help() -> None:
    assert knee([(1, 10.0), (8, 70.0), (64, 81.0), (256, 100.0)]) == 64


def test_every_arm_names_a_function_of_its_module() -> None:
    for arm in ARMS.values():
        module, function = arm.make.split(":")
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert f"def {function}(job: Job" in source


def test_a_small_race_trains_the_same_network_and_writes_its_results(tmp_path: Path) -> None:
    task = dataclasses.replace(TASKS["mlp-32"], steps=150, sample=2)
    results = race(task, 2, ["jax", "varbench"], platform="cpu", repeats=1, say=lambda line: None)
    assert [r.arm for r in results] == ["jax", "varbench"]
    assert all(not r.failed and len(r.accuracies) == 2 and min(r.accuracies) > 0.8 for r in results)
    assert parity(results) == []
    about = {"platform": "cpu", "kind": "cpu", "processor": "x", "cores": 2, "versions": {"jax": "1"}, "started": "now"}
    write([row_of(task, 2, results, LIMITS, platform="cpu")], LIMITS, about, [], tmp_path)
    document = json.loads((tmp_path / "speed.json").read_text())
    assert document["races"][0]["results"][1]["arm"] == "varbench"
    assert (tmp_path / "throughput.svg").read_text().startswith("<?xml")


def test_an_arm_that_fails_is_told_and_stops_nothing() -> None:
    task = dataclasses.replace(TASKS["mlp-32"], steps=5, hidden=(0,))
    (broken,) = race(task, 1, ["jax"], platform="cpu", repeats=1, say=lambda line: None)
    assert broken.failed


def test_a_gpu_is_bound_by_the_traffic_of_weights_where_that_takes_longer() -> None:
    task = TASKS["mlp-32"].on("gpu")
    row = row_of(task, 64, [result("varbench", 2.0)], {**LIMITS, "bytes": 1e6}, platform="gpu")
    assert row.bound == "bandwidth"
    assert row.floor == pytest.approx(64 * task.steps * step_bytes(task) / 1e6)
    assert row_of(task, 64, [result("varbench", 2.0)], {**LIMITS, "bytes": 1e6}, platform="cpu").bound == "arithmetic"


@pytest.mark.parametrize("runs", [LEAST_RUNS, 6])
@pytest.mark.parametrize("name", CASES)
def test_every_peer_of_the_analysis_computes_the_same_numbers(name: str, runs: int) -> None:
    case = CASES[name]
    inputs = case.inputs(runs)
    ours = case.answer(inputs)
    assert np.isfinite(ours).all()
    for peer in case.peers:
        np.testing.assert_allclose(peer.answer(inputs), ours, rtol=0, atol=case.tolerance)


def test_a_race_of_the_analysis_scales_by_pairs_and_names_who_computes_something_else(monkeypatch) -> None:
    told = {None: 0.5, 0: 3.0, 1: 4.0}

    def process(name: str, runs: int, peer: int | None = None) -> dict[str, float]:
        return {"seconds": told[peer], "peak": 2**20, "difference": 0.0 if peer != 1 else 0.1}

    monkeypatch.setattr(analysis_race, "_process", process)
    rows = analysis_race.analysis_race("disagreement", LIMITS, say=lambda line: None, runs=[1_000, 2_001])
    assert [row.runs for row in rows] == [1_000, 2_001]
    assert rows[0].loops_ratio == rows[0].ratio == 6.0
    assert rows[1].peers[0].seconds == pytest.approx(3.0 * (2_001 * 2_000) / (1_000 * 999))
    assert rows[0].share == pytest.approx(4 * 1_000 * 10_000 / 1e10 / 0.5)
    (sentence,) = analysis_race.wrong_numbers(rows)
    assert "scikit-learn are 0.1 off" in sentence
    assert analysis_race.slope(rows, "disagreement") == 0.0


def test_the_parts_of_a_run_add_up_and_each_counts_for_itself(monkeypatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("benchmarks.speed.overheads.time.perf_counter", lambda: float(next(now)))
    clock = Clock()
    with clock.part("outer"):
        assert list(clock.stepped("inner", lambda: iter_of(2))()) == [0, 1]
    assert clock.parts == {"inner": 3.0, "outer": 4.0}  # three times asked, the last time in vain


def test_what_another_thread_does_is_no_part_of_what_this_one_waits_in() -> None:
    clock = Clock()
    with clock.part("waiting"), ThreadPoolExecutor(1) as pool:
        pool.submit(clock.timed("work", time.sleep), 0.02).result()
    assert 0.02 <= clock.parts["work"] <= clock.parts["waiting"]


def test_what_waits_while_blocks_train_has_its_work_told_apart() -> None:
    clock = Clock()

    def store() -> None:
        time.sleep(0.05)

    stored = clock.aside("store", store)
    clock.block(stored)()
    assert clock.work["store"] < 0.02 < clock.parts["store"]
    stored()
    assert clock.work["store"] >= 0.05
    assert clock.parts["store"] >= 0.1


def test_the_work_of_what_is_beside_blocks_counts_whole() -> None:
    clock = Clock()

    def store() -> None:
        since = time.thread_time()
        while time.thread_time() < since + 0.03:
            pass

    clock.block(clock.aside("store", store))()
    assert 0.03 <= clock.work["store"] <= clock.parts["store"]


def iter_of(n: int):
    yield from range(n)


def test_shares_leave_out_what_training_is() -> None:
    found = shares({"training": 80.0, "analysis": 10.0, "report": 6.0, "store": 4.0})
    assert found["store"] == pytest.approx(0.04)
    assert found["beside training"] == pytest.approx(0.20)
    assert found["beside training, analysis and report"] == pytest.approx(0.04)


def test_bars_are_judged_by_what_was_measured(tmp_path: Path) -> None:
    peer = Timed("loops", 400.0, 1_000, 2**28, 0.0, loops=True)
    rows = [
        AnalysisRow("disagreement", "mean", runs, Timed("varbench", seconds, runs, 2**29), (peer,), 0.1, 400.0, 400.0)
        for runs, seconds in ((1_000, 1.0), (10_000, 100.0))
    ]
    answers = {"python -c 'import varbench'": 0.05, "varbench --help": 0.4}
    beside = {
        "study": "s",
        "budget": "standard",
        "parts": {"training": 80.0, "report": 18.0, "store": 2.0},
        "answers": answers,
        "work": {"store": 1.0},
        "curves": {"with": 1.1, "without": 1.0},
        "probe": 3.0,
        "memory": {"64": {"stored": 1, "training": 2, "analysis": 3}},
    }
    found = {bar.what: bar.reached for bar in bars([], rows, beside)}
    assert found["Mean disagreement of 10,000 runs with its interval in seconds"] is False
    assert found["… linear in the runs (power ≤ 1.15)"] is False
    assert found["Analysis of 1,000 runs ≥ 100 × as fast as published loops"] is True
    assert found["All but training, analysis and report ≤ 3 % of a standard run"] is True
    assert found["All but training ≤ 15 %"] is False
    assert found["varbench --help ≤ 0.3 s"] is False
    assert found["import varbench ≤ 0.1 s, the interpreter included"] is True
    about = {"platform": "cpu", "kind": "cpu", "processor": "x", "cores": 2, "versions": {"jax": "1"}, "started": "now"}
    write([], LIMITS, about, [], tmp_path, analysis=rows, beside=beside, left_out=["training: mlp-512."])
    page = (tmp_path / "report.md").read_text()
    assert "4 of 8 reached." in page
    assert "| loops | 400* |" in page
    assert "training: mlp-512." in page
    assert (tmp_path / "analysis.svg").exists()
    again = earlier(tmp_path, about=about)
    assert (again.analysis, again.beside) == (tuple(rows), beside)
    assert again.dates == {**dict.fromkeys((f"analysis, {row.case}" for row in rows), "now"), "overheads": "now"}
    assert earlier(tmp_path / "nowhere", about=about) == Earlier()
    assert (tmp_path / "overheads.svg").exists()


def test_races_of_an_earlier_day_are_kept_as_they_were(tmp_path: Path) -> None:
    row = row_of(TASKS["mlp-32"], 64, [result("torch", 9.0), result("varbench", 2.0)], LIMITS, platform="cpu")
    about = {
        "platform": "cpu",
        "kind": "cpu",
        "processor": "x",
        "cores": 2,
        "versions": {"jax": "1"},
        "started": "2026",
    }
    write([row], LIMITS, about, [], tmp_path)
    assert earlier(tmp_path, about=about) == Earlier((row,), (), None, {"training of mlp-32, 64 runs": "2026"}, LIMITS)
    kept = {"training of mlp-32, 8 runs": "2026", "training of mlp-32, 64 runs": "2026", "overheads": "2025"}
    write([row], LIMITS, {**about, "kept": kept, "started": "2027"}, [], tmp_path)
    told = "Measured earlier, 2025: overheads. Measured earlier, 2026: training of mlp-32."
    assert told in (tmp_path / "report.md").read_text()
    assert earlier(tmp_path, about=about).dates == {"training of mlp-32, 64 runs": "2026"}
    with pytest.raises(ValueError, match="was measured with cores 2, and here it is 64: give another --out"):
        earlier(tmp_path, about={**about, "cores": 64})
    for spoiled in ("{", "{}", "[]"):
        (tmp_path / "speed.json").write_text(spoiled)
        with pytest.raises(ValueError, match="holds no report to add to"):
            earlier(tmp_path, about=about)


def test_a_race_in_which_varbench_failed_is_no_success() -> None:
    assert parity([result("torch", 1.0), result("varbench", 1.0, failed="no memory")])


def test_training_is_held_to_the_bar_of_its_task_and_number_of_runs() -> None:
    def of(name: str, runs: int, ours: float, platform: str = "cpu") -> dict[str, bool]:
        results = [result("torch", 300.0), result("jax-vmap", 4.0), result("varbench", ours)]
        row = row_of(TASKS[name], runs, results, LIMITS, platform=platform)
        return {bar.what: bar.reached for bar in bars([row], [], None, platform=platform)}

    assert of("mlp-32", 64, 1.0) == {"mlp-32, 64 runs: ≥ 5 × as fast as the fastest peer": False}
    assert of("mlp-32", 64, 0.8) == {"mlp-32, 64 runs: ≥ 5 × as fast as the fastest peer": True}
    assert of("mlp-32", 8, 3.0) == {"mlp-32, 8 runs: not slower than the fastest peer": True}
    assert of("mlp-32", 1, 3.0) == {"mlp-32, 1 run: not slower than the fastest peer": True}
    assert of("mlp-32", 8, 5.0) == {"mlp-32, 8 runs: not slower than the fastest peer": False}
    task = TASKS["mlp-512"]
    arithmetic = 64 * task.steps * step_flops(task) / LIMITS["float32"]
    what = "mlp-512, 64 runs: ≥ 50% of the limit (arithmetic)"
    assert of("mlp-512", 64, 1.9 * arithmetic)[what]
    assert not of("mlp-512", 64, 2.1 * arithmetic)[what]
    loop = "mlp-32, 4,096 runs: ≥ 100 × as fast as a loop in PyTorch"
    assert of("mlp-32", 4_096, 2.9, "gpu")[loop]
    assert not of("mlp-32", 4_096, 3.1, "gpu")[loop]
    assert loop not in of("mlp-32", 1_024, 2.9, "gpu")


@pytest.mark.parametrize(("name", "words"), [("mlp-512", ""), ("cnn", ", convolutions counted as direct sums")])
def test_a_bar_for_a_share_says_how_the_arithmetic_of_convolutions_is_counted(name: str, words: str) -> None:
    task = TASKS[name]
    seconds = 4 * 8 * task.steps * step_flops(task) / LIMITS["float32"]
    row = row_of(task, 8, [result("torch", 300.0), result("varbench", seconds)], LIMITS, platform="cpu")
    assert [bar.measured for bar in bars([row], [], None, platform="cpu") if "limit" in bar.what] == [f"25%{words}"]


def test_batched_convolutions_of_plain_jax_are_raced_where_they_end_in_time() -> None:
    told = []
    for name, runs in (("mnist1d-cnn", 8), ("mnist1d-cnn", 64), ("cnn", 8), ("mlp-32", 64)):
        told.append(_fits(ARMS["jax-vmap"], TASKS[name], runs, "cpu"))
    assert told == [True, False, False, True]
    assert _fits(ARMS["jax-vmap"], TASKS["cnn"], 64, "gpu")
    assert not _fits(ARMS["varbench-wide"], TASKS["cnn"], 64, "gpu")


@pytest.mark.parametrize(
    ("arm", "fitting"),
    [
        ("jax-step", ["mlp-32", "mnist1d-cnn", "cnn"]),
        ("jax-processes", ["mlp-32"]),
        ("jax-step-processes", ["mnist1d-cnn", "cnn"]),
        ("jax-vmap-processes", ["mlp-32"]),
        ("torch-compile-processes", ["mnist1d-cnn", "cnn"]),
        ("torch-channels-last-processes", ["cnn"]),
        ("torch-channels-last", ["cnn"]),
    ],
)
def test_arms_are_raced_where_they_make_sense(arm: str, fitting: list[str]) -> None:
    assert [name for name in ("mlp-32", "mnist1d-cnn", "cnn") if _fits(ARMS[arm], TASKS[name], 8, "cpu")] == fitting


def test_an_arm_that_trains_one_by_one_is_timed_once_for_a_task() -> None:
    task = dataclasses.replace(TASKS["mlp-32"], steps=5, sample=1)
    each = Result("jax", 1.0, (2.0, 3.0), (0.9,), 1)
    (found,) = race(task, 8, ["jax"], platform="cpu", repeats=1, say=lambda line: None, known={"jax": each})
    assert found.seconds == (16.0, 24.0)


def test_the_command_explains_itself() -> None:
    words = [sys.executable, "-m", "benchmarks.speed", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "mlp-512" in done.stdout


def test_no_two_arms_look_alike_in_the_figure() -> None:
    looks = looks_of_arms()
    assert set(looks) == set(ARMS)
    assert len(set(looks.values())) == len(ARMS)
