"""`kill -9` at random moments, and again: nothing is lost, and no bit changes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from varbench.store import PopulationStore

from .worker import train_into

TESTS = Path(__file__).parents[1]
RUNS = 50

KILLS = [
    # runs asked for, lines to wait for, longest time to let it go on from there in seconds
    (38, [], 3.0),
    (38, ["open"], 0.2),
    (38, ["trained"], 0.05),
    (38, ["committed", "trained"], 0.05),
    (RUNS, ["open"], 0.02),
    (RUNS, ["committed"], 0.1),
]
"""In the start-up, while opening, between and within commits, and while growing from 38 to 50 runs."""


def start(folder: Path, runs: int) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-m", "store.worker", str(folder), str(runs)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Trained in this process, and not once interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    train_into(folder, RUNS)
    return PopulationStore.open(folder / "population")


def wait_for(lines: list[str], process: subprocess.Popen[str]) -> None:
    """Read on until the lines have come, in this order."""
    assert process.stdout is not None
    for wanted in lines:
        for line in process.stdout:
            if line.strip() == wanted:
                break


def test_a_population_that_was_killed_again_and_again_has_the_same_bits(uninterrupted, tmp_path):
    moments = random.Random(0)
    expected = uninterrupted.manifest["fingerprints"]
    alive = []
    for runs, lines, longest in KILLS:
        with start(tmp_path, runs) as process:
            wait_for(lines, process)
            time.sleep(moments.uniform(0, longest))
            process.kill()
        assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
        commits = {}
        if lines:
            commits = PopulationStore.open(tmp_path / "population").commits
        alive.append(sum(len(commit["runs"]) for commit in commits.values()))
        for index, commit in commits.items():
            assert commit["runs"] == expected[4 * index : 4 * index + len(commit["runs"])]
    assert alive[0] == 0
    assert 0 < alive[3] <= alive[-1] < RUNS, f"the kills came too early or too late: {alive}"
    with start(tmp_path, RUNS) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    finished = PopulationStore.open(tmp_path / "population")
    assert finished.fingerprint() == uninterrupted.fingerprint()
    arrays, others = finished.read(), uninterrupted.read()
    assert all(arrays[name].tobytes() == others[name].tobytes() for name in others)
    assert output.count("committed") == 13 - alive[-1] // 4, "committed blocks are not trained again"
