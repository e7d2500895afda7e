"""Whether two runs explain the same test example alike, with untrained networks beside."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.catalogue.representations import EXAMPLES, RUNS, WEIGHTS, spaced
from varbench.analysis.plotdata import DRAWN, plot_data, rounded
from varbench.analysis.population import PopulationArrays
from varbench.measures import attributions as agreement
from varbench.measures.blocks import blocks
from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean_estimate

GRADIENT_BYTES = 64 * 2**20
"""Gradients held at a time."""

SHOWN_RUNS = 4
"""Runs whose attributions of one example are shown."""

UNITS = {
    "cosine": agreement.directions,
    "rank": agreement.rank_directions,
    "topk": agreement.top_directions,
}
NOTHING = "fewer than 2 runs have a gradient that differs between inputs"
NEEDS, UNTRAINED_NEEDS = ("networks", "weights"), ("networks", "initial_weights")
UNTRAINED = "The same between the runs' initial weights: what architecture and example alone make alike."


@measure(
    "attribution_cosine",
    label="Attribution cosine",
    unit="cosine",
    better="higher",
    meaning="Cosine of two runs' input gradients on the same example: 1 for the same explanation, 0 if unrelated.",
    needs=NEEDS,
)
def attribution_cosine(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of gradients of the right class's logit, averaged over examples, mean over pairs of usable runs."""
    return _pairs(population, "trained", "cosine", low=-1.0, level=level)


@measure(
    "attribution_rank_correlation",
    label="Attribution rank correlation",
    unit="correlation",
    better="higher",
    meaning="Spearman's correlation of how much each input matters to two runs: 1 for the same order, 0 if unrelated.",
    needs=NEEDS,
)
def attribution_rank_correlation(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the magnitudes of those gradients, averaged over examples, mean over pairs of usable runs."""
    return _pairs(population, "trained", "rank", low=-1.0, level=level)


@measure(
    "attribution_topk_overlap",
    label="Attribution top-10 % overlap",
    unit="index",
    better="higher",
    meaning="Share of the tenth of inputs that matter most which two runs have in common: 1 all, 0.1 by chance.",
    needs=NEEDS,
)
def attribution_topk_overlap(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the k = ⌈D/10⌉ largest magnitudes, averaged over examples, mean over pairs of usable runs."""
    return _pairs(population, "trained", "topk", low=0.0, level=level)


@measure(
    "attribution_cosine_untrained",
    label="Attribution cosine, untrained",
    unit="cosine",
    better="none",
    meaning=UNTRAINED,
    needs=UNTRAINED_NEEDS,
)
def attribution_cosine_untrained(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`attribution_cosine` of the initial weights: the null to read it against, 1 where all runs start alike."""
    return _pairs(population, "untrained", "cosine", low=-1.0, level=level)


@measure(
    "attribution_rank_correlation_untrained",
    label="Attribution rank correlation, untrained",
    unit="correlation",
    better="none",
    meaning=UNTRAINED,
    needs=UNTRAINED_NEEDS,
)
def attribution_rank_correlation_untrained(
    population: PopulationArrays, *, level: float, key: int
) -> list[tuple[At, Estimate]]:
    """`attribution_rank_correlation` of the initial weights."""
    return _pairs(population, "untrained", "rank", low=-1.0, level=level)


@measure(
    "attribution_topk_overlap_untrained",
    label="Attribution top-10 % overlap, untrained",
    unit="index",
    better="none",
    meaning=UNTRAINED,
    needs=UNTRAINED_NEEDS,
)
def attribution_topk_overlap_untrained(
    population: PopulationArrays, *, level: float, key: int
) -> list[tuple[At, Estimate]]:
    """`attribution_topk_overlap` of the initial weights."""
    return _pairs(population, "untrained", "topk", low=0.0, level=level)


@plot_data("attributions", needs=NEEDS)
def attributions(population: PopulationArrays) -> dict[str, Any] | None:
    """One example under a few runs: the one on which their explanations agree as on the median example."""
    networks, weights = population.networks, population.weights
    assert networks is not None
    assert weights is not None
    runs = np.flatnonzero(population.usable_weights)[:SHOWN_RUNS]
    examples = spaced(population.n_examples, EXAMPLES)
    if len(runs) < 2:
        return None
    gradients = networks.input_gradients(weights[runs], examples=examples)
    if not np.isfinite(gradients).all():
        return None
    agree = agreement.example_agreement(agreement.directions(gradients))
    order = np.argsort(agree, kind="stable")[: np.isfinite(agree).sum()]
    if not len(order):
        return None
    typical = int(order[len(order) // 2])
    x = networks.test_inputs(examples[[typical]])[0]
    return {
        "example": int(examples[typical]),
        "label": int(population.labels[examples[typical]]),
        "agreement": float(agree[typical]),
        "x": rounded(x.ravel(), digits=DRAWN),
        "shape": list(x.shape),
        "runs": [int(run) for run in runs],
        "maps": rounded(gradients[:, typical], digits=DRAWN),
    }


def _pairs(
    population: PopulationArrays, which: str, kind: str, *, low: float, level: float
) -> list[tuple[At, Estimate]]:
    found = population.derived(("attributions", which), lambda: _agreements(population, which))[kind]
    has = np.isfinite(np.diag(found))
    sums = off_diagonal_row_sums(found[np.ix_(has, has)])
    n_examples = min(population.n_examples, EXAMPLES)
    reason = NOTHING if len(found) > 1 and len(sums) < 2 else "two runs have no example on which both have a gradient"
    estimate = pair_mean_estimate(sums, level=level, n_examples=n_examples, bounds=(low, 1.0), reason=reason)
    return [(None, estimate)]


def _agreements(population: PopulationArrays, which: str) -> dict[str, Float[np.ndarray, "r r"]]:
    """The matrices of all three measures from gradients made once, a block of examples at a time."""
    networks = population.networks
    assert networks is not None
    weights = getattr(population, WEIGHTS[which])[np.flatnonzero(population.usable_weights)[:RUNS]]
    n_runs, examples = len(weights), spaced(population.n_examples, EXAMPLES)
    sums = {kind: agreement.Sums.none(n_runs) for kind in UNITS}
    finite = np.ones(n_runs, dtype=bool)
    width = int(np.prod(networks.test_inputs(examples[:1]).shape[1:]))
    for part in blocks(len(examples) if n_runs else 0, bytes_each=4 * n_runs * width, limit=GRADIENT_BYTES):
        gradients = networks.input_gradients(weights, examples=examples[part])
        finite &= np.isfinite(gradients).all(axis=(1, 2))
        clean = np.where(finite[:, None, None], gradients, np.float32(0))
        sums = {kind: agreement.add_examples(sums[kind], clean, units) for kind, units in UNITS.items()}
    matrices = {kind: total.mean for kind, total in sums.items()}
    for matrix in matrices.values():
        matrix[~finite] = matrix[:, ~finite] = np.nan
    return matrices
