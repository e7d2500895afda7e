"""One set of results, written in every form, reads the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from varbench.analysis.catalogue import estimates
from varbench.analysis.inputs import read_results

from .files import E, K, arrays, frame, write

ENDINGS = (".npz", ".csv", ".parquet")


@pytest.mark.parametrize("kind", ["probabilities", "predictions"])
def test_every_form_gives_the_same_estimates(tmp_path: Path, kind: str) -> None:
    found = []
    for ending in ENDINGS:
        results = read_results(write(tmp_path / f"r{ending}", arrays(kind)))
        found.append({name: estimates(population, key=1) for name, population in results.conditions.items()})
    assert list(found[0]) == ["sgd", "adam"]
    assert found[0] == found[1] == found[2]
    accuracy = (arrays("predictions")["predictions"][:3] == arrays()["labels"]).mean()
    assert found[0]["sgd"][0][2].value == pytest.approx(accuracy)


@pytest.mark.parametrize("ending", ENDINGS)
def test_arrays_come_back_run_by_run(tmp_path: Path, ending: str) -> None:
    given = arrays()
    results = read_results(write(tmp_path / f"r{ending}", given))
    for rows, population in zip((slice(3), slice(3, 6)), results.conditions.values(), strict=True):
        np.testing.assert_array_equal(population.probabilities, given["probabilities"][rows].astype(np.float32))
        np.testing.assert_array_equal(population.labels, given["labels"])
        np.testing.assert_array_equal(population.levels["init"], given["init"][rows])
        np.testing.assert_array_equal(population.levels["order"], given["order"][rows])
    assert (population.n_examples, population.n_classes) == (E, K)


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    """Runs and examples are numbered by their first row, so that a shuffle permutes them and nothing else."""
    given = arrays("predictions", condition=None)
    shuffled = frame(given).sample(frac=1.0, random_state=3)
    shuffled.to_csv(tmp_path / "r.csv", index=False)
    results = read_results(tmp_path / "r.csv")
    (population,) = results.conditions.values()
    runs, examples = (pd.unique(shuffled[name]) for name in ("run", "example"))
    np.testing.assert_array_equal(population.predictions, given["predictions"][np.ix_(runs, examples)])
    np.testing.assert_array_equal(population.labels, given["labels"][examples])
    assert results.examples == tuple(map(str, examples))


def test_runs_may_be_numbered_anew_in_every_condition_and_have_names(tmp_path: Path) -> None:
    given = arrays("predictions")
    table = frame(given)
    table["run"] = "seed " + (table["run"] % 3).astype(str)
    table["example"] = "x" + table["example"].astype(str)
    for ending in (".csv", ".parquet"):
        path = tmp_path / f"r{ending}"
        table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path, index=False)
        results = read_results(path)
        np.testing.assert_array_equal(results.conditions["adam"].predictions, given["predictions"][3:])
        assert results.examples[:2] == ("x0", "x1")


def test_the_condition_is_named_after_the_file_where_there_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", arrays(condition=None))
    assert list(read_results(path).conditions) == ["mine"]
    assert list(read_results(path, name="other").conditions) == ["other"]


def test_a_run_without_any_number_has_diverged(tmp_path: Path) -> None:
    for kind, empty in (("logits", np.nan), ("probabilities", np.nan), ("predictions", -1)):
        given = arrays(kind, condition=None)
        given[kind][2] = empty
        for ending in ENDINGS[: 1 if kind == "logits" else 3]:
            (population,) = read_results(write(tmp_path / f"{kind}{ending}", given)).conditions.values()
            assert population.finished.tolist() == [True, True, False, True, True, True]
            assert population.accuracy[2] == 0.0


def test_a_prediction_that_is_left_empty_in_a_whole_run_has_diverged(tmp_path: Path) -> None:
    table = frame(arrays("predictions", condition=None)).astype({"prediction": float})
    table.loc[table["run"] == 1, "prediction"] = np.nan
    table.to_csv(tmp_path / "r.csv", index=False)
    (population,) = read_results(tmp_path / "r.csv").conditions.values()
    assert population.finished.tolist() == [True, False, True, True, True, True]


def test_what_means_nothing_here_is_left_alone_and_named(tmp_path: Path) -> None:
    extra = {"inputs": np.zeros((E, 5)), "notes": np.array([{"a": 1}], dtype=object)}
    results = read_results(write(tmp_path / "r.npz", arrays(**extra)))
    assert results.ignored == ("inputs", "notes")
    frame(arrays()).assign(comment="x").to_csv(tmp_path / "r.csv")  # with an index that has no name
    assert read_results(tmp_path / "r.csv").ignored == ("", "comment")


def test_what_was_read_is_described(tmp_path: Path) -> None:
    results = read_results(write(tmp_path / "r.npz", arrays("logits", weights=np.zeros((6, 4)))))
    assert results.arrays == {"labels": (12,), "logits": (6, 12, 3), "weights": (6, 4), "init": (6,), "order": (6,)}
    assert len(results.sha256) == 64
    assert (results.file, results.form) == ("r.npz", "arrays of an .npz file")


def test_labels_may_be_true_and_false(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", labels=np.array([True, False]), predictions=np.array([[True, True], [False, False]]))
    (population,) = read_results(tmp_path / "r.npz").conditions.values()
    assert population.accuracy.tolist() == [0.5, 0.5]
