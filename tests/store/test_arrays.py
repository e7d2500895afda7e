"""What is written beside Zarr is what Zarr would write."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from varbench.store import arrays

SIZES = {"run": 7, "example": 5, "class": 3, "parameter": 11, "step": 6}


def created(folder, *, snapshot_steps=()):
    arrays.create(
        folder,
        sizes=SIZES,
        width=4,
        labels=np.arange(5) % 3,
        steps=np.arange(1, 7),
        snapshot_steps=snapshot_steps,
    )
    return zarr.open_group(folder / arrays.FOLDER, mode="r")


@pytest.mark.parametrize("snapshot_steps", [(), (0, 5)])
def test_every_array_is_as_zarr_would_have_made_it(tmp_path, snapshot_steps):
    ours = created(tmp_path / "ours", snapshot_steps=snapshot_steps)
    theirs = zarr.open_group(tmp_path / "theirs", mode="w", zarr_format=3)
    assert sorted(ours) == sorted(arrays.dimensions(snapshots=bool(snapshot_steps)))
    for name, array in ours.arrays():
        made = theirs.create_array(
            name,
            shape=array.shape,
            chunks=array.chunks,
            dtype=array.dtype,
            fill_value=array.fill_value,
            compressors=None,
            chunk_key_encoding={"name": "default", "separator": "."},
            dimension_names=arrays.dimensions(snapshots=bool(snapshot_steps))[name],
        )
        files = [tmp_path / side / name / "zarr.json" for side in (f"ours/{arrays.FOLDER}", "theirs")]
        assert files[0].read_text() == files[1].read_text(), name
        np.testing.assert_equal(array.metadata.to_dict(), made.metadata.to_dict())


def test_types_and_fill_values(tmp_path):
    group = created(tmp_path)
    assert {name: group[name].dtype for name in ("logits", "finished", "labels", "step", "level_init")} == {
        "logits": np.float32,
        "finished": np.int8,
        "labels": np.int32,
        "step": np.int64,
        "level_init": np.int64,
    }
    assert np.isnan(group["logits"][:]).all()
    np.testing.assert_array_equal(group["finished"][:], np.full(7, -1))
    np.testing.assert_array_equal(group["labels"][:], [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(group["step"][:], np.arange(1, 7))


def test_a_chunk_is_what_zarr_writes(tmp_path):
    created(tmp_path)
    values = np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)
    arrays.write(tmp_path, block=1, width=4, values={"logits": values})
    path = tmp_path / arrays.chunk_file("logits", 1)
    ours = path.read_bytes()
    path.unlink()
    zarr.open_group(tmp_path / arrays.FOLDER, mode="r+")["logits"][4:7] = values
    assert path.read_bytes() == ours


def test_what_a_killed_creation_left_is_gone(tmp_path):
    created(tmp_path)
    left = tmp_path / arrays.chunk_file("logits", 0)
    left.write_bytes(b"left")
    created(tmp_path)
    assert not left.exists()
