"""How a network's answer to a test example moves with each of its inputs: gradients of a logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from varbench.trees import unravel

if TYPE_CHECKING:
    from varbench.probes.networks import TrainedNetworks


def input_gradients(
    networks: TrainedNetworks, weights: Float[np.ndarray, "n P"], examples: Int[np.ndarray, " e"]
) -> Float[np.ndarray, "n e D"]:
    """Gradient of the logit of the right class by the D inputs of each test example, float32, in evaluation.

    Of the right class, so that all runs are asked the same question: gradients of the class that each run predicts
    would explain different answers wherever two runs disagree, and so measure disagreement once more. By what the
    network sees, the standardized inputs. One backward pass: in evaluation an example's logits depend on it alone.

    Args:
        networks: Of any model.
        weights: Rows.
        examples: Rows of the test set.
    """
    data = networks.dataset
    return networks.mapped(_Gradients(networks), weights, data.x_test[examples], data.y_test[examples])


@dataclass(frozen=True)
class _Gradients:
    """Equal to any other of the same networks, so that it is compiled once."""

    networks: TrainedNetworks

    def __call__(self, weights: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        networks = self.networks
        params, state = unravel(weights, networks.params_like), networks.state_of(weights)
        right = jax.nn.one_hot(y, networks.dataset.classes)

        def asked(inputs: jax.Array) -> jax.Array:
            return (networks.model.apply(params, state, inputs, jax.random.key(0), False)[0] * right).sum()

        return jnp.reshape(jax.grad(asked)(networks.inputs(x)), (len(x), -1))
