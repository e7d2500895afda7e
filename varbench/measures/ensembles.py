"""Ensembles of M runs: which members, and how good and how repeatable the average of their probabilities is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks
from varbench.measures.scores import confidence_gaps, softmax

SMALLEST = 1e-300
"""An averaged probability below this counts as this (690 nats): the logarithm stays finite."""


class Subsets(NamedTuple):
    """Members of S ensembles, or of S pairs of disjoint ensembles, and whether these are all there are."""

    members: Int[np.ndarray, "S ..."]
    exhaustive: bool


class SubsetScores(NamedTuple):
    """Scores [S] of the ensembles: accuracy (fraction), loss (nats), brier (0..2), ece (fraction)."""

    accuracy: Float[np.ndarray, " S"]
    loss: Float[np.ndarray, " S"]
    brier: Float[np.ndarray, " S"]
    ece: Float[np.ndarray, " S"]


def ensemble_sizes(n_runs: int) -> tuple[int, ...]:
    """Powers of two from 1 to R/2: the sizes for which two disjoint ensembles exist. Empty for R < 2."""
    return tuple(2**power for power in range(n_runs.bit_length()) if 2**power <= n_runs / 2)


def member_subsets(n_runs: int, size: int, *, limit: int, generator: np.random.Generator) -> Subsets:
    """All M-subsets of the runs where there are at most `limit`, otherwise `limit` independent random ones.

    Args:
        n_runs: R.
        size: M in 1..R.
        limit: Largest number of subsets.
        generator: Draws the random subsets; untouched where all are listed.

    Returns:
        Members [S, M]; random subsets are uniform and may repeat.
    """
    if math.comb(n_runs, size) <= limit:
        listed = chain.from_iterable(combinations(range(n_runs), size))
        return Subsets(np.fromiter(listed, dtype=np.int64).reshape(-1, size), True)
    return Subsets(_random_subsets(n_runs, size, count=limit, generator=generator), False)


def disjoint_pairs(n_runs: int, size: int, *, limit: int, generator: np.random.Generator) -> Subsets:
    """All unordered pairs of disjoint M-subsets where there are at most `limit`, otherwise random ones.

    Args:
        n_runs: R.
        size: M in 1..R/2.
        limit: Largest number of pairs.
        generator: Draws the random pairs; untouched where all are listed.

    Returns:
        Members [S, 2, M].
    """
    if math.comb(n_runs, 2 * size) * math.comb(2 * size, size) // 2 <= limit:
        pairs = []
        for chosen in combinations(range(n_runs), 2 * size):
            for rest in combinations(chosen[1:], size - 1):
                first = (chosen[0], *rest)
                pairs.append((first, tuple(run for run in chosen if run not in first)))
        return Subsets(np.array(pairs, dtype=np.int64).reshape(-1, 2, size), True)
    drawn = _random_subsets(n_runs, 2 * size, count=limit, generator=generator)
    return Subsets(drawn.reshape(limit, 2, size), False)


def subset_scores(
    logits: Float[np.ndarray, "R E K"], labels: Int[np.ndarray, " E"], members: Int[np.ndarray, "S M"], *, bins: int
) -> SubsetScores:
    """Accuracy, cross-entropy, Brier score and calibration error of each ensemble's averaged probabilities.

    The members' probabilities are averaged (not their logits, not their scores); argmax, −log and
    ‖p − onehot‖² are taken of the average. Averages are one float64 matrix product for a block of examples.

    Args:
        logits: Finite logits.
        labels: Right labels in 0..K−1.
        members: Runs in each ensemble.
        bins: Equal-width bins of the confidence, for the calibration error (see `ece_per_run`).
    """
    averaging = _averaging(members, n_runs=len(logits))
    right, loss, brier = (np.zeros(len(members)) for _ in range(3))
    gaps = np.zeros((len(members), bins))
    for part, averaged in _averaged_blocks(logits, averaging):
        truth = labels[part]
        of_truth = averaged[truth, :, np.arange(truth.size)].T
        correct = _top_labels(averaged) == truth
        right += np.count_nonzero(correct, axis=1)
        gaps += confidence_gaps(averaged.max(axis=0), correct, bins=bins)
        loss -= np.log(np.maximum(of_truth, SMALLEST)).sum(axis=1)
        brier += np.einsum("kse,kse->s", averaged, averaged) + (1.0 - 2.0 * of_truth).sum(axis=1)
    return SubsetScores(*(total / labels.size for total in (right, loss, brier, np.abs(gaps).sum(axis=1))))


def pair_disagreement(logits: Float[np.ndarray, "R E K"], members: Int[np.ndarray, "S 2 M"]) -> Float[np.ndarray, " S"]:
    """Fraction of examples on which two disjoint ensembles predict different labels, for each pair of ensembles.

    Args:
        logits: Finite logits.
        members: From `disjoint_pairs`.
    """
    n_pairs, _, size = members.shape
    averaging = _averaging(members.reshape(2 * n_pairs, size), n_runs=len(logits))
    differing = np.zeros(n_pairs)
    for _, averaged in _averaged_blocks(logits, averaging):
        predicted = _top_labels(averaged).reshape(n_pairs, 2, -1)
        differing += np.count_nonzero(predicted[:, 0] != predicted[:, 1], axis=1)
    return differing / logits.shape[1]


def brier_spread_row_sums(logits: Float[np.ndarray, "R E K"]) -> Float[np.ndarray, " R"]:
    """Σ_{s≠r} E⁻¹ Σᵢ ½‖p_r − p_s‖² of every run, without forming the pairs.

    Around the mean p̄ of the runs, Σ_s ‖p_r − p_s‖² = R ‖p_r − p̄‖² + Σ_s ‖p_s − p̄‖². The mean over pairs
    is the V of Brier_M = Brier_1 − (1 − 1/M) V, which holds exactly for the average over all M-subsets.

    Args:
        logits: Finite logits.
    """
    n_runs, n_examples, n_classes = logits.shape
    squares = np.zeros(n_runs)
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes):
        centered = softmax(logits[:, part])
        centered -= centered.mean(axis=0)
        squares += np.einsum("rek,rek->r", centered, centered)
    return 0.5 * (n_runs * squares + squares.sum()) / n_examples


def _random_subsets(n_runs: int, size: int, *, count: int, generator: np.random.Generator) -> Int[np.ndarray, "S M"]:
    """Independent uniform subsets in random order: the first M of S permutations."""
    return np.stack([generator.permutation(n_runs)[:size] for _ in range(count)])


def _averaging(members: Int[np.ndarray, "S M"], *, n_runs: int) -> Float[np.ndarray, "S R"]:
    """Row s holds 1/M for the members of ensemble s and 0 elsewhere."""
    averaging = np.zeros((len(members), n_runs))
    np.put_along_axis(averaging, members, 1.0 / members.shape[1], axis=1)
    return averaging


def _averaged_blocks(
    logits: Float[np.ndarray, "R E K"], averaging: Float[np.ndarray, "S R"]
) -> Iterator[tuple[slice, Float[np.ndarray, "K S e"]]]:
    """The averaged probabilities of every ensemble, classes first, a block of examples at a time."""
    _, n_examples, n_classes = logits.shape
    for part in blocks(n_examples, bytes_each=8 * n_classes * max(averaging.shape)):
        probabilities = np.ascontiguousarray(np.moveaxis(softmax(logits[:, part]), 2, 0))
        yield part, averaging @ probabilities


def _top_labels(averaged: Float[np.ndarray, "K S e"]) -> Int[np.ndarray, "S e"]:
    """First largest class; one pass for a class is several times faster than argmax over a short axis."""
    largest = averaged[0].copy()
    labels = np.zeros(largest.shape, dtype=np.int32)
    for label in range(1, len(averaged)):
        labels[averaged[label] > largest] = label
        np.maximum(largest, averaged[label], out=largest)
    return labels
