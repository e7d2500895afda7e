"""Measures of representations and of attributions on networks in NumPy: planted truths, nulls and edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from varbench.analysis.catalogue import MEASURES, attributions, estimates, representations, unavailable
from varbench.analysis.plotdata import PLOT_DATA, rounded
from varbench.analysis.population import PopulationArrays
from varbench.measures.attributions import attribution_rank_correlation_matrix, directions, example_agreement
from varbench.measures.representations import cka_matrix, procrustes_distance_matrix

INPUTS, HIDDEN, CLASSES = 12, 6, 3
SIZES = (INPUTS * HIDDEN, HIDDEN * CLASSES)
FAMILIES = ("cka", "procrustes", "attribution")
NAMES = [name for name in MEASURES if name.startswith(FAMILIES)]


class NumpyNetworks:
    """Rectified units and a readout; the hidden layer is shown as two positions of three units."""

    leaves, symmetries = (), ()

    def __init__(self, n_examples, *, mute=False):
        rng = np.random.default_rng(3)
        self.x = rng.normal(size=(n_examples, INPUTS)).astype(np.float32)
        self.y = rng.integers(0, CLASSES, n_examples)
        self.mute = mute

    @property
    def activation_shapes(self):
        return {} if self.mute else {"hidden": (2, HIDDEN // 2), "logits": (CLASSES,)}

    def split(self, weights):
        first, second = np.split(weights, [SIZES[0]], axis=1)
        return first.reshape(-1, INPUTS, HIDDEN), second.reshape(-1, HIDDEN, CLASSES)

    def activations(self, weights, *, examples):
        first, second = self.split(weights)
        hidden = np.maximum(self.x[examples] @ first, 0)
        return {"hidden": hidden.reshape(*hidden.shape[:2], 2, -1), "logits": hidden @ second}

    def input_gradients(self, weights, *, examples):
        first, second = self.split(weights)
        on = self.x[examples] @ first > 0
        return (on * second[:, :, self.y[examples]].swapaxes(1, 2)) @ first.swapaxes(1, 2)

    def test_inputs(self, examples):
        return self.x[examples]

    def logits(self, weights, split):
        raise AssertionError("no measure here needs them")

    scores = logits


def weights(n_runs, seed, share=0.0):
    """Runs that have a share of their weights in common."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(1, sum(SIZES))), rng.normal(size=(n_runs, sum(SIZES)))
    return (share * common + (1 - share) * own).astype(np.float32)


def population(n_runs=6, n_examples=40, *, mute=False, **change):
    networks = NumpyNetworks(n_examples, mute=mute)
    arrays = {
        "labels": networks.y,
        "predictions": np.tile(networks.y, (n_runs, 1)),
        "classes": CLASSES,
        "weights": weights(n_runs, 1, share=0.7),
        "initial_weights": weights(n_runs, 2),
        "networks": networks,
    }
    return PopulationArrays(**{**arrays, **change})


def values(given, *names):
    return {(name, at): estimate for name, at, estimate in estimates(given, names=names or NAMES, key=0)}


def drawn_from(given):
    return {name: PLOT_DATA[name].make(given) for name in ("layers", "attributions")}


def mean_over_pairs(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)].mean()


def test_every_layer_and_attribution_is_the_mean_over_pairs_of_its_matrix():
    given = population()
    found = values(given)
    networks, examples = given.networks, np.arange(40)
    for suffix, chosen in (("", given.weights), ("_untrained", given.initial_weights)):
        layers = networks.activations(chosen, examples=examples)
        flat, rows = layers["hidden"].reshape(6, 40, 6), layers["hidden"].reshape(6, 80, 3)
        gradients = networks.input_gradients(chosen, examples=examples)
        expected = {
            ("cka", "hidden"): cka_matrix(flat),
            ("cka", "logits"): cka_matrix(layers["logits"]),
            ("procrustes_distance", "hidden"): procrustes_distance_matrix(rows),
            ("procrustes_distance", "logits"): procrustes_distance_matrix(layers["logits"]),
            ("attribution_rank_correlation", None): attribution_rank_correlation_matrix(gradients),
        }
        for (name, at), matrix in expected.items():
            estimate = found[name + suffix, at]
            assert estimate.value == pytest.approx(mean_over_pairs(matrix), abs=1e-6), (name, at)
            assert estimate.low <= estimate.value <= estimate.high
            assert (estimate.n_runs, estimate.n_examples) == (6, 40)


