import dataclasses
import gzip
import hashlib
import struct

import numpy as np
import pytest

from varbench.data import DataFile
from varbench.data.files import read_content
from varbench.data.idx import FASHION_MNIST, MNIST, parse_idx
from varbench.errors import InputError

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
ARRAYS = (
    np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3),
    np.array([9, 0, 3, 3, 1], np.uint8),
    np.arange(100, 100 + 2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3),
    np.array([7, 2], np.uint8),
)


def idx_bytes(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def info():
    """MNIST with five training and two test images of 4 × 3 pixels."""
    files = tuple(
        DataFile(f"{name}.gz", f"http://nowhere/{name}.gz", sha256(gzip.compress(content)), sha256(content))
        for name, content in zip(NAMES, map(idx_bytes, ARRAYS), strict=True)
    )
    return dataclasses.replace(MNIST, shape=(4, 3, 1), n_train=5, n_test=2, files=files, content_sha256=None)


def write(folder, *, packed=True, level=9):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, ARRAYS, strict=True):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array), level))
        else:
            (folder / name).write_bytes(idx_bytes(array))


def check(dataset):
    np.testing.assert_array_equal(dataset.x_train[..., 0], ARRAYS[0])
    np.testing.assert_array_equal(dataset.x_test[..., 0], ARRAYS[2])
    assert dataset.y_train.tolist() == [9, 0, 3, 3, 1]
    assert dataset.y_test.tolist() == [7, 2]
    assert dataset.x_train.dtype == np.uint8
    assert dataset.x_train.shape == (5, 4, 3, 1)
    assert dataset.verified


@pytest.mark.parametrize("folder", ["", "mnist"])
@pytest.mark.parametrize("how", [{"packed": True}, {"packed": True, "level": 1}, {"packed": False}], ids=str)
def test_the_arrays_that_were_written_are_read(tmp_path, info, folder, how):
    write(tmp_path / folder, **how)
    check(info.load(tmp_path))


def test_the_folder_of_the_data_set_comes_first(tmp_path, info):
    write(tmp_path / "mnist")
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"something else")
    check(info.load(tmp_path))


def test_standardized_training_images_have_mean_0_and_sd_1():
    """The constants of MNIST and Fashion-MNIST against what is published on the scale 0 … 1, to four digits."""
    for info, mean, sd in ((MNIST, 0.1307, 0.3081), (FASHION_MNIST, 0.2860, 0.3530)):
        assert round(info.mean[0] / 255, 4) == mean
        assert round(info.std[0] / 255, 4) == sd


def test_a_missing_file_is_named_with_address_hash_and_command(tmp_path, info):
    write(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{NAMES[1]}.gz").unlink()
    with pytest.raises(InputError) as error:
        info.load(tmp_path)
    file = info.files[1]
    for part in (file.name, file.url, file.sha256, "varbench data fetch mnist", str(tmp_path / "mnist")):
        assert part in str(error.value)


def test_a_changed_pixel_is_seen(tmp_path, info):
    write(tmp_path)
    changed = ARRAYS[0].copy()
    changed[4, 3, 2] ^= 1
    path = tmp_path / f"{NAMES[0]}.gz"
    path.write_bytes(gzip.compress(idx_bytes(changed)))
    with pytest.raises(InputError) as error:
        info.load(tmp_path)
    for part in (str(path), sha256(idx_bytes(ARRAYS[0])), sha256(idx_bytes(changed))):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "starts with the bytes (none)"),
        (
            b"PK\x03\x04" + bytes(20),
            "starts with the bytes 50 4b 03 04, but an IDX file of unsigned bytes starts",
        ),
        (struct.pack(">4BI", 0, 0, 0x0D, 1, 2) + bytes(8), "starts with the bytes 00 00 0d 01"),
        (struct.pack(">4B", 0, 0, 8, 0), "starts with the bytes 00 00 08 00"),
        (struct.pack(">4BI", 0, 0, 8, 3, 5), "is truncated: its header of 16 bytes ends after 8"),
        (idx_bytes(ARRAYS[0])[:-1], "announces 5 × 4 × 3 bytes, but 59 follow"),
        (idx_bytes(ARRAYS[1]) + b"\0", "announces 5 bytes, but 6 follow"),
        (
            struct.pack(">4B2I", 0, 0, 8, 2, 2**32 - 1, 2**32 - 1),
            "announces 4294967295 × 4294967295 bytes, but 0",
        ),
    ],
)
def test_what_is_no_idx_file_is_refused(content, sentence):
    with pytest.raises(InputError) as error:
        parse_idx(content, where="FILE")
    assert str(error.value).startswith("FILE ")
    assert sentence in str(error.value)


def test_a_wrong_number_of_examples_is_refused(tmp_path, info):
    write(tmp_path)
    (tmp_path / f"{NAMES[3]}.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(1, np.uint8))))
    with pytest.raises(InputError, match="holds 1 bytes, but mnist has 2 there"):
        info.load(tmp_path)


def test_more_bytes_than_expected_are_not_read(tmp_path, info):
    write(tmp_path)
    (tmp_path / f"{NAMES[3]}.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    with pytest.raises(InputError, match="holds more than the 10 bytes it should"):
        info.load(tmp_path)


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:12] + b"\xff\xff" + b[14:], lambda b: b[:2] + b"x"])
def test_damaged_gzip_is_refused(tmp_path, damage):
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(bytes(range(256)) * 4)))
    with pytest.raises(InputError, match=r"file\.gz is damaged gzip"):
        read_content(path, limit=2000)


def test_a_directory_in_place_of_a_file_is_refused(tmp_path, info):
    write(tmp_path)
    (tmp_path / f"{NAMES[2]}.gz").unlink()
    (tmp_path / f"{NAMES[2]}.gz").mkdir()
    with pytest.raises(InputError, match="cannot read"):
        info.load(tmp_path)
