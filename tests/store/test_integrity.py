"""Any changed byte in any published file is found, and nothing is made worse by finding it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.store import PopulationStore
from varbench.store.arrays import resized

from .fakes import block, fill, plan


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A population of seven runs in two blocks."""
    folder = tmp_path_factory.mktemp("sound") / "population"
    fill(PopulationStore.create(folder, plan(7)))
    return folder


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "population")


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flipped(content, generator):
    """The content with one bit of one byte changed."""
    place = int(generator.integers(len(content)))
    changed = content[place] ^ (1 << int(generator.integers(8)))
    return content[:place] + bytes([changed]) + content[place + 1 :]


def damages(content, generator):
    yield from (flipped(content, generator) for _ in range(4))
    yield content[: len(content) // 2]
    yield b""
    yield content + b" "


def test_any_changed_byte_in_any_file_is_found(sound, tmp_path):
    generator = np.random.default_rng(0)
    folder = shutil.copytree(sound, tmp_path / "population")
    assert PopulationStore.open(folder).broken_files() == []
    for path in files(folder):
        content = path.read_bytes()
        for damaged in damages(content, generator):
            path.write_bytes(damaged)
            with pytest.raises(InputError, match="edited"):
                PopulationStore.open(folder).read()
        path.write_bytes(content)
    assert len(PopulationStore.open(folder).read()["run"]) == 7


def test_a_missing_file_is_found(copy):
    for path in files(copy):
        content = path.read_bytes()
        path.unlink()
        if path.parent.name == "commits":
            assert len(PopulationStore.open(copy).read()["run"]) in (3, 4), "without its commit a block is not there"
        else:
            with pytest.raises(InputError, match=r"missing|no manifest"):
                PopulationStore.open(copy).read()
        path.write_bytes(content)


def test_broken_files_are_named(copy):
    (copy / "arrays.zarr/weights/c.1.0").write_bytes(b"edited")
    (copy / "arrays.zarr/labels/c.0").unlink()
    store = PopulationStore.open(copy)
    assert store.broken_files() == ["arrays.zarr/labels/c.0", "arrays.zarr/weights/c.1.0"]
    with pytest.raises(InputError, match=r"arrays.zarr/labels/c.0 is missing, truncated or was edited"):
        store.read()


def test_a_block_with_a_broken_chunk_is_trained_again(copy):
    before = PopulationStore.open(copy).fingerprint()
    (copy / "arrays.zarr/logits/c.1.0.0").write_bytes(b"edited")
    store = PopulationStore.create(copy, plan(7))
    assert store.discard_broken_blocks() == [1]
    assert [index for index, _ in store.missing()] == [1]
    assert len(PopulationStore.open(copy).read()["run"]) == 4, "the sound block is still there for readers"
    fill(store)
    assert store.fingerprint() == before
    assert len(store.read()["run"]) == 7
    np.testing.assert_array_equal(store.read()["logits"], block(0, plan(7).levels).logits)
    assert store.discard_broken_blocks() == []


def only_the_number_of_runs_differs(damaged, content):
    """Which is what a kill amid growing leaves, and is mended."""
    try:
        runs = json.loads(damaged)["shape"][0]
        return runs != 7 and resized(content, runs) == damaged
    except (ValueError, KeyError, IndexError, TypeError):
        return False


@pytest.mark.parametrize("runs", [7, 12])
def test_training_on_refuses_edited_metadata_and_leaves_it_alone(copy, runs):
    """Growing rewrites metadata, and must not give its blessing to what somebody else wrote there."""
    generator = np.random.default_rng(1)
    for path in files(copy):
        if path.name not in ("zarr.json", "manifest.json") and path.parent.name != "commits":
            continue
        content = path.read_bytes()
        for damaged in damages(content, generator):
            path.write_bytes(damaged)
            if only_the_number_of_runs_differs(damaged, content):
                continue
            with pytest.raises(InputError, match="edited"):
                PopulationStore.create(copy, plan(runs))
            assert path.read_bytes() == damaged
        path.write_bytes(content)
    fill(PopulationStore.create(copy, plan(runs)))
    assert len(PopulationStore.open(copy).read()["run"]) == runs


def test_runs_whose_manifest_is_gone_are_not_overwritten(copy):
    (copy / "manifest.json").unlink()
    before = {path: path.read_bytes() for path in files(copy)}
    with pytest.raises(InputError, match=r"has finished runs, but no manifest.json: restore it"):
        PopulationStore.create(copy, plan(7))
    assert {path: path.read_bytes() for path in files(copy)} == before
