"""A race: the arms of one task and number of runs, prepared one after another, then timed in turns."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.arms import ARMS, Arm, Job, Trained
from benchmarks.speed.children import ended, started
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import Task, counted
from varbench.data import standardize
from varbench.training.devices import cores

CONVOLUTIONAL = ("mnist1d-cnn", "cnn", "resnet")
PATIENCE = 8.0
"""Seconds, unscaled, after which an arm has no further round: what takes long varies little."""


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
    results, teams = list[Result](), dict[str, _Team]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        arrays = _data(task, Path(folder))
        for name in names:
            arm = ARMS[name]
            if not _fits(arm, task, runs, platform):
                continue
            if known is not None and name in known:
                results.append(_scaled(known[name], runs))
                continue
            say(f"{task.name}, {counted(runs)}: preparing {arm.label}")
            team = _Team(name, arm, task, runs, platform=platform, arrays=arrays)
            stack.callback(team.stop)
            team.prepare()
            if team.failed:
                team.stop()
                results.append(Result(name, None, (), (), 0, team.failed))
            else:
                teams[name] = team
        times: dict[str, list[float]] = {name: [] for name in teams}
        for i in range(repeats):
            for name, team in teams.items():
                if sum(times[name]) > PATIENCE * team.scale:
                    continue
                say(f"{task.name}, {counted(runs)}, round {i + 1} of {repeats}: {ARMS[name].label}")
                times[name].append(team.train())
        for name, team in teams.items():
            result = team.result(times[name])
            results.append(result)
            if known is not None and ARMS[name].one_by_one and not team.failed and runs >= team.full_sample:
                known[name] = dataclasses.replace(result, seconds=tuple(s / runs for s in result.seconds))
    return results


def _scaled(each: Result, runs: int) -> Result:
    """The result of an arm, known for a single run, for so many."""
    return dataclasses.replace(each, seconds=tuple(runs * seconds for seconds in each.seconds))


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
        self.name, self.failed, self.prepared, self.trained = name, "", 0.0, list[Trained]()
        members = min(cores(), runs) if arm.process_per_core else 1
        self.full_sample = task.sample * members
        wanted = min(runs, self.full_sample) if arm.one_by_one else runs
        shares = [wanted // members + (i < wanted % members) for i in range(members)]
        self.scale = runs / wanted
        self._arm, self._platform, self._workers = arm, platform, list[subprocess.Popen[str]]()
        self._jobs = [
            Job(
                arm=name,
                platform=platform,
                task=dataclasses.asdict(task),
                runs=share,
                first=sum(shares[:i]),
                threads=max(1, cores() // members),
                arrays=arrays,
            )
            for i, share in enumerate(shares)
        ]

    def prepare(self) -> None:
        """Start the workers and wait until all are ready."""
        for job in self._jobs:
            self._workers.append(_worker(self._arm, self._platform, threads=job.threads))
            _tell(self._workers[-1], json.dumps(dataclasses.asdict(job)))
        for worker in self._workers:
            answer = self._answer(worker)
            self.prepared = max(self.prepared, answer.get("prepared", 0.0))

    def train(self) -> float:
        """Seconds that the team needed for all runs, as its slowest member measured them."""
        self.trained, slowest = [], 0.0
        for worker in self._workers:
            _tell(worker, "train")
        for worker in self._workers:
            answer = self._answer(worker)
            slowest = max(slowest, answer.get("seconds", 0.0))
            self.trained += [Trained(*each) for each in answer.get("trained", [])]
        return slowest * self.scale

    def result(self, times: list[float]) -> Result:
        """What came of it, in so many seconds each round."""
        return Result(
            self.name,
            self.prepared,
            tuple(times),
            tuple(each.accuracy for each in self.trained),
            len(self.trained),
            self.failed,
            tuple(each.distance for each in self.trained),
            len(self._workers),
        )

    def stop(self) -> None:
        """End the workers."""
        for worker in self._workers:
            ended(worker)
        self._workers = []

    def _answer(self, worker: subprocess.Popen[str]) -> dict[str, Any]:
        line = worker.stdout.readline() if worker.stdout else ""
        if not line:
            worker.wait()
            self.failed = f"the worker ended with status {worker.returncode}"
            return {}
        return json.loads(line)


def _worker(arm: Arm, platform: str, *, threads: int) -> subprocess.Popen[str]:
    environment = dict(os.environ) | arm.environment
    environment |= {"JAX_PLATFORMS": "cpu"} if platform == "cpu" else {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if platform == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    if threads == 1:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return started(
        [sys.executable, "-m", "benchmarks.speed.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if not os.environ.get("VARBENCH_RACE_ERRORS") else None,
        env=environment,
    )


def _tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(line + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        pass
