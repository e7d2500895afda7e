"""One writer at a time, and no lock outlives its process."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from varbench.errors import InputError
from varbench.store import locked

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
