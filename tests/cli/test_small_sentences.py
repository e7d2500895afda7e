"""Sentences and options that every verb shares."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from varbench.cli import main
from varbench.cli.commands import COMMANDS, function_of
from varbench.data import DATASETS
from varbench.studies.request import continued


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_takes_json(verb):
    assert "json" in inspect.signature(function_of(verb)).parameters


@pytest.mark.parametrize("words", [["--out", ""], ["--out="]])
def test_a_folder_without_a_name_is_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", labels=np.zeros(4, int), predictions=np.zeros((3, 4), int))
    assert main(["analyze", "a.npz", *words]) == 2
    assert capsys.readouterr().err == "varbench: --out has an empty name: give a folder, such as --out reports/mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_report_of_results_is_an_analysis(tmp_path, capsys):
    file = tmp_path / "a.npz"
    np.savez(file, labels=np.zeros(4, int), predictions=np.zeros((3, 4), int))
    assert main(["report", str(file), "--out", "r"]) == 2
    assert f"is a file of results, not a run directory: varbench analyze {file} --out r" in capsys.readouterr().err


def test_the_list_fits_a_terminal_of_80_columns():
    environment = {**os.environ, "COLUMNS": "80"}
    found = subprocess.run(
        [sys.executable, "-m", "varbench", "list"], env=environment, capture_output=True, text=True, check=True
    )
    lines = [line.rstrip() for line in found.stdout.splitlines()]
    assert max(map(len, lines)) <= 80
    start = lines.index("datasets") + 2
    rows = lines[start : lines.index("", start)]
    assert [row.split()[0] for row in rows if row[1] != " "] == list(DATASETS)
    assert len(rows) <= 2 * len(DATASETS)


def test_the_command_that_continues_names_the_folder_as_it_is_now():
    recorded = "varbench run mine/studies/own.py --budget smoke --recipe-file mine/recipe.toml --out mine"
    moved = Path("else where")
    assert continued(recorded, moved) == (
        "varbench run 'else where/studies/own.py' --budget smoke --recipe-file 'else where/recipe.toml' "
        "--out 'else where'"
    )
    assert continued("varbench run all", moved) == "varbench run all"
