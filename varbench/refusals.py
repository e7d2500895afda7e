"""What the operating system's refusals mean, and what to do about them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from varbench.errors import InputError

SHOWS_THE_KERNEL = ("proc", "sys")
"""Folders at the root that look like any other and keep no files."""

_AGAIN = {
    errno.ENOSPC: "no space is left on the disk; what was committed is safe: make room and run the same command again",
    errno.EDQUOT: "the disk quota is used up; what was committed is safe: make room and run the same command again",
    errno.EFBIG: "a file would be larger than the system allows; what was committed is safe: raise the limit and run "
    "the same command again",
}
_ELSEWHERE = {
    errno.EACCES: "there is no permission to write or read there",
    errno.EPERM: "the operation is not permitted there",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of the path is a file and not a folder",
    errno.EISDIR: "that is a folder and not a file",
    errno.EEXIST: "a file of that name is in the way",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "there is no such file or folder, and none can be made there",
    errno.EIO: "the disk reports an error; what was committed before is safe",
}


def cause(error: OSError) -> str | None:
    """The cause of a refused read or write as a phrase, with what to do where the place is not to blame; or None."""
    place = _showing_the_kernel(error)
    if place and error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM):
        return f"nobody can make files in {place}, where the system shows its own state"
    return {**_AGAIN, **_ELSEWHERE}.get(error.errno or 0)


def remedy(error: OSError) -> str:
    """`: give another folder`, where the place is to blame; nothing where the cause says what to do."""
    return "" if error.errno in _AGAIN else ": give another folder"


def folder_named(out: str | os.PathLike[str]) -> Path:
    """The folder to write to.

    Raises:
        InputError: If its name is empty: that would be the folder one is in.
    """
    if not str(out):
        raise InputError('out has an empty name: give a folder, such as out="reports/mine"')
    return Path(out)


def _showing_the_kernel(error: OSError) -> str | None:
    if os.name != "posix" or not isinstance(error.filename, str | os.PathLike):
        return None
    parts = Path(error.filename).resolve().parts
    return f"/{parts[1]}" if len(parts) > 1 and parts[1] in SHOWS_THE_KERNEL else None
