"""The README's Python runs as it stands there, block by block, each in a fresh interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from varbench.training.recipe import recipe_from_dict

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 5


@pytest.mark.parametrize("block", BLOCKS, ids=["elsewhere", "api", "measure", "data", "study"])
def test_example(block: str, tmp_path: Path) -> None:
    """The study of the first example is given fewer runs, so that the test is quick."""
    block = block.replace('budget="smoke",', 'budget="smoke", runs=2,')
    command = ["-c", block]
    if "STUDY = Study(" in block:
        (tmp_path / "my_study.py").write_text(block)
        command = ["-m", "varbench", "run", "my_study.py", "--budget", "smoke"]
        command += ["--out", "runs/mine", "--report", "reports/mine"]
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if 'data="sign"' in block:
        assert min(map(float, done.stdout.strip("[]\n").split())) > 0.9, "what the example trains has learned"
    if "varbench.analyze" in block:
        assert (tmp_path / "reports" / "trees" / "index.html").exists()
    if "STUDY = Study(" in block:
        page = (tmp_path / "reports" / "mine" / "index.html").read_text()
        assert "Two runs disagree on" in page
        assert "Fewer flips" in page, "drawn, as no chart of the study shows it"
    if "write_report" in block:
        assert (tmp_path / "reports" / "demo" / "index.html").exists()


def test_the_recipe_file_is_a_recipe() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    recipe = recipe_from_dict(tomllib.loads(text), where="README")
    assert recipe.active_sources() == ("init", "order", "dropout")


def test_every_command_of_the_readme_exists() -> None:
    from varbench.cli.commands import COMMANDS

    named = set(
        re.findall(r"^varbench ([a-z]+) ", "".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL)), re.M)
    )
    assert named <= set(COMMANDS)
    assert len(named) >= 4
