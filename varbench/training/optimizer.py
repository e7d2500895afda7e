"""From a recipe to an optax optimizer."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import optax

from varbench.errors import InputError
from varbench.training.recipe import Recipe


def optimizer_of(recipe: Recipe, *, steps: int) -> optax.GradientTransformation:
    """Clipping, weight decay, the optimizer and its schedule as one gradient transformation.

    Args:
        recipe: `optimizer`, `lr`, `momentum`, `nesterov`, `schedule`, `warmup`, `weight_decay` and `clip` are read.
        steps: Optimizer steps of the whole run, for the cosine.

    Raises:
        InputError: If optax has no such optimizer, or the warm-up is longer than the run.
    """
    rate = _schedule(recipe, steps=steps)
    parts = [] if recipe.clip is None else [optax.clip_by_global_norm(recipe.clip)]
    if recipe.optimizer == "sgd":
        parts += [_l2(recipe), optax.sgd(rate, momentum=recipe.momentum or None, nesterov=recipe.nesterov)]
    else:
        make = _by_name(recipe.optimizer)
        if "weight_decay" in inspect.signature(make).parameters:
            parts += [make(rate, weight_decay=recipe.weight_decay)]
        else:
            parts += [_l2(recipe), make(rate)]
    return optax.chain(*parts)


def _l2(recipe: Recipe) -> optax.GradientTransformation:
    return optax.add_decayed_weights(recipe.weight_decay) if recipe.weight_decay else optax.identity()


def _by_name(name: str) -> Callable[..., optax.GradientTransformation]:
    known = [n for n, f in vars(optax).items() if inspect.isfunction(f) and _takes_rate(f)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"recipe.optimizer = {name!r}: {hint}optax knows {', '.join(sorted(known))}")
    return getattr(optax, name)


def _takes_rate(function: Callable[..., Any]) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    required = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return bool(parameters) and parameters[0].name == "learning_rate" and required in (["learning_rate"], [])


def _schedule(recipe: Recipe, *, steps: int) -> optax.Schedule:
    if recipe.warmup >= steps and recipe.warmup:
        raise InputError(f"recipe.warmup = {recipe.warmup}: it must be shorter than the run of {steps} steps")
    if recipe.schedule == "cosine":
        after = optax.cosine_decay_schedule(recipe.lr, steps - recipe.warmup)
    else:
        after = optax.constant_schedule(recipe.lr)
    if not recipe.warmup:
        return after
    rising = optax.linear_schedule(recipe.lr / recipe.warmup, recipe.lr, recipe.warmup - 1 or 1)
    return optax.join_schedules([rising, after], [recipe.warmup])
