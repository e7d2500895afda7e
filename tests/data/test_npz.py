import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from varbench.data import load, standardize
from varbench.errors import InputError

VECTORS = {
    "x_train": np.linspace(-1, 1, 24).reshape(6, 4),
    "y_train": np.array([0, 1, 2, 0, 1, 2]),
    "x_test": np.linspace(0, 1, 12).reshape(3, 4),
    "y_test": np.array([1, 1, 3], np.uint8),
}


def saved(path, **changes):
    """An .npz file with changed arrays; None leaves one out."""
    arrays = {name: array for name, array in (VECTORS | changes).items() if array is not None}
    np.savez(path, **arrays)
    return str(path)


def raw(path, name, content):
    """An .npz file in which one array's member is these bytes."""
    saved(path, **{name: None})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", content)
    return str(path)


def message(path):
    with pytest.raises(InputError) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert Path(path).name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_arrays_that_were_saved_are_loaded(tmp_path, save):
    save(tmp_path / "mine.npz", **VECTORS)
    dataset = load(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(dataset.x_train, VECTORS["x_train"].astype(np.float32))
    np.testing.assert_array_equal(dataset.x_test, VECTORS["x_test"].astype(np.float32))
    assert dataset.y_train.tolist() == VECTORS["y_train"].tolist()
    assert dataset.y_test.tolist() == [1, 1, 3]
    assert (dataset.classes, dataset.kind, dataset.shape, dataset.name) == (4, "vector", (4,), "mine.npz")
    np.testing.assert_array_equal(standardize(dataset.x_train, dataset.mean, dataset.std), dataset.x_train)


def test_a_relative_path_and_a_path_object_and_other_arrays_beside_are_fine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "mine.npz", names=np.array(["a", "b"]))
    assert load("mine.npz").checksum() == load(Path("mine.npz")).checksum()


def test_bytes_become_fractions_of_255(tmp_path):
    images = np.arange(0, 250, 10, dtype=np.uint8)[:24].reshape(2, 2, 3, 2)
    path = saved(tmp_path / "i.npz", x_train=images, y_train=np.array([0, 1]), x_test=images, y_test=np.array([1, 0]))
    dataset = load(path)
    assert (dataset.kind, dataset.classes, dataset.x_train.dtype) == ("image", 2, np.uint8)
    x = standardize(dataset.x_train, dataset.mean, dataset.std)
    np.testing.assert_array_equal(x, images.astype(np.float32) / np.float32(255))


def test_a_changed_file_is_read_again(tmp_path):
    path = saved(tmp_path / "mine.npz")
    before = load(path).checksum()
    saved(path, y_test=np.array([0, 0, 0]))
    assert load(path).checksum() != before


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y_test": None}, "has no array y_test (it holds x_test, x_train, y_train)"),
        (
            {"x_train": with_value(VECTORS["x_train"], (4, 2), np.nan)},
            "x_train[4, 2] = nan is not a finite number",
        ),
        (
            {"x_test": with_value(VECTORS["x_test"], (0, 3), -np.inf)},
            "x_test[0, 3] = -inf is not a finite number",
        ),
        ({"x_train": VECTORS["x_train"].astype(int)}, "x_train has type int64"),
        ({"x_train": VECTORS["x_train"].astype(str)}, "x_train has type <U"),
        (
            {"x_train": np.zeros((6, 2, 2))},
            "x_train has shape (6, 2, 2), but it must be [N, features], or [N, H, W, C]",
        ),
        ({"x_test": np.zeros((3, 5))}, "examples of x_train are float32 (4,) and of x_test float32 (5,)"),
        ({"x_test": np.zeros((3, 1, 1, 4))}, "x_test has shape (3, 1, 1, 4)"),
        (
            {"x_train": np.zeros((0, 4)), "y_train": np.zeros(0, int)},
            "x_train has shape (0, 4) and holds nothing",
        ),
        ({"y_train": np.array([0, 1, 2, 0, 1])}, "y_train has shape (5,), but there are 6 examples"),
        ({"y_train": VECTORS["y_train"] * 1.0}, "y_train has type float64, but labels must be integers"),
        ({"y_train": with_value(VECTORS["y_train"], 3, -1)}, "y_train[3] = -1, but with 4 classes"),
        ({"y_train": with_value(VECTORS["y_train"], 3, 1000)}, "the largest label is 1000, with 9 examples"),
    ],
)
def test_each_problem_gets_one_sentence(tmp_path, changes, sentence):
    assert sentence in message(saved(tmp_path / "mine.npz", **changes))


def test_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    trap = np.array([Trap() for _ in range(6)], object)
    text = message(saved(tmp_path / "mine.npz", y_train=trap))
    assert "y_train holds Python objects, which are never unpickled here" in text
    assert not (tmp_path / "sprung").exists()


def header(shape, dtype="<f8", version=(1, 0)):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = 2 if version == (1, 0) else 4
    return npy.magic(*version) + len(text).to_bytes(size, "little") + text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x_train has no readable array header"),
        (b"no array at all", "x_train has no readable array header"),
        (npy.magic(1, 0) + b"\x05\x00{'a'}", "x_train has no readable array header"),
        (
            npy.magic(2, 0) + (10**6).to_bytes(4, "little") + b" " * 10**6,
            "x_train has no readable array header",
        ),
        (header((10**12, 4)) + bytes(8), f"x_train announces {32 * 10**12} bytes, but has 8"),
        (header((6, 4)) + bytes(191), "x_train announces 192 bytes, but has 191"),
        (header((6, 4)) + bytes(193), "x_train announces 192 bytes, but has 193"),
        (header((-6, -4)) + bytes(192), "x_train announces 192 bytes, but has 192"),
    ],
)
def test_a_header_is_not_believed(tmp_path, content, sentence):
    assert sentence in message(raw(tmp_path / "mine.npz", "x_train", content))


def test_a_sound_header_is_believed(tmp_path):
    for version in ((1, 0), (2, 0)):
        path = raw(tmp_path / "mine.npz", "x_train", header((6, 4), version=version) + bytes(192))
        np.testing.assert_array_equal(load(path).x_train, np.zeros((6, 4)))


def test_what_is_no_npz_file_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    assert "no file at" in message(path)
    np.save(tmp_path / "mine.npy", np.zeros(3))
    for content in (b"", b"hello", (tmp_path / "mine.npy").read_bytes()):
        path.write_bytes(content)
        assert "is not a sound .npz file (File is not a zip file)" in message(path)
    path.unlink()
    path.mkdir()
    assert "cannot read" in message(path)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **VECTORS)
    content = bytearray(path.read_bytes())
    content[150:170] = bytes(20)
    path.write_bytes(content)
    assert "is not a sound .npz file" in message(path)
