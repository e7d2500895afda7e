"""What a file says, as arrays, before anything of it is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

SCORES = ("predictions", "logits", "probabilities")
"""What a run says about every example: exactly one of them is given."""


@dataclass(frozen=True)
class Raw:
    """Arrays by their name, not yet checked.

    Attributes:
        arrays: `labels`, one of `SCORES`, and what else there is: `weights`, `initial_weights`, `condition`,
            `example_id`, `classes`.
        levels: Source → level of every run.
        where: (name, index) → what a sentence calls that place: `labels[3]`, `row 4, label`.
        ignored: Names in the file that mean nothing here.
        form: What the file is, in words.
    """

    arrays: Mapping[str, np.ndarray]
    where: Callable[[str, tuple[int, ...]], str]
    form: str
    levels: Mapping[str, np.ndarray] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
