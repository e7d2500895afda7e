"""Files that are either whole or absent, and that say when they were changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from varbench.errors import InputError

_UNFINISHED = re.compile(r"\..+\.[0-9]+\.tmp|.+\.[0-9a-f]{32}\.partial")
"""Temporary files: of `write_atomically`, with the number of its process, and of Zarr, with a random one."""


def sha256(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Put a file in place in one step: temporary file, fsync, rename, fsync of the folder.

    A reader, or a process that starts after a kill, sees the old content or the new one, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_through(temporary, content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_through(path: Path, content: bytes) -> None:
    """Write a file and push its content to the disk; a kill may leave a part of it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed writers left anywhere below a folder; links are not followed.

    Only for the one who holds the folder's lock: then nobody else is writing there.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            if _UNFINISHED.fullmatch(name):
                Path(parent, name).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Push a folder's entries to the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write a dictionary as JSON that carries its own SHA-256 under the key `sha256`."""
    write_atomically(path, _text({**content, "sha256": sha256(_text(content).encode())}).encode())


def read_record(path: Path) -> dict[str, Any]:
    """Read what `write_record` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If even one byte is not as it was written.
    """
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
        digest = content.pop("sha256")
        sound = digest == sha256(_text(content).encode()) and raw == _text({**content, "sha256": digest}).encode()
    except (ValueError, KeyError, AttributeError, TypeError):
        sound = False
    if not sound:
        raise InputError(f"{path} is truncated or was edited: its checksum does not fit; restore it or train again")
    return content
