"""One training run as pure functions of its levels. Nothing here knows that other runs stand beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from varbench.keys import source_key
from varbench.models import Model
from varbench.training.batches import augmented, drawn_rows, epoch_order, noisy_labels
from varbench.training.evaluation import blockwise, loss_and_accuracy
from varbench.training.recipe import Recipe
from varbench.training.ulp import moved_by_one_ulp
from varbench.trees import ravel, unravel


class Arrays(NamedTuple):
    """The data set on the device, shared by all runs."""

    x_train: jax.Array
    y_train: jax.Array
    x_test: jax.Array
    y_test: jax.Array


class Carry(NamedTuple):
    """What one step hands to the next."""

    params: Any
    state: Any
    optimizer: Any
    order: jax.Array
    loss: jax.Array


class Fixed(NamedTuple):
    """What a run draws once, before its first step: None where the recipe draws nothing."""

    rows: jax.Array | None
    labels: jax.Array | None


class Outcome(NamedTuple):
    """What is left of one run: test logits [E, K], weights [P], loss and accuracy on the whole training set."""

    logits: jax.Array
    weights: jax.Array
    train_loss: jax.Array
    train_accuracy: jax.Array


class Score(NamedTuple):
    """One point of the curves: mean training loss since the last point, test loss and test accuracy."""

    train_loss: jax.Array
    test_loss: jax.Array
    test_accuracy: jax.Array


@dataclass(frozen=True)
class Run:
    """The pure functions that make one run, for one recipe and data set.

    Attributes:
        begin: `(levels, arrays) -> (carry, fixed, initial weights [P])`.
        advance: `(carry, fixed, levels, arrays, start, stop) -> carry` after steps start … stop − 1; their training
            losses are added to `carry.loss`.
        score: `(carry, arrays, steps) -> Score`, where `steps` is the number of losses in `carry.loss`.
        finish: `(carry, fixed, arrays) -> Outcome`.
        snapshot: `(carry) -> weights [P]` of the moment.
        steps: Optimizer steps of the whole run.
    """

    begin: Callable[..., tuple[Carry, Fixed, jax.Array]]
    advance: Callable[..., Carry]
    score: Callable[..., Score]
    finish: Callable[..., Outcome]
    snapshot: Callable[..., jax.Array]
    steps: int


def make_run(
    recipe: Recipe,
    model: Model,
    optimizer: optax.GradientTransformation,
    *,
    n_train: int,
    classes: int,
    mean: Any,
    std: Any,
    evaluation_block: int,
    curve_examples: int,
) -> Run:
    """The run of a recipe.

    Args:
        recipe: What is held identical.
        model: The network.
        optimizer: From `optimizer_of`.
        n_train: Examples in the training set.
        classes: Number of classes.
        mean, std: Standardization of the inputs, applied in the step so that data can stay in a narrow type.
        evaluation_block: Examples per forward pass outside training.
        curve_examples: The first so many test examples make the curves.
    """
    drawn = recipe.drawn_examples(n_train)
    per_epoch = recipe.steps_per_epoch(n_train)

    def widen(x: jax.Array) -> jax.Array:
        return (x.astype(jnp.float32) - mean) / std

    def loss_of(
        params: Any, state: Any, x: jax.Array, y: jax.Array, key: jax.Array, *, train: bool
    ) -> tuple[jax.Array, Any]:
        logits, state = model.apply(params, state, x, key, train)
        targets = jax.nn.one_hot(y, classes)
        if train and recipe.label_smoothing:
            targets = optax.smooth_labels(targets, recipe.label_smoothing)
        return optax.softmax_cross_entropy(logits, targets).mean(), state

    def begin(levels: dict[str, jax.Array], arrays: Arrays) -> tuple[Carry, Fixed, jax.Array]:
        params, state = model.init(source_key("init", levels["init"]))
        x, y = widen(arrays.x_train[: recipe.batch_size]), arrays.y_train[: recipe.batch_size]
        unused = jax.random.key(0)
        gradient = jax.grad(lambda p: loss_of(p, state, x, y, unused, train=False)[0])(params)
        initial = moved_by_one_ulp(ravel(params), ravel(gradient), levels["ulp"])
        params = unravel(initial, params)
        fixed = Fixed(
            drawn_rows(levels["data"], examples=n_train, resample=recipe.resample)
            if recipe.resample != "none"
            else None,
            noisy_labels(levels["label_noise"], arrays.y_train, classes=classes, fraction=recipe.label_noise)
            if recipe.label_noise
            else None,
        )
        carry = Carry(params, state, optimizer.init(params), jnp.zeros(drawn, jnp.int32), jnp.zeros(()))
        return carry, fixed, initial

    def advance(
        carry: Carry,
        fixed: Fixed,
        levels: dict[str, jax.Array],
        arrays: Arrays,
        start: jax.Array,
        stop: jax.Array,
    ) -> Carry:
        labels = arrays.y_train if fixed.labels is None else fixed.labels

        def step(i: jax.Array, carry: Carry) -> Carry:
            epoch, position = i // per_epoch, i % per_epoch
            order = lax.cond(
                position == 0,
                lambda: epoch_order(levels["order"], epoch, examples=drawn),
                lambda: carry.order,
            )
            rows = lax.dynamic_slice(order, (position * recipe.batch_size,), (recipe.batch_size,))
            if fixed.rows is not None:
                rows = fixed.rows[rows]
            x = widen(arrays.x_train[rows])
            if recipe.shift or recipe.flip:
                x = augmented(levels["augment"], i, x, recipe=recipe)
            key = source_key("dropout", levels["dropout"], i)
            (loss, state), gradient = jax.value_and_grad(loss_of, has_aux=True)(
                carry.params, carry.state, x, labels[rows], key, train=True
            )
            updates, moments = optimizer.update(gradient, carry.optimizer, carry.params)
            return Carry(optax.apply_updates(carry.params, updates), state, moments, order, carry.loss + loss)

        return lax.fori_loop(start, stop, step, carry)

    def logits_of(carry: Carry, x: jax.Array) -> jax.Array:
        key = jax.random.key(0)
        return blockwise(
            lambda block: model.apply(carry.params, carry.state, widen(block), key, False)[0], x, block=evaluation_block
        )

    def scores(carry: Carry, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        return loss_and_accuracy(logits_of(carry, x), y, classes=classes)

    def score(carry: Carry, arrays: Arrays, steps: jax.Array) -> Score:
        test_loss, test_accuracy = scores(carry, arrays.x_test[:curve_examples], arrays.y_test[:curve_examples])
        return Score(carry.loss / steps, test_loss, test_accuracy)

    def finish(carry: Carry, fixed: Fixed, arrays: Arrays) -> Outcome:
        labels = arrays.y_train if fixed.labels is None else fixed.labels
        x = arrays.x_train
        if fixed.rows is not None:
            x, labels = x[fixed.rows], labels[fixed.rows]
        train_loss, train_accuracy = scores(carry, x, labels)
        return Outcome(logits_of(carry, arrays.x_test), ravel(carry.params), train_loss, train_accuracy)

    def snapshot(carry: Carry) -> jax.Array:
        return ravel(carry.params)

    return Run(begin, advance, score, finish, snapshot, recipe.total_steps(n_train))
