"""How often runs predict different labels: disagreement of all pairs, of matched pairs, and where it sits.

A label is a class in 0..K−1, or −1 where a run predicts nothing (it diverged). −1 is a label like any other:
it differs from every class and agrees with another −1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import BLOCK_BYTES, blocks

FEW_COLUMNS = 32
"""Labels up to which a comparison with each counts them faster than one table of all does."""

CACHE_BYTES = 2**18
"""What is gathered should stay in the cache until it is added up."""


class HeldOut(NamedTuple):
    """What runs in each fold carry on the examples that the other runs rank highest, and in all."""

    carried: Float[np.ndarray, "S F"]
    total: Float[np.ndarray, " F"]


def predicted_labels(logits: Float[np.ndarray, "R E K"]) -> Int[np.ndarray, "R E"]:
    """Top-1 label of every run on every example, the first of equal ones; −1 where any logit is not finite.

    Args:
        logits: Logits, runs first, classes last.
    """
    n_runs, n_examples, n_classes = logits.shape
    labels = np.empty((n_runs, n_examples), dtype=np.int32)
    for part in blocks(n_runs, bytes_each=8 * n_examples * n_classes):
        finite = np.isfinite(logits[part]).all(axis=-1)
        labels[part] = np.where(finite, logits[part].argmax(axis=-1), -1)
    return labels


def vote_counts(predicted: Int[np.ndarray, "R E"], *, n_classes: int) -> Int[np.ndarray, "E C"]:
    """Number of runs that predict each label on each example, in C = K + 1 columns; the last one counts the label −1.

    Args:
        predicted: Labels in −1..K−1.
        n_classes: K.
    """
    n_runs, n_examples = predicted.shape
    columns = n_classes + 1
    counts = np.zeros((n_examples, columns), dtype=np.int64)
    if columns > FEW_COLUMNS:
        for part in blocks(n_runs, bytes_each=8 * n_examples):
            places = _places(predicted[part], columns).ravel()
            counts += np.bincount(places, minlength=counts.size).reshape(counts.shape)
        return np.roll(counts, -1, axis=1)
    for part in blocks(n_runs, bytes_each=n_examples, limit=min(BLOCK_BYTES, 255 * n_examples)):
        narrow = predicted[part].astype(np.int8)
        for label in range(-1, n_classes):
            counts[:, label] += np.add.reduce((narrow == label).view(np.uint8), axis=0, dtype=np.uint8)
    return counts


def instability(counts: Int[np.ndarray, "E C"]) -> Float[np.ndarray, " E"]:
    """Chance that two different runs disagree on each example: uᵢ = 1 − Σ_c n_ic (n_ic − 1) / (R (R − 1)).

    Unbiased for 1 − Σ_c P(c on i)²; its mean over examples is `disagreement`. In [0, 1]: 0 when all runs
    agree, 1 when no two do. (1 − max_c n_ic/R is biased and not used.)

    Args:
        counts: From `vote_counts`, with R = the sum of a row.

    Returns:
        [E], NaN when R < 2.
    """
    n_runs = int(counts[0].sum())
    if n_runs < 2:
        return np.full(len(counts), math.nan)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    return 1.0 - agreeing / (n_runs * (n_runs - 1))


def instability_left_out(predicted: Int[np.ndarray, "r E"], counts: Int[np.ndarray, "E C"]) -> Float[np.ndarray, "r E"]:
    """`instability` [E] without run r, for every given run, updated from the counts of all R runs.

    Dropping a run that voted for c takes 2 (n_ic − 1) ordered agreeing pairs away: one step for a run and an example.

    Args:
        predicted: Labels of all runs, or of a block of them.
        counts: From `vote_counts` of all runs.

    Returns:
        [r, E], NaN when R < 3.
    """
    n_runs = int(counts[0].sum())
    if n_runs < 3:
        return np.full(predicted.shape, math.nan)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    others = _table(counts)[_places(predicted, counts.shape[1])] - 1  # that predict the same
    return 1.0 - (agreeing - 2 * others) / ((n_runs - 1) * (n_runs - 2))


def instability_share(values: Float[np.ndarray, "... E"], *, share: float) -> Float[np.ndarray, ...]:
    """Part of all instability that sits in the most unstable `share` of the examples (a Lorenz curve from the top).

    With share · E not a whole number, the next example counts with its fraction. In [share, 1] (or NaN when
    no example is unstable): `share` when all examples are equally unstable. Biased upward for few runs,
    because the examples are ranked with the noise that is then summed.

    Args:
        values: `instability`, examples last.
        share: Fraction of examples in (0, 1].
    """
    top = share * values.shape[-1]
    whole = math.floor(top + 1e-9)
    descending = -np.sort(-values, axis=-1)
    carried = descending[..., :whole].sum(axis=-1)
    if whole < values.shape[-1]:
        carried = carried + max(0.0, top - whole) * descending[..., whole]
    total = values.sum(axis=-1)
    return np.divide(carried, total, out=np.full(np.shape(total), math.nan), where=total > 0)


def held_out_instability(
    predicted: Int[np.ndarray, "R E"], counts: Int[np.ndarray, "E C"], *, shares: Sequence[float], folds: int
) -> HeldOut:
    """Instability that runs in one fold carry on the examples that are the most unstable ones among all other runs.

    The runs that rank are not those that are summed, so the share carried lies, on average, at or below that of the
    examples that really are the most unstable, where `instability_share` lies at or above it.

    Args:
        predicted: Labels of all runs; run r is in fold r modulo F.
        counts: From `vote_counts` of all runs.
        shares: Fractions of examples in (0, 1].
        folds: F, at least 2 and at most R/2.
    """
    n_examples = len(counts)
    taken = np.clip(n_examples * np.array(shares)[:, None] - np.arange(n_examples), 0.0, 1.0)
    carried, total = np.empty((len(shares), folds)), np.empty(folds)
    for fold in range(folds):
        own = predicted[fold::folds]
        votes = vote_counts(own, n_classes=counts.shape[1] - 1)
        values = len(own) * instability(votes)
        carried[:, fold] = taken @ values[np.argsort(-instability(counts - votes), kind="stable")]
        total[fold] = values.sum()
    return HeldOut(carried, total)


def disagreement(counts: Int[np.ndarray, "E C"]) -> float:
    """Mean over pairs of runs of the fraction of examples whose labels differ, from the vote counts.

    E⁻¹ Σᵢ [1 − Σ_c n_ic (n_ic − 1) / (R (R − 1))], in [0, 1]; 0 when all runs predict the same labels.

    Returns:
        NaN when R < 2.
    """
    return float(instability(counts).mean())


def disagreement_row_sums(predicted: Int[np.ndarray, "R E"], counts: Int[np.ndarray, "E C"]) -> Float[np.ndarray, " R"]:
    """Σ_s D_rs of every run without forming the matrix: E⁻¹ Σᵢ (R − n_{i, label of r})."""
    n_runs, n_examples = predicted.shape
    sums, table = np.empty(n_runs), _table(counts)
    for part in blocks(n_runs, bytes_each=8 * n_examples, limit=CACHE_BYTES):
        sums[part] = n_runs - table[_places(predicted[part], counts.shape[1])].sum(axis=1) / n_examples
    return sums


def disagreement_matrix(predicted: Int[np.ndarray, "R E"], *, n_classes: int) -> Float[np.ndarray, "R R"]:
    """Fraction of examples on which the labels of runs r and s differ; symmetric, 0 on the diagonal.

    Agreements are counted by one matrix product for each label, exact in float32 for blocks of under 2²⁴ examples.

    Args:
        predicted: Labels in −1..K−1.
        n_classes: K.
    """
    n_runs, n_examples = predicted.shape
    agreeing = np.zeros((n_runs, n_runs))
    for part in blocks(n_examples, bytes_each=4 * n_runs):
        block = predicted[:, part]
        for label in range(-1, n_classes):
            votes = (block == label).astype(np.float32)
            if votes.any():
                agreeing += votes @ votes.T
    return 1.0 - agreeing / n_examples


def paired_disagreement(first: Int[np.ndarray, "R E"], second: Int[np.ndarray, "R E"]) -> Float[np.ndarray, " R"]:
    """Fraction of examples on which run r of one population and run r of another differ; 0 for the same labels."""
    return np.count_nonzero(first != second, axis=1) / first.shape[1]


def _table(counts: Int[np.ndarray, "E C"]) -> Int[np.ndarray, " EC"]:
    """The counts in the order of `_places`."""
    return np.roll(counts, 1, axis=1).ravel()


def _places(predicted: Int[np.ndarray, "r E"], columns: int) -> Int[np.ndarray, "r E"]:
    """Where each label stands in a flat table of examples with so many columns, the first of them for the label −1."""
    return predicted + (columns * np.arange(predicted.shape[1]) + 1)
