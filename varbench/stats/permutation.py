"""Permutation tests on distance matrices of runs: do conditions differ, and do two kinds of distance go together?

Distances of pairs share runs, so no test over pairs is valid; here whole runs are permuted, rows and columns together.
p = (1 + b)/(1 + B), b of B random permutations at least as extreme as what was seen: never 0, and at most α with
probability at most α under the null hypothesis (Phipson & Smyth 2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks
from varbench.stats.significance import Significance
from varbench.stats.streams import PERMUTATIONS, generator

PERMANOVA = "PERMANOVA, pseudo-F, random permutations of runs"
SWAPPED = "mean distance beyond that within, random swaps within pairs of runs"
MANTEL = "Mantel test, random permutations of runs"
TIE = 1e-10
"""Relative distance up to which two statistics count as equal: they are summed in another order."""


def pseudo_f(distances: Float[np.ndarray, "R R"], groups: Int[np.ndarray, " R"]) -> float:
    """Anderson's pseudo-F of a grouping of runs: between-group over within-group mean squares of a distance.

    F = [(SS_T − SS_W)/(a − 1)] / [SS_W/(R − a)], SS_T = R⁻¹ Σ_{r<s} d_rs², SS_W = Σ_g n_g⁻¹ Σ_{r<s in g} d_rs², a
    groups (Anderson 2001, Austral Ecology 26, 32–46). For d = |x_r − x_s| it is the F of one-way analysis of variance.

    Args:
        distances: Symmetric distances; the diagonal is not read.
        groups: Group of each run, any integers.

    Returns:
        At least 0 for Euclidean distances; about 1 without a difference. NaN for fewer than two groups or no more
        runs than groups, and where all distances are 0; infinite where only those within groups are.
    """
    squares = _off_diagonal_squares(distances)
    members = _membership(groups)
    n_runs, n_groups = members.shape
    if n_groups < 2 or n_runs <= n_groups:
        return math.nan
    within = float(_within(squares, members[None])[0])
    between = squares.sum() / (2 * n_runs) - within
    if within <= TIE * between:
        return math.inf if between > 0 else math.nan
    return float(between / (n_groups - 1) / (within / (n_runs - n_groups)))


def permanova(
    distances: Float[np.ndarray, "R R"], groups: Int[np.ndarray, " R"], *, n_permutations: int, key: int
) -> Significance:
    """Do the groups of runs differ? The pseudo-F against its values with the groups dealt out anew.

    The null hypothesis is that runs are exchangeable between groups: it also fails where only the spread of the groups
    differs, above all with unequal group sizes (Anderson & Walsh 2013). Measured size at α = .05, R = 16 and 64: .051
    and .048.

    Args:
        distances: Finite symmetric distances, such as √`disagreement_matrix`, whose squares are half squared Euclidean
            distances of one-hot predictions.
        groups: Group of each run.
        n_permutations: B.
        key: Integer key of the permutations.

    Returns:
        Without a p value for fewer than two groups, no more runs than groups, or distances that are all 0; without a
        statistic where F is infinite.
    """
    n_runs = len(groups)
    members = _membership(groups)
    squares = _off_diagonal_squares(distances)
    if members.shape[1] < 2 or n_runs <= members.shape[1]:
        return Significance(
            None, None, PERMANOVA, n_runs, "a comparison of groups needs at least 2, and more runs than groups"
        )
    if not squares.any():
        return Significance(None, None, PERMANOVA, n_runs, "all distances are 0")
    # F falls with the sum of squares within groups, the total being what it is.
    seen = float(_within(squares, members[None])[0])
    extreme = sum(
        int(np.count_nonzero(_within(squares, members[order]) <= seen + TIE * squares.sum()))
        for order in _permutations(n_runs, n_permutations, key=key, bytes_each=8 * members.size)
    )
    statistic = pseudo_f(distances, groups)
    p = (1 + extreme) / (1 + n_permutations)
    return Significance(statistic if math.isfinite(statistic) else None, p, PERMANOVA, n_runs)


def swapped_pairs(
    within: Float[np.ndarray, "R R"], between: Float[np.ndarray, "R R"], *, n_permutations: int, key: int
) -> Significance:
    """Do two groups of matched runs differ, beyond what the matching makes alike?

    The statistic is the mean distance between the groups less that within them, over pairs of runs that are not
    matched. Under the null hypothesis the two runs of a match are exchangeable: swapping some of the matches changes
    the sign of a pair of matches' part wherever one of the two is swapped.

    Args:
        within: Sum of the distances of run r and run s in either group.
        between: Distance of run r of one group to run s of the other; the diagonal, matched runs, is not read.
        n_permutations: B.
        key: Integer key of the swaps.

    Returns:
        Without a p value for fewer than 2 matches, and where all distances are 0.
    """
    n_matches = len(within)
    if n_matches < 2:
        return Significance(None, None, SWAPPED, n_matches, "runs that are not matched need at least 2 matches")
    parts = np.where(np.eye(n_matches, dtype=bool), 0.0, between + between.T - within)
    scale = np.abs(within).sum() + np.abs(between).sum()
    if scale == 0:
        return Significance(None, None, SWAPPED, n_matches, "all distances are 0")
    pairs = n_matches * (n_matches - 1)
    random, extreme = generator(key, PERMUTATIONS), 0
    for part in blocks(n_permutations, bytes_each=16 * n_matches):
        signs = random.choice([-1.0, 1.0], (part.stop - part.start, n_matches))
        found = np.einsum("br,br->b", signs @ parts, signs)
        extreme += int(np.count_nonzero(found >= parts.sum() - TIE * scale))
    return Significance(parts.sum() / (2 * pairs), (1 + extreme) / (1 + n_permutations), SWAPPED, n_matches)


def mantel(
    first: Float[np.ndarray, "R R"],
    second: Float[np.ndarray, "R R"],
    *,
    alternative: Literal["greater", "two-sided"],
    n_permutations: int,
    key: int,
) -> Significance:
    """Do two distances of the same runs go together, say of their weights and of their predictions?

    Pearson's r over the pairs of runs, against its values with the runs of the second matrix permuted (Mantel 1967).
    Measured size at α = .05 for unrelated vectors, R = 16 and 64: .047 and .035
    (600 and 200 repetitions).

    Args:
        first: Finite symmetric distances; the diagonal is not read.
        second: The same of the same runs.
        alternative: "greater": the distances grow together; "two-sided": |r|.
        n_permutations: B.
        key: Integer key of the permutations.

    Returns:
        `statistic` is r in [−1, 1]. Without a p value for fewer than 3 runs, and where a matrix has one distance only.
    """
    n_runs = len(first)
    if n_runs < 3:
        return Significance(None, None, MANTEL, n_runs, "a correlation of distances needs at least 3 runs")
    apart = ~np.eye(n_runs, dtype=bool)
    centered = [np.where(apart, matrix - matrix[apart].mean(), 0.0) for matrix in (first, second)]
    norms = [float(np.linalg.norm(matrix)) for matrix in centered]
    if any(np.ptp(matrix[apart]) == 0 for matrix in (first, second)) or min(norms) == 0.0:
        return Significance(None, None, MANTEL, n_runs, "all pairs of runs lie equally far apart")
    one, other = (matrix / norm for matrix, norm in zip(centered, norms, strict=True))
    seen = float((one * other).sum())
    extreme = 0
    for order in _permutations(n_runs, n_permutations, key=key, bytes_each=8 * n_runs * n_runs):
        found = np.einsum("rs,brs->b", one, other[order[:, :, None], order[:, None, :]])
        beyond = np.abs(found) >= abs(seen) - TIE if alternative == "two-sided" else found >= seen - TIE
        extreme += int(np.count_nonzero(beyond))
    r = min(max(seen, -1.0), 1.0)
    return Significance(r, (1 + extreme) / (1 + n_permutations), MANTEL, n_runs)


def _off_diagonal_squares(distances: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "R R"]:
    return np.where(np.eye(len(distances), dtype=bool), 0.0, np.square(distances, dtype=np.float64))


def _membership(groups: Int[np.ndarray, " R"]) -> Float[np.ndarray, "R G"]:
    """One-hot groups."""
    names, place = np.unique(groups, return_inverse=True)
    return np.eye(len(names))[place]


def _within(squares: Float[np.ndarray, "R R"], members: Float[np.ndarray, "B R G"]) -> Float[np.ndarray, " B"]:
    """Σ_g n_g⁻¹ Σ_{r<s in g} d_rs² of each grouping."""
    n_batch, n_runs, n_groups = members.shape
    sums = (squares @ members.transpose(1, 0, 2).reshape(n_runs, -1)).reshape(n_runs, n_batch, n_groups)
    of_group = (members.transpose(1, 0, 2) * sums).sum(axis=0)
    return 0.5 * (of_group / members.sum(axis=1)).sum(axis=1)


def _permutations(n_runs: int, n_permutations: int, *, key: int, bytes_each: int) -> Iterator[Int[np.ndarray, "B R"]]:
    """Blocks of random permutations of the runs; the same ones for a key whatever the blocks are."""
    random = generator(key, PERMUTATIONS)
    for part in blocks(n_permutations, bytes_each=bytes_each):
        yield random.permuted(np.tile(np.arange(n_runs), (part.stop - part.start, 1)), axis=1)
