"""Which labels are taken for classes where only predicted labels are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from varbench import PopulationArrays
from varbench.analysis.inferred_classes import stray_label
from varbench.analysis.inputs import read_results
from varbench.errors import InputError

from .inputs.files import arrays, write


@pytest.mark.parametrize(
    ("labels", "predicted", "example"),
    [
        ([0, 1, 50, 2], [0, 1, 2, 2], 2),
        ([0, 1, 2, 3], [0, 1, 2, 2], None),  # a rare class
        ([0, 5, 2, 9, 1, 3, 4, 8, 7, 6], [0] * 10, None),  # runs that collapsed
        ([0, 1, 2, 255], [0, 1, 2, 2], 3),  # a label for "ignore"
        ([*range(150), 255], [*range(150), 0], 150),
        ([40, 907, 333, 986], [40, 901, 333, 12], None),  # four examples of a thousand classes
        ([0, 1, 1, 50], [0, 1, 1, 50], None),  # some run predicts it
        ([0, 1, 1, 50], [-1, -1, -1, -1], None),  # nothing is known of what runs predict
    ],
)
def test_only_a_label_far_above_all_predictions_is_doubted(
    labels: list[int], predicted: list[int], example: int | None
) -> None:
    found = stray_label(np.array(labels), np.array([predicted, predicted]))
    assert (found and found[0]) == example


def test_examples_of_many_classes_are_hardly_ever_doubted() -> None:
    """Thirty of a thousand classes, with runs that are right four times out of five."""
    random = np.random.default_rng(0)
    doubted = 0
    for _ in range(2_000):
        labels = random.integers(0, 1_000, 30)
        wrong = random.integers(0, 1_000, (5, 30))
        doubted += stray_label(labels, np.where(random.random((5, 30)) < 0.8, labels, wrong)) is not None
    assert doubted <= 2


def test_from_python() -> None:
    labels, predictions = np.array([0, 1, 50]), np.array([[0, 1, 2], [0, 1, 1]])
    with pytest.raises(InputError, match=r"labels\[2\] is 50, but no run predicts a class above 2"):
        PopulationArrays(labels=labels, predictions=predictions)
    assert PopulationArrays(labels=labels, predictions=predictions, classes=51).n_classes == 51


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet"])
def test_a_file_may_say_how_many_classes_there_are(tmp_path: Path, ending: str) -> None:
    given = arrays("predictions")
    given["labels"][4] = 50
    (population, _) = read_results(
        write(tmp_path / f"r{ending}", {**given, "classes": np.array(60)})
    ).conditions.values()
    assert population.n_classes == 60


def test_a_file_may_name_its_classes(tmp_path: Path) -> None:
    names = np.array([f"class {k}" for k in range(7)])
    results = read_results(write(tmp_path / "r.npz", {**arrays("predictions"), "classes": names}))
    assert results.conditions["sgd"].n_classes == 7
    assert results.ignored == ()


def test_what_a_class_is_called_is_no_slip(tmp_path: Path) -> None:
    results = read_results(write(tmp_path / "r.npz", {**arrays("predictions"), "class": np.array(["cat"] * 12)}))
    assert results.ignored == ("class",)
