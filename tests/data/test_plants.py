"""Shortcuts planted into data sets: how often they say the class, what they leave alone, and their twins."""

from __future__ import annotations

import re

import numpy as np
import pytest

from varbench.data import load
from varbench.data.dataset import Dataset
from varbench.data.plants import GROUP, HUM, PATCH, PLANTS, PROXIES, PROXY_RIGHT, SCANNER, with_group, with_scanner
from varbench.errors import InputError


def read_group(x: np.ndarray) -> np.ndarray:
    """What the proxies of a group say together."""
    bright = x.reshape(len(x), -1)[:, -PROXIES:] > 0.5 * (x.min() + x.max())
    return (bright.sum(1) > PROXIES / 2).astype(int)


@pytest.mark.parametrize("data", ["digits", "mnist1d"])
@pytest.mark.parametrize("amount", [0.0, 0.5, 0.95])
def test_a_group_is_typical_of_its_class_as_often_as_it_was_asked_to(data, amount):
    found, base = load(f"{data}+group:{amount}"), load(data)
    right_readings = 0.99144  # three or more of five proxies right, at .9 each
    wanted = amount * right_readings + (1 - amount) * (1 - right_readings)
    for split in ("train", "test"):
        x, y = getattr(found, f"x_{split}"), getattr(found, f"y_{split}")
        assert np.mean(read_group(x) == y % 2) == pytest.approx(wanted, abs=3 * np.sqrt(0.25 / len(y)))
        rest, before = (np.asarray(a).reshape(len(y), -1)[:, :-PROXIES] for a in (x, getattr(base, f"x_{split}")))
        np.testing.assert_array_equal(rest, before)
        np.testing.assert_array_equal(y, getattr(base, f"y_{split}"))


def test_proxies_are_wrong_independently_and_as_often_as_promised():
    base = load("mnist1d")
    x = with_group(base, base.x_train, np.ones(len(base.x_train), int))
    wrong = x[:, -PROXIES:] == base.x_train.min()
    np.testing.assert_allclose(wrong.mean(0), 1 - PROXY_RIGHT, atol=0.02)
    correlation = np.corrcoef(wrong.T.astype(float))
    np.testing.assert_allclose(correlation, np.eye(PROXIES), atol=0.06)


def test_members_of_the_other_group_have_the_opposite_proxies_and_nothing_else():
    base = load("digits")
    ones = with_group(base, base.x_test, np.ones(len(base.x_test), int)).reshape(len(base.x_test), -1)
    zeros = with_group(base, base.x_test, np.zeros(len(base.x_test), int)).reshape(len(base.x_test), -1)
    np.testing.assert_array_equal(ones[:, :-PROXIES], zeros[:, :-PROXIES])
    np.testing.assert_allclose(ones[:, -PROXIES:] + zeros[:, -PROXIES:], base.x_train.min() + base.x_train.max())


@pytest.mark.parametrize("data", ["digits", "mnist1d"])
@pytest.mark.parametrize("amount", [0.1, 0.8, 1.0])
def test_the_trace_of_a_scanner_is_that_of_the_class_as_often_as_it_was_asked_to(data, amount):
    found, base = load(f"{data}+scanner:{amount}"), load(data)
    difference = (found.x_test - base.x_test).reshape(len(base.y_test), -1)
    spectrum = np.abs(np.fft.rfft(difference, axis=1))
    said = spectrum[:, 1:].argmax(1)
    assert np.mean(said == base.y_test) == pytest.approx(amount, abs=3 * np.sqrt(0.25 / len(said)))
    amplitude = np.sqrt(2.0) * difference.std(1)
    np.testing.assert_allclose(amplitude, HUM * base.x_train.std(), rtol=1e-3)
    np.testing.assert_allclose(difference.mean(1), 0.0, atol=1e-6)


def test_scanners_of_pictures_in_bytes_stay_within_bytes():
    x = np.full((4, 5, 5, 1), 250, np.uint8)
    x[::2] = 3
    tiny = Dataset("tiny", x, np.arange(4) % 2, x, np.arange(4) % 2, 2, "image")
    y = with_scanner(tiny, x, np.arange(4) % 2)
    assert y.dtype == np.uint8
    assert y.max() == 255
    assert y.min() == 0


def test_another_amount_moves_the_same_draws():
    few, many = (read_group(load(f"mnist1d+group:{a}").x_test) == load("mnist1d").y_test % 2 for a in (0.6, 0.9))
    assert np.mean(few & ~many) < 0.01  # proxies that err aside, who was typical stays so
    assert many.sum() > few.sum()


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: p.name)
def test_typical_and_other_values(plant):
    labels = np.random.default_rng(0).integers(0, 10, 5000)
    typical, others = plant.typical(labels, classes=10), plant.others(labels, classes=10)
    n_values = round(1 / plant.chance(10))
    assert (typical != others).all()
    assert set(typical) == set(others) == set(range(n_values))
    gaps = np.bincount((others - typical) % n_values, minlength=n_values)[1:]
    np.testing.assert_allclose(gaps / gaps.sum(), 1 / (n_values - 1), atol=0.01)


def test_what_is_typical_of_a_class():
    labels = np.arange(6)
    np.testing.assert_array_equal(GROUP.typical(labels, classes=6), [0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(SCANNER.typical(labels, classes=6), labels)
    np.testing.assert_array_equal(PATCH.others(labels, classes=6), [1, 3, 5, 1, 3, 0])


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (PATCH, "a patch needs a position for each of its classes, but there are 2"),
        (GROUP, "a group needs 5 positions, but there are 2"),
        (SCANNER, "2 positions are too few for the waves of 3 scanners"),
    ],
)
def test_too_few_positions_get_one_sentence(plant, message):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    tiny = Dataset("tiny", x, np.arange(3), x, np.arange(3), 3, "vector")
    with pytest.raises(InputError, match=re.escape(message)):
        plant.put(tiny, x, np.arange(3))


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_what_was_planted_is_told_from_the_example_without(plant):
    base = load("digits")
    said = np.random.default_rng(1).integers(0, plant.values(10), len(base.y_test))
    shown = plant.put(base, base.x_test, said)
    np.testing.assert_array_equal(plant.said(base, base.x_test, shown), said)
    shown[3] += 0.5
    assert plant.said(base, base.x_test, shown)[3] == -1
    found = load(f"digits+{plant.name}:0.9")
    typical = plant.typical(base.y_train, classes=10)
    assert np.mean(plant.said(base, base.x_train, found.x_train) == typical) == pytest.approx(0.9, abs=0.03)
