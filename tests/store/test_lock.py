"""One writer at a time, and no lock outlives its process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zarr

from varbench.errors import InputError
from varbench.store import locked
from varbench.store.files import write_atomically

HOLD = """
import sys, time
from pathlib import Path
from varbench.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path / "run"`."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "run"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_until_the_first_was_killed(holder, tmp_path):
    folder = tmp_path / "run"
    for _ in range(2):
        with (
            pytest.raises(InputError, match=r"another process is writing to .*run: wait until it is done"),
            locked(folder),
        ):
            pytest.fail("two writers at a time")
    holder.kill()
    holder.wait()
    started = time.monotonic()
    with locked(folder):
        assert time.monotonic() - started < 5


def test_the_lock_makes_its_folder_and_is_let_go_of_after_an_error(tmp_path):
    folder = tmp_path / "a" / "run"
    with pytest.raises(RuntimeError, match="trained"), locked(folder):
        raise RuntimeError("trained")
    with locked(folder), pytest.raises(InputError, match="another process"), locked(folder):
        pytest.fail("two writers at a time")
    with locked(folder):
        pass


def test_what_killed_writers_left_goes_away_and_nothing_else(holder, tmp_path):
    """Their process numbers may come again, in a container even as a rule: the lock says who is alive."""
    folder = tmp_path / "run"
    chunk = folder / "population" / "arrays.zarr" / "logits" / "c" / "0"
    stale = [
        folder / f".study.json.{os.getpid()}.tmp",
        folder / "population" / "commits" / f".00001.json.{holder.pid}.tmp",
        chunk / f"0.{'0f' * 16}.partial",
    ]
    others = [chunk / "0", folder / "notes.tmp", folder / ".mine.tmp", folder / "0.12.partial", tmp_path / ".a.1.tmp"]
    chunk.mkdir(parents=True)
    (folder / "population" / "commits").mkdir()
    for path in (*stale, *others):
        path.write_bytes(b"part")
    (folder / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(InputError, match="another process"), locked(folder):
        pytest.fail("two writers at a time")
    assert all(path.exists() for path in stale), "the writer that is alive may own them"
    holder.kill()
    holder.wait()
    with locked(folder):
        assert not any(path.exists() for path in stale)
        assert all(path.exists() for path in others)


def test_the_files_that_are_removed_are_named_as_writers_name_them(tmp_path, monkeypatch):
    """A kill just before the rename, of varbench's own writer and of Zarr's."""
    with monkeypatch.context() as killed:
        killed.setattr(os, "replace", lambda *_: None)
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        killed.setattr(Path, "replace", lambda *_: None)
        write_atomically(tmp_path / "record.json", b"content")
        zarr.create_array(tmp_path / "arrays.zarr", shape=(2,), dtype="int8")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) > 1
    with locked(tmp_path):
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]
