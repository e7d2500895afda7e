"""A population on disk: what is committed is what is read, and nothing else is."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray

from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.store import PopulationStore, population
from varbench.store.arrays import _joined
from varbench.store.files import sha256, write_record
from varbench.store.sketch import SKETCH_SIZE, count_sketch

from .fakes import CLASSES, EXAMPLES, PARAMETERS, POINTS, WHERE, block, fill, levels_of, plan


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "population"


def test_what_was_committed_is_read_back(folder):
    asked = plan(7)
    fill(PopulationStore.create(folder, asked))
    arrays = PopulationStore.open(folder).read()
    whole = block(0, asked.levels)
    np.testing.assert_array_equal(arrays["run"], np.arange(7))
    for name in ("logits", "weights", "initial_weights", "train_loss", "train_accuracy"):
        assert arrays[name].tobytes() == getattr(whole, name).tobytes(), name
    for name, curve in whole.curves.items():
        assert arrays[f"curve_{name}"].tobytes() == curve.tobytes()
    np.testing.assert_array_equal(arrays["labels"], asked.labels)
    np.testing.assert_array_equal(arrays["step"], asked.checkpoints)
    np.testing.assert_array_equal(arrays["finished"], np.ones(7))
    assert levels_of(arrays) == list(asked.levels)


def test_the_manifest_says_what_was_run(folder):
    asked = plan(7, recipe={"lr": 0.1})
    fill(PopulationStore.create(folder, asked))
    manifest = PopulationStore.open(folder).manifest
    whole = block(0, asked.levels)
    assert manifest["recipe"] == {"lr": 0.1}
    assert manifest["schema"] == 2
    assert manifest["levels"] == list(asked.levels)
    assert manifest["complete"] is True
    assert manifest["seconds"] == 0.5
    assert manifest["trained_on"] == [WHERE]
    assert manifest["fingerprints"] == [
        {
            "levels": levels,
            "weights": sha256(whole.weights[i].tobytes()),
            "predictions": sha256(whole.logits[i].tobytes()),
            "initial_weights": sha256(whole.initial_weights[i].tobytes()),
            "status": "finished",
        }
        for i, levels in enumerate(asked.levels)
    ]


def test_the_fingerprint_is_of_the_bits(folder, tmp_path):
    stores = [PopulationStore.create(tmp_path / name, plan(8)) for name in "abc"]
    fill(stores[0])
    fill(stores[1], only=(1,))
    fill(stores[1])
    changed = block(0, plan(8).levels[:4])
    changed.weights[2, 5] = np.nextafter(changed.weights[2, 5], np.float32(np.inf))
    stores[2].commit(changed, seconds=9, where={})
    fill(stores[2])
    assert stores[0].fingerprint() == stores[1].fingerprint() != stores[2].fingerprint()


def test_blocks_that_are_not_committed_are_missing_and_invisible(folder):
    store = PopulationStore.create(folder, plan(11))
    assert [index for index, _ in store.missing()] == [0, 1, 2]
    with pytest.raises(InputError, match="no finished runs yet"):
        PopulationStore.open(folder).read()
    fill(store, only=(1,))
    reopened = PopulationStore.open(folder)
    assert [(index, len(runs)) for index, runs in reopened.missing()] == [(0, 4), (2, 3)]
    assert reopened.manifest["complete"] is False
    arrays = reopened.read()
    np.testing.assert_array_equal(arrays["run"], [4, 5, 6, 7])
    assert levels_of(arrays) == list(plan(11).levels[4:8])


@pytest.mark.parametrize("content", [b"", b"half a chunk"])
def test_a_chunk_that_was_written_and_not_committed_is_never_opened(folder, content):
    """As a kill, or a crash of the machine, leaves it."""
    store = PopulationStore.create(folder, plan(7))
    fill(store, only=(0,))
    for name in ("logits/c.1.0.0", "finished/c.1", "curve_test_loss/c.1.0"):
        path = folder / "arrays.zarr" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert len(PopulationStore.open(folder).read()["run"]) == 4
    again = PopulationStore.create(folder, plan(7))
    fill(again)
    np.testing.assert_array_equal(again.read()["logits"], block(0, plan(7).levels).logits)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize("moment", [0, 1, 9, 30, 33])
def test_a_commit_that_is_cut_off_leaves_no_trace_and_can_be_repeated(folder, moment, monkeypatch):
    """Every file of a block is pushed to the disk before the block is published, and each push may be the last."""
    store = PopulationStore.create(folder, plan(7))
    fill(store, only=(0,))
    calls = []

    def cut_off(path, content=b""):
        calls.append(path)
        if len(calls) > moment:
            if content:
                path.write_bytes(content[: len(content) // 2])
            raise Killed
        if content:
            path.write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr("varbench.store.arrays.write_through", cut_off)
        patch.setattr("varbench.store.arrays.sync_folder", cut_off)
        with pytest.raises(Killed):
            store.commit(block(1, plan(7).levels[4:]), seconds=1, where=WHERE)
    assert [index for index, _ in PopulationStore.open(folder).missing()] == [1]
    assert len(PopulationStore.open(folder).read()["run"]) == 4
    again = PopulationStore.create(folder, plan(7))
    fill(again)
    assert len(again.read()["run"]) == 7


def test_a_block_of_which_every_run_diverged_is_data(folder):
    """All of it is NaN, which is also what a chunk that was never written reads as."""
    store = PopulationStore.create(folder, plan(8))
    store.commit(block(0, plan(8).levels[:4], diverged=True), seconds=1, where=WHERE)
    fill(store)
    reopened = PopulationStore.open(folder)
    assert reopened.broken_files() == []
    arrays = reopened.read()
    np.testing.assert_array_equal(arrays["finished"], [0, 0, 0, 0, 1, 1, 1, 1])
    assert np.isnan(arrays["weights"][:4]).all()
    assert [run["status"] for run in reopened.manifest["fingerprints"]] == ["diverged"] * 4 + ["finished"] * 4


def test_xarray_opens_the_arrays_with_named_dimensions(folder):
    fill(PopulationStore.create(folder, plan(7)))
    with xarray.open_zarr(folder / "arrays.zarr", consolidated=False) as dataset:
        assert dict(dataset.sizes) == {
            "run": 7, "example": EXAMPLES, "class": CLASSES, "parameter": PARAMETERS, "step": POINTS
        }  # fmt: skip
        assert dataset["logits"].dims == ("run", "example", "class")
        assert dataset["weights"].dims == dataset["initial_weights"].dims == ("run", "parameter")
        assert dataset["curve_test_loss"].dims == ("run", "step")
        assert dataset["train_loss"].dims == dataset["finished"].dims == dataset["level_init"].dims == ("run",)
        assert {f"level_{source}" for source in SOURCES} <= set(dataset.variables)
        assert dataset["labels"].dims == ("example",)
        np.testing.assert_array_equal(dataset["step"], [1, 2, 4, 8, 16, 32])
        np.testing.assert_array_equal(dataset["logits"], block(0, plan(7).levels).logits)


def test_weights_beyond_the_budget_are_kept_as_a_sketch(folder, monkeypatch):
    monkeypatch.setattr(population, "KEPT_WEIGHTS_BYTES", 2 * 4 * 7 * PARAMETERS - 1)
    fill(PopulationStore.create(folder, plan(7)))
    store = PopulationStore.open(folder)
    arrays, whole = store.read(), block(0, plan(7).levels)
    assert store.manifest["weights"] == {"kept": "sketch", "size": SKETCH_SIZE}
    np.testing.assert_array_equal(arrays["weights"], count_sketch(whole.weights))
    np.testing.assert_array_equal(arrays["initial_weights"], count_sketch(whole.initial_weights))
    prints = [run["weights"] for run in store.manifest["fingerprints"]]
    assert prints == [sha256(row.tobytes()) for row in whole.weights], "fingerprints are of the weights themselves"


def test_weights_within_the_budget_are_kept_whole(folder, monkeypatch):
    monkeypatch.setattr(population, "KEPT_WEIGHTS_BYTES", 2 * 4 * 7 * PARAMETERS)
    assert PopulationStore.create(folder, plan(7)).manifest["weights"] == {"kept": "whole"}


def test_there_must_be_a_population(folder):
    with pytest.raises(InputError, match=r"holds no population: there is no manifest.json"):
        PopulationStore.open(folder)


def test_a_population_of_an_older_schema_is_read_but_not_continued(folder):
    """Its chunks are compressed: raw ones beside them could not be read."""
    fill(PopulationStore.create(folder, plan(7)))
    manifest = {k: v for k, v in PopulationStore.open(folder).manifest.items() if k != "sha256"}
    write_record(folder / "manifest.json", {**manifest, "schema": 1})
    assert len(PopulationStore.create(folder, plan(7)).read()["run"]) == 7
    with pytest.raises(InputError, match="written by an earlier version of varbench, which can be read but not cont"):
        PopulationStore.create(folder, plan(9))
    (folder / "commits" / "00001.json").unlink()
    with pytest.raises(InputError, match="give another --out"):
        PopulationStore.create(folder, plan(7))


def test_a_newer_schema_is_refused(folder):
    fill(PopulationStore.create(folder, plan(3)))
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]
    write_record(folder / "manifest.json", {**manifest, "schema": 3})
    for use in (PopulationStore.open, lambda where: PopulationStore.create(where, plan(3))):
        with pytest.raises(InputError, match="written with schema 3, but this version of varbench reads up to 2"):
            use(folder)


def test_runs_that_adjoin_are_read_at_once_and_no_other_run_with_them():
    assert _joined([(0, 4), (4, 8), (8, 11), (12, 16), (20, 24), (24, 28)]) == [(0, 11), (12, 16), (20, 28)]
    assert _joined([]) == []
