"""Weights along the training: kept like everything else, or not there at all."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

from varbench.errors import InputError
from varbench.store import PopulationStore, arrays, budget
from varbench.store.files import write_atomically

from .fakes import PARAMETERS, block, fill, plan

STEPS = (0, 3, 32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "population"


def snapshots_of(levels):
    return block(0, levels, snapshots=len(STEPS)).snapshots


def test_snapshots_are_read_back_with_their_steps(folder):
    asked = plan(7, snapshot_steps=STEPS)
    fill(PopulationStore.create(folder, asked))
    store = PopulationStore.open(folder)
    found = store.read()
    assert store.snapshot_steps == STEPS
    assert found["snapshots"].tobytes() == snapshots_of(asked.levels).tobytes()
    np.testing.assert_array_equal(found["snapshot_step"], STEPS)
    with xarray.open_zarr(folder / "arrays.zarr", consolidated=False) as dataset:
        assert dataset["snapshots"].dims == ("run", "snapshot", "parameter")
        assert dataset["snapshot_step"].dims == ("snapshot",)


def test_without_them_nothing_of_them_is_written(folder):
    fill(PopulationStore.create(folder, plan(7)))
    store = PopulationStore.open(folder)
    assert store.snapshot_steps == ()
    assert not any("snapshot" in name for name in (*store.read(), *store.manifest))
    assert not any("snapshot" in path.name for path in folder.rglob("*"))


def test_a_changed_byte_is_found_and_its_block_trained_again(folder):
    asked = plan(7, snapshot_steps=STEPS)
    fill(PopulationStore.create(folder, asked))
    path = folder / arrays.chunk_file("snapshots", 1)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=r"snapshots/c.1.0.0 is missing, truncated or was edited"):
        PopulationStore.open(folder).read()
    again = PopulationStore.create(folder, asked)
    assert again.discard_broken_blocks() == [1]
    fill(again)
    assert again.read()["snapshots"].tobytes() == snapshots_of(asked.levels).tobytes()
    (folder / arrays.FOLDER / "snapshot_step" / "zarr.json").unlink()
    assert PopulationStore.open(folder).broken_files() == ["arrays.zarr/snapshot_step/zarr.json"]


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


WRITES = len(arrays.resizable_files(snapshots=True)) + 1


@pytest.mark.parametrize("moment", [0, WRITES - 2, WRITES - 1, None])
def test_growing_keeps_the_first_ones_even_if_it_is_killed(folder, moment, monkeypatch):
    fill(PopulationStore.create(folder, plan(7, snapshot_steps=STEPS)))
    left = [WRITES if moment is None else moment]

    def write(path, content):
        if not left[0]:
            raise Killed
        left[0] -= 1
        write_atomically(path, content)

    if moment is not None:
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "write_atomically", write)
            patch.setattr("varbench.store.files.write_atomically", write)
            with pytest.raises(Killed):
                PopulationStore.create(folder, plan(12, snapshot_steps=STEPS))
        assert left == [0]
    grown = PopulationStore.create(folder, plan(12, snapshot_steps=STEPS))
    assert grown.broken_files() == []
    fill(grown)
    found = PopulationStore.open(folder).read()["snapshots"]
    assert found.tobytes() == snapshots_of(plan(12).levels).tobytes()


@pytest.mark.parametrize(("before", "after"), [(STEPS, ()), ((), STEPS), (STEPS, (0, 4, 32))])
def test_other_snapshots_are_another_population(folder, before, after):
    fill(PopulationStore.create(folder, plan(7, snapshot_steps=before)))
    with pytest.raises(InputError, match=r"keeps weights at the steps .*: ask for the same number of snapshots"):
        PopulationStore.create(folder, plan(8, snapshot_steps=after))
    assert len(PopulationStore.create(folder, plan(7, snapshot_steps=before)).read()["run"]) == 7


def test_too_many_are_refused_before_anything_is_written(folder, monkeypatch):
    monkeypatch.setattr(budget, "SNAPSHOT_BYTES", 4 * 7 * len(STEPS) * PARAMETERS)
    PopulationStore.create(folder / "fits", plan(7, snapshot_steps=STEPS))
    monkeypatch.setattr(budget, "SNAPSHOT_BYTES", 4 * 7 * len(STEPS) * PARAMETERS - 1)
    with pytest.raises(InputError, match=r"3 snapshots of the 11 parameters of 7 runs take .*: ask for at most 2 snap"):
        PopulationStore.create(folder / "does not", plan(7, snapshot_steps=STEPS))
    with pytest.raises(InputError, match=r"ask for fewer runs"):
        PopulationStore.create(folder / "does not", plan(70, snapshot_steps=STEPS))
    assert not (folder / "does not").exists()
