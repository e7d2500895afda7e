import dataclasses
import hashlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.data import Dataset, standardize
from varbench.errors import InputError


def tiny(**changes):
    """Six training and three test vectors of four features in three classes."""
    arrays = {
        "x_train": np.arange(24, dtype=np.float32).reshape(6, 4),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": -np.arange(12, dtype=np.float32).reshape(3, 4),
        "y_test": np.array([2, 1, 0]),
    }
    return Dataset(**{"name": "tiny", "classes": 3, "kind": "vector"} | arrays | changes)


def tiny_images(dtype=np.uint8, **changes):
    """Two training images and one test image of 2 × 3 pixels in two channels."""
    images = np.arange(36).reshape(3, 2, 3, 2).astype(dtype)
    return Dataset(
        "images", images[:2], np.array([0, 1]), images[2:], np.array([1]), classes=2, kind="image", **changes
    )


def test_checksum_is_the_sha256_of_types_shapes_and_bytes():
    dataset = tiny()
    text = b""
    for array, kind in (
        (dataset.x_train, b"float32[6, 4]\n"),
        (dataset.y_train, b"int32[6]\n"),
        (dataset.x_test, b"float32[3, 4]\n"),
        (dataset.y_test, b"int32[3]\n"),
    ):
        text += kind + array.tobytes()
    assert dataset.checksum() == hashlib.sha256(text).hexdigest()


def test_checksum_depends_on_content_alone():
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    same = tiny(name="other", note="a note", x_train=np.asfortranarray(x), y_test=np.array([2, 1, 0], np.int8))
    assert same.checksum() == tiny().checksum()
    big_endian = tiny(x_train=x.astype(">f4"))
    assert big_endian.checksum() == tiny().checksum()
    x[5, 3] = np.nextafter(x[5, 3], np.float32(np.inf))
    assert tiny(x_train=x).checksum() != tiny().checksum()
    assert tiny(y_test=np.array([2, 1, 1])).checksum() != tiny().checksum()
    assert tiny_images(np.uint8).checksum() != tiny_images(np.float32).checksum()


def test_arrays_are_narrow_and_read_only_and_the_callers_stay_writable():
    x, y = np.ones((6, 4)), np.array([0, 1, 2, 0, 1, 2])
    dataset = tiny(x_train=x, y_train=y)
    assert [a.dtype.name for a in (dataset.x_train, dataset.y_train)] == ["float32", "int32"]
    with pytest.raises(ValueError, match="read-only"):
        dataset.x_train[0, 0] = 2
    mine = np.ones((6, 4), np.float32)
    tiny(x_train=mine)
    mine[0, 0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.classes = 4


def test_images_stay_bytes():
    dataset = tiny_images()
    assert dataset.x_train.dtype == np.uint8
    assert dataset.shape == (2, 3, 2)


def test_standardize_gives_each_channel_its_own_scale():
    dataset = tiny_images(mean=(10.0, 20.0), std=(2.0, 4.0))
    x = standardize(dataset.x_train, dataset.mean, dataset.std)
    expected = np.stack([(dataset.x_train[..., 0] - 10.0) / 2, (dataset.x_train[..., 1] - 20.0) / 4], -1)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("make", [tiny, tiny_images])
def test_standardize_is_the_same_in_jax_without_rank_promotion(make):
    dataset = make(mean=3.0, std=8.0)  # a power of two: both divide exactly
    with jax.numpy_rank_promotion("raise"):
        x = standardize(jnp.asarray(dataset.x_train), dataset.mean, dataset.std)
    assert isinstance(x, jax.Array)
    np.testing.assert_array_equal(x, standardize(dataset.x_train, dataset.mean, dataset.std))


def test_as_is_means_bit_for_bit():
    dataset = tiny()
    np.testing.assert_array_equal(standardize(dataset.x_train, dataset.mean, dataset.std), dataset.x_train)


def test_a_copy_with_changes_keeps_the_scale():
    dataset = dataclasses.replace(tiny_images(mean=(10.0, 20.0), std=(2.0, 4.0)), verified=False, note="why")
    assert dataset.mean.shape == (1, 1, 1, 2)
    assert dataset.std.ravel().tolist() == [2.0, 4.0]


@settings(max_examples=30, deadline=None)
@given(
    split=st.sampled_from(["x_train", "x_test"]),
    row=st.integers(0, 2),
    column=st.integers(0, 3),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_the_first_value_that_is_not_finite_is_named(split, row, column, value):
    x = np.zeros((6 if split == "x_train" else 3, 4))
    x[row, column] = value
    x[-1, -1] = value
    with pytest.raises(InputError, match=re.escape(f"{split}[{row}, {column}] = {value} is not a finite number")):
        tiny(**{split: x})


@settings(max_examples=30, deadline=None)
@given(split=st.sampled_from(["y_train", "y_test"]), row=st.integers(0, 2), label=st.sampled_from([-1, 3, 2**40]))
def test_the_first_label_out_of_range_is_named(split, row, label):
    y = np.zeros(6 if split == "y_train" else 3, np.int64)
    y[row] = y[-1] = label
    with pytest.raises(InputError, match=re.escape(f"{split}[{row}] = {label}, but with 3 classes")):
        tiny(**{split: y})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x_train": np.full((6, 4), 1e300)}, "x_train[0, 0] = 1e+300 is too large for float32"),
        ({"x_test": np.zeros((3, 5), np.float32)}, "(4,) and of x_test float32 (5,)"),
        ({"x_test": np.zeros((3, 4), np.uint8)}, "float32 (4,) and of x_test uint8 (4,)"),
        (
            {"x_train": np.zeros((6, 2, 2))},
            "x_train has shape (6, 2, 2), but a data set of kind vector needs [N, f",
        ),
        ({"kind": "image"}, "x_train has shape (6, 4), but a data set of kind image needs [N, H, W, C]"),
        ({"x_train": np.zeros((0, 4))}, "x_train has shape (0, 4) and holds nothing"),
        ({"x_test": np.zeros((3, 0))}, "x_test has shape (3, 0) and holds nothing"),
        ({"x_train": np.zeros((6, 4), np.int64)}, "x_train has type int64, but examples must be float32"),
        ({"x_train": np.zeros((6, 4), object)}, "x_train has type object"),
        ({"y_train": np.zeros(6)}, "y_train has type float64, but labels must be integers"),
        ({"y_train": np.zeros(6, bool)}, "y_train has type bool, but labels must be integers"),
        ({"y_train": np.zeros((6, 1), int)}, "y_train has shape (6, 1), but there are 6 examples"),
        ({"y_test": np.zeros(2, int)}, "y_test has shape (2,), but there are 3 examples"),
        ({"classes": 1}, "classes = 1, but a classifier needs a number of at least 2"),
        ({"classes": 3.0}, "classes = 3.0"),
        ({"kind": "sound"}, "kind = 'sound', but it must be one of curve, image, vector"),
        ({"mean": (1.0, 2.0)}, "mean has 2 values"),
        ({"std": 0.0}, "std = [0.0], but it must be greater than 0"),
        ({"std": np.nan}, "std = [nan], but it must be finite"),
    ],
)
def test_unusable_arrays_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(InputError) as error:
        tiny(**changes)
    assert sentence in str(error.value)
    assert str(error.value).startswith("tiny: ")
    assert "\n" not in str(error.value)
