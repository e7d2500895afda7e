"""What every layer of a network computes for examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Float, Shaped

from varbench.trees import unravel

if TYPE_CHECKING:
    from varbench.probes.networks import TrainedNetworks

PROGRAM_BYTES = 128 * 2**20
"""Size that the activations of one call of the compiled program may have."""


def activation_shapes(networks: TrainedNetworks) -> dict[str, tuple[int, ...]]:
    """Shape [*space, units] of every layer's activations of one example, in the order of the network.

    Returns:
        Empty where the model does not tell its activations.
    """
    tells = networks.model.activations
    if tells is None:
        return {}
    one = jax.eval_shape(networks.inputs, networks.examples("test")[0][:1])
    layers = jax.eval_shape(tells, networks.params_like, networks.state_like, one)
    return {name: tuple(layer.shape[1:]) for name, layer in layers.items()}


def activations(
    networks: TrainedNetworks, weights: Float[np.ndarray, "n P"], x: Shaped[np.ndarray, "e ..."]
) -> dict[str, Float[np.ndarray, "n e ..."]]:
    """Activations [n, e, *space, units], float32, of every layer in the order of the network, in evaluation.

    Space is kept apart from units: whether its positions are further units or further examples is for the measure to
    say.

    Args:
        networks: Of a model that tells its activations.
        weights: Rows.
        x: Examples as the data set stores them.
    """
    shapes = activation_shapes(networks)
    bytes_each = 4 * len(x) * sum(int(np.prod(shape)) for shape in shapes.values())
    return dict(networks.mapped(_Layers(networks), weights, x, most=max(1, PROGRAM_BYTES // max(1, bytes_each))))


@dataclass(frozen=True)
class _Layers:
    """Equal to any other of the same networks, so that it is compiled once."""

    networks: TrainedNetworks

    def __call__(self, weights: jax.Array, x: jax.Array) -> dict[str, jax.Array]:
        tells, params = self.networks.model.activations, unravel(weights, self.networks.params_like)
        assert tells is not None  # callers ask for the shapes first
        return tells(params, self.networks.state_of(weights), self.networks.inputs(x))
