"""The family `separation` on planted one-ULP pairs: values by hand, checks that can fail, reasons for gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from varbench.analysis.catalogue import estimates
from varbench.analysis.catalogue.separation import _geometric, _ratio
from varbench.analysis.plotdata import registered_plot_data
from varbench.analysis.population import PopulationArrays
from varbench.training.design import together, ulp_pairs

STEPS = np.array([0, 1, 2, 4, 8, 16, 32])
FAMILY = (
    "ulp_one_word",
    "ulp_duplicate_equal",
    "separation",
    "separation_rate",
    "separation_saturation",
    "separation_disagreement",
)
P = 40


def planted(bases=5, *, rate=0.6, seed=0, design=None, **change):
    """Triples of unit weight vectors; the twin of base b turns away by an angle 1e-6 · (b + 1) · exp(rate t), at most
    one radian, in a direction of its own."""
    random = np.random.default_rng(seed)
    design = design or ulp_pairs(bases, sources=("init", "order"), width=3)
    runs = len(design)
    snapshots = np.zeros((runs, len(STEPS), P), np.float32)
    logits = random.normal(size=(runs, 30, 4)).astype(np.float32)
    for run in range(0, runs, 3):
        here, away = np.linalg.qr(random.normal(size=(P, 2)))[0].T
        start = here.astype(np.float32)
        moved = start.copy()
        moved[7] = np.nextafter(moved[7], np.float32(np.inf))
        angles = np.minimum(1e-6 * (run // 3 + 1) * np.exp(rate * STEPS), 1.0)
        snapshots[run : run + 3] = start
        for s in range(1, len(STEPS)):
            snapshots[run + 1, s] = np.cos(angles[s]) * here + np.sin(angles[s]) * away
        snapshots[run + 1, 0] = moved
        logits[run + 2] = logits[run]
        logits[run + 1, :6] = np.roll(logits[run, :6], 1, axis=1)
        logits[run + 1, 6:] = logits[run, 6:]
    arrays = {
        "logits": logits,
        "labels": random.integers(0, 4, 30),
        "weights": snapshots[:, -1].copy(),
        "initial_weights": snapshots[:, 0].copy(),
        "snapshots": snapshots,
        "snapshot_steps": STEPS,
        "levels": {source: design.column(source) for source in design.levels[0]},
    }
    return PopulationArrays(**{**arrays, **change})


def found(population, names=FAMILY):
    return {(name, at): e for name, at, e in estimates(population, names=names, key=0)}


def test_values_are_those_that_were_planted():
    population = planted()
    values = found(population)
    assert values["ulp_one_word", None].value == 1.0
    assert values["ulp_duplicate_equal", None].value == 1.0
    assert values["ulp_one_word", None].n_runs == 5
    expected = np.sqrt(2) * np.sin(np.minimum(1e-6 * np.outer(np.arange(1, 6), np.exp(0.6 * STEPS)), 1.0) / 2)
    for i, step in enumerate(STEPS[1:], start=1):
        estimate = values["separation", float(step)]
        assert estimate.value == pytest.approx(np.exp(np.log(expected[:, i]).mean()), rel=0.1 if step < 8 else 1e-3)
        assert (estimate.n_runs, estimate.method) == (5, "t over base runs, of the logarithm")
        assert estimate.low <= estimate.value <= estimate.high
    rate = values["separation_rate", None]
    assert rate.value == pytest.approx(0.6, rel=0.01)
    assert (rate.method, rate.n_runs) == ("t over base runs", 5)
    independent = [
        np.linalg.norm(a.astype(float) - b) / np.sqrt(2)
        for i, a in enumerate(population.weights[::3])
        for b in population.weights[::3][:i]
    ]
    saturation = values["separation_saturation", None]
    assert saturation.value == pytest.approx(np.sqrt(2) * np.sin(0.5) / np.mean(independent), rel=1e-4)
    assert saturation.method == "jackknife over base runs"
    labels = population.predicted_labels
    by_hand = (labels[0::3] != labels[1::3]).mean()
    assert 0 < by_hand < 0.3
    assert values["separation_disagreement", None].value == pytest.approx(by_hand)


def test_a_broken_protocol_is_told_and_its_pairs_are_left_out():
    two_words, unequal = planted(), planted()
    initial = two_words.initial_weights.copy()
    initial[1, 3] += 1
    weights = unequal.weights.copy()
    weights[5, 0] = np.nextafter(weights[5, 0], np.float32(9))
    for change, name in (({"initial_weights": initial}, "ulp_one_word"), ({"weights": weights}, "ulp_duplicate_equal")):
        values = found(planted(**change))
        assert values[name, None].value == pytest.approx(0.8)
        assert values["separation", 32.0].n_runs == 4
        assert values["separation_rate", None].n_runs == 4
    logits = unequal.logits.copy()
    logits[2, 0, 0] += 1
    assert found(planted(logits=logits))["ulp_duplicate_equal", None].value == pytest.approx(0.8)


def test_runs_that_diverged_take_their_pair_with_them():
    finished = np.ones(15, bool)
    finished[4] = False
    assert found(planted(finished=finished))["separation", 32.0].n_runs == 4
    nothing = found(planted(finished=np.zeros(15, bool)))
    assert nothing["separation_rate", None].value is None
    assert "no one-ULP pair finished" in nothing["separation_rate", None].reason
    assert registered_plot_data(planted(finished=np.zeros(15, bool))) == {}


def test_few_bases_give_values_and_reasons():
    one, two = found(planted(1)), found(planted(2))
    assert one["separation", 32.0].value is not None
    assert one["separation", 32.0].low is None
    assert "at least 2 runs" in one["separation", 32.0].reason
    assert one["separation_saturation", None].value is None
    assert "at least 2 base runs" in one["separation_saturation", None].reason
    assert two["separation_saturation", None].value is not None
    assert two["separation_saturation", None].low is None


def test_pairs_that_never_part_and_pairs_that_part_at_once():
    still = planted()
    snapshots = still.snapshots.copy()
    snapshots[1::3, 1:] = snapshots[0::3, 1:]
    values = found(planted(snapshots=snapshots))
    assert values["separation", 16.0].value == 0.0
    assert "same weights" in values["separation", 16.0].reason
    assert values["separation", 0.0].value > 0
    assert "snapshots before its growth saturates" in values["separation_rate", None].reason
    assert values["separation_saturation", None].value == 0.0
    assert found(planted(rate=10.0))["separation_rate", None].value is None


def test_other_designs_have_no_pairs_and_the_ones_that_should_say_why():
    assert found(planted(design=together(15, sources=("init",)))) == {}
    loose = found(planted(design=together(15, sources=("init", "ulp"))))
    assert {at for _, at in loose} == {None}
    assert all("make the design with ulp_pairs" in e.reason for e in loose.values())
    without = found(planted(snapshots=None, snapshot_steps=None), ("separation",))
    assert "without snapshots" in without["separation", None].reason


def test_curves_are_drawn_with_the_level_of_independent_runs():
    population = planted()
    data = registered_plot_data(population)["separation"]
    assert data["step"] == STEPS.tolist()
    assert data["run"] == [0, 3, 6, 9, 12]
    np.testing.assert_allclose(np.array(data["distance"])[:, -1], math.sqrt(2) * math.sin(0.5), rtol=1e-4)
    assert len(data["independent"]) == len(STEPS)
    assert data["ceiling"] == pytest.approx(0.1 * data["independent"][-1], rel=1e-5)
    np.testing.assert_allclose(data["rate"], 0.6, rtol=0.02)


def coverages(n_bases, *, repetitions=1500):
    """How often intervals of 95 % hold the truth: of the ratio, and of the geometric mean of log-normal distances."""
    random = np.random.default_rng(n_bases)
    ratio, geometric = 0, 0
    for _ in range(repetitions):
        effect = random.normal(size=n_bases)
        noise = 0.02 * random.normal(size=(n_bases, n_bases))
        independent = 0.8 + 0.06 * (effect[:, None] + effect) + noise + noise.T
        distances = 0.6 + 0.04 * effect + 0.08 * random.normal(size=n_bases)
        found = _ratio(distances, independent, level=0.95)
        ratio += found.low <= 0.75 <= found.high
        found = _geometric(np.exp(1.5 * random.normal(size=n_bases) - 9), level=0.95)
        geometric += found.low <= math.exp(-9) <= found.high
    return ratio / repetitions, geometric / repetitions


@pytest.mark.parametrize("n_bases", [16, 64])
def test_intervals_cover(n_bases):
    for coverage in coverages(n_bases):
        assert 0.93 <= coverage <= 0.97
