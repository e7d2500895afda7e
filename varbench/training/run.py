"""One training run as pure functions of its levels. Nothing here knows that other runs stand beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from varbench.data import standardize
from varbench.keys import source_key
from varbench.models import Model
from varbench.training.batches import augmented, drawn_rows, epoch_order, noisy_labels
from varbench.training.evaluation import blockwise, loss_and_accuracy
from varbench.training.optimizer import optimizer_of
from varbench.training.settings import Form, Settings
from varbench.training.ulp import moved_by_one_ulp
from varbench.trees import ravel, unravel


class Arrays(NamedTuple):
    """The data set on the device, shared by all runs."""

    x_train: jax.Array
    y_train: jax.Array
    x_test: jax.Array
    y_test: jax.Array


class Carry(NamedTuple):
    """What one step hands to the next; `order` holds the row numbers [drawn] of the running epoch."""

    params: Any
    state: Any
    optimizer: Any
    order: jax.Array


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

    Each reads as little of the recipe as it can (`READS` in `programs`), so that recipes share what they compile.

    Attributes:
        init: `(levels) -> (params, state, initial weights [P])`.
        nudge: `(levels, params, state, arrays, settings) -> (params, initial weights [P])` at the level of `ulp`.
        draw: `(levels, arrays) -> fixed`.
        start: `(params, state, settings) -> carry` before the first step.
        advance: `(carry, loss, fixed, levels, arrays, settings, start, stop) -> (carry, loss)` after steps start …
            stop − 1, the next ones; their training losses are added to `loss`.
        score: `(params, state, loss, arrays, settings, steps) -> Score`, where `loss` is a sum over so many steps.
        finish: `(params, state, fixed, arrays, settings) -> Outcome`.
        snapshot: `(params) -> weights [P]`.
    """

    init: Callable[..., tuple[Any, Any, jax.Array]]
    nudge: Callable[..., tuple[Any, jax.Array]]
    draw: Callable[..., Fixed]
    start: Callable[..., Carry]
    advance: Callable[..., tuple[Carry, jax.Array]]
    score: Callable[..., Score]
    finish: Callable[..., Outcome]
    snapshot: Callable[..., jax.Array]


