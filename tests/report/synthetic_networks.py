"""What networks at hand add to the made-up document: likeness of layers, agreement of attributions, one example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LAYERS = ("conv1", "conv2", "logits")
AGREEMENT = {"cosine": 0.6, "rank_correlation": 0.34, "topk_overlap": 0.28}


def plots(rng: np.random.Generator, shape: tuple[int, ...], *, runs: int = 4) -> dict[str, Any]:
    """Layers alike near each other, and runs whose gradients share a direction."""
    apart = np.abs(np.subtract.outer(np.arange(len(LAYERS)), np.arange(len(LAYERS))))
    size = int(np.prod(shape))
    gradients = rng.normal(size=size) + 0.8 * rng.normal(size=(runs, size))
    return {
        "layers": {"names": list(LAYERS), "trained": (0.95 - 0.2 * apart).tolist()},
        "attributions": {
            "example": 17,
            "label": 3,
            "agreement": 0.61,
            "x": np.sin(np.arange(size) / 3.0).tolist(),
            "shape": list(shape),
            "runs": list(range(runs)),
            "maps": gradients.tolist(),
        },
    }


def estimates(entry: Callable[..., None]) -> None:
    """Trained networks more alike than untrained ones in every layer but the first."""
    for depth, layer in enumerate(LAYERS):
        entry("cka", 0.96 - 0.01 * depth, 0.01, "index", at=layer)
        entry("cka_untrained", 0.96 - 0.3 * depth, 0.03, "index", at=layer)
        entry("procrustes_distance", 0.25 + 0.02 * depth, 0.01, "distance", at=layer)
        entry("procrustes_distance_untrained", 0.25 + 0.2 * depth, 0.02, "distance", at=layer)
    for name, value in AGREEMENT.items():
        entry(f"attribution_{name}", value, 0.02, "index")
        entry(f"attribution_{name}_untrained", 0.1 if name == "topk_overlap" else 0.001, 0.002, "index")
