"""More runs behind those that are there: the first ones keep their bits, whatever happens on the way."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.store import PopulationStore, arrays
from varbench.store.files import write_atomically

from .fakes import block, fill, plan


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "population"


@pytest.mark.parametrize(("before", "after"), [(4, 12), (7, 12), (1, 2), (8, 9)])
def test_growing_keeps_the_bits_of_the_first_runs(folder, tmp_path, before, after):
    fill(PopulationStore.create(folder, plan(before)))
    first = PopulationStore.open(folder).read()
    grown = PopulationStore.create(folder, plan(after))
    assert [run for _, runs in grown.missing() for run in runs][-1] == plan(after).levels[-1]
    whole_blocks = before // 4
    assert [index for index, _ in grown.missing()] == list(range(whole_blocks, -(-after // 4)))
    fill(grown)
    found = PopulationStore.open(folder).read()
    for name, array in first.items():
        assert found[name][: len(array)].tobytes() == array.tobytes(), name
    at_once = PopulationStore.create(tmp_path / "at once", plan(after))
    fill(at_once)
    assert grown.fingerprint() == at_once.fingerprint()
    assert grown.manifest["design"]["runs"] == after


def test_the_same_plan_opens_what_is_there(folder):
    fill(PopulationStore.create(folder, plan(7)))
    before = (folder / "manifest.json").read_bytes()
    assert PopulationStore.create(folder, plan(7)).missing() == []
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("other", [plan(5), plan(8, sources=("init",)), plan(7, sources=("order", "dropout"))])
def test_a_plan_that_does_not_continue_what_is_there_is_refused(folder, other):
    fill(PopulationStore.create(folder, plan(7)))
    before = PopulationStore.open(folder).fingerprint()
    with pytest.raises(InputError, match="holds 7 runs that are not the first 7 of the"):
        PopulationStore.create(folder, other)
    assert PopulationStore.open(folder).fingerprint() == before


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


WRITES = len(arrays.resizable_files()) + 1


@pytest.mark.parametrize("moment", [0, 1, WRITES // 2, WRITES - 2, WRITES - 1])
@pytest.mark.parametrize("then", [7, 12, 15])
def test_a_kill_amid_growing_is_made_good(folder, moment, then, monkeypatch):
    """At any of its writes: the next call may ask for the old number of runs, the new one, or yet another."""
    fill(PopulationStore.create(folder, plan(7)))
    before = PopulationStore.open(folder).fingerprint()
    left = [moment]

    def write(path, content):
        if not left[0]:
            raise Killed
        left[0] -= 1
        write_atomically(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(arrays, "write_atomically", write)
        patch.setattr("varbench.store.files.write_atomically", write)
        with pytest.raises(Killed):
            PopulationStore.create(folder, plan(12))
    assert left == [0]
    store = PopulationStore.create(folder, plan(then))
    assert store.broken_files() == []
    fill(store)
    found = PopulationStore.open(folder)
    np.testing.assert_array_equal(found.read()["logits"], block(0, plan(then).levels).logits)
    assert (found.fingerprint() == before) == (then == 7)


@pytest.mark.parametrize("moment", [0, 5, 21])
def test_a_kill_amid_creating_is_made_good(folder, moment, monkeypatch):
    calls = []

    def sync(path):
        calls.append(path)
        if len(calls) > moment:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(arrays, "sync_folder", sync)
        with pytest.raises(Killed):
            PopulationStore.create(folder, plan(7))
    with pytest.raises(InputError, match="no manifest"):
        PopulationStore.open(folder)
    fill(PopulationStore.create(folder, plan(7)))
    assert len(PopulationStore.open(folder).read()["run"]) == 7
