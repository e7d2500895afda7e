"""The race against the speed-run: what is read of its table, when both sides stop, and what is said of them."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from benchmarks.speed import speedrun
from benchmarks.speed.speedrun import Models, finished, text
from varbench.data import load
from varbench.training.recipe import Recipe

TABLE = """
----
|  run     |  epoch  |  train_acc  |  val_acc  |  tta_val_acc  |  time_seconds  |
----
|  warmup  |      0  |     0.1000  |   0.1000  |               |        9.0000  |
|          |   eval  |     0.1000  |   0.1000  |       0.1000  |        9.5000  |
----
|       0  |      0  |     0.5000  |   0.5000  |               |        1.0000  |
|          |      1  |     0.9000  |   0.8000  |               |        2.0000  |
|          |   eval  |     0.9000  |   0.8000  |       0.8100  |        2.5000  |
----
|       1  |      0  |     0.9000  |   0.8000  |               |        2.0000  |
|          |   eval  |     0.9000  |   0.8000  |       0.8300  |        3.5000  |
----
"""


def checkout(folder: Path, accuracy: float, *, networks: int) -> Path:
    """A folder with a script that prints a table as the speed-run does; it would then hang."""
    rows = "".join(f"|  {i}  |  eval  |  {accuracy}  |  0.5  |\n" for i in ["warmup", *range(networks)])
    told = f"|  run  |  epoch  |  tta_val_acc  |  time_seconds  |\n{rows}".replace("|  warmup  |", "|  warmup|")
    (folder / speedrun.SCRIPT).write_text(f"import time\nprint({told!r}, end='')\ntime.sleep(600 * ({networks} > 2))\n")
    return folder


def test_a_network_is_its_last_line_and_the_one_that_warms_up_does_not_count() -> None:
    assert list(finished(TABLE.splitlines())) == [(0.81, 2.5), (0.83, 3.5)]
    assert list(finished(TABLE.replace("tta_val_acc", "other").splitlines())) == []


def test_the_script_is_ended_after_so_many_networks(tmp_path: Path) -> None:
    script = checkout(tmp_path, 0.8, networks=5) / speedrun.SCRIPT
    found = speedrun.speedrun(script, runs=3, python=sys.executable)
    assert found == Models(speedrun.SCRIPT, None, (0.8, 0.8, 0.8), 1.5)
    assert found.per_hour == 7200


@pytest.fixture
def raced(tmp_path: Path, monkeypatch):
    """Runs the command on the digits; gives its exit status and what it wrote."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(Recipe(data="digits", hidden=(16,), lr=0.01, epochs=1).toml())
    monkeypatch.setattr(speedrun, "machine", lambda platform: {"platform": platform})

    def run(accuracy: float, *words: str, networks: int = 3) -> tuple[object, dict]:
        given = [str(checkout(tmp_path, accuracy, networks=networks)), "--recipe", str(recipe), "--platform", "cpu"]
        monkeypatch.setattr(sys, "argv", ["speedrun", *given, "--out", str(tmp_path), "--runs", "3", *words])
        with pytest.raises(SystemExit) as left:
            speedrun.main()
        written = tmp_path / "cpu" / "speedrun.json"
        return left.value.code, json.loads(written.read_text()) if written.exists() else {}

    return run


def test_varbench_trains_longer_until_it_is_as_accurate(raced, capsys) -> None:
    status, document = raced(0.8, "--epochs", "8", "1", "4")
    assert status == 0
    assert [each["epochs"] for each in document["ours"]] == [1, 4]
    first, last = (sum(each["accuracies"]) / 3 for each in document["ours"])
    assert first < 0.8 <= last
    assert "At equal accuracy:" in capsys.readouterr().out


def test_an_accuracy_that_is_not_reached_is_said_and_no_success(raced, capsys) -> None:
    status, document = raced(1.1, "--epochs", "1", "2")
    assert status == 1
    assert [each["epochs"] for each in document["ours"]] == [1, 2]
    assert f"did not come to the accuracy of {speedrun.SCRIPT}" in capsys.readouterr().out


def test_the_accuracies_are_those_of_the_runs_that_a_population_has() -> None:
    recipe = Recipe(data="digits", hidden=(16,), epochs=1)
    one, two = (speedrun.of_varbench(recipe, load("digits"), runs=runs) for runs in (2, 3))
    assert one.accuracies == two.accuracies[:2]
    assert len(set(two.accuracies)) > 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--script", "none.py"], "there is no"),
        (["--runs", "1"], "--runs: at least 2"),
        (["--runs", "4"], "trained 2 of 4 networks"),
        (["--recipe", "none.toml"], "no recipe file at none.toml"),
        (["--python", "no/python"], "--python no/python: there is no such program"),
    ],
)
def test_what_cannot_be_raced_is_refused_by_a_sentence(words, said, raced, capsys) -> None:
    status, document = raced(0.8, *words, networks=2)
    assert (status, document) == (2, {})
    assert said in capsys.readouterr().err


def test_the_python_is_found_from_where_the_command_was_given(raced, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setattr(
        speedrun, "of_varbench", lambda recipe, dataset, *, runs: Models("varbench", 1, (0.9, 0.9), 1.0)
    )
    assert raced(0.8, "--python", f"{tmp_path.name}/python")[0] == 0


def test_both_sides_are_in_the_table() -> None:
    theirs = Models("theirs", None, (0.94, 0.96), 4.0)
    ours = dataclasses.replace(theirs, label="varbench", epochs=8, seconds=8.0)
    told = text(theirs, [ours])
    assert "| theirs |  | 2 | 95.00% ± 1.41% | 2 | 1,800 |" in told
    assert "| varbench | 8 | 2 | 95.00% ± 1.41% | 4 | 900 |" in told
    assert told.endswith("At equal accuracy: 0.5 × the models per hour.")
