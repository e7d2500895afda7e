"""Handwritten digits of 8 × 8 pixels, bundled with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Int

from varbench.data.dataset import Dataset
from varbench.data.info import DatasetInfo
from varbench.data.kept import kept_or_made

TEST_EVERY = 5


def rows_for_test(labels: Int[np.ndarray, " N"]) -> Int[np.ndarray, " T"]:
    """The rows of the test split: of all rows sorted by label, then by place, the first, sixth, eleventh, …

    No randomness; each class gives a fifth of its examples, give or take one. Of the 1,797 digits 1,437 are
    left for training and 360 are for the test. The same persons wrote digits of both splits.

    Returns:
        Row numbers in ascending order, int64 [ceil(N / 5)].
    """
    return np.sort(np.argsort(labels, kind="stable")[::TEST_EVERY])


def _load(info: DatasetInfo, directory: Path) -> Dataset:
    def made() -> Dataset:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        x = (bunch.images[..., None] / 16).astype(np.float32)
        y = bunch.target.astype(np.int32)
        rows = rows_for_test(y)
        test = np.isin(np.arange(len(y)), rows)
        return Dataset(info.name, x[~test], y[~test], x[test], y[test], info.classes, info.kind)

    return kept_or_made(info, made)


DIGITS = DatasetInfo(
    name="digits",
    title="handwritten digits, 8 × 8 gray",
    shape=(8, 8, 1),
    n_train=1437,
    n_test=360,
    classes=10,
    kind="image",
    license="CC BY 4.0",
    source="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits (1998), "
    "https://doi.org/10.24432/C50P49; the test part, as bundled with scikit-learn",
    loader=_load,
    content_sha256="48c95b11250adca972483146bbad39c852aacf6109f3f625f77c09742f02dbdc",
)
