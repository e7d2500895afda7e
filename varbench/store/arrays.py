"""The labeled arrays of a population: a Zarr v3 group that xarray opens without varbench.

Zarr reads it. Chunks are not compressed, which would save a quarter of the room: so a chunk's file is its numbers as
they are, an array is a short JSON file beside its chunks, and both are written here as its specification says. Through
Zarr the 17 small chunks of a block take four times as long, and so do the empty arrays.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from varbench.keys import SOURCES
from varbench.store.files import sha256, sync_folder, write_atomically, write_through

FOLDER, METADATA = "arrays.zarr", "zarr.json"

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "logits": ("run", "example", "class"),
    "weights": ("run", "parameter"),
    "initial_weights": ("run", "parameter"),
    "train_loss": ("run",),
    "train_accuracy": ("run",),
    "finished": ("run",),
    "curve_train_loss": ("run", "step"),
    "curve_test_loss": ("run", "step"),
    "curve_test_accuracy": ("run", "step"),
    **{f"level_{source}": ("run",) for source in SOURCES},
    "labels": ("example",),
    "step": ("step",),
}
"""Every array that each population has, and its named dimensions."""

SNAPSHOTS: dict[str, tuple[str, ...]] = {
    "snapshots": ("run", "snapshot", "parameter"),
    "snapshot_step": ("snapshot",),
}
"""The arrays of a population that keeps its weights along the training."""

SHARED = ("labels", "step", "snapshot_step")
"""The arrays without a run dimension."""

_TYPES: dict[str, tuple[str, Any]] = {
    "finished": ("<i1", -1),
    "labels": ("<i4", -1),
    "step": ("<i8", 0),
    "snapshot_step": ("<i8", 0),
    **{f"level_{source}": ("<i8", -1) for source in SOURCES},
}


_FLOAT = ("<f4", np.nan)
"""Type and fill value of all others."""


def dimensions(*, snapshots: bool) -> dict[str, tuple[str, ...]]:
    """Names and dimensions of the arrays of a population with or without snapshots."""
    return {**DIMENSIONS, **(SNAPSHOTS if snapshots else {})}


def create(
    folder: Path,
    *,
    sizes: dict[str, int],
    width: int,
    labels: np.ndarray,
    steps: np.ndarray,
    snapshot_steps: Sequence[int] = (),
) -> None:
    """Make all arrays at their planned size, empty but for labels and steps.

    Args:
        folder: The population's folder.
        sizes: Length of every dimension.
        width: Runs per chunk; a chunk is whole along every other dimension.
        labels: Test labels [E].
        steps: Steps of the curves [C].
        snapshot_steps: Steps of the snapshots, if any are kept.
    """
    sizes = {**sizes, "snapshot": len(snapshot_steps)}
    shared = {"labels": labels, "step": steps, "snapshot_step": np.asarray(snapshot_steps)}
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    _put(folder / FOLDER / METADATA, _json({"attributes": {}, "zarr_format": 3, "node_type": "group"}))
    for name, axes in dimensions(snapshots=bool(snapshot_steps)).items():
        chunk = [width if d == "run" else max(1, sizes[d]) for d in axes]
        _put(folder / FOLDER / name / METADATA, _metadata(name, [sizes[d] for d in axes], chunk, axes))
        if name in SHARED:
            _put(folder / chunk_file(name, 0), np.asarray(shared[name], _type(name)[0]).tobytes())


def _metadata(name: str, shape: list[int], chunk: list[int], axes: Sequence[str]) -> bytes:
    """What Zarr has in the `zarr.json` of an array without compression; several bytes of a number have an order."""
    dtype, fill = _type(name)
    order = {"configuration": {"endian": "little"}} if dtype.itemsize > 1 else {}
    return _json(
        {
            "shape": shape,
            "data_type": dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": "NaN" if np.isnan(fill) else fill,
            "codecs": [{"name": "bytes", **order}],
            "attributes": {},
            "dimension_names": list(axes),
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }
    )


def _type(name: str) -> tuple[np.dtype, Any]:
    dtype, fill = _TYPES.get(name, _FLOAT)
    return np.dtype(dtype), fill


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2).encode()


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_through(path, content)
    sync_folder(path.parent)


def resize(folder: Path, runs: int, *, snapshots: bool = False) -> None:
    """Change the number of runs for which there is room; a kill in between leaves every file whole."""
    for name in resizable_files(snapshots=snapshots):
        path = folder / name
        metadata = path.read_bytes()
        wanted = resized(metadata, runs)
        if metadata != wanted:
            write_atomically(path, wanted)


def resized(metadata: bytes, runs: int) -> bytes:
    """The metadata of an array, as Zarr writes it, with another number of runs.

    Raises:
        ValueError, KeyError, IndexError, TypeError: If it is no such metadata.
    """
    content = json.loads(metadata)
    content["shape"][0] = runs
    return _json(content)


def write(folder: Path, *, block: int, width: int, values: dict[str, np.ndarray]) -> dict[str, str]:
    """Write one block of runs, through to the disk.

    Args:
        folder: The population's folder.
        block: Number of the block.
        width: Runs per chunk; a block of fewer is filled up with the array's fill value.
        values: Array of the block's runs by name.

    Returns:
        SHA-256 of each chunk's file by its name, relative to the population's folder.
    """
    checksums = {}
    for name, value in values.items():
        dtype, fill = _type(name)
        chunk = np.full((width, *value.shape[1:]), fill, dtype)
        chunk[: len(value)] = value
        content, file = chunk.tobytes(), chunk_file(name, block)
        _put(folder / file, content)
        checksums[file] = sha256(content)
    return checksums


def read(folder: Path, spans: Sequence[tuple[int, int]], *, snapshots: bool = False) -> dict[str, np.ndarray]:
    """All arrays by name, of the runs in the given spans (start, stop) only: no other chunk is opened."""
    import zarr

    group, found = zarr.open_group(folder / FOLDER, mode="r"), {}
    for name in dimensions(snapshots=snapshots):
        array = group[name]
        pieces = [slice(None)] if name in SHARED else [slice(*span) for span in _joined(spans)]
        found[name] = np.concatenate([np.asarray(array[piece]) for piece in pieces])
    return found


def chunk_file(name: str, block: int) -> str:
    """The file of one block of one array."""
    return f"{FOLDER}/{name}/" + ".".join(["c", str(block), *["0"] * (len({**DIMENSIONS, **SNAPSHOTS}[name]) - 1)])


def static_files(*, snapshots: bool = False) -> list[str]:
    """Everything that is written at creation, relative to the population's folder: metadata, labels and steps."""
    names = dimensions(snapshots=snapshots)
    metadata = [f"{FOLDER}/{METADATA}", *(f"{FOLDER}/{name}/{METADATA}" for name in names)]
    return metadata + [chunk_file(name, 0) for name in SHARED if name in names]


def resizable_files(*, snapshots: bool = False) -> list[str]:
    """The metadata of the arrays that grow with the number of runs."""
    names = dimensions(snapshots=snapshots)
    return [f"{FOLDER}/{name}/{METADATA}" for name, axes in names.items() if axes[0] == "run"]


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same runs in as few spans as they are in: each is a call of Zarr, which takes longer than a block's chunk."""
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined
