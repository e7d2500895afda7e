"""Bad input: one clear sentence on standard error, exit code 2, no traceback, nothing damaged."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from varbench.cli import main
from varbench.store import PopulationStore, locked
from varbench.store.files import read_record, write_record
from varbench.studies.request import continued

STUDY = ("run", "identical-pipelines", "--budget", "smoke")


def refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """The sentence with which a command was refused."""
    assert main(words) == 2
    captured = capsys.readouterr()
    message = captured.err.strip()
    assert message.startswith("varbench: ")
    assert "Traceback" not in message
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["rnu"], ["'rnu'", "did you mean 'run'"]),
        (["run", "identical-pipeline", "--out", "x"], ["'identical-pipeline'", "did you mean 'identical-pipelines'"]),
        ([*STUDY, "--recipe.data", "mnist-1d", "--out", "x"], ["mnist-1d", "mnist1d"]),
        ([*STUDY, "--recipe.model", "mpl", "--out", "x"], ["'mpl'", "'mlp'"]),
        ([*STUDY, "--recipe.optimizer", "adm", "--out", "x"], ["'adm'", "'adam'"]),
        ([*STUDY, "--recipe.learning_rate", "3", "--out", "x"], ["'learning_rate'", "did you mean --recipe.lr?"]),
        ([*STUDY, "--recipe.batchsize=3", "--out", "x"], ["'batchsize'", "did you mean --recipe.batch-size?"]),
        ([*STUDY, "--recipe.zzz", "3", "--out", "x"], ["'zzz': known are --recipe.data, "]),
        ([*STUDY, "--recipe.lr", "-1", "--out", "x"], ["recipe.lr = -1"]),
        ([*STUDY, "--recipe.batch-size", "100000", "--out", "x"], ["recipe.batch_size = 100000", "1437"]),
        ([*STUDY, "--recipe.batch-size", "0", "--out", "x"], ["recipe.batch_size = 0"]),
        ([*STUDY, "--runs", "0", "--out", "x"], ["0 runs"]),
        ([*STUDY, "--recipe.dropout", "1.5", "--out", "x"], ["recipe.dropout = 1.5"]),
        ([*STUDY, "--recipe.warmup", "5000", "--out", "x"], ["recipe.warmup = 5000"]),
        ([*STUDY, "--recipe.model", "resnet", "--out", "x"], ["resnet", "images"]),
        ([*STUDY, "--strategy.width", "0", "--out", "x"], ["width = 0"]),
        ([*STUDY, "--recipe-file", "absent.toml", "--out", "x"], ["absent.toml"]),
        ([*STUDY, "--runs", "abc", "--out", "x"], ["--runs = 'abc': a whole number was expected"]),
        ([*STUDY, "--recipe.lr", "fast", "--out", "x"], ["--recipe.lr = 'fast': a number was expected"]),
        ([*STUDY, "--recipe.hidden", "big", "--out", "x"], ["--recipe.hidden = 'big': whole numbers were expected"]),
        ([*STUDY, "--budget", "large", "--out", "x"], ["invalid choice 'large' for argument '--budget'", "'smoke'"]),
        ([*STUDY, "--out"], ["missing value for argument '--out'"]),
        ([*STUDY, "--out", "x", "--quiett"], ["unrecognized options: --quiett", "did you mean --quiet"]),
        (["compare", "a.npz"], ["--out"]),
        (["judge", "absent"], ["absent", "not a run directory"]),
        (["status", "absent"], ["absent", "not a run directory"]),
        (["report", "absent", "--out", "x"], ["absent", "not a run directory"]),
        (["verify", "absent"], ["absent", "not a run directory"]),
        ([*STUDY, "--recipe.data", "mnist", "--recipe.model", "mlp", "--out", "x"], ["varbench data fetch mnist"]),
        ([*STUDY, "--recipe.data", "nowhere.npz", "--out", "x"], ["nowhere.npz"]),
    ],
)
def test_wrong_words(
    words: list[str],
    parts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARBENCH_DATA", str(tmp_path / "data"))
    message = refused(capsys, words)
    for part in parts:
        assert part in message
    assert not (tmp_path / "x").exists()


def test_a_recipe_file_with_a_typo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.toml"
    path.write_text("learning_rat = 0.1\nlr = 0.1\n")
    assert "learning_rat" in refused(capsys, [*STUDY, "--recipe-file", str(path), "--out", str(tmp_path / "x")])
    path.write_text("batchsize = 10\n")
    message = refused(capsys, [*STUDY, "--recipe-file", str(path), "--out", str(tmp_path / "x")])
    assert "did you mean 'batch_size'" in message
    path.write_text("lr = = 1")
    assert "not a TOML file" in refused(capsys, [*STUDY, "--recipe-file", str(path), "--out", str(tmp_path / "x")])


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_where_nobody_can_make_files(
    finished: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nobody can make files in /proc" in refused(capsys, [*command, "--out", "/proc/foo"])
    message = refused(capsys, ["report", str(finished), "--quiet", "--out", "/proc/foo"])
    assert "nobody can make files in /proc" in message
    assert message.endswith("give another folder")


@pytest.mark.parametrize("place", [".", "digits-mlp"])
def test_a_report_is_not_written_among_runs(
    rundir: Path, place: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = sorted(rundir.rglob("*"))
    for words in (["report", str(rundir), "--out"], [*command, "--out", str(tmp_path / "new"), "--report"]):
        message = refused(capsys, [*words, str(rundir / place)])
        assert f"{rundir / place} holds runs, a report needs a folder of its own" in message
    assert sorted(rundir.rglob("*")) == there
    assert not (tmp_path / "new").exists()


def test_runs_and_their_report_have_a_folder_each(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = str(tmp_path / "both")
    assert "--out and --report are both" in refused(capsys, [*command, "--out", both, "--report", both])
    (tmp_path / "file").touch()
    words = [*command, "--out", both, "--report", str(tmp_path / "file")]
    assert "is a file, a report needs a folder" in refused(capsys, words)
    assert not (tmp_path / "both").exists()


def test_arrays_with_a_nan_name_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.zeros((20, 3), np.float32)
    x[7, 2] = np.nan
    y = np.arange(20) % 2
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=np.zeros((4, 3), np.float32), y_test=y[:4])
    words = [*STUDY, "--recipe.data", str(tmp_path / "mine.npz"), "--out", str(tmp_path / "x")]
    message = refused(capsys, words)
    assert "x_train" in message
    assert "7" in message


def test_a_run_directory_of_another_recipe(
    rundir: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (rundir / "study.json").read_bytes()
    message = refused(capsys, [*command, "--recipe.lr", "0.5", "--out", str(rundir)])
    assert "another" in message
    assert (rundir / "study.json").read_bytes() == before


def test_fewer_runs_than_there_are(rundir: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    fewer = [("3" if word == "6" else word) for word in command]
    message = refused(capsys, [*fewer, "--out", str(rundir)])
    assert "holds 6 runs" in message
    assert main(["judge", str(rundir)]) == 0


def test_a_newer_schema(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = rundir / "digits-mlp" / "manifest.json"
    write_record(path, {**read_record(path), "schema": 99})
    assert "upgrade varbench" in refused(capsys, ["judge", str(rundir)])


def test_a_newer_schema_of_the_study(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = rundir / "study.json"
    write_record(path, {**read_record(path), "schema": 99})
    assert "upgrade varbench" in refused(capsys, ["judge", str(rundir)])


def test_a_folder_that_is_no_run_directory_is_left_as_it_is(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert "is not a run directory" in refused(capsys, [*command, "--out", str(tmp_path / "mine")])
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["study.json", "digits-mlp/manifest.json", "digits-mlp/commits/00000.json"])
def test_an_edited_record(rundir: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = rundir / name
    content = path.read_bytes()
    path.write_bytes(content.replace(b"digits", b"digitz", 1) if b"digits" in content else content[:-20])
    message = refused(capsys, ["judge", str(rundir)])
    assert "truncated or was edited" in message


def test_a_truncated_chunk(rundir: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"]
    chunk = rundir / "digits-mlp/arrays.zarr/logits/c.1.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-7])
    assert "logits/c.1.0.0" in refused(capsys, ["judge", str(rundir)])
    assert main([*command, "--out", str(rundir)]) == 0
    assert PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"] == before
    assert main(["judge", str(rundir)]) == 0


def test_a_folder_that_is_something_else(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    assert "not a run directory" in refused(capsys, [*command, "--out", str(tmp_path)])
    assert (tmp_path / "thesis.tex").read_text() == "precious"
    assert "file" in refused(capsys, [*command, "--out", str(tmp_path / "thesis.tex")])


def test_two_processes_on_one_run_directory(
    rundir: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(rundir):
        words = [sys.executable, "-m", "varbench", *command, "--out", str(rundir)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "another process is writing" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_space_left(
    rundir: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while a block is published: what was committed stays, and the next call goes on."""
    import errno

    from varbench.store import population

    before = PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"]
    (rundir / "digits-mlp" / "commits" / "00001.json").unlink()

    def full(path: Path, content: dict[str, object]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as broken:
        broken.setattr(population, "write_record", full)
        message = refused(capsys, [*command, "--out", str(rundir)])
    assert "no space is left" in message
    assert main([*command, "--out", str(rundir)]) == 0
    assert PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"] == before


def test_an_unfinished_run_directory_says_how_to_finish(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rundir / "digits-mlp" / "commits" / "00000.json").unlink()
    recorded = json.loads((rundir / "study.json").read_text())["command"]
    command = continued(recorded, rundir)
    assert command.endswith(f"--out {shlex.quote(str(rundir))}")
    assert command in refused(capsys, ["judge", str(rundir)])
