"""What trained networks add to the made-up document: paths between runs, averages of weights, principal components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

ALPHA = np.linspace(0, 1, 9)
SHARES = (0.24, 0.11)


def plots(rng: np.random.Generator, *, runs: int, pairs: int = 3) -> dict[str, Any]:
    """Paths that rise to a barrier, which relabeling lowers; final weights spread out from the initial ones."""
    bump, found = 4 * ALPHA * (1 - ALPHA), {}
    for form, height in (("raw", 0.6), ("aligned", 0.15)):
        found[form] = {
            split: {
                "loss": (level + (height * bump + slope * ALPHA) * (1 + 0.1 * rng.random((pairs, 1)))).tolist(),
                "error": (0.3 * level + 0.4 * height * bump * (1 + 0.1 * rng.random((pairs, 1)))).tolist(),
            }
            for split, level, slope in (("train", 0.2, 0.05), ("test", 0.9, 0.1))
        }
    initial = rng.normal(size=(runs, 2))
    final = 3 * initial + rng.normal(size=(runs, 2))
    ends = [[2 * i, 2 * i + 1] for i in range(pairs)]
    return {
        "paths": {"alpha": ALPHA.tolist(), "runs": ends, **found},
        "weight_pca": {
            "shares": list(SHARES),
            "runs": (final - final.mean(0)).tolist(),
            "initial": (initial - final.mean(0)).tolist(),
        },
    }


def estimates(estimate: Callable[..., None], entry: dict[str, Any], *, alone: float, sizes: tuple[int, ...]) -> None:
    """What the plots show, with intervals."""
    method = "t over disjoint pairs of runs"
    for form, suffix in (("raw", ""), ("aligned", "_aligned")):
        for split, scored in entry["paths"][form].items():
            for score, unit in (("loss", "nats"), ("error", "pp")):
                curves = np.array(scored[score])
                chord = curves[:, :1] + ALPHA * (curves[:, -1:] - curves[:, :1])
                value = float((curves - chord).max(1).mean())
                estimate(f"{score}_barrier{suffix}", value, 0.1 * value, unit, at=split, method=method)
        for size in sizes:
            reached = alone - (0.02 if suffix else 0.3) * np.log2(size)
            estimate(f"soup_accuracy{suffix}", reached, 0.02, "fraction", at=size, method=method)
            estimate(f"soup_loss{suffix}", 1 - reached, 0.02, "nats", at=size, method=method)
    for k, share in enumerate(SHARES):
        estimate("weight_pca_share", share, 0.02, "fraction", at=k + 1)