def make_run(form: Form, model: Callable[[], Model], *, curve_examples: int) -> Run:
    """The run of recipes of one form.

    Args:
        form: What the program is compiled for; the numbers come with every call, as `Settings`.
        model: Gives the network, to the functions that need it.
        curve_examples: The first so many test examples make the curves.
    """
    recipe, n_train, classes = form.recipe, form.n_train, form.classes
    drawn = recipe.drawn_examples(n_train)

    def optimizer(settings: Settings) -> optax.GradientTransformation:
        return optimizer_of(recipe, steps=max(1, form.steps), settings=settings)

    def loss_of(
        params: Any, state: Any, x: jax.Array, y: jax.Array, key: jax.Array, smoothing: jax.Array | None
    ) -> tuple[jax.Array, Any]:
        train = smoothing is not None
        logits, state = model().apply(params, state, x, key, train)
        targets = jax.nn.one_hot(y, classes)
        if train and recipe.label_smoothing:
            targets = optax.smooth_labels(targets, smoothing)
        return optax.softmax_cross_entropy(logits, targets).mean(), state

    def gradient_of(
        params: Any, state: Any, x: jax.Array, y: jax.Array, key: jax.Array, smoothing: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        """Loss, state and gradient of a batch, which is taken in parts where the strategy says so."""
        valued = jax.value_and_grad(loss_of, has_aux=True)
        part = form.strategy.microbatch or recipe.batch_size
        parts = recipe.batch_size // part
        if parts == 1:
            (value, state), gradient = valued(params, state, x, y, key, smoothing)
            return value, state, gradient

        def add(sums: Any, examples: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            (value, _), gradient = valued(params, state, *examples, key, smoothing)
            return jax.tree.map(jnp.add, sums, (value, gradient)), None

        nothing = jax.tree.map(jnp.zeros_like, (jnp.float32(0), params))
        cut = x.reshape(parts, part, *x.shape[1:]), y.reshape(parts, part)
        value, gradient = jax.tree.map(lambda total: total / parts, lax.scan(add, nothing, cut)[0])
        return value, state, gradient

    def init(levels: dict[str, jax.Array]) -> tuple[Any, Any, jax.Array]:
        params, state = model().init(source_key("init", levels["init"]))
        return params, state, ravel(params)

    def nudge(
        levels: dict[str, jax.Array], params: Any, state: Any, arrays: Arrays, settings: Settings
    ) -> tuple[Any, jax.Array]:
        x = standardize(arrays.x_train[: recipe.batch_size], settings.mean, settings.std)
        y = arrays.y_train[: recipe.batch_size]
        unused = jax.random.key(0)
        gradient = jax.grad(lambda p: loss_of(p, state, x, y, unused, None)[0])(params)
        initial = moved_by_one_ulp(ravel(params), ravel(gradient), levels["ulp"])
        return unravel(initial, params), initial

    def draw(levels: dict[str, jax.Array], arrays: Arrays) -> Fixed:
        return Fixed(
            drawn_rows(levels["data"], examples=n_train, resample=recipe.resample)
            if recipe.resample != "none"
            else None,
            noisy_labels(levels["label_noise"], arrays.y_train, classes=classes, fraction=recipe.label_noise)
            if recipe.label_noise
            else None,
        )

    def start(params: Any, state: Any, settings: Settings) -> Carry:
        unset = jnp.zeros(drawn, jnp.int32)
        return Carry(params, state, optimizer(settings).init(params), unset)

    def advance(
        carry: Carry,
        loss: jax.Array,
        fixed: Fixed,
        levels: dict[str, jax.Array],
        arrays: Arrays,
        settings: Settings,
        start: jax.Array,
        stop: jax.Array,
    ) -> tuple[Carry, jax.Array]:
        labels = arrays.y_train if fixed.labels is None else fixed.labels
        update, per_epoch = optimizer(settings).update, recipe.steps_per_epoch(n_train)

        def step(i: jax.Array, before: tuple[Carry, jax.Array]) -> tuple[Carry, jax.Array]:
            carry, sum_of = before
            rows = lax.dynamic_slice(carry.order, (i % per_epoch * recipe.batch_size,), (recipe.batch_size,))
            if fixed.rows is not None:
                rows = fixed.rows[rows]
            x = standardize(arrays.x_train[rows], settings.mean, settings.std)
            if recipe.shift or recipe.flip:
                x = augmented(levels["augment"], i, x, recipe=recipe)
            key = source_key("dropout", levels["dropout"], i)
            value, state, gradient = gradient_of(
                carry.params, carry.state, x, labels[rows], key, settings.label_smoothing
            )
            updates, moments = update(gradient, carry.optimizer, carry.params)
            return Carry(optax.apply_updates(carry.params, updates), state, moments, carry.order), sum_of + value

        def within_epoch(at: tuple[jax.Array, tuple[Carry, jax.Array]]) -> tuple[jax.Array, tuple[Carry, jax.Array]]:
            begin, (carry, sum_of) = at
            epoch, done = begin // per_epoch, begin % per_epoch
            order = lax.cond(
                done == 0, lambda: epoch_order(levels["order"], epoch, examples=drawn), lambda: carry.order
            )
            end = jnp.minimum(stop, begin - done + per_epoch)
            return end, lax.fori_loop(begin, end, step, (carry._replace(order=order), sum_of))

        return lax.while_loop(lambda at: at[0] < stop, within_epoch, (start, (carry, loss)))[1]

    def logits_of(params: Any, state: Any, settings: Settings, x: jax.Array) -> jax.Array:
        key = jax.random.key(0)

        def forward(block: jax.Array) -> jax.Array:
            block = standardize(block, settings.mean, settings.std)
            return model().apply(params, state, block, key, False)[0]

        return blockwise(forward, x, most=form.strategy.microbatch)

    def score(params: Any, state: Any, loss: jax.Array, arrays: Arrays, settings: Settings, steps: jax.Array) -> Score:
        logits = logits_of(params, state, settings, arrays.x_test[:curve_examples])
        return Score(loss / steps, *loss_and_accuracy(logits, arrays.y_test[:curve_examples], classes=classes))

    def finish(params: Any, state: Any, fixed: Fixed, arrays: Arrays, settings: Settings) -> Outcome:
        labels = arrays.y_train if fixed.labels is None else fixed.labels
        x = arrays.x_train
        if fixed.rows is not None:
            x, labels = x[fixed.rows], labels[fixed.rows]
        seen = loss_and_accuracy(logits_of(params, state, settings, x), labels, classes=classes)
        return Outcome(logits_of(params, state, settings, arrays.x_test), ravel(params), *seen)

    return Run(init, nudge, draw, start, advance, score, finish, ravel)