def test_runs_with_weights_in_common_are_more_alike_than_untrained_ones():
    found = values(population())
    for name in ("attribution_cosine", "attribution_rank_correlation", "attribution_topk_overlap"):
        assert found[name, None].low > found[f"{name}_untrained", None].high
    assert found["cka", "hidden"].low > found["cka_untrained", "hidden"].high
    assert found["procrustes_distance", "hidden"].high < found["procrustes_distance_untrained", "hidden"].low


def test_the_same_run_agrees_with_itself_exactly():
    same = weights(1, 4).repeat(5, axis=0)
    found = values(population(5, weights=same, initial_weights=same))
    for (name, _), estimate in found.items():
        expected = 0.0 if name.startswith("procrustes") else 1.0
        assert (estimate.value, estimate.low, estimate.high) == (expected, expected, expected), name


def test_relabeled_hidden_units_of_one_position_are_the_same_representation_and_explanation():
    given = population(3)
    first, second = given.networks.split(given.weights.copy())
    order = np.array([2, 0, 1, 5, 3, 4])
    first[1], second[1] = first[0][:, order], second[0][order]
    first[2], second[2] = first[0], second[0]
    moved = np.concatenate([first.reshape(3, -1), second.reshape(3, -1)], axis=1)
    for (name, at), estimate in values(population(3, weights=moved), "cka", "procrustes_distance",
                                       "attribution_cosine", "attribution_rank_correlation").items():  # fmt: skip
        assert estimate.value == pytest.approx(0.0 if name.startswith("procrustes") else 1.0, abs=1e-3), (name, at)


def test_at_most_so_many_runs_and_examples_enter(monkeypatch):
    monkeypatch.setattr(representations, "PROCRUSTES_RUNS", 5)
    given = population(70, 300)
    found = values(given, "cka", "procrustes_distance", "attribution_cosine")
    assert (found["cka", "hidden"].n_runs, found["cka", "hidden"].n_examples) == (64, 256)
    assert found["procrustes_distance", "hidden"].n_runs == 5
    assert (found["attribution_cosine", None].n_runs, found["attribution_cosine", None].n_examples) == (64, 256)
    layers = given.networks.activations(given.weights[:64], examples=representations.spaced(300, 256))
    assert found["cka", "logits"].value == pytest.approx(mean_over_pairs(cka_matrix(layers["logits"])), abs=1e-6)


def test_blocks_of_runs_and_of_examples_change_nothing(monkeypatch):
    whole = values(population())
    monkeypatch.setattr(representations, "ACTIVATION_BYTES", 4 * 40 * 9 * 2)
    monkeypatch.setattr("varbench.analysis.catalogue.attributions.GRADIENT_BYTES", 4 * 6 * INPUTS * 7)
    for key, estimate in values(population()).items():
        assert estimate.value == pytest.approx(whole[key].value, abs=1e-6), key


