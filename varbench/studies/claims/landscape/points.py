"""What the study of the loss landscape reads from the networks of a population: per run, along training, on paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.landscape import KEY
from varbench.analysis.document import LEVEL
from varbench.analysis.paths import ALPHAS, Form, path_pairs, paths
from varbench.measures.barriers import barrier
from varbench.parameters import Leaf
from varbench.stats.concordance import kendall, kendall_estimate
from varbench.stats.disjoint import disjoint_mean_estimate
from varbench.stats.estimate import UNBOUNDED, Estimate
from varbench.stats.jackknife import jackknife_estimate
from varbench.studies.study import Evidence
from varbench.studies.sweeps import change, over_runs, ratio

CURVED = 8
"""Curvature is measured of so many runs at most, the first ones."""

BAD = 0.5
"""A point is bad while its training loss is above this share of the run's initial one."""


SCALE = 4.0
"""The first layer times this and the readout over it: the same function, elsewhere in the weights."""

SWEPT = {
    "base": "as it is",
    "rate-low": "learning rate ÷ 5",
    "rate-high": "learning rate × 5",
    "decay-mid": "weight decay × 10",
    "decay-high": "weight decay × 100",
}
"""Recipes whose sharpness is held against their test loss: populations of the study of hyperparameters."""

WIDTHS = ("narrow", "base", "wide")
FORMS: tuple[Form, ...] = ("raw", "aligned")


class Along(NamedTuple):
    """Points of the training of r runs at S snapshots.

    Attributes:
        steps: When.
        loss: Training loss in nats.
        negative: Share of negative curvature of the training loss.
        lowest: Its smallest eigenvalue.
        largest: Its largest eigenvalue.
        squared_norm: Squared norm of its gradient.
    """

    steps: Int[np.ndarray, " S"]
    loss: Float[np.ndarray, "r S"]
    negative: Float[np.ndarray, "r S"]
    lowest: Float[np.ndarray, "r S"]
    largest: Float[np.ndarray, "r S"]
    squared_norm: Float[np.ndarray, "r S"]


Group: TypeAlias = Mapping[str, Evidence]
Found: TypeAlias = Mapping[str, Estimate]


class Shown(NamedTuple):
    """What the charts are drawn from.

    Attributes:
        group: The populations of a recipe, by what was changed.
        points: Of the training of the base; None where it kept no snapshots.
        sharp: From `sharpnesses`.
        found: From `measured`.
    """

    group: Group
    points: Along | None
    sharp: Mapping[str, Float[np.ndarray, " c"]]
    found: Found


def along(e: Evidence) -> Along | None:
    """The first runs of which all snapshots are finite; None where there are none, or no snapshots."""
    arrays = e.arrays
    rows = np.flatnonzero(arrays.usable_snapshots)[:CURVED]
    if arrays.snapshots is None or arrays.snapshot_steps is None or arrays.networks is None or not len(rows):
        return None
    weights = arrays.snapshots[rows].reshape(-1, arrays.snapshots.shape[2])
    curved = arrays.networks.curvature(weights, key=KEY)
    values = (
        arrays.networks.scores(weights, "train")[0],
        curved.negative,
        curved.smallest,
        curved.largest,
        arrays.networks.gradient_noise(weights).squared_norm,
    )
    shape = (len(rows), -1)
    return Along(arrays.snapshot_steps, *(np.asarray(v, np.float64).reshape(shape) for v in values))


def bad_points(points: Along) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"]]:
    """For each run, the share of negative curvature at its bad points minus that at its others, and λ_min at the bad.

    Returns:
        Means over the points of each kind; NaN where a run has none of a kind.
    """
    bad = points.loss > BAD * points.loss[:, :1]
    excess = _mean(points.negative, bad) - _mean(points.negative, ~bad)
    return excess, _mean(points.lowest, bad)


def progress(points: Along) -> tuple[Float[np.ndarray, "r I"], Float[np.ndarray, "r I"]]:
    """Norm of the gradient at each snapshot but the last, and the fall of the loss per step until the next one."""
    fall = -np.diff(points.loss, axis=1) / np.diff(points.steps)
    return np.sqrt(points.squared_norm[:, :-1]), fall


def progress_rank(points: Along) -> Float[np.ndarray, " r"]:
    """Kendall's correlation of the two along the training of each run."""
    return kendall(*progress(points))


def sharpnesses(group: Group) -> dict[str, Float[np.ndarray, " c"]]:
    """λ_max of the training loss at the end of the first runs of every swept condition, and of both batch sizes.

    "rescaled" has those of the base with their layers scaled against each other. All are measured in one call, by one
    network: they are of one form.

    Returns:
        c values each, c the first runs that all have, `CURVED` at most; NaN where a run diverged or has no such form.
    """
    words = (*SWEPT, "small-batch", "full-batch")
    first, networks = min(CURVED, *(group[word].arrays.n_runs for word in words)), group["base"].arrays.networks
    assert networks is not None
    found = {word: np.full(first, np.nan) for word in (*words, "rescaled")}
    places, parts = [], []
    for word in words:
        arrays = group[word].arrays
        rows = np.flatnonzero(arrays.usable_weights[:first])
        assert arrays.weights is not None
        places += [(word, row) for row in rows]
        parts.append(arrays.weights[rows])
        moved = rescaled(arrays.weights[rows], networks.leaves, SCALE) if word == "base" else None
        if moved is not None:
            places += [("rescaled", row) for row in rows]
            parts.append(moved)
    if places:
        for (word, row), value in zip(places, networks.curvature(np.concatenate(parts), key=KEY).largest, strict=True):
            found[word][row] = value
    return found


