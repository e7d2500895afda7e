"""Labels of a proxy that errs by a rule."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.data import Dataset, load
from varbench.data.proxies import energies, proxy_labels


@pytest.mark.parametrize("data", ["digits", "mnist1d"])
@pytest.mark.parametrize("agreement", [0.0, 0.3, 0.8, 1.0])
def test_the_proxy_is_right_for_the_share_of_training_examples_that_was_asked_for(data, agreement):
    base, found = load(data), load(f"{data}+proxy:{agreement}")
    for k in range(base.classes):
        inside = base.y_train == k
        right = found.y_train[inside] == k
        assert right.mean() == pytest.approx(agreement, abs=1.5 / inside.sum())
        assert set(found.y_train[inside]) <= {k, (k + 1) % base.classes}
    np.testing.assert_array_equal(found.x_train, base.x_train)
    np.testing.assert_array_equal(found.x_test, base.x_test)
    np.testing.assert_array_equal(found.y_test, base.y_test)


@pytest.mark.parametrize("data", ["digits", "mnist1d"])
def test_it_errs_on_the_examples_of_most_energy_within_their_class(data):
    base, found = load(data), load(f"{data}+proxy:0.8")
    energy = np.square(np.asarray(base.x_train, float)).reshape(len(base.y_train), -1).sum(1)
    for k in range(base.classes):
        wrong = (base.y_train == k) & (found.y_train != k)
        right = (base.y_train == k) & (found.y_train == k)
        assert energy[wrong].min() > energy[right].max()


def test_the_rule_of_the_training_set_decides_on_other_examples():
    x = np.arange(1, 11, dtype=np.float32)[:, None]
    data = Dataset("squares", x, np.repeat([0, 1], 5).astype(np.int32), x[:2], np.array([0, 1], np.int32), 2, "vector")
    shown = np.array([[3.9], [4.0], [9.0], [8.9], [100.0]], np.float32)
    labels = np.array([0, 0, 1, 1, 1])
    # At 0.6 three of five are kept: the limits are the fourth energies, 16 and 81.
    np.testing.assert_array_equal(proxy_labels(data, shown, labels, agreement=0.6), [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(proxy_labels(data, shown, labels, agreement=1.0), labels)
    np.testing.assert_array_equal(proxy_labels(data, shown, labels, agreement=0.0), 1 - labels)


def test_energies_are_those_of_standardized_inputs():
    x = np.array([[[[10]], [[30]]]], np.uint8)
    data = Dataset("pixels", x, np.array([0]), x, np.array([0]), 2, "image", mean=20.0, std=5.0)
    np.testing.assert_allclose(energies(data, x), [8.0])
