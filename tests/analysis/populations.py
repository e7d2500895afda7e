"""Small populations to measure, planted and degenerate."""

from __future__ import annotations

from typing import Any

import numpy as np

from varbench.analysis.population import PopulationArrays

LAYERS = (("dense/kernel", 0, 9), ("dense/bias", 9, 12))


def population(
    n_runs: int = 9, n_examples: int = 40, n_classes: int = 4, *, seed: int = 0, **change: Any
) -> PopulationArrays:
    """Runs that share something learned, differ in quality, and moved from their own initial weights."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_examples)
    learned = rng.normal(size=(n_examples, n_classes)) + 2.0 * np.eye(n_classes)[labels]
    quality = 1.0 + 0.3 * rng.normal(size=(n_runs, 1, 1))
    logits = quality * learned + 1.2 * rng.normal(size=(n_runs, n_examples, n_classes))
    initial = rng.normal(size=(n_runs, 12))
    arrays: dict[str, Any] = {
        "logits": logits.astype(np.float32),
        "labels": labels,
        "finished": np.ones(n_runs, dtype=bool),
        "weights": (initial + 1.0 + 0.5 * rng.normal(size=(n_runs, 12))).astype(np.float32),
        "initial_weights": initial.astype(np.float32),
        "layers": LAYERS,
        "train_loss": rng.random(n_runs),
        "train_accuracy": rng.random(n_runs),
    }
    return PopulationArrays(**{**arrays, **change})


def with_arrays(base: PopulationArrays, **change: Any) -> PopulationArrays:
    """The same population with some arrays replaced."""
    runs = ("finished", "weights", "initial_weights", "layers", "train_loss", "train_accuracy", "levels")
    names = ("logits", "labels", *runs)
    return PopulationArrays(**{**{name: getattr(base, name) for name in names}, **change})


def degenerate() -> dict[str, PopulationArrays]:
    """Inputs at the edge of what measures are defined for."""
    usual = population()
    equal = {
        name: np.repeat(getattr(usual, name)[:1], usual.n_runs, axis=0)
        for name in ("logits", "weights", "initial_weights", "train_loss", "train_accuracy")
    }
    perfect = (8.0 * np.eye(4)[usual.labels]).astype(np.float32)
    spoiled, holes = usual.logits.copy(), usual.logits.copy()
    spoiled[3] = np.nan
    holes[2, 5, 1] = np.inf
    none = np.zeros(usual.n_runs, dtype=bool)
    one_left = none.copy()
    one_left[4] = True
    lost_weights = usual.weights.copy()
    lost_weights[0, 0] = np.nan
    return {
        "usual": usual,
        "one run": population(1),
        "two runs": population(2),
        "three runs": population(3),
        "all runs equal": with_arrays(usual, **equal),
        "one class": population(n_classes=1),
        "two classes": population(n_classes=2),
        "one example": population(n_examples=1),
        "one run, one example, one class": population(1, 1, 1),
        "all labels alike": with_arrays(usual, labels=np.zeros(usual.n_examples, dtype=int)),
        "perfect": with_arrays(usual, logits=np.repeat(perfect[None], usual.n_runs, axis=0)),
        "always wrong": with_arrays(usual, logits=np.repeat(-perfect[None], usual.n_runs, axis=0)),
        "constant logits": with_arrays(usual, logits=np.zeros_like(usual.logits)),
        "huge logits": with_arrays(usual, logits=usual.logits * np.float32(1e35)),
        "NaN logits in one run": with_arrays(usual, logits=spoiled),
        "one infinite logit": with_arrays(usual, logits=holes),
        "one run diverged": with_arrays(usual, finished=np.arange(usual.n_runs) != 3, logits=spoiled),
        "one run left": with_arrays(usual, finished=one_left),
        "all runs diverged": with_arrays(usual, finished=none),
        "NaN weights in one run": with_arrays(usual, weights=lost_weights),
        "weights are all zero": with_arrays(usual, weights=np.zeros_like(usual.weights)),
        "weights never moved": with_arrays(usual, weights=usual.initial_weights),
        "no weights": with_arrays(usual, weights=None, initial_weights=None, layers=()),
        "weights of length zero": with_arrays(
            usual, weights=usual.weights[:, :0], initial_weights=usual.weights[:, :0], layers=()
        ),
        "no training scores": with_arrays(usual, train_loss=None, train_accuracy=None),
        "weights beyond any distance": with_arrays(
            usual, weights=usual.weights.astype(float) * 1e304, initial_weights=usual.initial_weights.astype(float)
        ),
        "weights whose squares overflow": with_arrays(
            usual,
            weights=usual.weights.astype(float) * 1e200,
            initial_weights=usual.initial_weights.astype(float) * 1e200,
        ),
        "weights whose squares underflow": with_arrays(
            usual,
            weights=usual.weights.astype(float) * 1e-170,
            initial_weights=usual.initial_weights.astype(float) * 1e-170,
        ),
        "one run's weights overflow": with_arrays(
            usual, weights=usual.weights * 1e304 ** np.where(one_left, 1.0, 0.0)[:, None]
        ),
        "weights near the largest": with_arrays(
            usual, weights=usual.weights.astype(float) * 1e299, initial_weights=None
        ),
        "NaN training loss": with_arrays(usual, train_loss=np.full(usual.n_runs, np.nan)),
    }
