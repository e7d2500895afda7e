"""Data sets made from others."""

from __future__ import annotations

import re

import numpy as np
import pytest

from varbench.data import load
from varbench.data.variants import with_patch
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
