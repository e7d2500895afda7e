"""The family `landscape` on networks whose curvature is known: which runs, which steps, which numbers."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.analysis.catalogue import estimates
from varbench.analysis.catalogue.landscape import GRID, LINE, RUNS
from varbench.analysis.plotdata import registered_plot_data
from varbench.analysis.population import PopulationArrays
from varbench.measures.curvature import Curvature
from varbench.training.design import together, ulp_pairs

STEPS = np.array([0, 1, 10])
FAMILY = ("sharpness", "hessian_trace", "lowest_curvature", "negative_curvature")


class Bowl:
    """Loss ½ ‖w‖² on training examples, twice that on test examples; a curvature that tells which weights it was of."""

    leaves = ()
    symmetries = ()

    @property
    def activation_shapes(self):
        return {}

    def input_gradients(self, weights, *, examples):
        return np.zeros((len(weights), len(examples), 1), np.float32)

    def scores(self, weights, split):
        loss = 0.5 * (weights.astype(float) ** 2).sum(1) * (1 if split == "train" else 2)
        return loss, loss * 0

    def logits(self, weights, split):
        raise AssertionError("not asked for")

    def curvature(self, weights, *, key):
        first = weights[:, 0].astype(np.float64)
        return Curvature(first, -first, 10 * first, first * 0, first / 1e3, first * 0)


def population(design=None, *, runs=10, **change):
    design = design or together(runs, sources=("init", "order"))
    random = np.random.default_rng(0)
    snapshots = random.normal(size=(len(design), 3, 6)).astype(np.float32)
    snapshots[:, :, 0] = np.arange(len(design))[:, None] + 100 * np.arange(3)
    arrays = {
        "logits": random.normal(size=(len(design), 8, 3)).astype(np.float32),
        "labels": random.integers(0, 3, 8),
        "weights": snapshots[:, -1],
        "initial_weights": snapshots[:, 0],
        "snapshots": snapshots,
        "snapshot_steps": STEPS,
        "levels": {source: design.column(source) for source in design.levels[0]},
        "networks": Bowl(),
    }
    return PopulationArrays(**{**arrays, **change})


def found(population, names=FAMILY):
    return {(name, at): e for name, at, e in estimates(population, names=names, key=0)}


def test_the_first_runs_are_measured_at_every_snapshot_and_at_the_end():
    values = found(population())
    runs = np.arange(RUNS)
    for name, factor in zip(FAMILY, (1, 10, -1, 1e-3), strict=True):
        assert [at for measure, at in values if measure == name] == [None, 0.0, 1.0, 10.0]
        for at, offset in ((None, 200), (0.0, 0), (1.0, 100), (10.0, 200)):
            estimate = values[name, at]
            assert estimate.value == pytest.approx(factor * (runs + offset).mean(), rel=1e-6)
            assert (estimate.n_runs, estimate.method) == (RUNS, "t over runs")
            assert estimate.low < estimate.value < estimate.high


def test_runs_that_diverged_and_twins_of_base_runs_are_left_out():
    finished = np.ones(10, bool)
    finished[[0, 3]] = False
    kept = found(population(finished=finished))["sharpness", 0.0]
    assert kept.value == pytest.approx(np.mean([1, 2, 4, 5, 6, 7, 8, 9]))
    snapshots = population().snapshots.copy()
    snapshots[1, 1, 4] = np.nan
    kept = found(population(snapshots=snapshots))["sharpness", 0.0]
    assert kept.value == pytest.approx(np.mean([0, 2, 3, 4, 5, 6, 7, 8]))
    twins = found(population(ulp_pairs(4, sources=("init",), width=6)))["sharpness", 0.0]
    assert (twins.value, twins.n_runs) == (np.mean([0, 3, 6, 9]), 4)


def test_what_cannot_be_measured_says_why():
    nothing = found(population(finished=np.zeros(10, bool)))
    assert all(e.value is None and e.reason for e in nothing.values())
    assert registered_plot_data(population(finished=np.zeros(10, bool))) == {}
    one = found(population(runs=1))["sharpness", None]
    assert (one.value, one.low) == (200.0, None)
    assert "networks" in found(population(networks=None))["sharpness", None].reason


def test_slices_pass_through_the_runs():
    final = np.random.default_rng(1).normal(size=(10, 6)).astype(np.float32)
    whole = population(snapshots=np.repeat(final[:, None], 3, axis=1), weights=final)
    data = registered_plot_data(whole)["slices"]
    weights = whole.weights.astype(float)
    line = data["line"]
    for position, run in ((0.0, 0), (1.0, 1)):
        place = int(np.flatnonzero(position == LINE)[0])
        assert line["train_loss"][place] == pytest.approx(0.5 * (weights[run] ** 2).sum(), rel=1e-5)
        assert line["test_loss"][place] == pytest.approx((weights[run] ** 2).sum(), rel=1e-5)
    plane = data["plane"]
    assert np.shape(plane["train_loss"]) == (GRID, GRID)
    spacing = np.diff(plane["x"])[0], np.diff(plane["y"])[0]
    for place, run in zip(plane["runs"], range(3), strict=True):
        column = np.abs(np.array(plane["x"]) - place[0]).argmin()
        row = np.abs(np.array(plane["y"]) - place[1]).argmin()
        # The bowl is exactly quadratic in the plane too: the grid's neighbor is off by gradient and half a square.
        point = plane["train_loss"][row][column]
        away = np.hypot(plane["x"][column] - place[0], plane["y"][row] - place[1])
        truth = 0.5 * (weights[run] ** 2).sum()
        assert abs(point - truth) <= away * np.linalg.norm(weights[run]) + 0.5 * away**2 + 1e-2
        assert away <= np.hypot(*spacing) / 2
    ways = np.array(plane["tracks"])
    assert ways.shape == (3, 3, 2)
    np.testing.assert_allclose(ways[:, -1], plane["runs"], atol=1e-3)
    curved = np.diff(np.array(plane["train_loss"]), 2, axis=1)
    np.testing.assert_allclose(curved, spacing[0] ** 2, rtol=0.05)


def test_two_runs_have_a_line_and_equal_runs_no_plane():
    two = registered_plot_data(population(runs=2))["slices"]
    assert "plane" not in two
    assert len(two["line"]["train_loss"]) == len(LINE)
    assert "slices" not in registered_plot_data(population(runs=1))
    equal = np.repeat(population().snapshots[:1], 10, axis=0)
    assert "plane" not in registered_plot_data(population(snapshots=equal))["slices"]
