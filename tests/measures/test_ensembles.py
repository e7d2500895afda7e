"""Ensembles against loops, the exact Brier identity, and the choice of members."""

from collections import Counter
from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.measures import ensembles
from varbench.measures.scores import brier_per_run, softmax


def population(n_runs, n_examples, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(1, n_examples, n_classes)) + rng.normal(size=(n_runs, n_examples, n_classes))
    return logits.astype(np.float32), rng.integers(0, n_classes, n_examples)


def all_subsets(n_runs, size):
    return ensembles.member_subsets(n_runs, size, limit=10**6, generator=np.random.default_rng(0)).members


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 5), st.integers(0, 100), st.data())
def test_scores_of_an_ensemble_are_those_of_the_averaged_probabilities(n_runs, n_examples, n_classes, seed, data):
    logits, labels = population(n_runs, n_examples, n_classes, seed)
    members = all_subsets(n_runs, data.draw(st.integers(1, n_runs)))
    (scored,) = ensembles.subset_scores(logits, labels, [members], bins=15)
    p, everyone = softmax(logits), np.arange(n_examples)
    for s, subset in enumerate(members):
        averaged = np.mean([p[run] for run in subset], axis=0)
        assert scored.accuracy[s] == (averaged.argmax(axis=1) == labels).mean()
        assert scored.loss[s] == pytest.approx(-np.log(averaged[everyone, labels]).mean(), rel=1e-10)
        squared = ((averaged - np.eye(n_classes)[labels]) ** 2).sum(axis=1).mean()
        assert scored.brier[s] == pytest.approx(squared, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_brier_identity_is_exact_over_all_subsets(size):
    logits, labels = population(6, 40, 4, seed=5)
    p = softmax(logits)
    pairs = [0.5 * ((p[r] - p[s]) ** 2).sum(axis=-1).mean() for r, s in combinations(range(6), 2)]
    (scored,) = ensembles.subset_scores(logits, labels, [all_subsets(6, size)], bins=15)
    expected = brier_per_run(logits, labels).mean() - (1 - 1 / size) * np.mean(pairs)
    assert scored.brier.mean() == pytest.approx(expected, rel=1e-13)
    row_sums = ensembles.brier_spread_row_sums(logits)
    assert row_sums.sum() / (6 * 5) == pytest.approx(np.mean(pairs), rel=1e-12)


def test_brier_spread_row_sums_are_those_of_the_matrix_and_zero_for_identical_runs():
    logits, _ = population(5, 9, 3)
    p = softmax(logits)
    matrix = 0.5 * ((p[:, None] - p[None, :]) ** 2).sum(axis=-1).mean(axis=-1)
    np.testing.assert_allclose(ensembles.brier_spread_row_sums(logits), matrix.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(ensembles.brier_spread_row_sums(logits[:1].repeat(5, axis=0)), 0.0, atol=1e-30)


def test_an_ensemble_is_not_the_average_of_its_members_accuracies():
    # Three runs, each right on two of three examples and mildly wrong on the third: averaged they are always right.
    logits = np.full((3, 3, 2), [4.0, 0.0], dtype=np.float32)
    for run in range(3):
        logits[run, run] = [0.0, 1.0]
    labels = np.zeros(3, dtype=int)
    three, single = ensembles.subset_scores(logits, labels, [np.array([[0, 1, 2]]), np.array([[0], [1], [2]])], bins=15)
    assert three.accuracy[0] == 1.0
    assert single.accuracy.mean() == pytest.approx(2 / 3)


def test_an_ensemble_of_copies_is_its_member():
    # The mistake of a published test, whose members were all identical: such an ensemble gains nothing.
    logits, labels = population(1, 50, 3)
    copies = logits.repeat(4, axis=0)
    single, four = ensembles.subset_scores(copies, labels, [np.arange(m)[None] for m in (1, 4)], bins=15)
    assert (single.accuracy[0], four.accuracy[0]) == (single.accuracy[0],) * 2
    assert four.loss[0] == pytest.approx(single.loss[0], rel=1e-14)
    (distinct,) = ensembles.subset_scores(*population(4, 50, 3), [np.arange(4)[None]], bins=15)
    assert distinct.loss[0] != pytest.approx(single.loss[0], rel=1e-3)


def test_a_truth_that_no_member_deems_possible_has_a_finite_loss():
    logits = np.array([[[0.0, 5000.0]], [[0.0, 6000.0]]], dtype=np.float32)
    (scored,) = ensembles.subset_scores(logits, np.array([0]), [np.array([[0, 1]])], bins=15)
    assert scored.loss[0] == pytest.approx(-np.log(1e-300))


@pytest.mark.parametrize("n_runs", range(9))
def test_sizes_are_powers_of_two_up_to_half_the_runs(n_runs):
    expected = [m for m in (1, 2, 4, 8) if 2 * m <= n_runs]
    assert list(ensembles.ensemble_sizes(n_runs)) == expected


@pytest.mark.parametrize(("n_runs", "size"), [(1, 1), (4, 2), (7, 3), (5, 5)])
def test_few_subsets_are_all_listed_once(n_runs, size):
    random = np.random.default_rng(0)
    chosen = ensembles.member_subsets(n_runs, size, limit=comb(n_runs, size), generator=random)
    assert chosen.exhaustive
    assert sorted(map(tuple, chosen.members.tolist())) == list(combinations(range(n_runs), size))


def test_many_subsets_are_drawn_uniformly_with_members_that_differ():
    random = np.random.default_rng(1)
    chosen = ensembles.member_subsets(6, 3, limit=19, generator=random)
    assert not chosen.exhaustive
    assert chosen.members.shape == (19, 3)
    drawn = np.concatenate([ensembles.member_subsets(6, 3, limit=19, generator=random).members for _ in range(1000)])
    assert all(len(set(subset)) == 3 for subset in drawn.tolist())
    counts = Counter(tuple(sorted(subset)) for subset in drawn.tolist())
    assert len(counts) == 20
    expected = len(drawn) / 20
    assert max(abs(count - expected) for count in counts.values()) < 5 * np.sqrt(expected)


def test_pairs_of_ensembles_are_disjoint_and_all_listed_once_where_few():
    random = np.random.default_rng(0)
    chosen = ensembles.disjoint_pairs(6, 2, limit=45, generator=random)
    assert chosen.exhaustive
    found = {frozenset(frozenset(half) for half in pair) for pair in chosen.members.tolist()}
    assert len(found) == len(chosen.members) == 45
    drawn = ensembles.disjoint_pairs(6, 2, limit=44, generator=random)
    assert not drawn.exhaustive
    for first, second in [*chosen.members.tolist(), *drawn.members.tolist()]:
        assert len({*first, *second}) == 4


def test_disagreement_of_ensembles_is_that_of_their_averaged_labels():
    logits, _ = population(8, 200, 4)
    members = ensembles.disjoint_pairs(8, 2, limit=10, generator=np.random.default_rng(3)).members
    p = softmax(logits)
    expected = [
        (p[first].mean(axis=0).argmax(axis=1) != p[second].mean(axis=0).argmax(axis=1)).mean()
        for first, second in members
    ]
    assert ensembles.pair_disagreement(logits, [members])[0].tolist() == pytest.approx(expected, abs=1e-15)


def test_equal_probabilities_count_as_the_first_class():
    logits = np.zeros((2, 3, 4), dtype=np.float32)
    (scored,) = ensembles.subset_scores(logits, np.array([0, 0, 3]), [np.array([[0, 1]])], bins=15)
    assert scored.accuracy[0] == pytest.approx(2 / 3)


def test_blocks_change_nothing(monkeypatch):
    logits, labels = population(5, 31, 3)
    members = all_subsets(5, 2)
    (whole,) = ensembles.subset_scores(logits, labels, [members], bins=15)
    monkeypatch.setattr(ensembles, "blocks", lambda total, *, bytes_each: (slice(i, i + 3) for i in range(0, total, 3)))
    (blocked,) = ensembles.subset_scores(logits, labels, [members], bins=15)
    np.testing.assert_allclose(np.array(blocked), np.array(whole), rtol=1e-13)


@pytest.mark.parametrize("n_runs", [5, 9, 40])
def test_a_chain_of_sizes_gives_what_each_size_gives_alone(n_runs):
    """Listed and random subsets, ensembles that go on from those before and such that do not."""
    logits, labels = population(n_runs, 70, 3, seed=n_runs)
    p, truth = softmax(logits), np.arange(70)
    sizes = ensembles.ensemble_sizes(n_runs)
    chosen = [ensembles.member_subsets(n_runs, m, limit=20, generator=np.random.default_rng(1)) for m in sizes]
    assert n_runs < 40 or not chosen[-1].exhaustive
    chain = [subsets.members for subsets in chosen] + [np.array([[0, 1], [2, 3]])]
    for members, scored in zip(chain, ensembles.subset_scores(logits, labels, chain, bins=15), strict=True):
        averaged = p[members].mean(axis=1)
        np.testing.assert_array_equal(scored.accuracy, (averaged.argmax(axis=2) == labels).mean(axis=1))
        np.testing.assert_allclose(scored.loss, -np.log(averaged[:, truth, labels]).mean(axis=1), rtol=1e-12)
    pairs = [ensembles.disjoint_pairs(n_runs, m, limit=20, generator=np.random.default_rng(1)).members for m in sizes]
    for members, found in zip(pairs, ensembles.pair_disagreement(logits, pairs), strict=True):
        first, second = (p[members[:, half]].mean(axis=1).argmax(axis=2) for half in (0, 1))
        np.testing.assert_array_equal(found, (first != second).mean(axis=1))


def test_random_ensembles_begin_with_those_of_half_the_size():
    drawn = [
        (
            ensembles.member_subsets(40, m, limit=7, generator=np.random.default_rng(2)).members,
            ensembles.disjoint_pairs(40, m, limit=7, generator=np.random.default_rng(2)).members,
        )
        for m in (2, 4, 8)
    ]
    for (smaller, pair), (larger, next_pair) in pairwise(drawn):
        np.testing.assert_array_equal(larger[:, : smaller.shape[1]], smaller)
        np.testing.assert_array_equal(next_pair[:, 0], pair.reshape(7, -1))


def test_the_first_of_equal_classes_is_the_label_among_many_classes():
    logits = np.zeros((4, 6, 300), dtype=np.float32)
    logits[:2, :3, [270, 299]] = 1.0
    logits[2:, :2, 299] = 5.0
    (found,) = ensembles.pair_disagreement(logits, [np.array([[[0, 1], [2, 3]]])])
    assert found.tolist() == [0.5]  # 270 against 299 twice, then 270 against 0
    (scored,) = ensembles.subset_scores(logits, np.array([270, 299, 270, 0, 1, 0]), [np.array([[0, 1]])], bins=15)
    assert scored.accuracy[0] == pytest.approx(4 / 6)
