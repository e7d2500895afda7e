"""Small data, small recipes, and a training loop that one can read: what the engine is held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from varbench.data import Dataset
from varbench.keys import SOURCES, source_key
from varbench.models import Model
from varbench.training.batches import augmented, drawn_rows, epoch_order, noisy_labels
from varbench.training.design import Levels
from varbench.training.engine import Block, Engine
from varbench.training.recipe import Recipe

BASE = Recipe(
    data="toy", model="mlp", hidden=(16,), optimizer="adam", lr=0.01, schedule="constant", batch_size=10, steps=40
)
"""Six whole batches an epoch on `vectors()`: 40 steps are six epochs and a part of the seventh."""

QUICK = {"xla_backend_optimization_level": 0}
"""What runs for microseconds and would compile for seconds."""


def vectors() -> Dataset:
    """64 training and 26 test examples of three overlapping clouds."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 90)
    x = generator.normal(size=(90, 6)) + 0.8 * np.eye(3, 6)[labels]
    return Dataset("toy", x[:64], labels[:64], x[64:], labels[64:], classes=3, kind="vector")


def images() -> Dataset:
    """48 training and 26 test images in bytes, whose standardization is not the identity."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 74)
    x = generator.integers(0, 200, size=(74, 5, 4, 2)) + 25 * (labels == 1)[:, None, None, None]
    x = x.astype(np.uint8)
    means, stds = (100.0, 120.0), (50.0, 60.0)
    return Dataset("bytes", x[:48], labels[:48], x[48:], labels[48:], classes=3, kind="image", mean=means, std=stds)


def levels(**given: int) -> Levels:
    """A level for every source: 0 if not given."""
    return {source: given.get(source, 0) for source in SOURCES}


class One(NamedTuple):
    """The results of one run."""

    logits: np.ndarray
    weights: np.ndarray
    initial_weights: np.ndarray
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    curves: np.ndarray
    finished: np.ndarray

    def bits(self) -> bytes:
        """Everything, bit for bit."""
        return b"".join(np.ascontiguousarray(part).tobytes() for part in self)


def runs_of(block: Block) -> list[One]:
    """The runs of a block, one by one."""
    curves = np.stack([block.curves[name] for name in ("train_loss", "test_loss", "test_accuracy")], axis=-1)
    parts = (block.logits, block.weights, block.initial_weights, block.train_loss, block.train_accuracy)
    return [One(*(part[i] for part in (*parts, curves, block.finished))) for i in range(len(block.levels))]


def train(engine: Engine, rows: Sequence[Levels]) -> list[One]:
    """Every run of a design, in order."""
    return [run for block in engine.train(list(enumerate(engine.blocks_of(rows)))) for run in runs_of(block)]


def train_blocks(engine: Engine, blocks: Sequence[Sequence[Levels]]) -> list[list[One]]:
    """Blocks put together by hand."""
    numbered = [(i, tuple(block)) for i, block in enumerate(blocks)]
    return [runs_of(block) for block in engine.train(numbered)]


class Plain(NamedTuple):
    """What the plain loop gives."""

    initial: Any
    params: Any
    logits: np.ndarray
    losses: np.ndarray
    train_loss: float
    train_accuracy: float


def plain_loop(
    recipe: Recipe,
    dataset: Dataset,
    model: Model,
    optimizer: optax.GradientTransformation,
    row: Levels,
    *,
    reshuffle: bool = True,
) -> Plain:
    """One run as one would write it by hand: numpy indexing, one step after the other, no batching over runs."""
    n, batch = len(dataset.y_train), recipe.batch_size
    level = {source: jnp.asarray(value, jnp.uint32) for source, value in row.items()}
    labels = dataset.y_train
    if recipe.label_noise:
        labels = np.asarray(
            noisy_labels(
                level["label_noise"], jnp.asarray(labels), classes=dataset.classes, fraction=recipe.label_noise
            )
        )
    rows = np.arange(n)
    if recipe.resample != "none":
        rows = np.asarray(drawn_rows(level["data"], examples=n, resample=recipe.resample))
    x_train = (dataset.x_train.astype(np.float32) - dataset.mean) / dataset.std
    x_test = (dataset.x_test.astype(np.float32) - dataset.mean) / dataset.std

    @jax.jit
    def step(params, state, moments, x, y, key):
        def loss(params):
            logits, after = model.apply(params, state, x, key, True)
            targets = jnp.eye(dataset.classes)[y]
            targets = (1 - recipe.label_smoothing) * targets + recipe.label_smoothing / dataset.classes
            return -jnp.sum(targets * jax.nn.log_softmax(logits), axis=-1).mean(), after

        (value, after), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        updates, moments = optimizer.update(gradient, moments, params)
        return optax.apply_updates(params, updates), after, moments, value

    move = jax.jit(lambda i, x: augmented(level["augment"], i, x, recipe=recipe), compiler_options=QUICK)
    shuffle = jax.jit(lambda e: epoch_order(level["order"], e, examples=len(rows)), compiler_options=QUICK)
    params, state = initial, _ = jax.jit(model.init, compiler_options=QUICK)(source_key("init", row["init"]))
    moments, losses = optimizer.init(params), []
    per_epoch = len(rows) // batch
    for i in range(recipe.total_steps(n)):
        epoch, place = divmod(i, per_epoch)
        order = np.asarray(shuffle(jnp.asarray(epoch if reshuffle else 0)))
        chosen = rows[order[place * batch : (place + 1) * batch]]
        x = jnp.asarray(x_train[chosen])
        if recipe.shift or recipe.flip:
            x = move(jnp.asarray(i), x)
        key = source_key("dropout", row["dropout"], i)
        params, state, moments, value = step(params, state, moments, x, labels[chosen], key)
        losses.append(float(value))
    evaluate = jax.jit(lambda x: model.apply(params, state, x, jax.random.key(0), False)[0])
    seen, y = evaluate(x_train[rows]), labels[rows]
    train_loss = -np.mean(np.asarray(jax.nn.log_softmax(seen))[np.arange(len(y)), y])
    accuracy = np.mean(np.argmax(seen, axis=-1) == y)
    return Plain(initial, params, np.asarray(evaluate(x_test)), np.array(losses), float(train_loss), float(accuracy))


def relative_distance(one: np.ndarray, other: np.ndarray) -> float:
    """‖one − other‖ / ‖other‖."""
    return float(np.linalg.norm(np.asarray(one) - np.asarray(other)) / np.linalg.norm(np.asarray(other)))
