"""A race: the arms of one task and number of runs, prepared one after another, then timed in turns."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.speed.arms import ARMS, Arm, Job
from benchmarks.speed.tasks import Task, counted
from varbench.data import standardize

CONVOLUTIONAL = ("mnist1d-cnn", "cnn", "resnet")
PATIENCE = 8.0
"""Seconds, unscaled, after which an arm has no further round: what takes long varies little."""
PARITY = 0.03
"""Mean accuracies of two arms may differ by this much besides three standard errors."""


@dataclass(frozen=True)
class Result:
    """One arm in one race.

    Attributes:
        arm: Its name.
        prepared: Seconds of compilation and the first training; None if it failed.
        seconds: Seconds of each repeat for all runs, scaled where fewer were trained.
        accuracies: Test accuracies of the runs that were trained.
        trained: How many runs those are.
        failed: Why there is nothing, or empty.
    """

    arm: str
    prepared: float | None
    seconds: tuple[float, ...]
    accuracies: tuple[float, ...]
    trained: int
    failed: str = ""

    @property
    def median(self) -> float:
        """Median seconds of the repeats."""
        return median(self.seconds)


def race(
    task: Task,
    runs: int,
    names: list[str],
    *,
    platform: str,
    repeats: int,
    say: Any,
    known: dict[str, Result] | None = None,
) -> list[Result]:
    """Race arms on one task and number of runs.

    Args:
        task: As it is on this platform.
        runs: Runs that each arm trains, or a scaled sample of them.
        names: Arms.
        platform: "cpu" or "gpu".
        repeats: Rounds; in each round every arm has its turn.
        say: Called with a line of progress.
        known: Arms that train one run after another and were timed in full beside another number of runs of this task:
            theirs is scaled, not timed again. What is timed here is added.

    Returns:
        A result per arm that makes sense here, failed ones included.
    """
    with tempfile.TemporaryDirectory() as folder:
        arrays = _data(task, Path(folder))
        results, teams = [], {}
        for name in names:
            arm = ARMS[name]
            if not _fits(arm, task, runs, platform):
                continue
            if known is not None and name in known:
                results.append(_scaled(known[name], runs))
                continue
            say(f"{task.name}, {counted(runs)}: preparing {arm.label}")
            team = _Team(name, arm, task, runs, platform=platform, arrays=arrays)
            if team.failed:
                team.stop()
                results.append(Result(name, None, (), (), 0, team.failed))
            else:
                teams[name] = team
        try:
            times: dict[str, list[float]] = {name: [] for name in teams}
            for i in range(repeats):
                for name, team in teams.items():
                    if sum(times[name]) > PATIENCE * team.scale:
                        continue
                    say(f"{task.name}, {counted(runs)}, round {i + 1} of {repeats}: {ARMS[name].label}")
                    times[name].append(team.train())
            for name, team in teams.items():
                trained = len(team.accuracies)
                result = Result(name, team.prepared, tuple(times[name]), tuple(team.accuracies), trained, team.failed)
                results.append(result)
                if known is not None and ARMS[name].one_by_one and not team.failed and runs >= team.full_sample:
                    known[name] = dataclasses.replace(result, seconds=tuple(s / runs for s in result.seconds))
        finally:
            for team in teams.values():
                team.stop()
    return results


def _scaled(each: Result, runs: int) -> Result:
    """The result of an arm, known for a single run, for so many."""
    return dataclasses.replace(each, seconds=tuple(runs * seconds for seconds in each.seconds))


def parity(results: list[Result], *, examples: int) -> list[str]:
    """Sentences on arms whose accuracy is not that of varbench: a race between different trainings says nothing.

    Runs of one pipeline differ: by their standard deviation, or, where one run alone says nothing of it, by about the
    standard error of a fraction of so many test examples.
    """
    ours = next((r for r in results if r.arm == "varbench" and not r.failed), None)
    found = [f"varbench failed: {r.failed}" for r in results if r.arm == "varbench" and r.failed]
    for result in results:
        if ours is None or result.failed or result is ours:
            continue
        gap = float(np.mean(result.accuracies) - np.mean(ours.accuracies))
        spread = max(_spread(r, examples) for r in (result, ours))
        allowed = PARITY + 3.0 * spread * (1.0 / result.trained + 1.0 / ours.trained) ** 0.5
        if not abs(gap) <= allowed:
            found.append(
                f"{result.arm} is {100 * gap:+.1f} pp off varbench in accuracy; {100 * allowed:.1f} are allowed"
            )
    return found


def _spread(result: Result, examples: int) -> float:
    if result.trained > 1:
        return float(np.std(result.accuracies, ddof=1))
    (accuracy,) = result.accuracies
    return (accuracy * (1.0 - accuracy) / examples) ** 0.5


def _fits(arm: Arm, task: Task, runs: int, platform: str) -> bool:
    convolutional = task.model in CONVOLUTIONAL
    if (arm.conv_only and not convolutional) or (arm.dense_only and convolutional):
        return False
    if arm.images and task.model == "mnist1d-cnn":
        return False
    if platform == "cpu" and arm.most_conv_runs is not None and task.model in CONVOLUTIONAL:
        most = arm.most_conv_runs if task.model == "mnist1d-cnn" else 0
        if runs > most:
            return False
    return runs >= arm.least_runs and (arm.gpu or platform == "cpu")


def _data(task: Task, folder: Path) -> str:
    data = task.dataset()
    path = folder / "data.npz"
    x_train, x_test = (
        np.asarray(standardize(x, np.float32(data.mean), np.float32(data.std))) for x in (data.x_train, data.x_test)
    )
    np.savez(path, x_train=x_train, y_train=data.y_train, x_test=x_test, y_test=data.y_test)
    return str(path)


class _Team:
    """The workers of an arm."""

    def __init__(self, name: str, arm: Arm, task: Task, runs: int, *, platform: str, arrays: str):
        cores = len(os.sched_getaffinity(0))
        self.failed, self.accuracies, self.prepared = "", list[float](), 0.0
        members = min(arm.processes, cores) if arm.processes > 1 else 1
        self.full_sample = task.sample * members
        wanted = min(runs, self.full_sample) if arm.one_by_one else runs
        shares = [wanted // members + (i < wanted % members) for i in range(members)]
        self.scale = runs / wanted
        self._workers: list[subprocess.Popen[str]] = []
        first = 0
        for share in shares:
            job = Job(
                arm=name,
                platform=platform,
                task=dataclasses.asdict(task),
                runs=share,
                first=first,
                threads=max(1, cores // members),
                arrays=arrays,
            )
            first += share
            self._workers.append(_worker(job, arm, platform))
        for worker in self._workers:
            answer = self._answer(worker)
            self.prepared = max(self.prepared, answer.get("prepared", 0.0))

    def train(self) -> float:
        """Seconds that the team needed for all runs, as its slowest member measured them."""
        self.accuracies, slowest = [], 0.0
        for worker in self._workers:
            _tell(worker, "train")
        for worker in self._workers:
            answer = self._answer(worker)
            slowest = max(slowest, answer.get("seconds", 0.0))
            self.accuracies += answer.get("accuracies", [])
        return slowest * self.scale

    def stop(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.kill()
            worker.communicate()

    def _answer(self, worker: subprocess.Popen[str]) -> dict[str, Any]:
        line = worker.stdout.readline() if worker.stdout else ""
        if not line:
            worker.wait()
            self.failed = f"the worker ended with status {worker.returncode}"
            return {}
        return json.loads(line)


def _worker(job: Job, arm: Arm, platform: str) -> subprocess.Popen[str]:
    environment = dict(os.environ) | arm.environment
    environment |= {"JAX_PLATFORMS": "cpu"} if platform == "cpu" else {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if platform == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    if job.threads == 1:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.speed.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if not os.environ.get("VARBENCH_RACE_ERRORS") else None,
        text=True,
        env=environment,
    )
    _tell(worker, json.dumps(dataclasses.asdict(job)))
    return worker


def _tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(line + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        pass
