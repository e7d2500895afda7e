"""The races of the analysis: what is computed from many runs, by varbench and as published codes do it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.speed import published
from varbench.analysis.catalogue import estimates
from varbench.analysis.population import PopulationArrays
from varbench.measures.alignment import weight_matching
from varbench.measures.relabeling import permuted
from varbench.measures.representations import cka_matrix
from varbench.parameters import Leaf, PermutationGroup, Slot
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean_estimate

CLASSES, EXAMPLES = 10, 10_000
SIZES = (40, 100, 100, 10)
"""Layers of the networks whose weights are compared."""
ROWS, UNITS = 128, 100
"""Examples and units of the representations that are compared."""
LEAST_RUNS = 3
"""Below, no interval can be formed by leaving a run out."""

Inputs = dict[str, np.ndarray]
Answer = list[float]


@dataclass(frozen=True)
class Peer:
    """Another way to the same numbers.

    Attributes:
        label: What tables call it.
        answer: The numbers, from the inputs.
        most_runs: So many runs at most are timed; for more, the time is scaled by the number of pairs.
        loops: A loop over pairs, as published codes have it.
    """

    label: str
    answer: Callable[[Inputs], Answer]
    most_runs: int
    loops: bool = True


@dataclass(frozen=True)
class Case:
    """One race of the analysis.

    Attributes:
        name: How it is asked for and filed.
        meaning: What is computed, in a few words.
        runs: Numbers of runs.
        inputs: Made-up results of so many runs.
        answer: The numbers by varbench.
        peers: Who else computes them.
        pairs: Pairs of runs behind the numbers, for so many runs.
        floor: Seconds that reading the input once, or the arithmetic of all pairs, takes at least, from the number of
            runs and the machine's limits; None if there is no such bound.
        tolerance: How far apart the numbers of a peer and of varbench may be; they are of order 1.
    """

    name: str
    meaning: str
    runs: tuple[int, ...]
    inputs: Callable[[int], Inputs]
    answer: Callable[[Inputs], Answer]
    peers: tuple[Peer, ...]
    floor: Callable[[int, dict[str, float]], float | None]
    pairs: Callable[[int], int] = lambda runs: runs * (runs - 1) // 2
    tolerance: float = 1e-9


def predictions(runs: int, *, examples: int = EXAMPLES) -> Inputs:
    """Labels of runs that agree on most examples, and less on the later ones."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, examples, dtype=np.int32)
    hard = np.linspace(0, 128, examples).astype(np.uint8)
    found = np.empty((runs, examples), np.int32)
    for run in range(runs):
        other = random.integers(0, CLASSES, examples, dtype=np.int32)
        found[run] = np.where(random.integers(0, 256, examples, dtype=np.uint8) < hard, other, labels)
    return {"predictions": found, "labels": labels}


def networks(runs: int) -> Inputs:
    """Weights of unrelated networks."""
    return {"weights": np.random.default_rng(0).standard_normal((runs, leaves()[-1].stop), dtype=np.float32)}


def representations(runs: int) -> Inputs:
    """Activations that share half of their variance."""
    random = np.random.default_rng(0)
    shared = random.standard_normal((ROWS, UNITS), dtype=np.float32)
    return {"features": shared + random.standard_normal((runs, ROWS, UNITS), dtype=np.float32)}


def leaves() -> list[Leaf]:
    """The parameters of the networks."""
    found, start = list[Leaf](), 0
    for layer, (a, b) in enumerate(itertools.pairwise(SIZES)):
        for path, shape in ((f"{layer}/kernel", (a, b)), (f"{layer}/bias", (b,))):
            found.append(Leaf(path, shape, start, start + int(np.prod(shape))))
            start = found[-1].stop
    return found


def groups() -> list[PermutationGroup]:
    """Their hidden units, that can be relabeled."""
    return [
        PermutationGroup(
            str(layer), size, (Slot(f"{layer}/kernel", 1), Slot(f"{layer}/bias", 0), Slot(f"{layer + 1}/kernel", 0))
        )
        for layer, size in enumerate(SIZES[1:-1])
    ]


def _named(measure: str, given: Inputs) -> Answer:
    """A measure of varbench with its interval, from the arrays on."""
    if "predictions" in given:
        population = PopulationArrays(**given, classes=CLASSES)
    else:
        nothing = np.zeros((len(given["weights"]), 1), np.int32)
        population = PopulationArrays(predictions=nothing, labels=nothing[0], classes=2, weights=given["weights"])
    ((_, _, estimate),) = estimates(population, names=[measure], key=0)
    return _numbers(estimate)


def _numbers(estimate: Any) -> Answer:
    return [estimate.value, estimate.low, estimate.high]


def _cka(given: Inputs) -> Answer:
    sums = off_diagonal_row_sums(cka_matrix(given["features"]))
    return _numbers(pair_mean_estimate(sums, level=0.95, n_examples=ROWS, bounds=(-1.0, 1.0)))


