"""Test examples changed to be misread: along the gradient of the loss, and, as the control, at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float, Int, Shaped

from varbench.trees import unravel

if TYPE_CHECKING:
    from varbench.probes.networks import TrainedNetworks

STEP = 2.5
"""Length of a step of many, in radii over the number of steps (Madry et al. 2018): enough to cross the ball."""


def adversarial(
    networks: TrainedNetworks,
    weights: Float[np.ndarray, "n P"],
    examples: Int[np.ndarray, " e"],
    radii: Float[np.ndarray, " q"],
    *,
    steps: int,
) -> Shaped[np.ndarray, "n q e *shape"]:
    """Test examples of highest loss in L∞ balls around them, as the data set stores them, one for each network.

    x ← Π(x + α sign ∂L/∂x), L the cross-entropy of the right class and Π the projection on the ball and on the range
    of the training inputs. With one step α is the radius: the fast gradient sign method (Goodfellow et al. 2015,
    arXiv 1412.6572). With more it is 2.5 radii over the steps: projected gradient descent (Madry et al. 2018, arXiv
    1706.06083), here from the example itself and not from a random point, so that it is deterministic.

    Args:
        networks: Of any model.
        weights: Rows, each attacked by itself in evaluation.
        examples: Rows of the test set.
        radii: In SDs of the training inputs, 0 or more.
        steps: At least 1.

    Returns:
        Whole numbers where images are stored as bytes: at most half of one beyond the ball.
    """
    x, y = networks.dataset.x_test[examples], networks.dataset.y_test[examples]
    low, high, sd = _range(networks)
    found = networks.mapped(
        _Attack(networks, steps), weights, x, y, np.float32(sd * radii), np.float32(low), np.float32(high)
    )
    return _stored(networks, found)


def noisy(
    networks: TrainedNetworks, examples: Int[np.ndarray, " e"], radii: Float[np.ndarray, " q"], *, key: int
) -> Shaped[np.ndarray, "q e *shape"]:
    """The same examples moved by as much in every input, up or down at random: corners of the balls.

    As far from the example as what one step of `adversarial` makes, and within the same range.
    """
    x = np.asarray(networks.dataset.x_test[examples], np.float32)
    low, high, sd = _range(networks)
    signs = np.random.default_rng(key).choice(np.array([-1.0, 1.0], np.float32), size=x.shape)
    size = np.float32(sd * radii).reshape(-1, *[1] * x.ndim)
    return _stored(networks, np.clip(x + size * signs, low, high))


@dataclass(frozen=True)
class _Attack:
    """Equal to any other of the same networks and steps, so that it is compiled once."""

    networks: TrainedNetworks
    steps: int

    def __call__(
        self, weights: jax.Array, x: jax.Array, y: jax.Array, radii: jax.Array, low: jax.Array, high: jax.Array
    ) -> jax.Array:
        networks = self.networks
        params, state = unravel(weights, networks.params_like), networks.state_of(weights)
        start, right = x.astype(jnp.float32), jax.nn.one_hot(y, networks.dataset.classes)

        def loss(moved: jax.Array) -> jax.Array:
            logits = networks.model.apply(params, state, networks.inputs(moved), jax.random.key(0), False)[0]
            return -(jax.nn.log_softmax(logits.astype(jnp.float32)) * right).sum()

        def within(radius: jax.Array) -> jax.Array:
            length = radius if self.steps == 1 else STEP * radius / self.steps
            least, most = jnp.maximum(start - radius, low), jnp.minimum(start + radius, high)

            def step(_: jax.Array, moved: jax.Array) -> jax.Array:
                return jnp.clip(moved + length * jnp.sign(jax.grad(loss)(moved)), least, most)

            return lax.fori_loop(0, self.steps, step, start)

        return lax.map(within, radii)


def _range(networks: TrainedNetworks) -> tuple[float, float, float]:
    """Smallest and largest training input, and their SD."""
    x = networks.dataset.x_train
    return float(x.min()), float(x.max()), float(np.std(x, dtype=np.float64))


def _stored(networks: TrainedNetworks, values: np.ndarray) -> np.ndarray:
    kind = networks.dataset.x_test.dtype
    return (np.rint(values) if kind == np.uint8 else values).astype(kind)
