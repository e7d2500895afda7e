import sys

import numpy as np
from sklearn.datasets import load_digits

from varbench.data.digits import DIGITS, rows_for_test


def test_pixels_are_the_bundled_ones_over_sixteen():
    dataset = DIGITS.load()
    pixels = np.concatenate([dataset.x_train, dataset.x_test]) * 16
    assert pixels.min() == 0
    assert pixels.max() == 16
    np.testing.assert_array_equal(pixels, np.round(pixels))
    assert pixels.sum(dtype=np.float64) == load_digits().data.sum() == 561718


def test_every_bundled_example_is_in_one_split_with_its_label_and_in_order():
    bunch, dataset = load_digits(), DIGITS.load()
    rows = {(image.tobytes(), label): i for i, (image, label) in enumerate(zip(bunch.data, bunch.target, strict=True))}
    assert len(rows) == 1797, "no two bundled digits are the same, so that rows can be told from pixels"
    found = []
    for x, y in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        split = [rows[(image.astype(float) * 16).tobytes(), label] for image, label in zip(x, y, strict=True)]
        assert split == sorted(split)
        found += split
    assert sorted(found) == list(range(1797))


def test_a_fifth_of_each_class_is_for_the_test():
    dataset = DIGITS.load()
    test, train = (np.bincount(y, minlength=10) for y in (dataset.y_test, dataset.y_train))
    assert (len(dataset.y_train), len(dataset.y_test)) == (1437, 360)
    assert np.all(np.abs(test - (test + train) / 5) < 1)


def test_rows_for_test_by_hand():
    # Sorted by label, then place: rows 1 3 5 (label 0), 0 2 4 6 (label 1), of which the first and the sixth.
    np.testing.assert_array_equal(rows_for_test(np.array([1, 0, 1, 0, 1, 0, 1])), [1, 4])


def test_checksum_is_as_stated():
    assert DIGITS.load().verified


def test_scikit_learn_is_asked_once(tmp_path, monkeypatch):
    monkeypatch.setenv("VARBENCH_DATA", str(tmp_path))
    first = DIGITS.load()
    assert [path.name for path in (tmp_path / "generated").iterdir()] == ["digits.npz"]
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    again = DIGITS.load()
    for name in ("x_train", "y_train", "x_test", "y_test"):
        assert getattr(again, name).dtype == getattr(first, name).dtype
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
