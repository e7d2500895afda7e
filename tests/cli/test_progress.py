"""Plain progress lines, for output that is not a terminal."""

from __future__ import annotations

import sys

import pytest

from varbench.cli import progress
from varbench.cli.run import duration
from varbench.studies.moment import Moment
from varbench.training.watch import Progress


def moment(name: str, *, share: float, at: Progress | None, done: int = 0) -> Moment:
    return Moment(name, 64, done, at, 0.5, share)


def test_lines_say_runs_steps_loss_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with progress.shown(quiet=False) as listen:
        listen(moment("mlp", share=0.0, at=None))
        clock[0] += 1.0
        listen(moment("mlp", share=0.1, at=Progress(100, 1000, 32, 1.5)))
        clock[0] += 9.0
        listen(moment("mlp", share=0.25, at=Progress(500, 1000, 32, 0.75)))
        listen(moment("cnn", share=0.5, at=None, done=64))
    assert capsys.readouterr().err.splitlines() == [
        "  0 %  mlp: 0/64 runs",
        " 25 %  mlp: 0+32/64 runs, step 500/1,000, loss 0.750, about 30 s left",
        " 50 %  cnn: 64/64 runs, about 10 s left",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown(quiet=True) as listen:
        listen(moment("mlp", share=0.5, at=None))
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    with progress.shown(quiet=False) as listen:
        listen(moment("mlp", share=0.1, at=Progress(100, 1000, 32, 1.5)))
        listen(moment("cnn", share=1.0, at=None, done=64))
    assert "64/64 runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (40.4, "40 s"), (100, "2 min"), (7800, "2 h 10 min"), (3600, "1 h 0 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
