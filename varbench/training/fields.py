"""The fields of a recipe under the names that others give them."""

from __future__ import annotations

import difflib
from collections.abc import Collection

OTHER_NAMES = {
    "learning_rate": "lr",
    "eta": "lr",
    "step_size": "lr",
    "wd": "weight_decay",
    "l2": "weight_decay",
    "bs": "batch_size",
    "batch": "batch_size",
    "minibatch_size": "batch_size",
    "opt": "optimizer",
    "optim": "optimizer",
    "algorithm": "optimizer",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "num_steps": "steps",
    "max_steps": "steps",
    "iterations": "steps",
    "dataset": "data",
    "arch": "model",
    "architecture": "model",
    "network": "model",
    "layers": "hidden",
    "channels": "hidden",
    "hidden_sizes": "hidden",
    "dropout_rate": "dropout",
    "lr_schedule": "schedule",
    "scheduler": "schedule",
    "warmup_steps": "warmup",
    "clip_norm": "clip",
    "grad_clip": "clip",
    "max_grad_norm": "clip",
    "normalization": "norm",
    "smoothing": "label_smoothing",
    "dtype": "precision",
}
"""Names that other programs and papers use, and the field of a recipe."""


def field_meant(name: str, known: Collection[str]) -> str | None:
    """The field that was probably meant by a name that is none: by another name for it, or by a typo."""
    names = {_plain(field): field for field in known}
    names |= {_plain(other): field for other, field in OTHER_NAMES.items() if _plain(other) not in names}
    near = difflib.get_close_matches(_plain(name), names, n=1)
    return names[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
