"""What the Makefile refuses before it installs anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """What a dry run answers."""
    environment = {k: v for k, v in os.environ.items() if k not in ("GPU", "MAKEFLAGS", "MAKELEVEL")}
    words = ("make", "--dry-run", "--always-make", *words)
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", ["bench", "bench-smoke", "bench-speed", "reference"])
@pytest.mark.parametrize("gpu", ["cuda99", "", "cuda12 cuda13"])
def test_an_unknown_gpu_is_refused_in_one_sentence(target: str, gpu: str) -> None:
    done = make(target, f"GPU={gpu}")
    assert done.returncode == 2
    assert f"GPU={gpu} is unknown: give cuda12, cuda13 or none" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("gpu", ["cuda12", "cuda13", "none"])
def test_a_known_gpu_decides_what_is_installed(gpu: str) -> None:
    done = make("bench", f"GPU={gpu}")
    assert done.returncode == 0
    assert f".run-{gpu}" in done.stdout


def test_other_targets_do_not_look_at_it() -> None:
    assert make("check", "GPU=cuda99").returncode == 0
    assert make("bench").returncode == 0
