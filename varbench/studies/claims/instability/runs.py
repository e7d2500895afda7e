"""Which runs failed, at which learning rate, how curved their loss was, and how far one-ULP pairs went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from varbench.analysis.catalogue.landscape import KEY
from varbench.analysis.ulp import no_protocol, pairs_of
from varbench.data import load
from varbench.studies.study import Evidence


def failed(e: Evidence) -> Bool[np.ndarray, " R"]:
    """True for the runs that did not stay finite, or whose training loss is no better than one constant answer's.

    The best constant answer is the class frequencies; its cross-entropy is their entropy, ln K for K equal classes.
    """
    arrays = e.arrays
    if arrays.train_loss is None:
        return ~arrays.usable
    frequency = np.bincount(load(e.plan.recipe.data).y_train) / len(load(e.plan.recipe.data).y_train)
    entropy = -np.sum(frequency * np.log(np.where(frequency > 0, frequency, 1.0)))
    return ~(arrays.usable & (arrays.train_loss < entropy))


def critical_rates(sweep: Sequence[Evidence], *, factor: float) -> Float[np.ndarray, " R"]:
    """The lowest learning rate at which the run of each level fails; `factor` times the largest if it fails at none.

    Args:
        sweep: Populations of the same levels, learning rates ascending.
        factor: Ratio of neighbouring learning rates.
    """
    rates = np.array([e.plan.recipe.lr for e in sweep])
    fails = np.stack([failed(e) for e in sweep])
    return np.where(fails.any(axis=0), rates[fails.argmax(axis=0)], factor * rates[-1])


def sharpness(e: Evidence) -> Float[np.ndarray, " R"]:
    """λ_max of the training loss at the initial weights of every run; NaN where they are not known or not positive."""
    arrays = e.arrays

    def compute() -> Float[np.ndarray, " R"]:
        if arrays.initial_weights is None or arrays.networks is None or not arrays.initial_weights.shape[1]:
            return np.full(arrays.n_runs, np.nan)
        largest = arrays.networks.curvature(arrays.initial_weights, key=KEY).largest.astype(np.float64)
        return np.where(largest > 0, largest, np.nan)

    return arrays.derived("initial sharpness", compute)


def stable_rates(e: Evidence) -> Float[np.ndarray, " R"]:
    """2(1 + β)/λ_max: above it, descent with momentum β on a quadratic of that curvature diverges (Polyak 1964).

    NaN for optimizers that are not SGD without Nesterov's momentum.
    """
    recipe = e.plan.recipe
    if recipe.optimizer != "sgd" or recipe.nesterov:
        return np.full(e.arrays.n_runs, np.nan)
    return 2.0 * (1.0 + recipe.momentum) / sharpness(e)


def separations(e: Evidence) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, " B"]]:
    """Distance of every one-ULP pair before the first step and after the last, in the order of the base runs.

    NaN for a pair of which a run failed or that did not keep to the protocol.
    """
    bases = len(e.plan.design) // 3
    first, last = np.full(bases, np.nan), np.full(bases, np.nan)
    if e.arrays.snapshots is None or no_protocol(e.arrays) != "":
        return first, last
    pairs, fails = pairs_of(e.arrays), failed(e)
    kept = ~(fails[pairs.triples.base] | fails[pairs.triples.perturbed])
    rows = pairs.triples.base[kept] // 3
    first[rows], last[rows] = pairs.curves[kept, 0], pairs.curves[kept, -1]
    return first, last