def _matched(first: np.ndarray, relabeled: np.ndarray) -> Answer:
    """Cosine of every pair after matching."""
    a, b = first.astype(np.float64), relabeled.astype(np.float64)
    return (np.einsum("np,np->n", a, b) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))).tolist()


def _disjoint_pairs(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[pairs, P] each; the last of an odd number of runs has no partner."""
    return weights[0 : len(weights) - 1 : 2], weights[1::2]


def _alignment(given: Inputs) -> Answer:
    first, second = _disjoint_pairs(given["weights"])
    about = {"leaves": leaves(), "groups": groups()}
    found = weight_matching(first, second, **about, generator=np.random.default_rng(0))
    return _matched(first, permuted(second, found.permutations, **about))


def _git_re_basin(given: Inputs) -> Answer:
    first, second = _disjoint_pairs(given["weights"])
    axes: published.Axes = {leaf.path: (None,) * len(leaf.shape) for leaf in leaves()}
    for group in groups():
        for slot in group.slots:
            axes[slot.path] = tuple(group.name if i == slot.axis else g for i, g in enumerate(axes[slot.path]))
    relabeled = []
    for a, b in zip(first, second, strict=True):
        layers = [
            {leaf.path: w[leaf.start : leaf.stop].reshape(leaf.shape).astype(np.float64) for leaf in leaves()}
            for w in (a, b)
        ]
        found = published.git_re_basin(axes, *layers, np.random.default_rng(0))
        moved = [published.permuted(axes, found, layers[1], leaf.path).ravel() for leaf in leaves()]
        relabeled.append(np.concatenate(moved))
    return _matched(first, np.array(relabeled))


def _loops(name: str, of_pair: Callable[[np.ndarray, np.ndarray], float], given: Inputs) -> Answer:
    return published.leave_one_out(published.over_pairs(given[name], of_pair))


def _at_once(name: str, matrix: Callable[[np.ndarray], np.ndarray], given: Inputs) -> Answer:
    return published.leave_one_out(matrix(given[name]))


def _correct(of_pair: Callable[[np.ndarray, np.ndarray], float], given: Inputs) -> Answer:
    correct = given["predictions"] == given["labels"]
    return published.leave_one_out(published.over_pairs(correct, of_pair))


def _reading(runs: int, limits: dict[str, float]) -> float:
    return 4 * runs * EXAMPLES / limits["bytes"]


def _arithmetic(each: float, runs: int, limits: dict[str, float]) -> float:
    """Of so many operations for a pair, in single precision."""
    return each * runs * (runs - 1) / 2 / limits["float32"]


LOOPS, SKLEARN = "NumPy, a loop over pairs", "scikit-learn"

CASES = {
    case.name: case
    for case in (
        Case(
            "disagreement",
            f"mean disagreement and its interval, {EXAMPLES:,} examples",
            (100, 1_000, 10_000),
            predictions,
            partial(_named, "disagreement"),
            (
                Peer(LOOPS, partial(_loops, "predictions", published.disagreement), 1_000),
                Peer(SKLEARN, partial(_at_once, "predictions", published.disagreement_sklearn), 1_000, loops=False),
            ),
            _reading,
        ),
        Case(
            "error consistency",
            f"mean kappa of the errors and its interval, {EXAMPLES:,} examples",
            (100, 1_000),
            predictions,
            partial(_named, "error_consistency"),
            (
                Peer(LOOPS, partial(_correct, published.kappa), 500),
                Peer(f"{SKLEARN}, a loop over pairs", partial(_correct, published.kappa_sklearn), 50),
            ),
            _reading,
        ),
        Case(
            "weight distance",
            f"mean distance of the weights and its interval, {leaves()[-1].stop:,} parameters",
            (100, 1_000),
            networks,
            partial(_named, "weight_distance"),
            (
                Peer(LOOPS, partial(_loops, "weights", published.weight_distance), 100),
                Peer(SKLEARN, partial(_at_once, "weights", published.weight_distance_sklearn), 1_000, loops=False),
            ),
            partial(_arithmetic, 2 * leaves()[-1].stop),
            tolerance=1e-6,
        ),
        Case(
            "alignment",
            f"weight matching of disjoint pairs, layers {' × '.join(map(str, SIZES))}",
            (100, 1_000),
            networks,
            _alignment,
            (Peer("git re-basin, a pair at a time", _git_re_basin, 100),),
            lambda runs, limits: None,
            pairs=lambda runs: runs // 2,
        ),
        Case(
            "cka",
            f"mean debiased CKA and its interval, {ROWS} examples × {UNITS} units",
            (100, 1_000),
            representations,
            _cka,
            (Peer(LOOPS, partial(_loops, "features", published.cka), 100),),
            partial(_arithmetic, ROWS * (ROWS - 1)),
        ),
    )
}
