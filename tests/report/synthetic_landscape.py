"""What a population with snapshots adds to the made-up document: curvature, slices, one-ULP pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = np.array([0, 1, 7, 55, 400, 3000])


def plots(rng: np.random.Generator, *, pairs: int = 4) -> dict[str, Any]:
    """Sharpness that rises and falls, a bowl with a ridge, distances that grow until they saturate."""
    shape = (pairs, len(STEPS))
    noise = np.exp(0.15 * rng.normal(size=shape))
    sharpness = np.array([8.0, 9.0, 30.0, 90.0, 60.0, 40.0]) * noise
    negative = np.clip(np.array([0.4, 0.38, 0.3, 0.15, 0.08, 0.05]) * noise, 0, 1)
    position = np.linspace(-0.5, 1.5, 9)
    ridge = 0.2 + 2.0 * np.sin(np.pi * position) ** 2 + np.maximum(np.abs(position - 0.5) - 0.5, 0)
    x, y = np.linspace(-4.0, 14.0, 7), np.linspace(-3.0, 12.0, 6)
    places = np.array([[0.0, 0.0], [10.0, 0.0], [5.2, 9.0]])
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    plane = 0.05 + 0.02 * np.min([((grid - place) ** 2).sum(-1) for place in places], axis=0)
    distance = np.minimum(1e-9 * np.exp(0.4 * np.arange(pairs)[:, None] + 4.2 * np.arange(len(STEPS))), 0.6) * noise
    return {
        "landscape": {
            "run": list(range(pairs)),
            "step": STEPS.tolist(),
            "sharpness": sharpness.tolist(),
            "hessian_trace": (6 * sharpness).tolist(),
            "negative_curvature": negative.tolist(),
            "lowest_curvature": (-sharpness / 20).tolist(),
        },
        "slices": {
            "run": [0, 3, 6],
            "line": {
                "position": position.tolist(),
                "train_loss": ridge.tolist(),
                "test_loss": (1.1 * ridge + 0.1).tolist(),
            },
            "plane": {
                "x": x.tolist(),
                "y": y.tolist(),
                "runs": places.tolist(),
                "tracks": (np.linspace(0.2, 1.0, 5)[:, None] * places[:, None]).tolist(),
                "train_loss": plane.tolist(),
                "test_loss": (plane + 0.3).tolist(),
            },
        },
        "separation": {
            "run": list(range(pairs)),
            "step": STEPS.tolist(),
            "distance": distance.tolist(),
            "independent": [0.99, 0.99, 0.97, 0.9, 0.86, 0.84],
            "ceiling": 0.084,
            "rate": [0.1] * pairs,
        },
    }


def estimates(entry: Callable[..., None], drawn: dict[str, Any]) -> None:
    """Means of what is drawn, by the document's own way of writing estimates."""
    units = {"sharpness": "none", "hessian_trace": "none", "negative_curvature": "fraction"}
    for name, unit in units.items():
        means = np.mean(drawn["landscape"][name], axis=0)
        for at, mean in [(None, means[-1]), *zip(STEPS.tolist(), means, strict=True)]:
            entry(name, float(mean), 0.2 * float(mean), unit, at=at, method="t over runs")
    for at, mean in zip(STEPS.tolist(), np.exp(np.log(drawn["separation"]["distance"]).mean(0)), strict=True):
        entry("separation", float(mean), 0.3 * float(mean), "distance", at=at)
    entry("ulp_one_word", 1.0, None, "fraction")
    entry("ulp_duplicate_equal", 1.0, None, "fraction")
    entry("separation_rate", 0.1, 0.02, "per step")
    entry("separation_saturation", 0.71, 0.05, "ratio")
    entry("separation_disagreement", 0.2, 0.03, "fraction")
