"""`varbench compare` of run directories: what takes the networks, named, unasked, left out with a reason."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_compare import trained
from varbench.analysis.catalogue import estimates
from varbench.analysis.document import KEY
from varbench.cli import main
from varbench.data import load
from varbench.probes import TrainedNetworks
from varbench.stats.difference import difference_of_estimates
from varbench.store import PopulationStore
from varbench.studies import probed
from varbench.studies.judge import population_arrays
from varbench.training.recipe import recipe_from_dict

LAYERS = ("cka", "procrustes_distance")
PATHS = ("loss_barrier", "loss_barrier_aligned", "weight_distance_aligned")


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")
    monkeypatch.setattr("varbench.report.figures.registry.KINDS", [])


@pytest.fixture(scope="module")
def slow(recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(recipe_file, tmp_path_factory.mktemp("slow") / "runs", lr=3e-3)


@pytest.fixture(scope="module")
def fast(recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another number of the recipe alone: both, and `finished`, train in the same program."""
    return trained(recipe_file, tmp_path_factory.mktemp("fast") / "runs", lr=3e-2)


def compared(out: Path, *words: object) -> dict[str, Any]:
    assert main(["compare", *map(str, words), "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads((out / "analysis.json").read_text())
    return found


def measured(rundir: Path, names: tuple[str, ...]) -> dict[Any, Any]:
    """The estimates that a report of the run directory has."""
    store = PopulationStore.open(rundir / "digits-mlp")
    recipe = recipe_from_dict(store.manifest["recipe"], where="here")
    arrays = population_arrays(store, store.read(), networks=TrainedNetworks(recipe, load(recipe.data)))
    return {(name, at): estimate for name, at, estimate in estimates(arrays, names=names, key=KEY)}


def test_named_measures_of_the_networks_have_differences(fast: Path, slow: Path, tmp_path: Path, capsys) -> None:
    names = (*LAYERS, *PATHS)
    words = [word for name in names for word in ("--measure", name)]
    document = compared(tmp_path / "report", slow, fast, *words)
    before, after = measured(slow, names), measured(fast, names)
    rows = {(row["measure"], row["at"]): row for row in document["comparisons"]}
    assert set(rows) == set(before) == set(after)
    assert {name for name, _ in rows} == set(names)
    for key, row in rows.items():
        expected = difference_of_estimates(before[key], after[key])
        found = [row["difference"], row["low"], row["high"], row["p"]]
        wanted = dataclasses.astuple(expected.estimate)[:3]
        assert found == pytest.approx([*wanted, expected.p], rel=1e-4, abs=1e-6), key
        assert row["low"] is not None, row["reason"]
        assert row["paired"] is False
    assert document["unavailable"] == []
    assert "Loss barrier, aligned (test)" in capsys.readouterr().out


def test_what_takes_seconds_is_measured_unasked_and_the_rest_is_named(
    fast: Path, slow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = compared(tmp_path / "report", slow / "digits-mlp", fast / "digits-mlp")
    there = {row["measure"] for row in document["comparisons"]}
    assert {"accuracy", "cka", "procrustes_distance", "attribution_cosine", "loss_barrier", "error_barrier"} <= there
    reasons = {(entry["condition"], entry["measure"]): entry["reason"] for entry in document["unavailable"]}
    assert not {measure for _, measure in reasons} & there
    for condition in "AB":
        assert "matching hidden units takes minutes" in reasons[condition, "loss_barrier_aligned"]
        assert "without snapshots" in reasons[condition, "sharpness"]
    said = capsys.readouterr().out
    assert "Not measured: " in said
    assert "matching hidden units takes minutes: name the measure to have it." in said
    assert "matching hidden units takes minutes" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("MOST_FLOPS", 0.0, "of networks and data of this size"), ("MOST_POPULATIONS", 0, "for each of 1 populations")],
)
def test_what_would_take_long_is_left_to_who_asks(
    name: str, value: float, reason: str, fast: Path, slow: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(probed, name, value)
    document = compared(tmp_path / "unasked", slow, fast / "digits-mlp", "--population", "digits-mlp")
    assert "cka" not in {row["measure"] for row in document["comparisons"]}
    found = {entry["measure"]: entry["reason"] for entry in document["unavailable"]}
    assert reason in found["cka"]
    assert set(found) == set(probed.NETWORK_MEASURES)
    asked = compared(tmp_path / "asked", slow, fast, "--measure", "cka")
    assert {row["at"] for row in asked["comparisons"]} == {"hidden/0", "logits"}


def test_other_data_than_the_runs_were_trained_on_are_a_reason(
    fast: Path, slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = dataclasses.replace(load("digits"), x_train=load("digits").x_train[::-1])
    monkeypatch.setattr("varbench.data.load", lambda name: changed)
    document = compared(tmp_path / "report", slow, fast, "--measure", "cka", "--measure", "accuracy")
    (row,) = (row for row in document["comparisons"] if row["measure"] == "cka")
    assert row["difference"] is None
    assert "no longer the one that the runs were trained on" in row["reason"]
