"""Barriers, distances after relabeling, averages of weights and principal components of populations of toy networks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.analysis.toynets import GROUP, LEAVES, WRONG, ToyNetworks, toy_population
from varbench.analysis import matching, paths
from varbench.analysis.catalogue import estimates, unavailable
from varbench.analysis.plotdata import PLOT_DATA
from varbench.measures.alignment import weight_matching
from varbench.measures.relabeling import permuted

ALIGNED = ("loss_barrier_aligned", "error_barrier_aligned", "weight_distance_aligned", "soup_accuracy_aligned",
           "soup_loss_aligned")  # fmt: skip
BARRIERS = ("loss_barrier", "error_barrier", "loss_barrier_aligned", "error_barrier_aligned")


def found(population, *names, level=0.95):
    return {(name, at): estimate for name, at, estimate in estimates(population, names=names, key=0, level=level)}


def drawn(population, name):
    return PLOT_DATA[name].make(population)


@pytest.mark.parametrize("split", ["train", "test"])
def test_barriers_are_means_over_disjoint_pairs_with_a_t_interval(split):
    population = toy_population(12)
    networks, weights = population.networks, population.weights
    alphas = np.linspace(0, 1, 25)
    values = {name: [] for name in BARRIERS}
    for r in range(0, 12, 2):
        a, b = weights[r : r + 1], weights[r + 1 : r + 2]
        order = weight_matching(a, b, leaves=LEAVES, groups=[GROUP], generator=np.random.default_rng(0)).permutations
        for end, form in ((b, ""), (permuted(b, order, leaves=LEAVES, groups=[GROUP]), "_aligned")):
            scored = [networks.scores(((1 - x) * a + x * end).astype(np.float32), split) for x in alphas]
            for name, along in zip(("loss", "error"), np.array(scored)[..., 0].T, strict=True):
                chord = (1 - alphas) * along[0] + alphas * along[-1]
                values[f"{name}_barrier{form}"].append(max(along - chord))
    for name, each in values.items():
        estimate = found(population, name)[name, split]
        low, high = np.mean(each) + stats.t.ppf([0.025, 0.975], 5) * stats.sem(each)
        assert estimate.value == pytest.approx(np.mean(each), rel=1e-4)
        assert (estimate.low, estimate.high) == pytest.approx((max(low, 0), high), rel=1e-4)
        assert (estimate.n_runs, estimate.resampled) == (12, "disjoint pairs of runs")
        assert estimate.n_examples == (30 if split == "test" else None)
    assert found(population, "loss_barrier")["loss_barrier", "test"].value > 0.1


def test_one_network_in_many_orders_has_barriers_until_it_is_aligned():
    population = toy_population(12, noise=0.0)
    values = found(population, *BARRIERS, *ALIGNED, "soup_accuracy", "soup_loss", "weight_distance")
    assert values["loss_barrier", "test"].value > 0.05
    assert values["weight_distance", None].value > 0.3
    assert values["weight_distance_aligned", None].value == 0.0
    for name in ("loss_barrier_aligned", "error_barrier_aligned"):
        for split in ("train", "test"):
            assert values[name, split].value == pytest.approx(0.0, abs=1e-6)
    accuracy, loss = population.accuracy[0], population.loss[0]
    assert values["soup_accuracy_aligned", 2].value == accuracy
    assert values["soup_loss_aligned", 2].value == pytest.approx(loss, rel=1e-6)
    assert values["soup_loss", 2].value != pytest.approx(loss, rel=1e-3)


def test_averages_of_weights_are_scored_over_disjoint_groups():
    population = toy_population(17)
    values = found(population, "soup_accuracy", "soup_loss")
    assert {at for _, at in values} == {2, 4}
    for size in (2, 4):
        groups = [slice(i, i + size) for i in range(0, 17 - size + 1, size)]
        averages = np.stack([population.weights[group].mean(0, dtype=float) for group in groups]).astype(np.float32)
        loss, error = population.networks.scores(averages, "test")
        for name, each in (("soup_loss", loss), ("soup_accuracy", 1 - error)):
            estimate = values[name, size]
            low, high = stats.t.interval(0.95, len(each) - 1, each.mean(), stats.sem(each))
            assert (estimate.value, estimate.low, estimate.high) == pytest.approx((each.mean(), low, high), rel=1e-6)
            assert estimate.n_runs == size * len(groups)
        assert values["soup_loss", size].resampled == f"disjoint {'pairs of' if size == 2 else 'groups of 4'} runs"


def test_members_of_a_group_are_aligned_to_its_first(monkeypatch):
    population = toy_population(16)
    expected = []
    for start in range(0, 16, 4):
        first, others = population.weights[start : start + 1], population.weights[start + 1 : start + 4]
        order = weight_matching(
            first.repeat(3, 0), others, leaves=LEAVES, groups=[GROUP], generator=np.random.default_rng(0)
        ).permutations
        expected.append(np.concatenate([first, permuted(others, order, leaves=LEAVES, groups=[GROUP])]).mean(0))
    loss, _ = population.networks.scores(np.array(expected, np.float32), "test")
    assert found(population, "soup_loss_aligned")["soup_loss_aligned", 4].value == pytest.approx(loss.mean(), rel=1e-5)
    monkeypatch.setattr(matching, "BYTES", 2000)  # a few pairs at a time
    again = toy_population(16)
    assert found(again, *ALIGNED) == found(population, *ALIGNED)


def test_a_relabeling_that_changes_the_function_gives_no_number_and_says_why():
    population = toy_population(12, networks=ToyNetworks((WRONG,)))
    for (name, _), estimate in found(population, *ALIGNED).items():
        assert (estimate.value, estimate.low) == (None, None), name
        assert estimate.reason.startswith("run 1, relabeled to match run 0, gives other outputs: its logits change by")
    assert found(population, "loss_barrier")["loss_barrier", "test"].value is not None
    assert set(drawn(population, "paths")) == {"alpha", "runs", "raw"}


def test_rounding_of_half_precision_is_no_other_function():
    class Rough(ToyNetworks):
        epsilon = 2.0**-7

        def logits(self, weights, split):
            exact = super().logits(weights, split)
            return exact * (1 + 0.004 * np.sign(weights[:, 20] - weights[:, 21])[:, None, None]).astype(np.float32)

    assert found(toy_population(networks=Rough()), "weight_distance_aligned")["weight_distance_aligned", None].value
    Rough.epsilon = 1e-7
    refused = found(toy_population(networks=Rough()), "weight_distance_aligned")["weight_distance_aligned", None]
    assert "gives other outputs" in refused.reason


def test_a_model_without_relabelings_has_raw_numbers_only():
    population = toy_population(networks=ToyNetworks(()))
    for estimate in found(population, *ALIGNED).values():
        assert estimate.reason == "the model declares no hidden units that could be relabeled"
    assert found(population, "error_barrier")["error_barrier", "train"].value is not None


def test_no_more_than_sixteen_pairs_and_nothing_is_scored_twice():
    population = toy_population(50)
    assert found(population, *BARRIERS)["loss_barrier", "test"].n_runs == 32
    assert population.networks.scored == 2 * 2 * 16 * 25
    drawn(population, "paths")
    assert population.networks.scored == 2 * 2 * 16 * 25


def test_lost_runs_are_left_out_of_pairs():
    population = toy_population(12)
    lost = toy_population(13, finished=np.arange(13) != 4)
    rows = np.array([0, 1, 2, 3, *range(5, 13)])
    alone = toy_population(12, weights=lost.weights[rows], logits=lost.logits[rows])
    names = (*BARRIERS, *ALIGNED, "soup_loss")
    assert found(lost, *names) == found(alone, *names)
    assert found(lost, *names) != found(population, *names)


def test_the_number_of_matched_pairs_is_bounded():
    sizes = {7: (), 8: (2,), 15: (2,), 16: (2, 4), 64: (2, 4, 8, 16), 10_000: (2, 4, 8, 16)}
    assert {n: matching.soup_sizes(n) for n in sizes} == sizes
    first, second = matching.relabelings(toy_population(400))[:2]
    assert len(first) == 16 * 15 + 8 * (7 + 3 + 1)
    assert second.max() == 255


def test_near_copies_of_the_one_ulp_protocol_are_left_out_of_pairs():
    levels = {"init": np.arange(12) // 3, "ulp": np.arange(12) % 3 % 2, "width": np.full(12, 3)}
    triples = toy_population(12, levels=levels)
    assert drawn(triples, "paths")["runs"] == [[0, 3], [6, 9]]


def test_a_path_through_infinity_gives_no_number():
    class Overflowing(ToyNetworks):
        def scores(self, weights, split):
            loss, error = super().scores(weights, split)
            loss[7] = np.inf
            return loss, error

    values = found(toy_population(networks=Overflowing()), *BARRIERS[:2])
    for estimate in values.values():
        assert estimate.value is None
        assert estimate.reason == "the loss is not finite somewhere between two runs"


@pytest.mark.parametrize("n_runs", [1, 2, 3])
def test_few_runs(n_runs):
    values = found(toy_population(n_runs), *BARRIERS, *ALIGNED, "soup_loss", "weight_pca_share")
    for (name, at), estimate in values.items():
        if name.startswith("soup"):
            assert estimate.reason == f"averages of weights need at least 8 finished runs, there are {n_runs}"
        elif name == "weight_pca_share":
            assert (estimate.value is None) == (n_runs == 1)
            assert (estimate.low is None) == (n_runs < 3)
        elif n_runs == 1:
            assert estimate.reason == "a path between two runs needs at least 2 finished runs"
        else:
            assert estimate.value is not None, (name, at)
            assert estimate.reason == "an interval needs at least 2 disjoint pairs of runs"


def test_equal_runs_have_no_barrier_and_no_components():
    one = toy_population(1)
    equal = toy_population(12, weights=one.weights.repeat(12, 0), logits=one.logits.repeat(12, 0))
    values = found(equal, *BARRIERS, *ALIGNED, "weight_pca_share")
    for name in BARRIERS:
        assert values[name, "test"].value == pytest.approx(0, abs=1e-6)
    assert values["weight_distance_aligned", None].high == 0.0
    assert values["weight_pca_share", None].reason == "all runs have the same weights"
    assert drawn(equal, "weight_pca") is None


def test_components_of_runs_on_a_line_with_their_starts():
    line = np.linspace(1, 3, 9)[:, None] * np.ones((1, 48))
    population = toy_population(9, weights=line, initial_weights=np.zeros((9, 48)))
    values = found(population, "weight_pca_share")
    assert [at for _, at in values] == [1, 2, 3, 4]
    assert values["weight_pca_share", 1].value == pytest.approx(1)
    shown = drawn(population, "weight_pca")
    assert shown["shares"][0] == pytest.approx(1)
    steps = np.diff([x for x, _ in shown["runs"]])
    assert np.abs(steps) == pytest.approx(0.25 * np.sqrt(48), rel=1e-5)
    assert [abs(x) for x, _ in shown["initial"]] == pytest.approx([2 * np.sqrt(48)] * 9, rel=1e-5)


def test_what_is_drawn_is_what_is_estimated(monkeypatch):
    monkeypatch.setattr(paths, "DRAWN", 6)
    population = toy_population(12)
    shown = drawn(population, "paths")
    assert shown["runs"] == [[r, r + 1] for r in range(0, 12, 2)]
    for form, suffix in (("raw", ""), ("aligned", "_aligned")):
        for split in ("train", "test"):
            curve = np.array(shown[form][split]["loss"])
            chord = curve[:, :1] + np.array(shown["alpha"]) * (curve[:, -1:] - curve[:, :1])
            estimate = found(population, f"loss_barrier{suffix}")[f"loss_barrier{suffix}", split]
            assert (curve - chord).max(1).mean() == pytest.approx(estimate.value, abs=1e-4)


def test_without_networks_they_are_listed_as_not_available():
    population = toy_population(networks=ToyNetworks())
    bare = toy_population(logits=population.logits, weights=population.weights)
    object.__setattr__(bare, "networks", None)
    reasons = dict(unavailable(bare))
    for name in (*BARRIERS, *ALIGNED, "soup_accuracy", "soup_loss"):
        assert reasons[name] == "the networks themselves are not at hand, only what they predicted"
