"""The command of the races: what it refuses, what it keeps, what it holds its rows against, and Ctrl-C."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed import __main__ as command
from benchmarks.speed import race as racing
from benchmarks.speed.arms import ARMS
from benchmarks.speed.children import answered, ended, started
from benchmarks.speed.earlier import earlier
from benchmarks.speed.report import Row, row_of, table, write
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import TASKS

ROOT = Path(__file__).parents[1]
LIMITS = {"float32": 1e11, "bytes": 1e10}
ABOUT = {"platform": "cpu", "kind": "cpu", "processor": "x", "cores": 2, "versions": {"jax": "1"}}


def result(arm: str, seconds: float, *, processes: int | None = 1) -> Result:
    return Result(arm, 2.0 * seconds, (seconds, seconds, 3.0 * seconds), (0.9, 0.91), 2, processes=processes)


@pytest.fixture
def raced(tmp_path: Path, monkeypatch):
    """Runs the command with made-up races of training; gives its exit status and what it wrote."""
    monkeypatch.setattr(command, "machine", lambda platform: dict(ABOUT))
    monkeypatch.setattr(command, "ceilings", lambda platform: LIMITS)
    monkeypatch.setattr(command, "race", lambda *args, **how: [result("jax", 3.0), result("varbench", 1.0)])

    def run(*words: str) -> tuple[object, dict]:
        monkeypatch.setattr(sys, "argv", ["speed", "--parts", "training", "--out", str(tmp_path), *words])
        with pytest.raises(SystemExit) as left:
            command.main()
        written = tmp_path / "cpu" / "speed.json"
        return left.value.code, json.loads(written.read_text()) if written.exists() else {}

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--repeats", "0"], "at least 1 was expected"),
        (["--runs", "8", "0"], "at least 1 was expected"),
        (["--minutes", "nan"], "a number above 0 was expected"),
        (["--out", "pyproject.toml"], "--out pyproject.toml: no folder can be made there"),
        (["--study", "identical-pipeline"], "--study identical-pipeline: unknown study"),
        (["--study", "mode-collapse"], "--study mode-collapse: it trains no population"),
        (["--budget", "large"], "--budget large: one of smoke, standard, full was expected"),
        (["--parts", "analysis", "--runs", "1"], "--runs 1: the analysis compares runs and needs at least 3"),
        (["--platform", "gpu"], "--platform gpu: JAX finds no GPU here"),
        (["--tasks", "cnn-bf16"], "--tasks cnn-bf16: not raced on a CPU"),
    ],
)
def test_what_cannot_be_raced_is_refused_by_a_sentence_and_leaves_nothing(
    words, said, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(command, "ceilings", lambda platform: pytest.fail("something was measured"))
    monkeypatch.setattr(sys, "argv", ["speed", "--out", str(tmp_path / "new"), *words])
    with pytest.raises(SystemExit) as left:
        command.main()
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_what_is_not_measured_again_stays_with_its_date(tmp_path: Path, raced) -> None:
    def rows_of(seconds: float) -> list[Row]:
        raced = [result("jax", 3.0), result("varbench", seconds)]
        return [row_of(TASKS["mlp-32"], runs, raced, LIMITS, platform="cpu") for runs in (1, 8)]

    write(rows_of(2.0), LIMITS, {**ABOUT, "started": "2025"}, [], tmp_path / "cpu", left_out=[])

    left_out = list[list[str]]()

    def found(*more: str) -> tuple[list[float], dict[str, str]]:
        status, document = raced("--tasks", "mlp-32", "--add", *more)
        assert status == 0
        left_out.append(document["left out"])
        return [row["ratio"] for row in document["races"]], document["machine"]["kept"]

    every = {"training of mlp-32, 1 run": "2025", "training of mlp-32, 8 runs": "2025"}
    assert found("--minutes", "1e-9") == ([1.5, 1.5], every)
    assert found("--runs", "8") == ([1.5, 3.0], {"training of mlp-32, 1 run": "2025"})
    assert left_out == [["training of mlp-32, 64 runs.", "training of mlp-32, 256 runs."], []]


def test_all_rows_of_a_call_are_held_against_the_best_that_the_machine_showed_in_it(raced, monkeypatch) -> None:
    rates = iter([1e11, 4e11, 2e11])
    monkeypatch.setattr(command, "ceilings", lambda platform: {**LIMITS, "float32": next(rates)})
    _, document = raced("--tasks", "mlp-32", "mlp-128", "--runs", "8")
    assert [row["limit"] for row in document["races"]] == [4e11, 4e11]
    assert document["limits"]["float32"] == 4e11
    assert next(rates, None) is None


def test_a_task_for_gpus_is_passed_over_on_a_cpu(raced) -> None:
    _, document = raced("--tasks", "cnn-bf16", "mlp-32", "--runs", "8")
    assert [row["task"] for row in document["races"]] == ["mlp-32"]


def test_what_is_kept_is_held_against_the_best_that_the_machine_ever_showed(tmp_path: Path, raced) -> None:
    fast = {**LIMITS, "float32": 4e11}
    row = row_of(TASKS["mlp-32"], 1, [result("jax", 3.0), result("varbench", 1.0)], fast, platform="cpu")
    write([row], LIMITS, {**ABOUT, "started": "2025"}, [], tmp_path / "cpu")
    _, document = raced("--tasks", "mlp-32", "--runs", "8", "--add")
    assert [row["limit"] for row in document["races"]] == [4e11, 4e11]
    assert [row["share"] for row in document["races"]] == pytest.approx([row.share, 8 * row.share])
    assert document["limits"]["float32"] == 4e11


def test_what_is_wrong_with_a_race_is_told_as_long_as_it_is_kept(tmp_path: Path, raced, capsys) -> None:
    other = dataclasses.replace(result("jax", 3.0), accuracies=(0.4, 0.41))
    row = row_of(TASKS["mlp-32"], 2, [other, result("varbench", 1.0)], LIMITS, platform="cpu")
    write([row], LIMITS, {**ABOUT, "started": "2025"}, [], tmp_path / "cpu")
    status, document = raced("--tasks", "mlp-32", "--runs", "8", "--add")
    assert status == 1
    (sentence,) = document["not comparable"]
    assert sentence.startswith("mlp-32, 2 runs: jax is -50.0 pp off varbench in accuracy")
    assert sentence in capsys.readouterr().err
    assert raced("--tasks", "mlp-32", "--runs", "2", "--add")[0] == 0


@pytest.mark.parametrize(("task", "status"), [("mlp-32", 1), ("cnn", 0)])
def test_a_single_run_is_held_to_what_the_accuracy_of_its_task_varies(
    task: str, status: int, raced, monkeypatch
) -> None:
    alone = [Result(arm, 2.0, (1.0,), (accuracy,), 1) for arm, accuracy in (("jax-step", 0.5), ("varbench", 0.9))]
    monkeypatch.setattr(command, "race", lambda *args, **how: alone)
    assert raced("--tasks", task, "--runs", "1")[0] == status


@pytest.mark.parametrize("arm", ["jax", "varbench"])
def test_an_arm_that_fails_is_named_and_no_success(arm: str, raced, monkeypatch) -> None:
    failed = Result(arm, None, (), (), 0, "no memory")
    fine = [result(name, 1.0) for name in ("jax", "varbench") if name != arm]
    monkeypatch.setattr(command, "race", lambda *args, **how: [failed, *fine])
    status, document = raced("--tasks", "mlp-32", "--runs", "8")
    assert status == 1
    assert f"mlp-32, 8 runs: {ARMS[arm].label} failed: no memory" in document["not comparable"]
    assert [(bar["measured"], bar["reached"]) for bar in document["bars"]] == [("failed", False)]


def test_an_interruption_is_told_by_a_sentence_and_keeps_what_was_finished(raced, monkeypatch, capsys) -> None:
    def race(task, runs, *args, **how):
        if runs == 64:
            raise KeyboardInterrupt
        return [result("jax", 3.0), result("varbench", 1.0)]

    monkeypatch.setattr(command, "race", race)
    status, document = raced("--tasks", "mlp-32", "--runs", "8", "64")
    assert status == 130
    assert [row["runs"] for row in document["races"]] == [8]
    assert "speed: interrupted; what was finished is in" in capsys.readouterr().err
    status, _ = raced("--tasks", "mlp-32", "--runs", "64")
    assert status == 130
    assert "nothing was finished, and nothing is written" in capsys.readouterr().err


def test_ctrl_c_ends_the_command_with_130_and_no_traceback(tmp_path: Path) -> None:
    words = ["--parts", "training", "--tasks", "mlp-32", "--runs", "1", "--arms", "jax", "--out", str(tmp_path)]
    child = started(
        [sys.executable, "-m", "benchmarks.speed", *words], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stderr is not None
        said = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=120)
    finally:
        ended(child)
    assert said.startswith("measuring")
    assert child.returncode == 130
    assert rest.strip() == "speed: interrupted; nothing was finished, and nothing is written"


def test_the_workers_of_a_race_end_when_it_is_interrupted(monkeypatch) -> None:
    begun: list[subprocess.Popen[str]] = []

    def recorded(*args, **how):
        begun.append(started(*args, **how))
        return begun[-1]

    def interrupted(*args) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(racing, "started", recorded)
    monkeypatch.setattr(racing._Team, "_answer", interrupted)  # while the arm is prepared
    task = dataclasses.replace(TASKS["mlp-32"], steps=5)
    with pytest.raises(KeyboardInterrupt):
        racing.race(task, 1, ["jax"], platform="cpu", repeats=1, say=lambda line: None)
    assert [worker.returncode for worker in begun] == [-signal.SIGKILL]


def test_a_process_that_fails_is_no_answer() -> None:
    assert answered([sys.executable, "-c", "print(1)"]) == "1\n"
    with pytest.raises(subprocess.CalledProcessError):
        answered([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize(("available", "runs", "shares"), [(2, 8, [4, 4]), (16, 3, [1, 1, 1]), (1, 2, [2])])
def test_an_arm_with_a_process_per_core_has_as_many_as_there_are_cores_and_runs(
    available: int, runs: int, shares: list[int], monkeypatch
) -> None:
    monkeypatch.setattr(racing, "cores", lambda: available)
    arm = ARMS["jax-processes"]
    team = racing._Team("jax-processes", arm, TASKS["mlp-32"], runs, platform="cpu", arrays="")
    assert [job.runs for job in team._jobs] == shares
    assert [job.first for job in team._jobs] == [sum(shares[:i]) for i in range(len(shares))]
    assert all(job.threads == max(1, available // len(shares)) for job in team._jobs)


def test_the_table_has_the_rounds_and_their_spread_and_the_report_the_processes(tmp_path: Path) -> None:
    once = dataclasses.replace(result("varbench", 1.0), seconds=(1.0,))
    peers = [result("jax-processes", 3.0, processes=2), result("jax-processes", 3.0, processes=None)]
    rows = [row_of(TASKS["mlp-32"], 8, [peers[0], result("varbench", 2.0)], LIMITS, platform="cpu")]
    rows += [row_of(TASKS["mlp-32"], 64, [peers[1], once], LIMITS, platform="cpu")]
    first, second = (line.split(" | ") for line in table(rows, LIMITS).splitlines()[-2:])
    assert (first[3:5], first[8:10]) == (["2 [2, 6]", "3"], ["3 [3, 9]", "3"])
    assert second[3:5] == ["1", "1"]
    write(rows, LIMITS, {**ABOUT, "started": "now"}, [], tmp_path)
    assert "A process per core: 2." in (tmp_path / "report.md").read_text()
    write(rows[1:], LIMITS, {**ABOUT, "started": "now"}, [], tmp_path)
    assert "A process per core" not in (tmp_path / "report.md").read_text()


def test_a_report_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch) -> None:
    rows = [row_of(TASKS["mlp-32"], 8, [result("varbench", 2.0)], LIMITS, platform="cpu")]
    write(rows, LIMITS, {**ABOUT, "started": "2025"}, [], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no space left"):
        write(rows, LIMITS, {**ABOUT, "started": "2026"}, [], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_committed_report_can_be_read_and_written_again(tmp_path: Path) -> None:
    folder = ROOT / "reports" / "speed" / "cpu"
    document = json.loads((folder / "speed.json").read_text())
    found = earlier(folder, about=document["machine"])
    write(
        list(found.rows),
        document["limits"],
        document["machine"],
        [],
        tmp_path,
        analysis=list(found.analysis),
        beside=found.beside,
    )
    again = json.loads((tmp_path / "speed.json").read_text())
    assert [(row["task"], row["runs"], row["share"]) for row in again["races"]] == [
        (row["task"], row["runs"], row["share"]) for row in document["races"]
    ]
    assert again["bars"] == document["bars"]
    for row in found.rows:
        assert f"| {row.task} | {row.runs:,} | {row.steps:,} |" in (tmp_path / "report.md").read_text()
