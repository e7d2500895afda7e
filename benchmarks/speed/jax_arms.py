"""Plain JAX as one would write it for one run: scanned, step by step, and under `vmap`; and varbench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from benchmarks.speed.arms import Job, Trained
from benchmarks.speed.tasks import Task


class _Setup(NamedTuple):
    """What every way of training one run is made of.

    Attributes:
        begin: seed → parameters, state, moments and the key of the batch orders.
        shuffled: key, epoch → row numbers [N].
        step: (parameters, moments), state, row numbers, place in the epoch → (parameters, moments).
        outcome: first parameters, last parameters, state → accuracy on the test set, and distance between the two.
        steps, per_epoch: Steps of a run, and of an epoch.
    """

    begin: Callable[..., Any]
    shuffled: Callable[..., jax.Array]
    step: Callable[..., Any]
    outcome: Callable[..., tuple[jax.Array, jax.Array]]
    steps: int
    per_epoch: int


def _setup(job: Job) -> _Setup:
    from varbench.models import Options, build

    task = Task(**{k: tuple(v) if isinstance(v, list) else v for k, v in job.task.items()})
    x_train, y_train, x_test, y_test = (jnp.asarray(array) for array in job.data())
    dtype = jnp.bfloat16 if task.precision == "bfloat16" else None
    options = Options(task.model, x_train.shape[1:], 10, hidden=task.hidden, convolution="native", dtype=dtype)
    model, optimizer = build(options), optax.adam(task.lr)
    size, unused = task.batch_size, jax.random.key(0)

    def begin(seed: jax.Array) -> tuple[Any, Any, Any, jax.Array]:
        init_key, order_key = jax.random.split(jax.random.key(seed))
        params, state = model.init(init_key)
        return params, state, optimizer.init(params), order_key

    def shuffled(order_key: jax.Array, epoch: jax.Array) -> jax.Array:
        return jax.random.permutation(jax.random.fold_in(order_key, epoch), len(y_train))

    def step(trained: Any, state: Any, order: jax.Array, i: jax.Array) -> Any:
        params, moments = trained
        rows = lax.dynamic_slice(order, (i * size,), (size,))

        def loss_of(params: Any) -> jax.Array:
            logits, _ = model.apply(params, state, x_train[rows], unused, True)
            return optax.softmax_cross_entropy(logits, jax.nn.one_hot(y_train[rows], 10)).mean()

        updates, moments = optimizer.update(jax.grad(loss_of)(params), moments, params)
        return optax.apply_updates(params, updates), moments

    def outcome(first: Any, params: Any, state: Any) -> tuple[jax.Array, jax.Array]:
        accuracy = (model.apply(params, state, x_test, unused, False)[0].argmax(-1) == y_test).mean()
        return accuracy, optax.global_norm(jax.tree.map(jnp.subtract, params, first))

    return _Setup(begin, shuffled, step, outcome, task.steps, len(y_train) // size)


def _run_of(job: Job) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """seed → test accuracy, distance: one whole run as a function that can be compiled and batched."""
    of = _setup(job)

    def run(seed: jax.Array) -> tuple[jax.Array, jax.Array]:
        params, state, moments, order_key = of.begin(seed)

        def epoch(trained: Any, e: jax.Array) -> tuple[Any, None]:
            order = of.shuffled(order_key, e)
            return lax.scan(lambda t, i: (of.step(t, state, order, i), None), trained, jnp.arange(of.per_epoch))

        epochs, rest = divmod(of.steps, of.per_epoch)
        trained, _ = lax.scan(epoch, (params, moments), jnp.arange(epochs))
        if rest:
            order = of.shuffled(order_key, epochs)
            trained = lax.fori_loop(0, rest, lambda i, t: of.step(t, state, order, i), trained)
        return of.outcome(params, trained[0], state)

    return run


def loop(job: Job) -> Callable[[], list[Trained]]:
    """One compiled run, called for one seed after another."""
    run = jax.jit(_run_of(job))
    return lambda: [Trained(*map(float, run(jnp.uint32(seed)))) for seed in range(job.first, job.first + job.runs)]


def stepped(job: Job) -> Callable[[], list[Trained]]:
    """One compiled step in a Python loop: no scan, and so convolutions that XLA has kernels for."""
    of = _setup(job)
    begin, shuffled, outcome = jax.jit(of.begin), jax.jit(of.shuffled), jax.jit(of.outcome)
    step = jax.jit(of.step, donate_argnums=0)

    def run(seed: int) -> Trained:
        params, state, moments, order_key = begin(np.uint32(seed))
        trained = jax.tree.map(jnp.copy, params), moments  # what a step is given is gone afterwards
        for i in range(of.steps):
            epoch, place = divmod(i, of.per_epoch)
            if place == 0:
                order = shuffled(order_key, np.int32(epoch))
            trained = step(trained, state, order, np.int32(place))
        return Trained(*map(float, outcome(params, trained[0], state)))

    return lambda: [run(seed) for seed in range(job.first, job.first + job.runs)]


def vmapped(job: Job) -> Callable[[], list[Trained]]:
    """All runs as one batched program."""
    run = jax.jit(jax.vmap(_run_of(job)))
    seeds = jnp.arange(job.first, job.first + job.runs, dtype=jnp.uint32)
    return lambda: [Trained(*each) for each in np.stack(run(seeds), 1).tolist()]


def varbench(job: Job) -> Callable[[], list[Trained]]:
    """varbench's engine with its default strategy: curves and everything else that a population has included."""
    from varbench.training.engine import strategy_for

    return _engine(job, strategy_for)


def wide(job: Job) -> Callable[[], list[Trained]]:
    """The same with `--strategy.width` as large as the race."""
    from varbench.training.engine import strategy_for

    return _engine(
        job,
        lambda recipe, dataset: replace(
            strategy_for(recipe, dataset), width=job.runs, batching="vmap", chosen_by="flag"
        ),
    )


def _engine(job: Job, strategy_of: Callable[[Any, Any], Any]) -> Callable[[], list[Trained]]:
    from benchmarks.speed.population import population

    task = Task(**{k: tuple(v) if isinstance(v, list) else v for k, v in job.task.items()})
    dataset = task.dataset()
    engine, blocks = population(task.recipe, dataset, job.runs, strategy_of=strategy_of)

    def train() -> list[Trained]:
        told = []
        for block in engine.train(blocks):
            accuracies = (block.logits.argmax(-1) == dataset.y_test).mean(1)
            distances = np.linalg.norm(block.weights - block.initial_weights, axis=1)
            told += map(Trained, accuracies.tolist(), distances.tolist())
        return told

    return train
