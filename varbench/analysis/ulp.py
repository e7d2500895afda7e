"""The one-ULP pairs of a population, and whether they keep to the protocol."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from varbench.analysis.population import PopulationArrays
from varbench.measures.separation import (
    SATURATED,
    Triples,
    independent_distances,
    separation_curves,
    ulp_triples,
    words_changed,
)
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean

NO_TRIPLES = (
    "no run of this population that was moved by one ULP has its base run and an untouched duplicate beside it in one "
    "block: make the design with ulp_pairs"
)


class Pairs(NamedTuple):
    """The pairs that keep to the protocol, their curves [B, S], and the distances [S, B, B] between their base runs."""

    triples: Triples
    curves: Float[np.ndarray, "B S"]
    independent: Float[np.ndarray, "S B B"]


def no_protocol(population: PopulationArrays) -> str | None:
    """None: no run was moved by one ULP; a reason: none of them is part of a triple; empty: there are triples."""
    ulp = population.levels.get("ulp")
    if ulp is None or not (ulp > 0).any():
        return None
    return "" if len(ulp_triples(population.levels).base) else NO_TRIPLES


def protocol_kept(population: PopulationArrays) -> dict[str, np.ndarray]:
    """Whether each triple began one word apart, and whether its duplicate ended bit-identical to its base run."""
    triples = ulp_triples(population.levels)
    found: dict[str, np.ndarray] = {}
    if population.initial_weights is not None:
        first = population.initial_weights
        found["one word"] = words_changed(first[triples.base], first[triples.perturbed]) == 1
    if population.weights is not None:
        same = words_changed(population.weights[triples.base], population.weights[triples.duplicate]) == 0
        outputs = population.logits if population.logits is not None else population.predicted_labels
        for i, (a, b) in enumerate(zip(triples.base, triples.duplicate, strict=True)):
            same[i] &= outputs[a].tobytes() == outputs[b].tobytes()
        found["duplicate"] = same
    return found


def pairs_of(population: PopulationArrays) -> Pairs:
    def compute() -> Pairs:
        triples = ulp_triples(population.levels)
        usable = population.usable_snapshots
        good = np.logical_and.reduce([*protocol_kept(population).values(), *(usable[rows] for rows in triples)])
        chosen = Triples(*(rows[good] for rows in triples))
        assert population.snapshots is not None
        curves = separation_curves(population.snapshots, chosen.base, chosen.perturbed)
        return Pairs(chosen, curves, independent_distances(population.snapshots, chosen.base))

    return population.derived("ulp pairs", compute)


def ceiling_of(pairs: Pairs) -> float:
    """Where growth no longer counts as early: a tenth of the final distance of independent runs, or of the pairs
    themselves where there is one base run only."""
    apart = pair_mean(off_diagonal_row_sums(pairs.independent[-1]))
    return SATURATED * (apart if math.isfinite(apart) and apart > 0 else float(pairs.curves[:, -1].max()))
