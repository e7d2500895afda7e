"""How alike two runs represent the test examples, layer by layer, with untrained networks beside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.plotdata import plot_data, rounded
from varbench.analysis.population import PopulationArrays
from varbench.measures import representations as geometry
from varbench.measures.blocks import blocks
from varbench.stats.estimate import Estimate, missing
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean_estimate

RUNS = 64
"""Runs compared by CKA at most, the first usable ones."""

PROCRUSTES_RUNS = 8
"""Runs compared by Procrustes at most: each pair and layer costs a singular value decomposition."""

EXAMPLES = 256
"""Test examples looked at, evenly spaced."""

POSITIONS = 32
"""Positions of a convolutional layer that enter the Procrustes distance, of each example."""

ACTIVATION_BYTES = 128 * 2**20
"""Activations held at a time."""

MUTE = "the network does not tell the activations of its layers"
CONSTANT = "fewer than 2 runs have a layer that varies over the examples"

WEIGHTS = {"trained": "weights", "untrained": "initial_weights"}


class Layers(NamedTuple):
    """CKA and Procrustes distance of every pair of runs by layer, mean CKA between layers, and examples used."""

    cka: dict[str, Float[np.ndarray, "r r"]]
    procrustes: dict[str, Float[np.ndarray, "q q"]]
    between: Float[np.ndarray, "L L"]
    n_examples: int


@measure(
    "cka",
    label="CKA of representations",
    unit="index",
    better="none",
    meaning="Likeness of two runs' representations of the test examples: 1 but for rotation and scale, 0 if unrelated.",
    needs=("networks", "weights"),
)
def cka(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Debiased linear CKA, mean over pairs of usable runs, at every layer; convolutional layers flattened.

    Each example is one row, because debiasing rests on rows that are independent, and positions of one image are not.
    """
    return _cka(population, "trained", level=level)