def test_loss(e: Evidence) -> Float[np.ndarray, " R"]:
    """Test loss of every run, NaN where it diverged."""
    found = np.full(e.arrays.n_runs, np.nan)
    found[e.arrays.usable] = e.arrays.loss
    return found


def rank_between(first: Float[np.ndarray, "C R"], second: Float[np.ndarray, "C R"]) -> Estimate:
    """Kendall's correlation over C recipes of their means over the runs that have both; the recipes are the sample.

    A recipe without such a run is left out.
    """
    there = np.isfinite(first) & np.isfinite(second)
    some = there.any(axis=1)
    means = [np.nanmean(np.where(there[some], values[some], np.nan), axis=1) for values in (first, second)]
    return kendall_estimate(*means, level=LEVEL, units="recipes")


def rank_within(first: Float[np.ndarray, "C R"], second: Float[np.ndarray, "C R"]) -> Estimate:
    """Kendall's correlation over the runs of a recipe, mean over C recipes, leaving a level out of all of them."""
    there = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    x, y = first[:, there], second[:, there]
    value = float(kendall(x, y).mean())
    left_out = [kendall(np.delete(x, run, axis=1), np.delete(y, run, axis=1)).mean() for run in range(x.shape[1])]
    reason = "a rank correlation needs at least 2 runs that finished in every recipe"
    return jackknife_estimate(
        value, np.array(left_out), level=LEVEL, n_examples=None, bounds=(-1.0, 1.0), reason=reason
    )


def barriers(e: Evidence, form: Form) -> Float[np.ndarray, " n"]:
    """Barrier of the training loss between runs a and b at place a · R + b, NaN where two runs are no pair."""
    found = np.full((e.arrays.n_runs,) * 2, np.nan)
    pairs = path_pairs(e.arrays)
    if len(pairs) and (form == "raw" or (e.arrays.networks is not None and e.arrays.networks.symmetries)):
        found[tuple(pairs.T)] = barrier(paths(e.arrays, form, "train").loss, ALPHAS)
    return found.ravel()


def over_pairs(values: Float[np.ndarray, " n"], *, bounds: tuple[float, float] = UNBOUNDED) -> Estimate:
    """Mean over the disjoint pairs of runs that have a value: the pairs are the sample."""
    return disjoint_mean_estimate(values[np.isfinite(values)], size=2, level=LEVEL, n_examples=None, bounds=bounds)


def path_losses(e: Evidence, form: Form) -> Float[np.ndarray, "n A"]:
    """Training loss along the paths of all pairs; empty without pairs."""
    return paths(e.arrays, form, "train").loss if len(path_pairs(e.arrays)) else np.zeros((0, 0))


def rescaled(
    weights: Float[np.ndarray, "n P"], leaves: tuple[Leaf, ...], factor: float
) -> Float[np.ndarray, "n P"] | None:
    """The same functions with the first layer times a factor and the readout over it, for one layer of rectified units.

    Returns:
        None for a network of another form.

    Source: Dinh et al. 2017, arXiv 1703.04933, definition 5.
    """
    layers = {leaf.path: slice(leaf.start, leaf.stop) for leaf in leaves}
    if set(layers) != {"hidden/0/kernel", "hidden/0/bias", "readout/kernel", "readout/bias"}:
        return None
    found = weights.astype(np.float32).copy()
    for path in ("hidden/0/kernel", "hidden/0/bias"):
        found[:, layers[path]] *= factor
    found[:, layers["readout/kernel"]] /= factor
    return found


def measured(group: Group, points: Along | None, sharp: Mapping[str, Float[np.ndarray, " c"]]) -> Found:
    """Every quantity that the rule or a chart needs."""
    nothing = np.zeros(0)
    excess, lowest = (nothing, nothing) if points is None else bad_points(points)
    found = {
        "landscape_saddle": over_runs(excess, bounds=(-1.0, 1.0)),
        "landscape_lowest": over_runs(lowest),
        "landscape_progress": over_runs(nothing if points is None else progress_rank(points), bounds=(-1.0, 1.0)),
    }
    first = len(sharp["base"])
    losses = {word: test_loss(group[word])[:first] for word in SWEPT}
    both = np.array([sharp[word] for word in SWEPT]), np.array([losses[word] for word in SWEPT])
    found["landscape_between"] = rank_between(*both)
    found["landscape_within"] = rank_within(*both)
    found["landscape_rescaled"] = ratio(sharp["base"], sharp["rescaled"])
    found["landscape_batch"] = ratio(sharp["small-batch"], sharp["full-batch"])
    small, full = group["small-batch"], group["full-batch"]
    found["landscape_batch_loss"] = change(test_loss(small), test_loss(full), n_examples=small.arrays.n_examples)
    heights = {(form, word): barriers(group[word], form) for form in FORMS for word in WIDTHS}
    for (form, word), values in heights.items():
        found[f"{form} {word}"] = over_pairs(values, bounds=(0.0, np.inf))
    found["landscape_width"] = over_pairs(heights["aligned", "wide"] - heights["aligned", "narrow"])
    wide = group["wide"].arrays
    assert wide.train_loss is not None
    trained = np.where(wide.usable, wide.train_loss.astype(np.float64), np.nan)
    found["train loss"] = over_runs(trained, bounds=(0.0, np.inf))
    return found


def _mean(values: Float[np.ndarray, "r S"], chosen: np.ndarray) -> Float[np.ndarray, " r"]:
    count = chosen.sum(axis=1)
    total = np.where(chosen, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
