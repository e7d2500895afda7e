"""`varbench data`: what it prints for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import varbench.data
from varbench.cli import main


def test_check_says_the_same_in_words_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = np.arange(60, dtype=np.float32).reshape(20, 3), np.arange(20) % 2
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    assert main(["data", "check", str(tmp_path / "mine.npz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["train"], found["test"], found["shape"], found["classes"]) == (20, 4, [3], 2)
    dataset = varbench.data.load(tmp_path / "mine.npz")
    assert found["checksum"] == dataset.checksum()
    assert (found["verified"], found["note"]) == (dataset.verified, dataset.note)
    assert main(["data", "check", str(tmp_path / "mine.npz")]) == 0
    words = capsys.readouterr().out
    assert found["checksum"] in words
    assert found["name"] in words


def test_fetch_names_its_files_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "digits", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "digits", "files": []}
    monkeypatch.setattr(varbench.data, "fetch", lambda *_, **__: (Path("a/x.gz"), Path("a/y.gz")))
    assert main(["data", "fetch", "mnist", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "mnist", "files": ["a/x.gz", "a/y.gz"]}
    assert main(["data", "fetch", "mnist", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_fetch_says_where_the_data_lie(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "digits"]) == 0
    assert capsys.readouterr().out == "digits: nothing to fetch, it comes with the packages that varbench installs\n"
    monkeypatch.setattr(varbench.data, "fetch", lambda *_, **__: (Path("a/x.gz"), Path("a/y.gz")))
    assert main(["data", "fetch", "mnist"]) == 0
    assert capsys.readouterr().out == "mnist: 2 files in a, checked\n"
