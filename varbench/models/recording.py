"""How a network hands out what its layers compute, without computing anything else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

LOGITS = "logits"
"""Name of the last layer."""

Record: TypeAlias = Callable[[str, jax.Array], jax.Array]
"""`record(name, value)` returns the value: `h = record("hidden", relu(layer(x)))`."""


def unrecorded(name: str, value: jax.Array) -> jax.Array:
    """The default: nothing is kept."""
    return value


class Recording:
    """Keeps what it is called with, in order."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, jax.Array] = OrderedDict()

    def __call__(self, name: str, value: jax.Array) -> jax.Array:
        """Keep a layer's output under its name; that of a layer called again as `name@2`.

        Returns:
            The value, for use in the middle of an expression.
        """
        calls = sum(kept.split("@")[0] == name for kept in self._values)
        self._values[f"{name}@{calls + 1}" if calls else name] = value
        return value

    def finished(self, logits: jax.Array) -> OrderedDict[str, jax.Array]:
        """What was kept, in float32, with the logits last; a last layer that returns the logits is named so."""
        layers = [(name, value) for name, value in self._values.items() if value is not logits]
        return OrderedDict((name, value.astype(jnp.float32)) for name, value in (*layers, (LOGITS, logits)))
