from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from varbench.models import Model

from .cases import BATCH, CASES, Case

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
