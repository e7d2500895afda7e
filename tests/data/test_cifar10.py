import dataclasses
import hashlib
import io
import tarfile

import numpy as np
import pytest

from varbench.data import DataFile, cifar10
from varbench.data.cifar10 import BATCHES, CIFAR10, FOLDER, parse_batch
from varbench.errors import InputError


def pixel(image, channel, row, column):
    """A value that tells image, channel, row and column apart."""
    return (image * 89 + channel * 71 + row * 37 + column * 3) % 256


def batch(first, records):
    """The bytes of a batch: label i mod 10, then the red, the green and the blue plane, row by row."""
    content = bytearray()
    for i in range(first, first + records):
        content.append(i % 10)
        content += bytes(pixel(i, c, h, w) for c in range(3) for h in range(32) for w in range(32))
    return bytes(content)


CONTENTS = {name: batch(2 * i, 3 if name == "test_batch.bin" else 2) for i, name in enumerate(BATCHES)}


def tar_gz(contents):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in {"readme.html": b"...", **contents}.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


ARCHIVE = tar_gz(CONTENTS)


@pytest.fixture
def info():
    """CIFAR-10 with two images in each training batch and three test images."""
    return with_archive(ARCHIVE)


def with_archive(content):
    file = DataFile(CIFAR10.files[0].name, "http://nowhere/file", hashlib.sha256(content).hexdigest())
    return dataclasses.replace(CIFAR10, n_train=10, n_test=3, files=(file,))


def write_folder(folder, contents=CONTENTS):
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def check(dataset):
    assert dataset.shape == (32, 32, 3)
    images, rows, columns, channels = np.ogrid[:13, :32, :32, :3]
    expected = pixel(images, channels, rows, columns)
    np.testing.assert_array_equal(np.concatenate([dataset.x_train, dataset.x_test]), expected)
    assert dataset.y_train.tolist() == list(range(10))
    assert dataset.y_test.tolist() == [0, 1, 2]


@pytest.mark.parametrize("folder", ["", "cifar10"])
def test_the_archive_is_read_where_it_lies(tmp_path, info, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "cifar-10-binary.tar.gz").write_bytes(ARCHIVE)
    dataset = info.load(tmp_path)
    check(dataset)
    assert dataset.verified
    assert dataset.note == ""


@pytest.mark.parametrize("folder", [FOLDER, f"cifar10/{FOLDER}", "cifar10"])
def test_unpacked_files_that_are_not_the_published_ones_are_marked(tmp_path, info, folder):
    write_folder(tmp_path / folder)
    dataset = info.load(tmp_path)
    check(dataset)
    assert not dataset.verified
    assert "not the published CIFAR-10 files (data_batch_1.bin, " in dataset.note


def test_unpacked_files_with_the_recorded_sums_are_verified(tmp_path, info, monkeypatch):
    write_folder(tmp_path / FOLDER)
    sums = {name: hashlib.md5(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(cifar10, "BATCH_MD5", sums)
    assert info.load(tmp_path).verified
    monkeypatch.setitem(sums, "data_batch_3.bin", "0" * 32)
    dataset = info.load(tmp_path)
    assert not dataset.verified
    assert "(data_batch_3.bin in " in dataset.note


def test_the_archive_comes_before_unpacked_files(tmp_path, info):
    write_folder(tmp_path / FOLDER, CONTENTS | {"test_batch.bin": batch(0, 3)})
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(ARCHIVE)
    check(info.load(tmp_path))


def test_nothing_there_is_told_with_address_hash_and_command(tmp_path, info):
    with pytest.raises(InputError) as error:
        info.load(tmp_path)
    for part in (info.files[0].name, info.files[0].url, info.files[0].sha256, "varbench data fetch cifar10"):
        assert part in str(error.value)


def test_another_archive_is_refused_with_both_hashes(tmp_path, info):
    other = tar_gz(CONTENTS | {"test_batch.bin": batch(0, 3)})
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(other)
    with pytest.raises(InputError) as error:
        info.load(tmp_path)
    for part in ("cifar-10-binary.tar.gz", info.files[0].sha256, hashlib.sha256(other).hexdigest()):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ARCHIVE[:-50], "is a damaged archive"),
        (b"nothing like it", "is a damaged archive"),
        (
            tar_gz({n: c for n, c in CONTENTS.items() if n != "data_batch_4.bin"}),
            "has no data_batch_4.bin in",
        ),
        (
            tar_gz(CONTENTS | {"test_batch.bin": batch(0, 2)}),
            "test_batch.bin has 2 records, but it should have 3",
        ),
    ],
)
def test_an_archive_with_something_wrong_inside_is_refused(tmp_path, content, sentence):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(InputError) as error:
        with_archive(content).load(tmp_path)
    assert sentence in str(error.value)


def test_a_folder_without_one_batch_is_refused(tmp_path, info):
    write_folder(tmp_path / FOLDER, {n: c for n, c in CONTENTS.items() if n != "data_batch_2.bin"})
    with pytest.raises(InputError, match=r"has data_batch_1\.bin but no data_batch_2\.bin"):
        info.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "FILE has 0 bytes"),
        (batch(0, 2)[:-1], "FILE has 6145 bytes, which is no whole number of records of 3073"),
        (batch(0, 1) + b"\x0a" + bytes(3072), "FILE has label 10 in record 1"),
    ],
)
def test_what_is_no_batch_is_refused(content, sentence):
    with pytest.raises(InputError) as error:
        parse_batch(content, where="FILE")
    assert sentence in str(error.value)
