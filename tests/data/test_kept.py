"""Generated data sets on disk: the same arrays, or they are made anew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from varbench.data.dataset import Dataset
from varbench.data.info import DatasetInfo
from varbench.data.kept import kept_or_made


def made() -> Dataset:
    x = np.linspace(0, 1, 24, dtype=np.float32).reshape(6, 4)
    return Dataset("toy", x, np.arange(6) % 2, x[:3], np.arange(3) % 2, classes=2, kind="curve")


INFO = DatasetInfo("toy", "a toy", (4,), 6, 3, 2, "curve", "-", "-", lambda *_: made(), made().checksum())


class Counted:
    """Makes the toy, or what it is told to, and counts how often."""

    def __init__(self, dataset=None):
        self.times, self.dataset = 0, dataset or made()

    def __call__(self):
        self.times += 1
        return self.dataset


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("VARBENCH_DATA", str(tmp_path))
    return tmp_path


def test_it_is_made_once_and_read_from_then_on(directory):
    make = Counted()
    first, second = kept_or_made(INFO, make), kept_or_made(INFO, make)
    assert make.times == 1
    assert [p.name for p in (directory / "generated").iterdir()] == ["toy.npz"]
    assert first.checksum() == second.checksum() == INFO.content_sha256
    assert (second.name, second.classes, second.kind, second.verified) == ("toy", 2, "curve", True)


def overwritten(content):
    return lambda path: path.write_bytes(content)


def one_number_other(path):
    with np.load(path) as file:
        arrays = dict(file)
    arrays["x_test"][1, 2] += 1e-6
    np.savez(path, **arrays)


def one_array_missing(path):
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, x_train=arrays["x_train"])


def cut_in_half(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def said_to_be_encrypted(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # of the first entry in the archive's table
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "damage",
    [
        said_to_be_encrypted,
        overwritten(b""),
        overwritten(b"PK\x03\x04 no archive"),
        one_number_other,
        one_array_missing,
        cut_in_half,
    ],
)
def test_a_file_that_is_not_the_expected_one_is_made_anew(directory, damage):
    make = Counted()
    kept_or_made(INFO, make)
    damage(directory / "generated" / "toy.npz")
    assert kept_or_made(INFO, make).checksum() == INFO.content_sha256
    assert make.times == 2
    kept_or_made(INFO, make)
    assert make.times == 2


def test_content_that_is_not_the_expected_one_is_not_kept(directory):
    other = dataclasses.replace(made(), y_test=np.array([1, 1, 1]))
    make = Counted(other)
    assert kept_or_made(INFO, make) is other
    assert not (directory / "generated").exists()


def test_where_nothing_can_be_written_it_is_made_every_time(directory):
    (directory / "generated").write_text("a file in the way")
    make = Counted()
    for _ in range(2):
        assert kept_or_made(INFO, make).checksum() == INFO.content_sha256
    assert make.times == 2
