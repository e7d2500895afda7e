"""One file of results: what kind it is, what it holds, and its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from varbench.analysis.inputs.files import read_csv, read_parquet
from varbench.analysis.inputs.npz import read_npz
from varbench.analysis.inputs.populations import example_ids, populations
from varbench.analysis.inputs.raw import SCORES, Raw
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError

READERS: Mapping[str, tuple[str, Callable[[Path], Raw]]] = {
    ".npz": ("an .npz file", read_npz),
    ".csv": ("a CSV table", read_csv),
    ".parquet": ("a Parquet table", read_parquet),
}

_BEGINNINGS = {
    b"PK": ".npz",
    b"PAR1": ".parquet",
    b"\x1f\x8b": "gzip",
    b"\x93NUMPY": ".npy",
    b"\x80": "pickle",
    b"\x89HDF": "HDF5",
}


@dataclass(frozen=True)
class Results:
    """Runs of any models, read from a file.

    Attributes:
        conditions: Name of a condition → its runs, in the order of first appearance.
        file: Name of the file, without its folder; empty for arrays from memory.
        sha256: Of the file's bytes.
        form: What the file is, in words.
        arrays: Name → shape of what was used.
        examples: What the file calls its examples, or None.
        ignored: Names in the file that mean nothing here.
    """

    conditions: Mapping[str, PopulationArrays]
    file: str = ""
    sha256: str = ""
    form: str = "arrays"
    arrays: Mapping[str, tuple[int, ...]] | None = None
    examples: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()


def read_results(path: Path, *, name: str | None = None) -> Results:
    """The results in an `.npz`, `.csv` or `.parquet` file.

    Args:
        path: The file.
        name: Name of the condition where the file names none; by default the file's own.

    Raises:
        InputError: If there is no such file, it is not what its name says, or its content cannot be what was meant.
    """
    if not path.exists():
        raise InputError(f"no file at {path}: give an .npz, .csv or .parquet file, or a run directory")
    kind = path.suffix.lower()
    if kind not in READERS:
        raise InputError(f"{path} has the ending {kind!r}; expected one of {', '.join(READERS)}, or a run directory")
    _refuse_other_content(path, kind)
    raw = READERS[kind][1](path)
    found = populations(raw, path=path, name=name or path.stem)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Results(
        conditions=found,
        file=path.name,
        sha256=digest,
        form=raw.form,
        arrays=_shapes(raw),
        examples=example_ids(raw, path=path),
        ignored=raw.ignored,
    )


def _refuse_other_content(path: Path, kind: str) -> None:
    """A file that is not what its name says."""
    try:
        with path.open("rb") as stream:
            begins = stream.read(8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if not begins:
        raise InputError(f"{path} is empty")
    content = next((found for mark, found in _BEGINNINGS.items() if begins.startswith(mark)), ".csv")
    if content != kind:
        known = READERS[content][0] if content in READERS and content != ".csv" else None
        held = known or ("text, or something else" if content == ".csv" else f"{content} content")
        raise InputError(f"{path} is not {READERS[kind][0]}: it holds {held}; rename it, or write it as its name says")


def _shapes(raw: Raw) -> dict[str, tuple[int, ...]]:
    ordered = ("labels", *SCORES, "weights", "initial_weights")
    shapes = {name: raw.arrays[name].shape for name in ordered if name in raw.arrays}
    return {**shapes, **{source: values.shape for source, values in raw.levels.items()}}
