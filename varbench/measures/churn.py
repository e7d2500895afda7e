"""What changes from an old model to a new one: labels that differ, errors that are mended, errors that are made.

Each is a fraction of the examples, for every pair of an old and a new run, or for matched runs. Agreement, 1 − churn,
is never called churn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.blocks import blocks


class Churn(NamedTuple):
    """Fractions of the examples: label changed, wrong → right, right → wrong."""

    changed: Float[np.ndarray, " R"]
    good: Float[np.ndarray, " R"]
    bad: Float[np.ndarray, " R"]


def paired_churn(old: Int[np.ndarray, "R E"], new: Int[np.ndarray, "R E"], labels: Int[np.ndarray, " E"]) -> Churn:
    """Churn from run r of the old models to run r of the new ones.

    Args:
        old: Predicted labels, −1 for none.
        new: Predicted labels of as many runs.
        labels: Right labels in 0..K−1.
    """
    n_runs, n_examples = old.shape
    found = Churn(*(np.empty(n_runs) for _ in range(3)))
    for part in blocks(n_runs, bytes_each=3 * n_examples):
        right_before, right_after = old[part] == labels, new[part] == labels
        for values, event in zip(
            found, (old[part] != new[part], right_after & ~right_before, right_before & ~right_after), strict=True
        ):
            values[part] = np.count_nonzero(event, axis=1) / n_examples
    return found


def mean_churn_to(
    runs: Int[np.ndarray, "R E"], votes: Int[np.ndarray, "E C"], labels: Int[np.ndarray, " E"], *, forward: bool
) -> Churn:
    """Churn between each of these runs and all runs of another condition, averaged over the latter; no pair is formed.

    With n_ic of the S other runs predicting c on i, a run that predicts c changes on average 1 − n_ic/S; good and bad
    churn follow from the number of them that are right.

    Args:
        runs: Predicted labels, −1 for none.
        votes: From `vote_counts` of the other condition.
        labels: Right labels in 0..K−1.
        forward: True where `runs` are the old ones, False where they are the new ones.
    """
    n_runs, n_examples = runs.shape
    n_others = int(votes[0].sum())
    each = np.arange(n_examples)
    right_others = votes[each, labels].astype(np.float64)
    changed, gained, lost = (np.empty(n_runs) for _ in range(3))
    for part in blocks(n_runs, bytes_each=8 * n_examples):
        right = (runs[part] == labels).astype(np.float64)
        gained[part] = (1.0 - right) @ right_others
        lost[part] = right @ (n_others - right_others)
        changed[part] = n_examples * n_others - votes[each, runs[part]].sum(axis=1)
    good, bad = (gained, lost) if forward else (lost, gained)
    return Churn(*(total / (n_examples * n_others) for total in (changed, good, bad)))
