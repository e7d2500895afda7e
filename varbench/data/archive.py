"""Arrays of a user's `.npz` file: never unpickled, and no header is believed before its bytes are there."""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from varbench.errors import InputError

HEADER_LIMIT = 10_000
"""Longest array header that is parsed, as NumPy's own."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)


class Header(NamedTuple):
    """What an array announces about itself."""

    shape: tuple[int, ...]
    dtype: np.dtype
    n_bytes: int


def memory_limit() -> int:
    """Bytes that the arrays of one file may take: half of this machine's memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def refuse_beyond_memory(announced: int, *, what: str) -> None:
    """Refuse what would not fit.

    Raises:
        InputError: If the announced bytes are more than `memory_limit` allows.
    """
    limit = memory_limit()
    if announced > limit:
        raise InputError(
            f"{what} announces {announced / 1e9:,.2f} GB, more than half of this machine's memory "
            f"({limit / 1e9:,.2f} GB): give fewer runs or examples, or a machine with more memory"
        )


class Archive:
    """The arrays of an open `.npz` file by name; made by `opened`."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive, self._path = archive, path

    @property
    def names(self) -> list[str]:
        """Names of the arrays, in the order of the file."""
        return [name.removesuffix(".npy") for name in self._archive.namelist() if name.endswith(".npy")]

    def header(self, name: str) -> Header:
        """Shape, type and size of an array, checked against the bytes that the archive says it has.

        Raises:
            InputError: If there is no readable header, the array holds Python objects, or the sizes do not agree.
        """
        member = self._archive.getinfo(f"{name}.npy")
        with self._archive.open(member) as stream:
            try:
                version = npy.read_magic(stream)
                read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, dtype = read_header(stream, max_header_size=HEADER_LIMIT)
            except ValueError as error:
                reason = str(error).splitlines()[0][:200]
                raise InputError(
                    f"{self._path}: {name} has no readable array header ({reason}): write it with numpy.savez"
                ) from None
            held = member.file_size - stream.tell()
        if dtype.hasobject:
            raise InputError(
                f"{self._path}: {name} holds Python objects, which are never unpickled here: give numbers, or text "
                "of a fixed width (.astype(str))"
            )
        announced = math.prod(shape) * dtype.itemsize
        if announced != held or min(shape, default=0) < 0:
            raise InputError(f"{self._path}: {name} announces {announced} bytes, but has {held}: write the file again")
        return Header(shape, dtype, announced)

    def array(self, name: str) -> np.ndarray:
        """One array.

        Raises:
            InputError: As `header`, and if it would not fit into half of the memory.
        """
        refuse_beyond_memory(self.header(name).n_bytes, what=f"{self._path}: {name}")
        with self._archive.open(f"{name}.npy") as stream:
            return npy.read_array(stream, allow_pickle=False, max_header_size=HEADER_LIMIT)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The arrays of a file that `numpy.savez` wrote.

    Raises:
        InputError: If the file cannot be read, is no sound zip file, or does not fit into memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(archive, path)
    except InputError:
        raise
    except _DAMAGED as error:
        reason = str(error).partition("\n")[0][:200]
        raise InputError(f"{path} is not a sound .npz file ({reason}): write it with numpy.savez") from None
    except MemoryError:
        raise InputError(f"{path} does not fit into memory") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
