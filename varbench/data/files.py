"""Published files: where they are looked for, and whether they are the published ones."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from varbench.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class DataFile:
    """One published file.

    Attributes:
        name: File name.
        url: Where it is published.
        sha256: SHA-256 of the file as published.
        content_sha256: For a gzip file, SHA-256 of what it holds, which packing again leaves as it is.
    """

    name: str
    url: str
    sha256: str
    content_sha256: str | None = None

    @property
    def unpacked_name(self) -> str:
        """The name without `.gz`."""
        return self.name.removesuffix(".gz") if self.content_sha256 else self.name


def data_directory() -> Path:
    """The directory with the data files: `VARBENCH_DATA`, or varbench's directory in the user's cache."""
    given = os.environ.get("VARBENCH_DATA")
    if given:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("varbench"))


def find_path(dataset: str, candidates: Iterable[str], *, directory: Path) -> Path | None:
    """The first of some file names that exists in `directory/dataset`, then in `directory` itself."""
    candidates = tuple(candidates)
    for folder in (directory / dataset, directory):
        for candidate in candidates:
            if (folder / candidate).exists():
                return folder / candidate
    return None


def missing(dataset: str, file: DataFile, *, directory: Path) -> InputError:
    """The error for a file that is not there: its name, address and hash, and the command that gets it."""
    return InputError(
        f"{dataset}: no {file.name} in {directory / dataset} or {directory} (set by VARBENCH_DATA): run "
        f"`varbench data fetch {dataset}`, or download {file.url} (SHA-256 {file.sha256}) into one of them"
    )


def mismatch(dataset: str, path: Path, *, expected: str, found: str) -> InputError:
    """The error for a file that is not the published one."""
    return InputError(
        f"{dataset}: {path} is not the published file: its SHA-256 should be {expected} and is {found}; "
        f"run `varbench data fetch {dataset}` or point VARBENCH_DATA elsewhere"
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        InputError: If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def read_content(path: Path, *, limit: int) -> bytes:
    """A file's bytes, decompressed if they are gzip (whatever its name), never more than `limit`.

    Raises:
        InputError: If the file cannot be read, is damaged gzip, or holds more than `limit` bytes.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if packed:
                with gzip.open(raw) as stream:
                    content = stream.read(limit + 1)
            else:
                content = raw.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged gzip ({error}): get it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if len(content) > limit:
        raise InputError(f"{path} holds more than the {limit} bytes it should: it is not the file its name says")
    return content
