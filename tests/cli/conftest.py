"""One small finished run directory that the tests of commands share; whoever changes it works on a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from varbench.cli import main

RECIPE = """
[recipe]
data = "digits"
model = "mlp"
hidden = [8]
lr = 1e-2
batch_size = 50
steps = 100
"""


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def command(recipe_file: Path) -> list[str]:
    """`varbench run` for the small recipe, without --out."""
    return [
        *("run", "identical-pipelines", "--budget", "smoke", "--runs", "6", "--quiet"),
        *("--recipe-file", str(recipe_file), "--strategy.width", "4"),
    ]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, command: list[str]) -> Path:
    """A finished run directory: do not change it."""
    out = tmp_path_factory.mktemp("runs") / "small"
    assert main([*command, "--out", str(out)]) == 0
    return out


@pytest.fixture
def rundir(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run directory to change."""
    return Path(shutil.copytree(finished, tmp_path / "small"))
