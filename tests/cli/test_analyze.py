"""`varbench analyze`: output, gates and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from varbench.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Runs of which two disagree on exactly half of the examples, in two conditions."""
    predictions = np.zeros((4, 8), int)
    predictions[1::2, :4] = 1
    path = tmp_path / "r.npz"
    np.savez(path, labels=np.zeros(8, int), predictions=predictions, condition=np.array(["[/bold] a"] * 2 + ["b"] * 2))
    return path


def test_json_has_id_headline_and_main_estimates(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "2 runs disagree on 50.0 %" in found["headline"]
    assert len(found["id"]) == 16
    values = {(e["condition"], e["measure"]): e["value"] for e in found["estimates"]}
    assert values["b", "disagreement"] == 0.5
    assert values["b", "accuracy"] == 0.75
    assert found["gates"] == []
    assert [p.name for p in file.parent.iterdir()] == ["r.npz"]


def test_a_report_is_written_and_said(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")
    out = file.parent / "report"
    assert main(["analyze", str(file), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert str(out / "index.html") in said
    assert "[/bold] a: 2 runs disagree" in said
    assert {"index.html", "report.md", "analysis.json", "tables", "figures"} == {p.name for p in out.iterdir()}


@pytest.mark.parametrize(
    ("gates", "code", "sentences"),
    [
        (["disagreement > 60%"], 0, 0),
        (["disagreement > 40%"], 1, 2),
        (["b: disagreement > 40%"], 1, 1),
        (["disagreement > 60%", "accuracy < 0.8"], 1, 2),
        (["loss > 3"], 1, 2),
        (["disagreement.high > 0"], 1, 2),
    ],
)
def test_gates(file: Path, gates: list[str], code: int, sentences: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for gate in gates for word in ("--fail-if", gate)]
    assert main(["analyze", str(file), *words, "--json"]) == code
    captured = capsys.readouterr()
    assert captured.err.count("varbench: failed: ") == len(captured.err.splitlines()) == sentences
    found = json.loads(captured.out)["gates"]
    assert [gate["gate"] for gate in found] == gates
    assert sum(len(gate["failures"]) for gate in found) == sentences


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--fail-if", "disagrement > 3%"], "did you mean 'disagreement'"),
        (["--fail-if", "c: disagreement > 3%"], "there is no 'c'"),
        (["--level", "95"], "between 0 and 1"),
    ],
)
def test_wrong_words_are_refused(file: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(file), *words, "--out", str(file.parent / "x")]) == 2
    assert part in capsys.readouterr().err
    assert not (file.parent / "x").exists()


def test_a_bad_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.npz").write_bytes(b"PK\x03\x04 and nothing more")
    assert main(["analyze", str(tmp_path / "r.npz"), "--out", str(tmp_path / "x")]) == 2
    message = capsys.readouterr().err
    assert message.startswith("varbench: ")
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_a_run_directory_is_judged(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from varbench.studies.judge import judge

    gate = ["--fail-if", "bitwise_equal < 1", "--fail-if", "accuracy < 5%"]
    assert main(["analyze", str(finished), "--json", *gate]) == (1 if _width_differs(finished) else 0)
    assert json.loads(capsys.readouterr().out)["id"] == judge(finished)["id"]
    assert main(["analyze", str(finished), "--level", "0.9"]) == 2
    assert "which its study names and judges at 95 %" in capsys.readouterr().err


def _width_differs(rundir: Path) -> bool:
    from varbench.studies.judge import judge

    return any(e["measure"] == "bitwise_equal" and e["value"] < 1 for e in judge(rundir)["estimates"])
