"""Ensembles of M runs: which members, and how good and how repeatable the average of their probabilities is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.measures.blocks import blocks
from varbench.measures.member_sums import chain_steps, member_sums
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
        Members [S, M]; random subsets are uniform and may repeat. Those of a larger size begin with those of a smaller
        one that a generator in the same state draws.
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
        Members [S, 2, M]. Two random ensembles together are the first of the pair of the double size that a generator
        in the same state draws.
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
    logits: Float[np.ndarray, "R E K"],
    labels: Int[np.ndarray, " E"],
    chain: Sequence[Int[np.ndarray, "_ _"]],
    *,
    bins: int,
) -> list[SubsetScores]:
    """Accuracy, cross-entropy, Brier score and calibration error of each ensemble's averaged probabilities.

    The members' probabilities are averaged (not their logits, not their scores); argmax, −log and
    ‖p − onehot‖² are taken of the average, in float64, a block of examples at a time. Ensembles that begin with those
    before them in the chain take only their other members' time (see `member_sums`).

    Args:
        logits: Finite logits.
        labels: Right labels in 0..K−1.
        chain: Runs [S, M] in each ensemble, for one or more sizes.
        bins: Equal-width bins of the confidence, for the calibration error (see `ece_per_run`).

    Returns:
        The scores of each link of the chain.
    """
    steps = chain_steps(chain, n_runs=len(logits))
    tallies = [(np.zeros((3, len(members))), np.zeros((len(members), bins))) for members in chain]
    for part, probabilities in _class_blocks(logits, chain):
        truth = labels[part]
        for members, (sums, gaps), (_, total) in zip(chain, tallies, member_sums(probabilities, steps), strict=True):
            averaged = total / members.shape[1]
            of_truth = averaged[:, truth, np.arange(truth.size)]
            confidence = averaged.max(axis=1)
            correct = _is_top(averaged, confidence, of_truth, truth)
            gaps += confidence_gaps(confidence, correct, bins=bins)
            sums[0] += np.count_nonzero(correct, axis=1)
            sums[1] -= np.log(np.maximum(of_truth, SMALLEST)).sum(axis=1)
            sums[2] += np.einsum("ske,ske->s", averaged, averaged) + (1.0 - 2.0 * of_truth).sum(axis=1)
    totals = [(*sums, np.abs(gaps).sum(axis=1)) for sums, gaps in tallies]
    return [SubsetScores(*(total / labels.size for total in of_link)) for of_link in totals]


def pair_disagreement(
    logits: Float[np.ndarray, "R E K"], chain: Sequence[Int[np.ndarray, "_ 2 _"]]
) -> list[Float[np.ndarray, " _"]]:
    """Fraction of examples on which two disjoint ensembles predict different labels, for each pair of ensembles.

    Args:
        logits: Finite logits.
        chain: [S, 2, M] from `disjoint_pairs`, for one or more sizes; where the first ensemble is the pair before, its
            sums are used again.

    Returns:
        The fractions of each link of the chain.
    """
    # The second ensemble of a pair is what comes on top of the first.
    flat = [members.reshape(len(members), -1) for members in chain]
    halves = [part for both in flat for part in (both[:, : both.shape[1] // 2], both)]
    steps = chain_steps(halves, n_runs=len(logits))
    differing = [np.zeros(len(members)) for members in chain]
    for _, probabilities in _class_blocks(logits, halves):
        sums = member_sums(probabilities, steps)
        for count, first, both in zip(differing, sums, sums, strict=True):
            count += np.count_nonzero(_top_labels(first.total) != _top_labels(both.added), axis=1)
    return [count / logits.shape[1] for count in differing]


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


def _class_blocks(
    logits: Float[np.ndarray, "R E K"], chain: Sequence[Int[np.ndarray, "_ _"]]
) -> Iterator[tuple[slice, Float[np.ndarray, "R K e"]]]:
    """Probabilities, examples last, of as many examples at a time as the sums of the longest link allow."""
    n_runs, n_examples, n_classes = logits.shape
    longest = max([n_runs, *map(len, chain)])
    for part in blocks(n_examples, bytes_each=8 * n_classes * longest):
        yield part, np.ascontiguousarray(np.swapaxes(softmax(logits[:, part]), 1, 2))


def _is_top(
    averaged: Float[np.ndarray, "S K e"],
    largest: Float[np.ndarray, "S e"],
    of_truth: Float[np.ndarray, "S e"],
    truth: Int[np.ndarray, " e"],
) -> Bool[np.ndarray, "S e"]:
    """Whether the right class is the first largest; labels are formed only where some classes are equally large."""
    if np.count_nonzero(averaged == largest[:, None]) == largest.size:
        return of_truth == largest
    return _top_labels(averaged) == truth


def _top_labels(averaged: Float[np.ndarray, "S K e"]) -> Int[np.ndarray, "S e"]:
    """First largest class; one pass for a class is several times faster than argmax over a short axis."""
    n_classes = averaged.shape[1]
    largest = averaged[:, 0].copy()
    kind = np.min_scalar_type(-n_classes)
    labels = np.zeros(largest.shape, dtype=kind)
    for label in range(1, n_classes):
        # Later labels are larger, so the maximum keeps the last one that exceeded all before it.
        np.maximum(labels, np.multiply(averaged[:, label] > largest, label, dtype=kind), out=labels)
        np.maximum(largest, averaged[:, label], out=largest)
    return labels
