"""From a recipe to an optax optimizer."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from varbench.errors import InputError
from varbench.training.recipe import Recipe
from varbench.training.settings import Settings

ELEMENTWISE = ("adam", "adamw", "amsgrad", "nadam", "nadamw", "adamax", "adagrad", "adadelta", "rmsprop", "lion")
"""Optimizers that treat every weight alike, whichever layer it is in: with `sgd`, they may update one flat vector."""

FLAT_PARAMETERS = 2**16
"""Up to so many weights are updated as one flat vector, which takes a twentieth off a step of a small network on a CPU,
and a quarter off its compilation. In larger ones XLA may gather a gradient that it has transposed number by number: for
layers of 512 units that took 15 of the 17 ms of a step."""


def optimizer_of(recipe: Recipe, *, steps: int, settings: Settings | None = None) -> optax.GradientTransformation:
    """Clipping, weight decay, the optimizer and its schedule as one gradient transformation.

    Args:
        recipe: `optimizer`, `lr`, `momentum`, `nesterov`, `schedule`, `warmup`, `weight_decay` and `clip` are read.
        steps: Optimizer steps of the whole run, for the cosine.
        settings: Numbers to use in place of the recipe's, traced or not; those that are zero in the recipe stay unused.

    Raises:
        InputError: If optax has no such optimizer, it cannot be used here, or the warm-up is longer than the run.
    """
    use: Any = recipe if settings is None else settings
    rate = _schedule(recipe, use.lr, steps=steps)
    clip = optax.identity() if recipe.clip is None else optax.clip_by_global_norm(use.clip)
    decay = optax.add_decayed_weights(use.weight_decay) if recipe.weight_decay else optax.identity()
    if recipe.optimizer == "sgd":
        sgd = optax.sgd(rate, momentum=use.momentum if recipe.momentum else None, nesterov=recipe.nesterov)
        return _flat_if_small(optax.chain(clip, decay, sgd))
    make = _by_name(recipe.optimizer)
    try:
        if "weight_decay" in inspect.signature(make).parameters:
            optimizer = optax.chain(clip, make(rate, weight_decay=use.weight_decay))
        else:
            optimizer = optax.chain(clip, decay, make(rate))
        _try(optimizer)
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"recipe.optimizer = {recipe.optimizer!r} cannot be used here: {reason}") from None
    return _flat_if_small(optimizer) if recipe.optimizer in ELEMENTWISE else optimizer


def _flat_if_small(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    flat = optax.flatten(optimizer)

    def suited(weights: Any) -> optax.GradientTransformation:
        return flat if sum(leaf.size for leaf in jax.tree.leaves(weights)) <= FLAT_PARAMETERS else optimizer

    def update(gradient: Any, state: Any, weights: Any = None) -> tuple[Any, Any]:
        return suited(gradient).update(gradient, state, weights)

    return optax.GradientTransformation(lambda weights: suited(weights).init(weights), update)


def _by_name(name: str) -> Callable[..., optax.GradientTransformation]:
    known = [n for n, f in vars(optax).items() if inspect.isfunction(f) and _takes_rate(f)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"recipe.optimizer = {name!r}: {hint}optax knows {', '.join(sorted(known))}")
    return getattr(optax, name)


def _try(optimizer: optax.GradientTransformation) -> None:
    """Fails for what needs more than gradients and weights (a line search), or takes no schedule."""
    weights = jax.ShapeDtypeStruct((2, 2), jnp.float32)
    state = jax.eval_shape(optimizer.init, weights)
    jax.eval_shape(lambda g, s, w: optimizer.update(g, s, w), weights, state, weights)


def _takes_rate(function: Callable[..., Any]) -> bool:
    """Whether a function of optax makes an optimizer from a learning rate, without randomness of its own."""
    parameters = list(inspect.signature(function).parameters.values())
    if function.__name__.startswith("scale_by") or {"key", "seed"} & {p.name for p in parameters}:
        return False
    required = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return bool(parameters) and parameters[0].name == "learning_rate" and required in (["learning_rate"], [])


def _schedule(recipe: Recipe, lr: Any, *, steps: int) -> optax.Schedule:
    """The learning rate, a number, times a course of shape 1 that optax makes."""
    if recipe.warmup >= steps and recipe.warmup:
        raise InputError(f"recipe.warmup = {recipe.warmup}: it must be shorter than the run of {steps} steps")
    course = optax.constant_schedule(1.0)
    if recipe.schedule == "cosine":
        course = optax.cosine_decay_schedule(1.0, steps - recipe.warmup)
    if recipe.warmup:
        rising = optax.linear_schedule(1.0 / recipe.warmup, 1.0, recipe.warmup - 1 or 1)
        course = optax.join_schedules([rising, course], [recipe.warmup])
    return lambda count: lr * course(count)
