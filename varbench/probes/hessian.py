"""The Hessian of the training loss of a trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import optax

from varbench.measures.curvature import Curvature
from varbench.probes.curvature import hessian_product, spectrum

if TYPE_CHECKING:
    from varbench.probes.networks import TrainedNetworks

EXAMPLES = 512
"""The loss is the mean over the first so many training examples: the same ones for all runs and steps."""

ORDER = 16
"""Lanczos steps of each probe."""

PROBES = 4
"""Random probes; `ORDER` times as many Hessian–vector products are taken at each weight vector."""


def curvature_of(
    networks: TrainedNetworks, weights: jax.Array, x: jax.Array, y: jax.Array, key: jax.Array
) -> Curvature:
    """Extreme eigenvalues, trace and negative share of the Hessian of one network [P].

    The loss is the cross-entropy of evaluation (no dropout, augmentation, label smoothing, weight decay or label
    noise) on the first `EXAMPLES` training examples of the data set. Batch statistics are those of the weights, held
    fixed while the Hessian is taken.
    """
    x, y = x[:EXAMPLES], y[:EXAMPLES]
    state = jax.lax.stop_gradient(networks.state_of(weights))
    targets = jax.nn.one_hot(y, networks.dataset.classes)

    def loss(vector: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy(networks.forward(vector, state, x), targets).mean()

    found = spectrum(hessian_product(loss, weights), like=weights, order=ORDER, probes=PROBES, count=1, key=key)
    values: dict[str, Any] = {  # arrays of one network here; `mapped` makes them numpy arrays of all
        "largest": found.largest[0],
        "smallest": found.smallest[0],
        "trace": found.trace,
        "trace_se": found.trace_se,
        "negative": found.negative,
        "negative_se": found.negative_se,
    }
    return Curvature(**values)
