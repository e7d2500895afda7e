"""How much of the differences between the runs of a crossed design goes with each of its factors.

A run is a row of values. The runs stand in cells [A, B(, C), n]: a level of each factor, and the replicate. The values
split into effects that are orthogonal to each other: one for each set of factors, and what replicates differ by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks
from varbench.measures.scores import softmax

Term: TypeAlias = tuple[int, ...]
"""Axes of the cells that an effect depends on; all of them, the replicate's included, is the residual."""


def terms(n_factors: int) -> tuple[Term, ...]:
    """Every set of factors, small ones first, without the residual: (0,), (1,), (0, 1) for two."""
    return tuple(term for size in range(1, n_factors + 1) for term in combinations(range(n_factors), size))


def effect_energies(
    value_blocks: Iterable[Float[np.ndarray, "R _"]], cells: Int[np.ndarray, "... n"]
) -> dict[Term, Float[np.ndarray, ...]]:
    """Squared size of each effect at each of its levels, summed over the values.

    The effect of a set T of factors is Σ_{S ⊆ T} (−1)^{|T|−|S|} (mean over all axes outside S); the residual is a run
    minus the mean of its cell. Effects are formed before they are squared, from differences to the first run: exactly 0
    where all runs are equal.

    Args:
        value_blocks: Values of the R runs, a block of columns at a time.
        cells: Row of each run, by its level of each factor and its replicate.

    Returns:
        For each T the squared norms [levels of T]; for the residual [A, B(, C), n], all 0 where n = 1.
    """
    n_factors = cells.ndim - 1
    residual = tuple(range(cells.ndim))
    shapes = {term: tuple(cells.shape[axis] for axis in term) for term in (*terms(n_factors), residual)}
    energies = {term: np.zeros(shape) for term, shape in shapes.items()}
    for block in value_blocks:
        values = np.subtract(block, block[cells.flat[0]], dtype=np.float64)[cells]
        means = values.mean(axis=n_factors)
        energies[residual] += np.square(values - means[..., None, :]).sum(axis=-1)
        for term, effect in _effects(means).items():
            energies[term] += np.square(effect).sum(axis=-1).reshape(shapes[term])
    return energies


def score_blocks(values: Float[np.ndarray, " R"]) -> Iterator[Float[np.ndarray, "R 1"]]:
    """One number for each run, such as its accuracy."""
    yield values[:, None]


def vector_blocks(vectors: Float[np.ndarray, "R P"], *, scale: float = 1.0) -> Iterator[Float[np.ndarray, "R p"]]:
    """Weights times a scale, a block of parameters at a time."""
    for part in blocks(vectors.shape[1], bytes_each=8 * len(vectors)):
        yield vectors[:, part] if scale == 1.0 else vectors[:, part] * scale


def one_hot_blocks(predicted: Int[np.ndarray, "R E"], *, n_classes: int) -> Iterator[Float[np.ndarray, "R d"]]:
    """One-hot labels over √E, K + 1 columns an example (the last for the label −1), a block of examples at a time.

    ½‖z − z'‖² of two runs is the fraction of examples on which their labels differ.

    Args:
        predicted: Labels in −1..K−1.
        n_classes: K.
    """
    n_runs, n_examples = predicted.shape
    columns = n_classes + 1
    for part in blocks(n_examples, bytes_each=8 * n_runs * columns):
        one_hot = predicted[:, part, None] % columns == np.arange(columns)
        yield one_hot.reshape(n_runs, -1) / np.sqrt(n_examples)


def probability_blocks(logits: Float[np.ndarray, "R E K"]) -> Iterator[Float[np.ndarray, "R d"]]:
    """Probabilities over √E, a block of examples at a time: ½‖p − p'‖² is the mean over examples.

    Args:
        logits: Finite logits.
    """
    n_runs, n_examples, n_classes = logits.shape
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_classes):
        yield softmax(logits[:, part]).reshape(n_runs, -1) / np.sqrt(n_examples)


def half_squared_distances_by_pattern(
    halves: Float[np.ndarray, "R R"], cells: Int[np.ndarray, "... n"]
) -> dict[Term, float]:
    """Mean of ½‖z_r − z_s‖² over the pairs of runs that share exactly the levels of a set of factors.

    For predictions this is the mean disagreement of those pairs. The components are differences of these means:
    σ²_T = −Σ_{S ⊆ T} (−1)^{|T|−|S|} D(S), with D(all) = 0 where there are no replicates.

    Args:
        halves: ½‖z_r − z_s‖² of all pairs.
        cells: Row of each run, by its level of each factor and its replicate.

    Returns:
        By the set of factors that are shared, () for none; the set of all only where there are replicates.
    """
    n_factors, n_runs = cells.ndim - 1, cells.size
    index = np.indices(cells.shape).reshape(cells.ndim, n_runs)
    same = index[:n_factors, :, None] == index[:n_factors, None, :]
    ordered = halves[np.ix_(cells.ravel(), cells.ravel())]
    other = ~np.eye(n_runs, dtype=bool)
    found: dict[Term, float] = {}
    for shared in ((), *terms(n_factors)):
        expected = np.array([axis in shared for axis in range(n_factors)])
        pairs = (same == expected[:, None, None]).all(axis=0) & other
        if pairs.any():
            found[shared] = float(ordered[pairs].mean())
    return found


def _effects(means: Float[np.ndarray, "... d"]) -> dict[Term, Float[np.ndarray, "... d"]]:
    """Split along one axis after the other into a mean and what is left of it; axes that are averaged have length 1."""
    parts: dict[Term, np.ndarray] = {(): means}
    for axis in range(means.ndim - 1):
        split: dict[Term, np.ndarray] = {}
        for term, part in parts.items():
            average = part.mean(axis=axis, keepdims=True)
            split[term] = average
            split[(*term, axis)] = part - average
        parts = split
    del parts[()]
    return parts
