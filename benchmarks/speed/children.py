"""Processes that are started here, and end when this one is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any


def started(words: Sequence[str], **how: Any) -> subprocess.Popen[str]:
    """A process in a group of its own: Ctrl-C reaches this process alone, which then ends that one by `ended`."""
    return subprocess.Popen(list(words), text=True, process_group=0, **how)


def ended(child: subprocess.Popen[str]) -> None:
    """End a process and what it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def answered(words: Sequence[str], *, environment: Mapping[str, str] | None = None, stderr: int | None = None) -> str:
    """What a process prints, which is ended should this one be interrupted.

    Raises:
        CalledProcessError: If it does not end well; with what it printed to the standard error, if that was piped.
    """
    child = started(words, stdout=subprocess.PIPE, stderr=stderr, env=environment)
    try:
        told, errors = child.communicate()
    except BaseException:
        ended(child)
        raise
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(words), told, errors)
    return told
