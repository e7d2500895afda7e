"""How alike two runs explain the same examples: agreement of their attributions, averaged over examples.

An attribution has one value for each input, here the gradient of a logit. Each measure turns the attribution of an
example into a unit vector, and two runs agree by the cosine of their unit vectors. An attribution that has none (all
inputs equal, a zero gradient) is left out with its example, for the pairs that it belongs to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from varbench.measures.blocks import blocks
from varbench.measures.squared_distances import squared_distances

TOP_SHARE = 0.1
"""Share of the inputs that count as the most important ones: k = ⌈D/10⌉ of D."""

Units: TypeAlias = Callable[[Float[np.ndarray, "R E D"]], Float[np.ndarray, "R E D"]]


def attribution_cosine_matrix(attributions: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R R"]:
    """Cosine of the attributions of the same example under two runs, averaged over examples.

    In [−1, 1]: exactly 1 for identical attributions, −1 for opposite ones; 0 on average for unrelated directions.

    Args:
        attributions: Finite, for E examples with D inputs.

    Returns:
        [R, R]; NaN where no example has an attribution other than 0 under both runs.
    """
    return mean_cosine_matrix(attributions, directions)


def attribution_rank_correlation_matrix(attributions: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R R"]:
    """Spearman's correlation of |attribution| under two runs, over the inputs of an example, averaged over examples.

    Magnitudes, because it asks which inputs matter more; the cosine sees the signs. In [−1, 1]: exactly 1 for the same
    order of the inputs, 0 on average for unrelated orders.

    Source: Ghorbani et al. 2019, arXiv 1710.10547, section 2.

    Args:
        attributions: Finite, for E examples with D inputs.

    Returns:
        [R, R]; NaN where no example has inputs of different magnitude under both runs.
    """
    return mean_cosine_matrix(attributions, rank_directions)


def attribution_topk_overlap_matrix(attributions: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R R"]:
    """Share of the k inputs of largest |attribution| that two runs have in common, averaged over examples.

    k = ⌈D/10⌉. In [0, 1]: exactly 1 for the same inputs, k/D on average for unrelated ones. Ties go to the first input.

    Source: Ghorbani et al. 2019, arXiv 1710.10547, section 2.

    Args:
        attributions: Finite, for E examples with D inputs.

    Returns:
        [R, R]; NaN where no example has inputs of different magnitude under both runs.
    """
    return mean_cosine_matrix(attributions, top_directions)


def top_count(n_inputs: int) -> int:
    """k = ⌈D/10⌉."""
    return math.ceil(TOP_SHARE * n_inputs)


class Sums(NamedTuple):
    """Σ u_r·u_s over the examples that are defined for both runs, and how many those are."""

    total: Float[np.ndarray, "R R"]
    examples: Float[np.ndarray, "R R"]

    @classmethod
    def none(cls, n_runs: int) -> Sums:
        """Before the first example."""
        return cls(np.zeros((n_runs, n_runs)), np.zeros((n_runs, n_runs)))

    @property
    def mean(self) -> Float[np.ndarray, "R R"]:
        """Mean cosine, NaN where no example is defined for both."""
        return np.divide(self.total, self.examples, out=np.full_like(self.total, np.nan), where=self.examples > 0)


def add_examples(sums: Sums, attributions: Float[np.ndarray, "R E D"], units: Units) -> Sums:
    """Add u_r·u_s = 1 − ½‖u_r − u_s‖² of further examples, a block of them at a time.

    From differences, so that identical attributions give exactly 1.

    Args:
        sums: Of the examples so far.
        attributions: Finite.
        units: Makes the unit vectors, 0 where there is none.
    """
    n_runs, n_examples, n_inputs = attributions.shape
    total, examples = sums.total.copy(), sums.examples.copy()
    for part in blocks(n_examples, bytes_each=8 * n_runs * n_inputs):
        vectors = units(attributions[:, part])
        defined = np.asarray(vectors.any(axis=2), dtype=np.float64)
        both, alone = defined @ defined.T, defined @ (1.0 - defined).T
        # where one of two runs has no vector, the example adds ‖u‖² = 1 to their squared distance; where none has, 0
        squared = squared_distances(vectors.reshape(n_runs, -1)) - (alone + alone.T)
        total += both - 0.5 * squared
        examples += both
    return Sums(total, examples)


def mean_cosine_matrix(attributions: Float[np.ndarray, "R E D"], units: Units) -> Float[np.ndarray, "R R"]:
    """Mean over examples of u_r·u_s, over those on which both are defined; symmetric, NaN where there are none."""
    return add_examples(Sums.none(len(attributions)), attributions, units).mean


def example_agreement(units: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, " E"]:
    """Mean over pairs of runs of the cosine on each example: (‖Σ_r u_r‖² − m) / (m(m − 1)), m runs with a vector.

    Args:
        units: Unit vectors, 0 where there is none.

    Returns:
        [E]; NaN where fewer than two runs have a vector.
    """
    m = units.any(axis=2).sum(axis=0).astype(np.float64)
    total = units.sum(axis=0)
    pairs = m * (m - 1.0)
    return np.divide(np.einsum("ed,ed->e", total, total) - m, pairs, out=np.full(len(m), np.nan), where=pairs > 0)


def directions(attributions: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R E D"]:
    """a / ‖a‖ of every example in float64; 0 where a is 0."""
    wide = attributions.astype(np.float64)
    largest = np.abs(wide).max(axis=2, keepdims=True, initial=0.0)
    scaled = np.divide(wide, largest, out=wide, where=largest > 0)  # tiny gradients would underflow when squared
    return _unit(scaled)


def rank_directions(attributions: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R E D"]:
    """Centered ranks of |a| (ties share their mean rank), of norm 1; 0 where all are equal."""
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(attributions), axis=2)
    return _unit(ranks - 0.5 * (attributions.shape[2] + 1))


def top_directions(attributions: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R E D"]:
    """1/√k at the k = ⌈D/10⌉ inputs of largest |a| and 0 elsewhere; 0 throughout where all are equal."""
    size = np.abs(attributions)
    k = top_count(attributions.shape[2])
    first = np.argsort(-size, axis=2, kind="stable")[:, :, :k]
    found = np.zeros(attributions.shape)
    different = np.ptp(size, axis=2, keepdims=True) > 0
    np.put_along_axis(found, first, np.where(different, 1.0 / math.sqrt(k), 0.0), axis=2)
    return found


def _unit(vectors: Float[np.ndarray, "R E D"]) -> Float[np.ndarray, "R E D"]:
    norm = np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)
