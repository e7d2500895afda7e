from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from varbench.models import Model
from varbench.trees import leaves_by_path, with_leaves

from .cases import BATCH, CASES, Case

KEY = jax.random.key(0)
SEEDS = (1, 2, 1)
QUICK = {"xla_backend_optimization_level": 0}
"""These programs run for microseconds and compile for seconds."""


@dataclass(frozen=True)
class Subject:
    """A model under test with its compiled functions, so that every test of it shares them."""

    case: Case
    model: Model

    @cached_property
    def starts(self) -> tuple[Any, Any]:
        """(params, state) for the `SEEDS`, stacked."""
        keys = jnp.stack([jax.random.key(seed) for seed in SEEDS])
        return jax.jit(jax.vmap(self.model.init), compiler_options=QUICK)(keys)

    def start(self, lane: int = 0) -> tuple[Any, Any]:
        """(params, state) for one of the `SEEDS`."""
        return jax.tree.map(lambda leaf: leaf[lane], self.starts)

    @cached_property
    def x(self) -> jax.Array:
        return self.case.inputs()

    @cached_property
    def evaluate(self) -> Any:
        """`(params, state, x, key) -> (logits, state)`"""
        return jax.jit(lambda *args: self.model.apply(*args, False), compiler_options=QUICK)

    @cached_property
    def activations(self) -> Any:
        """`(params, state, x) -> (layers, logits of apply)`, in one program: the shared part is computed once."""

        def both(params: Any, state: Any, x: jax.Array) -> Any:
            layers = self.model.activations(params, state, x)
            return layers, self.model.apply(params, state, x, jax.random.key(0), False)[0]

        return jax.jit(both, compiler_options=QUICK)

    @cached_property
    def train(self) -> Any:
        """`(params, state, x, key) -> (logits, state)`"""
        return jax.jit(lambda *args: self.model.apply(*args, True), compiler_options=QUICK)

    @cached_property
    def gradients(self) -> Any:
        """`(params, state, x, keys) -> (gradients, (logits, state))` of models side by side, on one batch."""
        targets = jax.nn.one_hot(jnp.arange(BATCH) % self.case.classes, self.case.classes)

        def loss(params: Any, state: Any, x: jax.Array, key: jax.Array) -> Any:
            logits, after = self.model.apply(params, state, x, key, True)
            return optax.softmax_cross_entropy(logits, targets).mean(), (logits, after)

        batched = jax.vmap(jax.grad(loss, has_aux=True), in_axes=(0, 0, None, 0))
        return jax.jit(batched, compiler_options=QUICK)


@pytest.fixture(scope="module", params=CASES)
def subject(request: pytest.FixtureRequest) -> Subject:
    case = CASES[request.param]
    return Subject(case, case.make())


@pytest.fixture(scope="module")
def function(subject):
    """`(params, state) -> logits` in float32, whatever the model's own arithmetic."""
    model, x = subject.case.make(dtype=None), subject.x
    return jax.jit(lambda params, state: model.apply(params, state, x, KEY, False)[0], compiler_options=QUICK)


@pytest.fixture(scope="module")
def trained_like(subject):
    """Weights and statistics in which no two units are alike, as fresh biases, scales and statistics are."""
    generator = np.random.default_rng(3)

    def spread(path, leaf):
        if path.endswith(("var", "scale")):
            return jnp.asarray(generator.uniform(0.5, 2, leaf.shape), jnp.float32)
        deviation = 0.5 if len(leaf.shape) == 1 else np.prod(leaf.shape[:-1]) ** -0.5
        return jnp.asarray(generator.normal(0, deviation, leaf.shape), jnp.float32)

    return tuple(
        with_leaves(tree, {path: spread(path, leaf) for path, leaf in leaves_by_path(tree).items()})
        for tree in jax.eval_shape(subject.model.init, KEY)
    )