@measure(
    "cka_untrained",
    label="CKA of untrained representations",
    unit="index",
    better="none",
    meaning="The same between the runs' initial weights: what architecture and data alone make alike.",
    needs=("networks", "initial_weights"),
)
def cka_untrained(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`cka` of the initial weights: the null to read it against, exactly 1 where all runs start alike."""
    return _cka(population, "untrained", level=level)


@measure(
    "procrustes_distance",
    label="Procrustes distance",
    unit="distance",
    better="none",
    meaning="What the best rotation leaves between two runs' representations: 0 nothing, 1 where they share nothing.",
    needs=("networks", "weights"),
)
def procrustes_distance(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """√(1 − ‖AᵀB‖_*), mean over pairs of usable runs, at every layer.

    In convolutional layers each position of each example is a row: a rotation of channels is what relabeling can do,
    while one of channels at all positions together would fit a few hundred examples whatever they are.
    """
    return _procrustes(population, "trained", level=level)


@measure(
    "procrustes_distance_untrained",
    label="Procrustes distance, untrained",
    unit="distance",
    better="none",
    meaning="The same between the runs' initial weights: what architecture and data alone make alike.",
    needs=("networks", "initial_weights"),
)
def procrustes_distance_untrained(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """`procrustes_distance` of the initial weights: the null to read it against, 0 where all runs start alike."""
    return _procrustes(population, "untrained", level=level)


@plot_data("layers", needs=("networks", "weights"))
def layers(population: PopulationArrays) -> dict[str, Any] | None:
    """Mean CKA of layer a in one run and layer b in another, [L, L] by name, for trained and untrained networks."""
    names = list(_shapes(population))
    if len(names) < 2 or np.isnan(_layers(population, "trained").between).all():
        return None
    there = [which for which, array in WEIGHTS.items() if not population.lacks(array)]
    return {"names": names, **{which: rounded(_layers(population, which).between) for which in there}}


def spaced(total: int, most: int) -> Int[np.ndarray, " n"]:
    """`most` of `range(total)`, evenly spaced, or all."""
    return np.arange(total) if total <= most else np.arange(most) * total // most


def _cka(population: PopulationArrays, which: str, *, level: float) -> list[tuple[At, Estimate]]:
    if not _shapes(population):
        return _mute(population, level=level)
    found = _layers(population, which)
    return [(name, _pairs(m, found.n_examples, bounds=(-1.0, 1.0), level=level)) for name, m in found.cka.items()]


def _procrustes(population: PopulationArrays, which: str, *, level: float) -> list[tuple[At, Estimate]]:
    if not _shapes(population):
        return _mute(population, level=level)
    found = _layers(population, which)
    return [(name, _pairs(m, found.n_examples, bounds=(0.0, 1.0), level=level)) for name, m in found.procrustes.items()]


def _pairs(matrix: Float[np.ndarray, "r r"], n_examples: int, *, bounds: tuple[float, float], level: float) -> Estimate:
    """Over the runs whose layer varies: NaN on the diagonal marks the others."""
    varies = np.isfinite(np.diag(matrix))
    sums = off_diagonal_row_sums(matrix[np.ix_(varies, varies)])
    if len(matrix) > 1 and len(sums) < 2:
        reason = CONSTANT if n_examples >= geometry.FEWEST else f"needs at least {geometry.FEWEST} test examples"
        return missing(reason, level=level, n_runs=len(sums), n_examples=n_examples)
    return pair_mean_estimate(sums, level=level, n_examples=n_examples, bounds=bounds)


def _mute(population: PopulationArrays, *, level: float) -> list[tuple[At, Estimate]]:
    return [(None, missing(MUTE, level=level, n_runs=population.n_runs, n_examples=population.n_examples))]


def _shapes(population: PopulationArrays) -> dict[str, tuple[int, ...]]:
    assert population.networks is not None  # a need of every measure here
    return population.networks.activation_shapes


def _layers(population: PopulationArrays, which: str) -> Layers:
    return population.derived(("layers", which), lambda: _compared(population, which))


def _compared(population: PopulationArrays, which: str) -> Layers:
    """Activations a block of runs at a time; of a run, CKA keeps the U-centered Gram matrix of every layer."""
    networks, shapes = population.networks, _shapes(population)
    assert networks is not None
    weights = getattr(population, WEIGHTS[which])[np.flatnonzero(population.usable_weights)[:RUNS]]
    examples = spaced(population.n_examples, EXAMPLES)
    vectors = np.empty((len(shapes), len(weights), len(examples) * (len(examples) - 1) // 2))
    rows: dict[str, list[np.ndarray]] = {name: [] for name in shapes}
    bytes_each = 4 * len(examples) * sum(int(np.prod(shape)) for shape in shapes.values())
    for part in blocks(len(weights), bytes_each=bytes_each, limit=ACTIVATION_BYTES):
        found = networks.activations(weights[part], examples=examples)
        for layer, (name, values) in enumerate(found.items()):
            finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
            clean = np.where(finite[(slice(None), *[None] * (values.ndim - 1))], values, np.float32(0))
            vectors[layer, part] = geometry.cka_vectors(clean.reshape(*clean.shape[:2], -1))
            rows[name].append(_positions(clean[: max(0, PROCRUSTES_RUNS - part.start)]))
    if not len(weights):
        none = {name: np.zeros((0, 0)) for name in shapes}
        return Layers(none, none, np.full((len(shapes), len(shapes)), np.nan), len(examples))
    everywhere = np.isfinite(vectors).all(axis=(0, 2))
    return Layers(
        cka={name: geometry.cka_matrix_of(v) for name, v in zip(shapes, vectors, strict=True)},
        procrustes={name: geometry.procrustes_distance_matrix(np.concatenate(r)) for name, r in rows.items()},
        between=geometry.cka_between_layers(vectors if everywhere.all() else vectors[:, everywhere]),
        n_examples=len(examples),
    )


def _positions(values: Float[np.ndarray, "r e ..."]) -> Float[np.ndarray, "r rows units"]:
    """One row for each example and position; of many positions those at multiples of the golden ratio, modulo 1.

    Unlike evenly spaced ones, these do not fall into one column of an image.
    """
    n_runs, n_examples, units = values.shape[0], values.shape[1], values.shape[-1]
    flat = values.reshape(n_runs, n_examples, -1, units)
    if flat.shape[2] > POSITIONS:
        golden = (np.sqrt(5.0) - 1.0) / 2.0
        flat = flat[:, :, np.floor((np.arange(POSITIONS) * golden) % 1.0 * flat.shape[2]).astype(int)]
    return flat.reshape(n_runs, n_examples * flat.shape[2], units)
