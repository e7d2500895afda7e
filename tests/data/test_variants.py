"""Data sets made from others."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from varbench.data import load, standardize
from varbench.data.variants import VARIANTS, with_patch
from varbench.errors import InputError


@pytest.mark.parametrize("name", ["digits+noise:0.5", "mnist1d+noise:2", "digits+patch:0.7", "mnist1d+patch:0.9"])
def test_the_same_text_gives_the_same_bytes_and_another_number_others(name):
    found = load(name)
    assert found.checksum() == load(name).checksum()
    assert found.checksum() != load(name.rsplit(":", 1)[0] + ":0.25").checksum()
    base = load(name.split("+")[0])
    np.testing.assert_array_equal(found.y_train, base.y_train)
    np.testing.assert_array_equal(found.y_test, base.y_test)
    assert found.name == name


def test_noise_leaves_the_training_set_alone_and_grows_with_its_number():
    base, weak, strong = load("mnist1d"), load("mnist1d+noise:0.5"), load("mnist1d+noise:1")
    np.testing.assert_array_equal(weak.x_train, base.x_train)
    one, two = weak.x_test - base.x_test, strong.x_test - base.x_test
    np.testing.assert_allclose(two, 2 * one, atol=1e-5)
    assert one.std() == pytest.approx(0.5 * base.x_train.std(), rel=0.02)
    assert load("mnist1d+noise:0").x_test.tobytes() == base.x_test.tobytes()


@pytest.mark.parametrize("data", ["digits", "mnist1d"])
@pytest.mark.parametrize("amount", [0.0, 0.6, 1.0])
def test_the_patch_says_the_right_class_as_often_as_it_was_asked_to(data, amount):
    found, base = load(f"{data}+patch:{amount}"), load(data)
    for split in ("train", "test"):
        x, y = getattr(found, f"x_{split}"), getattr(found, f"y_{split}")
        flat = np.asarray(x, float).reshape(len(x), -1)
        said = flat[:, : found.classes].argmax(1)
        assert np.mean(said == y) == pytest.approx(amount, abs=3 * np.sqrt(0.25 / len(y)))
        rest = np.asarray(getattr(base, f"x_{split}"), float).reshape(len(x), -1)[:, found.classes :]
        np.testing.assert_array_equal(flat[:, found.classes :], rest)


def test_a_patch_that_says_a_chosen_class():
    base = load("digits")
    said = (base.y_test + 1) % 10
    planted = with_patch(base, base.x_test, said)
    assert planted.dtype == base.x_test.dtype
    np.testing.assert_array_equal(planted.reshape(len(said), -1)[:, :10].argmax(1), said)


def test_variants_follow_one_another():
    both = load("digits+patch:0.9+noise:0.5")
    np.testing.assert_array_equal(both.x_train, load("digits+patch:0.9").x_train)
    assert both.name == "digits+patch:0.9+noise:0.5"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits+pach:0.9", "unknown variant 'pach': did you mean 'patch'?"),
        ("digits+patch", "patch needs a number from 0 to 1, such as patch:0.5"),
        ("digits+patch:2", "patch needs a number from 0 to 1"),
        ("digits+noise:nan", "noise needs a number from 0 to 100"),
        ("digit+noise:1", "unknown data set 'digit': did you mean 'digits'?"),
    ],
)
def test_bad_variants_get_one_sentence(name, message):
    with pytest.raises(InputError, match=re.escape(message)):
        load(name)


@pytest.mark.parametrize("name", ["digits", "mnist1d"])
def test_every_second_input_is_multiplied_and_the_condition_number_rises(name):
    base, found = load(name), load(f"{name}+scale:4")
    condition = []
    for data in (base, found):
        eigenvalues = np.linalg.eigvalsh(np.cov(data.x_train.reshape(len(data.x_train), -1).T.astype(np.float64)))
        varying = eigenvalues[eigenvalues > 1e-9]
        condition.append(varying[-1] / varying[0])
    assert condition[1] > 4 * condition[0]
    for split in ("x_train", "x_test"):
        old, new = (getattr(data, split).reshape(len(getattr(data, split)), -1) for data in (base, found))
        np.testing.assert_array_equal(new[:, ::2], 4 * old[:, ::2])
        np.testing.assert_array_equal(new[:, 1::2], old[:, 1::2])
    np.testing.assert_array_equal(load(f"{name}+scale:1").x_test, base.x_test)


def test_inputs_of_a_data_set_with_a_mean_are_multiplied_about_it():
    base = load("digits")
    shifted = dataclasses.replace(base, mean=0.5, std=2.0)
    found = dataclasses.replace(shifted, **VARIANTS["scale"].make(shifted, 3.0, np.random.default_rng(0)))
    seen, before = (standardize(d.x_train, d.mean, d.std).reshape(len(d.x_train), -1) for d in (found, shifted))
    np.testing.assert_allclose(seen[:, ::2], 3 * before[:, ::2], atol=1e-6)
    np.testing.assert_allclose(seen[:, 1::2], before[:, 1::2], atol=1e-6)
