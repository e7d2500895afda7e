"""Generators of points in the plane: one learns in a game against a discriminator, one by maximum likelihood.

Both see the same batches, under the same optimizer and learning rate. Parameters are flat vectors: few arrays, little
to compile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from varbench.keys import source_key

COMPONENTS = 64
"""Gaussians of the density model, one SD each; more than there are modes."""

WIDE = 0.3
"""Their SD at the start, in SDs of the data."""

MAGNIFIED = 4.0
"""The discriminator sees points so many times as far out: modes are narrow against the reach of a tanh unit."""


@dataclass(frozen=True)
class Setting:
    """What is held identical in all runs.

    Attributes:
        hidden: Units of each of the two hidden layers of every network.
        latent: Size of the noise from which the generator makes a point.
        batch: Points and noises in a batch.
        steps: Updates of each network.
        generator_lr: Adam's learning rate for generator and density model at the first step; rates fall to 0 linearly.
        discriminator_lr: The discriminator's.
        beta1: Momentum of all of them.
    """

    hidden: int
    latent: int
    batch: int
    steps: int
    generator_lr: float
    discriminator_lr: float
    beta1: float = 0.5

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """Layers of generator and discriminator."""
        hidden = (self.hidden, self.hidden)
        return (self.latent, *hidden, 2), (2, *hidden, 1)

    @property
    def optimizers(self) -> tuple[Any, ...]:
        """Optimizers of generator, discriminator and density model."""
        rates = (self.generator_lr, self.discriminator_lr, self.generator_lr)
        return tuple(optax.adam(optax.linear_schedule(rate, 0.0, self.steps), b1=self.beta1) for rate in rates)


class Modes(NamedTuple):
    """A mixture of Gaussians of equal shares; only the first `count` centers are used."""

    centers: Float[Array, "m 2"]
    count: Any
    sd: Any


class Players(NamedTuple):
    """Parameters and optimizer states of generator, discriminator and density model of one run."""

    parameters: tuple[Float[Array, " P"], ...]
    states: tuple[Any, ...]


def begin(level: Any, modes: Modes, setting: Setting) -> Players:
    """What a run starts from: two random networks, and Gaussians of equal shares around random points of the data."""
    parameters: list[jax.Array] = []
    for place, sizes in enumerate(setting.sizes):
        pairs = pairwise(sizes)
        scales = [np.repeat([1.0 / math.sqrt(pair[0]), 0.0], [pair[0] * pair[1], pair[1]]) for pair in pairs]
        scale = np.concatenate(scales).astype(np.float32)
        parameters.append(jnp.asarray(scale) * jax.random.normal(source_key("init", level, place), scale.shape))
    means = _points(jax.random.normal(source_key("init", level, len(parameters)), (COMPONENTS, 3)), modes)
    log_sds = jnp.full(COMPONENTS, jnp.log(WIDE * jnp.sqrt((modes.centers**2).sum() / (2 * modes.count))))
    parameters.append(jnp.concatenate([jnp.zeros(COMPONENTS), log_sds, means.T.ravel()]))
    states = (optimizer.init(vector) for optimizer, vector in zip(setting.optimizers, parameters, strict=True))
    return Players(tuple(parameters), tuple(states))


def step(players: Players, key: Any, modes: Modes, setting: Setting) -> tuple[Players, Float[Array, " 3"]]:
    """One update of each network, with the losses before it.

    The discriminator minimizes −log D(x) − log(1 − D(G(z))), then the generator −log D(G(z)) (non-saturating,
    Goodfellow et al. 2014, section 3) with other noise, and the density model −log p(x); all in nats.
    """
    of_generator, of_discriminator = setting.sizes
    numbers = jax.random.normal(key, (setting.batch, 3 + 2 * setting.latent))
    x, noise, more = _points(numbers[:, :3], modes), *jnp.split(numbers[:, 3:], 2, axis=1)
    generator, discriminator, density = players.parameters
    optimizers = setting.optimizers

    def judged(network: Any, points: Any) -> Any:
        return apply(network, MAGNIFIED * points, of_discriminator)

    def discriminator_loss(network: Any) -> Any:
        made = apply(generator, noise, of_generator)
        return jax.nn.softplus(-judged(network, x)).mean() + jax.nn.softplus(judged(network, made)).mean()

    def density_loss(network: Any) -> Any:
        return -log_density(network, x).mean()

    d_loss, discriminator, d_state = _updated(discriminator_loss, discriminator, players.states[1], optimizers[1])

    def generator_loss(network: Any) -> Any:
        return jax.nn.softplus(-judged(discriminator, apply(network, more, of_generator))).mean()

    g_loss, generator, g_state = _updated(generator_loss, generator, players.states[0], optimizers[0])
    m_loss, density, m_state = _updated(density_loss, density, players.states[2], optimizers[2])
    after = Players((generator, discriminator, density), (g_state, d_state, m_state))
    return after, jnp.stack([d_loss, g_loss, m_loss])


def draw(players: Players, key: Any, count: int, setting: Setting) -> Float[Array, "2 n 2"]:
    """Samples of the generator and of the density model."""
    numbers = jax.random.normal(key, (count, setting.latent + 3))
    made = apply(players.parameters[0], numbers[:, 3:], setting.sizes[0])
    return jnp.stack([made, density_points(players.parameters[2], numbers[:, :3])])


def apply(network: Float[Array, " P"], x: Float[Array, "b i"], sizes: tuple[int, ...]) -> Float[Array, "b o"]:
    """A multilayer perceptron with tanh units."""
    start = 0
    for layer, (before, after) in enumerate(pairwise(sizes), start=1):
        middle, end = start + before * after, start + (before + 1) * after
        x = x @ network[start:middle].reshape(before, after) + network[None, middle:end]
        x, start = x if layer == len(sizes) - 1 else jnp.tanh(x), end
    return x


def log_density(density: Float[Array, " P"], x: Float[Array, "b 2"]) -> Float[Array, " b"]:
    """log p(x) in nats of round Gaussians: logits of their shares, log SDs, first and second coordinates of means."""
    logits, log_sds, first, second = jnp.split(density, 4)
    squares = (x[:, :1] - first[None]) ** 2 + (x[:, 1:] - second[None]) ** 2
    terms = jax.nn.log_softmax(logits) - 2.0 * log_sds - math.log(2.0 * math.pi)
    return jax.nn.logsumexp(terms[None] - 0.5 * squares * jnp.exp(-2.0 * log_sds)[None], axis=1)


def density_points(density: Float[Array, " P"], numbers: Float[Array, "n 3"]) -> Float[Array, "n 2"]:
    """Points of the density model from standard normal numbers: one for the choice of the Gaussian, two within it."""
    logits, log_sds, first, second = jnp.split(density, 4)
    ends = jnp.cumsum(jax.nn.softmax(logits))
    chosen = jnp.searchsorted(ends, jax.scipy.special.ndtr(numbers[:, 0])).clip(max=COMPONENTS - 1)
    means = jnp.stack([first, second], axis=1)
    return means[chosen] + jnp.exp(log_sds)[chosen, None] * numbers[:, 1:]


def _points(numbers: Float[Array, "b 3"], modes: Modes) -> Float[Array, "b 2"]:
    """Points of the data from standard normal numbers."""
    chosen = (jax.scipy.special.ndtr(numbers[:, 0]) * modes.count).astype(jnp.int32)
    return modes.centers[jnp.minimum(chosen, modes.count - 1)] + modes.sd * numbers[:, 1:]


def _updated(loss: Any, network: Any, state: Any, optimizer: Any) -> tuple[Any, Any, Any]:
    value, gradient = jax.value_and_grad(loss)(network)
    change, state = optimizer.update(gradient, state)
    return value, network + change, state
