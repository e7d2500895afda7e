"""The same results written as `.npz`, as CSV and as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

R, E, K = 6, 12, 3


def arrays(kind: str = "probabilities", *, seed: int = 0, **change: Any) -> dict[str, np.ndarray]:
    """Two conditions of three runs, with levels; None takes an array out."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, K, E)
    logits = (2.0 * np.eye(K)[labels] + rng.normal(size=(R, E, K))).astype(np.float32)
    exponentials = np.exp(logits)
    scores = {
        "logits": logits,
        "probabilities": exponentials / exponentials.sum(-1, keepdims=True),
        "predictions": logits.argmax(-1),
    }
    whole = {
        "labels": labels,
        kind: scores[kind],
        "condition": np.array(["sgd"] * 3 + ["adam"] * 3),
        "init": np.arange(R) % 3,
        "order": np.arange(R) // 2,
    }
    return {name: np.asarray(array) for name, array in (whole | change).items() if array is not None}


def frame(given: dict[str, np.ndarray]) -> pd.DataFrame:
    """A long table of arrays without weights: example first, then run, so that order is no help."""
    scores = given.get("predictions", given.get("probabilities"))
    n_runs, n_examples = scores.shape[:2]
    example, run = (index.ravel() for index in np.meshgrid(np.arange(n_examples), np.arange(n_runs), indexing="ij"))
    columns = {"run": run, "example": example, "label": given["labels"][example]}
    columns |= {"classes": np.broadcast_to(given["classes"], run.shape)} if "classes" in given else {}
    if "predictions" in given:
        columns["prediction"] = scores[run, example]
    else:
        columns |= {f"p{k}": scores[run, example, k] for k in range(scores.shape[2])}
    columns |= {name: given[name][run] for name in ("condition", "init", "order") if name in given}
    return pd.DataFrame(columns)


def write(path: Path, given: dict[str, np.ndarray]) -> Path:
    """The arrays as a file of the kind that its ending says."""
    if path.suffix == ".npz":
        np.savez(path, **given)
    elif path.suffix == ".csv":
        frame(given).to_csv(path, index=False)
    else:
        frame(given).to_parquet(path, index=False)
    return path