def test_positions_are_distinct_and_not_one_column():
    positions = representations._positions(np.arange(32 * 32, dtype=float).reshape(1, 1, 32, 32, 1)).ravel()
    assert len(set(positions)) == representations.POSITIONS
    for places in (positions % 32, positions // 32):
        assert np.bincount(places.astype(int)).max() <= 4, "a quarter of the positions lies in one column or row"


def broken(kind):
    given = weights(6, 1, share=0.7)
    if kind == "one run with dead units":
        given[2] = 0.0
    elif kind == "all runs with dead units":
        given[:] = 0.0
    elif kind == "overflow in one run":
        given[2] = np.float32(3e38)
    elif kind == "NaN in one run":
        given[2, 0] = np.nan
    elif kind == "no run left":
        given[:, 0] = np.nan
    return given


@pytest.mark.parametrize(
    "given",
    [
        population(1),
        population(2),
        population(3, 1),
        population(3, 3),
        population(6, 4, mute=True),
        *(population(weights=broken(k)) for k in ("one run with dead units", "all runs with dead units",
                                                 "NaN in one run", "no run left")),
    ],
    ids=[
        "one run", "two runs", "one example", "three examples", "mute", "one run with dead units",
        "all runs with dead units", "NaN in one run", "no run left",
    ],
)  # fmt: skip
def test_at_the_edge_there_is_a_value_or_a_reason(given):
    for (name, at), estimate in values(given).items():
        for number in (estimate.value, estimate.low, estimate.high):
            assert number is None or math.isfinite(number), (name, at)
        if estimate.value is None or estimate.low is None:
            assert len(estimate.reason) > 10, (name, at)
    drawn_from(given)


def test_an_overflowing_run_is_left_out():
    with np.errstate(all="ignore"):  # of the networks here; those of the package do not warn
        found = values(population(weights=broken("overflow in one run")))
    assert found["cka", "hidden"].n_runs == found["attribution_cosine", None].n_runs == 5


def test_a_run_that_did_not_finish_is_left_out():
    found = values(population(finished=np.arange(6) != 2))
    assert {estimate.n_runs for estimate in found.values()} == {5}
    alone = np.delete(population().weights, 2, axis=0)
    other = values(population(5, weights=alone), "cka", "attribution_cosine")
    for key, estimate in other.items():
        assert found[key].value == pytest.approx(estimate.value, abs=1e-6)


def test_a_dead_run_is_left_out_and_counted():
    found = values(population(weights=broken("one run with dead units")))
    assert found["cka", "hidden"].n_runs == found["procrustes_distance", "logits"].n_runs == 5
    assert found["attribution_topk_overlap", None].n_runs == 5
    reason = values(population(weights=broken("all runs with dead units")))["cka", "hidden"].reason
    assert reason == "fewer than 2 runs have a layer that varies over the examples"


def test_what_is_not_at_hand_is_named():
    reasons = dict(unavailable(population(networks=None)))
    assert set(NAMES) <= set(reasons)
    assert (
        values(population(mute=True))["cka", None].reason == "the network does not tell the activations of its layers"
    )


def test_what_figures_are_drawn_from(monkeypatch):
    monkeypatch.setattr(attributions, "DRAWN", 6)
    given = population()
    data = drawn_from(given)
    layers, shown = data["layers"], data["attributions"]
    assert layers["names"] == ["hidden", "logits"]
    assert layers["trained"][0][0] == pytest.approx(values(given)["cka", "hidden"].value, abs=1e-5)
    assert layers["trained"][0][1] == layers["trained"][1][0]
    assert shown["runs"] == [0, 1, 2, 3]
    rows = given.networks.input_gradients(given.weights[:4], examples=np.array([shown["example"]]))
    np.testing.assert_allclose(np.array(shown["maps"]), rows[:, 0], rtol=1e-5)
    gradients = given.networks.input_gradients(given.weights[:4], examples=np.arange(40))
    agreement = np.sort(example_agreement(directions(gradients)))  # NaN last
    assert shown["agreement"] == pytest.approx(agreement[np.isfinite(agreement).sum() // 2])
    np.testing.assert_allclose(shown["x"], given.networks.x[shown["example"]], rtol=1e-5)


def test_the_input_that_is_drawn_has_four_digits():
    x = np.array(drawn_from(population())["attributions"]["x"])
    assert np.array_equal(x, np.array(rounded(x, digits=4)))
    assert not np.array_equal(x, np.array(rounded(x, digits=3)))
