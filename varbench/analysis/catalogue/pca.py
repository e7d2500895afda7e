"""How the variance between runs in weight space is spread over directions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.plotdata import plot_data, rounded
from varbench.analysis.population import PopulationArrays
from varbench.measures.lengths import squarable_scale
from varbench.measures.pca import centered_gram, pca_shares, pca_shares_left_out, principal_components
from varbench.stats.estimate import Estimate, missing
from varbench.stats.shares import share_estimate

COMPONENTS = 4
DRAWN = 2

MOST_RUNS = 128
"""The first runs, so many at most: the jackknife solves an eigenvalue problem without each of them."""


@measure(
    "weight_pca_share",
    label="Share of a principal component of the weights",
    unit="fraction",
    better="none",
    meaning="Part of the variance between runs in weight space that lies along the k-th principal direction; runs that "
    "differ in unrelated directions have 1/(R − 1) in each.",
    needs=("weights",),
)
def weight_pca_share(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """λ_k / Σ λ of the first 128 usable runs, for k = 1..4, by leaving out one run."""
    weights = _weights(population)
    n_runs = len(weights)
    count = min(COMPONENTS, n_runs - 1)
    if count < 1:
        reason = "a direction in which runs differ needs at least 2 runs"
        return [(None, missing(reason, level=level, n_runs=n_runs, n_examples=None))]
    gram = centered_gram(weights, scale=squarable_scale(weights))
    shares, left_out = pca_shares(gram, components=count), pca_shares_left_out(gram, components=count)
    if np.isnan(shares).any():
        return [(None, missing("all runs have the same weights", level=level, n_runs=n_runs, n_examples=None))]
    return [(k + 1, share_estimate(float(shares[k]), left_out[:, k], level=level)) for k in range(count)]


@plot_data("weight_pca", needs=("weights",))
def pca_plot(population: PopulationArrays) -> object:
    """`shares`, `runs` [R, 2] and `initial` [R, 2] or None, in the first two components; None without variance."""
    weights = _weights(population)
    if len(weights) < 3:
        return None
    initial = population.initial_weights
    others = weights[:0] if initial is None else initial[population.usable_weights][:MOST_RUNS]
    found = principal_components(weights, others, components=DRAWN)
    if np.isnan(found.shares).any():
        return None
    return {
        "shares": rounded(found.shares),
        "runs": rounded(found.runs),
        "initial": None if initial is None else rounded(found.others),
    }


def _weights(population: PopulationArrays) -> Float[np.ndarray, "r P"]:
    assert population.weights is not None  # a need
    return population.weights[population.usable_weights][:MOST_RUNS]
