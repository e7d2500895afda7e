"""MNIST-1D against its authors' published file.

`mnist1d_published.json` holds numbers derived from that file (mnist1d_data.pkl of the authors' repository):
the SHA-256 of the labels as little-endian int64; some single values by flat index; and for each 1,000 consecutive
values the exactly rounded sum (`math.fsum`) of weight times value, with weights 1, 1⅛, … 1⅞, 1, 1⅛, …
"""

import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from varbench.data import mnist1d
from varbench.data.mnist1d import MNIST1D, MNIST1D_SHUFFLED

PUBLISHED = json.loads(Path(__file__).with_name("mnist1d_published.json").read_text())
BLOCK = 1000
WEIGHTS = 1 + np.arange(BLOCK) % 8 / 8
VALUE_TOLERANCE = 1e-12
SUM_TOLERANCE = 5e-12
"""Rounding apart (below 1e-15 a value), a block's sum moves by at least as much as any one of its values."""


@pytest.fixture
def plain(generated):
    return generated[False]


@pytest.fixture
def shuffled(generated):
    return generated[True]


def differences(x, split):
    """What tells the values from the published ones: a list of words, empty if nothing does."""
    published = PUBLISHED[split]
    found = []
    for i, value in published["values"].items():
        if not abs(x.flat[int(i)] - value) <= VALUE_TOLERANCE:
            found.append(f"value {i}")
    for i, total in enumerate(published["projections"]):
        block = x.reshape(-1, BLOCK)[i]
        if not abs(math.fsum(block * WEIGHTS) - total) <= SUM_TOLERANCE:
            found.append(f"block {i}")
    return found


def test_labels_are_the_published_ones(plain, shuffled):
    for data in (plain, shuffled):
        for split, labels in (("train", data.y_train), ("test", data.y_test)):
            digest = hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest()
            assert digest == PUBLISHED[split]["labels_sha256"]


def test_values_are_the_published_ones_to_1e_12(plain):
    assert plain.x_train.shape == (4000, 40)
    assert plain.x_test.shape == (1000, 40)
    assert plain.x_train.dtype == np.float64
    assert len(PUBLISHED["train"]["projections"]) * BLOCK == plain.x_train.size
    assert len(PUBLISHED["test"]["projections"]) * BLOCK == plain.x_test.size
    assert differences(plain.x_train, "train") == []
    assert differences(plain.x_test, "test") == []


@pytest.mark.parametrize("change", [1e-11, -1e-11])
def test_the_check_sees_a_change_of_1e_11_in_any_one_value(plain, change):
    for index in np.random.default_rng(0).integers(plain.x_test.size, size=40):
        x = plain.x_test.copy()
        x.flat[index] += change
        assert f"block {index // BLOCK}" in differences(x, "test")


def test_the_check_sees_two_values_exchanged(plain):
    x = plain.x_test.copy()
    x[0, [3, 4]] = x[0, [4, 3]]
    assert differences(x, "test") == ["block 0"]


def test_shuffled_is_the_same_data_under_one_permutation_of_positions(plain, shuffled):
    order = np.argsort(plain.x_train[0])[np.argsort(np.argsort(shuffled.x_train[0]))]
    assert sorted(order) == list(range(40))
    assert list(order) != list(range(40))
    for ours, theirs in ((shuffled.x_train, plain.x_train), (shuffled.x_test, plain.x_test)):
        np.testing.assert_allclose(ours, theirs[:, order], rtol=0, atol=1e-12)


def test_standardized_over_all_values(plain):
    x = np.concatenate([plain.x_train, plain.x_test])
    assert abs(x.mean()) < 1e-12
    assert abs(x.std() - 1) < 1e-12


@pytest.mark.parametrize("info", [MNIST1D, MNIST1D_SHUFFLED], ids=lambda info: info.name)
def test_the_data_set_is_the_generated_one_in_float32(info, generated, monkeypatch):
    monkeypatch.setattr(mnist1d, "generate", lambda *, shuffled: generated[shuffled])
    dataset, data = info.load(), generated[info is MNIST1D_SHUFFLED]
    assert dataset.x_train.dtype == np.float32
    np.testing.assert_array_equal(dataset.x_train, data.x_train.astype(np.float32))
    np.testing.assert_array_equal(dataset.y_test, data.y_test)
    assert dataset.verified


def test_global_random_states_are_left_alone(generation):
    _, before, after = generation
    assert after == before


def test_the_package_is_imported_without_what_it_does_not_need():
    """In a process of its own: nothing stays behind, and whoever imports the package later gets the real one."""
    script = """
import sys
from varbench.data.mnist1d import _authors_generator
with _authors_generator():
    pass
assert not {"matplotlib", "matplotlib.pyplot", "requests", "mnist1d"} & set(sys.modules)
import mnist1d
assert callable(mnist1d.utils.plt.figure)
with _authors_generator() as (make_dataset, _):
    assert make_dataset is mnist1d.data.make_dataset
assert sys.modules["mnist1d"] is mnist1d and "matplotlib.pyplot" in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
