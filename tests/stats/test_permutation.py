"""Permutation tests on distances: the F of analysis of variance, all permutations by hand, size and power."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from varbench.measures import blocks as blocking
from varbench.stats import permutation


def distances_of(points):
    return np.sqrt(np.square(points[:, None] - points[None]).sum(-1))


def test_pseudo_f_on_a_line_is_the_f_of_analysis_of_variance():
    rng = np.random.default_rng(0)
    groups = np.repeat([3, 7, -1], [4, 9, 6])
    points = rng.normal(size=(19, 1)) + (groups == 7)[:, None]
    expected = stats.f_oneway(*(points[groups == g, 0] for g in (3, 7, -1))).statistic
    assert permutation.pseudo_f(distances_of(points), groups) == pytest.approx(expected, rel=1e-12)


def test_pseudo_f_in_the_plane_is_the_ratio_of_traces():
    rng = np.random.default_rng(1)
    points, groups = rng.normal(size=(12, 2)), np.repeat([0, 1], [5, 7])
    centers = np.array([points[groups == g].mean(axis=0) for g in (0, 1)])[groups]
    within, between = np.square(points - centers).sum(), np.square(centers - points.mean(axis=0)).sum()
    assert permutation.pseudo_f(distances_of(points), groups) == pytest.approx(between / (within / 10), rel=1e-12)


def test_p_of_permanova_approaches_that_of_all_groupings():
    rng = np.random.default_rng(2)
    groups = np.repeat([0, 1], [3, 3])
    distances = distances_of(rng.normal(size=(6, 2)) + 0.7 * groups[:, None])
    seen = permutation.pseudo_f(distances, groups)
    every = [permutation.pseudo_f(distances, groups[list(order)]) for order in permutations(range(6))]
    exact = np.mean(np.array(every) >= seen - 1e-9)
    found = permutation.permanova(distances, groups, n_permutations=9999, key=0)
    assert found.statistic == seen
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


def swapped(first, second, **settings):
    apart = distances_of(np.concatenate([first, second]))
    n = len(first)
    return permutation.swapped_pairs(apart[:n, :n] + apart[n:, n:], apart[:n, n:], **settings)


def test_swapped_pairs_is_the_excess_over_all_swaps_by_hand():
    rng = np.random.default_rng(8)
    of_pair = rng.normal(size=(5, 2))
    first, second = (of_pair + 0.3 * rng.normal(size=(5, 2)) + shift for shift in (0.0, 0.4))

    def excess(a, b):
        apart = [[np.linalg.norm(x - y) for j, y in enumerate(q) for i, x in enumerate(p) if i != j]
                 for p, q in ((a, b), (a, a), (b, b))]  # fmt: skip
        return np.mean(apart[0]) - (np.mean(apart[1]) + np.mean(apart[2])) / 2

    every = [
        excess(*np.where(np.array(swap)[:, None], (second, first), (first, second)))
        for swap in product([False, True], repeat=5)
    ]
    found = swapped(first, second, n_permutations=9999, key=0)
    assert found.statistic == pytest.approx(every[0], rel=1e-12)
    exact = np.mean(np.array(every) >= every[0] - 1e-9)
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


@pytest.mark.parametrize("n_matches", [6, 16])
def test_size_and_power_of_swapped_pairs(n_matches):
    rng = np.random.default_rng(9)
    null, planted = [], []
    for key in range(400):
        of_pair = rng.normal(size=(n_matches, 3))
        first, second = (of_pair + 0.5 * rng.normal(size=(n_matches, 3)) for _ in range(2))
        null.append(swapped(first, second, n_permutations=99, key=key).p <= 0.05)
        planted.append(swapped(first, second + 1.5, n_permutations=99, key=key).p <= 0.05)
    assert np.mean(null) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / len(null)))
    assert np.mean(planted) > 0.8


def test_mantel_agrees_with_pearson_and_with_all_permutations():
    rng = np.random.default_rng(5)  # p = .20 and .38; with rows permuted alone it would be .02
    first = distances_of(rng.normal(size=(6, 2)))
    second = first + 2.5 * distances_of(rng.normal(size=(6, 2)))
    upper = np.triu_indices(6, 1)
    seen = stats.pearsonr(first[upper], second[upper]).statistic
    every = np.array(
        [
            stats.pearsonr(first[upper], second[np.ix_(order, order)][upper]).statistic
            for order in permutations(range(6))
        ]
    )
    for alternative, beyond in (("greater", every >= seen - 1e-9), ("two-sided", abs(every) >= abs(seen) - 1e-9)):
        found = permutation.mantel(first, second, alternative=alternative, n_permutations=9999, key=1)
        assert found.statistic == pytest.approx(seen, rel=1e-12)
        assert found.p == pytest.approx(beyond.mean(), abs=4 * np.sqrt(beyond.mean() / 9999))


def test_distances_that_fall_together_only_count_on_two_sides():
    first = distances_of(np.random.default_rng(4).normal(size=(12, 3)))
    against = first.max() - first
    one, two = (
        permutation.mantel(first, against, alternative=a, n_permutations=199, key=0) for a in ("greater", "two-sided")
    )
    assert one.statistic == pytest.approx(-1.0)
    assert (one.p, two.p) == (1.0, 1 / 200)


@pytest.mark.parametrize("n_runs", [16, 64])
def test_size_and_power_of_permanova(n_runs):
    rng = np.random.default_rng(5)
    groups = np.arange(n_runs) % 2
    null, planted = [], []
    for key in range(400 if n_runs == 16 else 200):
        points = rng.normal(size=(n_runs, 3))
        null.append(permutation.permanova(distances_of(points), groups, n_permutations=99, key=key).p <= 0.05)
        moved = points + 4.4 / np.sqrt(n_runs) * groups[:, None]
        planted.append(permutation.permanova(distances_of(moved), groups, n_permutations=99, key=key).p <= 0.05)
    assert np.mean(null) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / len(null)))
    assert np.mean(planted) > 0.8


def test_size_and_power_of_mantel():
    rng = np.random.default_rng(6)
    null, planted = [], []
    for key in range(400):
        first, second = (rng.normal(size=(16, 3)) for _ in range(2))
        settings = {"alternative": "greater", "n_permutations": 99, "key": key}
        null.append(permutation.mantel(distances_of(first), distances_of(second), **settings).p <= 0.05)
        planted.append(permutation.mantel(distances_of(first), distances_of(first + second), **settings).p <= 0.05)
    assert np.mean(null) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / len(null)))
    assert np.mean(planted) > 0.8


def test_p_does_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(7)
    first, second = (distances_of(rng.normal(size=(10, 2))) for _ in range(2))
    groups = np.arange(10) % 2

    def p_values():
        return (
            permutation.permanova(first, groups, n_permutations=300, key=3).p,
            permutation.mantel(first, second, alternative="greater", n_permutations=300, key=3).p,
        )

    whole = p_values()
    monkeypatch.setattr(permutation, "blocks", lambda total, **_: blocking.blocks(total, bytes_each=1, limit=7))
    assert p_values() == whole


def test_what_cannot_be_tested_says_why():
    rng = np.random.default_rng(8)
    sound, flat = distances_of(rng.normal(size=(4, 2))), np.zeros((4, 4))
    groups = np.array([0, 0, 1, 1])
    settings = {"n_permutations": 19, "key": 0}
    assert permutation.permanova(sound, np.zeros(4, int), **settings).reason.startswith("a comparison of groups")
    assert permutation.permanova(sound, np.arange(4), **settings).reason.startswith("a comparison of groups")
    assert permutation.permanova(flat, groups, **settings).reason == "all distances are 0"
    apart = np.abs(groups[:, None] - groups) + 0.0
    alone = permutation.permanova(apart, groups, n_permutations=1999, key=0)
    assert (alone.statistic, alone.reason) == (None, "")  # F is infinite
    assert alone.p == pytest.approx(1 / 3, abs=0.05)
    assert permutation.mantel(flat, sound, alternative="greater", **settings).reason.startswith("all pairs of runs")
    short = np.zeros((2, 2))
    assert permutation.mantel(short, short, alternative="greater", **settings).reason.endswith("at least 3 runs")
