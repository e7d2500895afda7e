"""Networks of recipes, each made once in a process, and the tables of their parameters."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from varbench.models import Model, Options, build
from varbench.parameters import Leaf
from varbench.training.recipe import Recipe
from varbench.training.settings import Form
from varbench.trees import table

KEPT = 32
"""So many forms keep their networks; the one that was used longest ago goes first."""


def model_for(recipe: Recipe, *, shape: tuple[int, ...], classes: int, convolution: str) -> Model:
    """The recipe's model for examples of a shape."""
    return build(
        Options(
            model=recipe.model,
            shape=shape,
            classes=classes,
            hidden=recipe.hidden,
            blocks=recipe.blocks,
            norm=recipe.norm,
            dropout=recipe.dropout,
            convolution=convolution,
            dtype=jnp.bfloat16 if recipe.precision == "bfloat16" else None,
        )
    )


def parameter_table(model: Model) -> tuple[Leaf, ...]:
    """Paths, shapes and slices of a model's parameters in its flat weight vector."""
    return table(jax.eval_shape(model.init, jax.random.key(0))[0])


@functools.lru_cache(maxsize=KEPT)
def _network(form: Form) -> Model:
    return model_for(form.recipe, shape=form.shape, classes=form.classes, convolution=form.strategy.convolution)


def network_of(form: Form) -> Model:
    """The network of a form, the same object for all forms that have it."""
    return _network(form.network())


def parameters_of(form: Form) -> tuple[Leaf, ...]:
    """`parameter_table` of the network of a form."""
    return table(shapes_of(form)[0])


def shapes_of(form: Form) -> Any:
    """Shapes of the parameters and of the state of the network of a form, traced once for all forms that have it."""
    return _shapes(form.network())


@functools.lru_cache(maxsize=KEPT)
def _shapes(form: Form) -> Any:
    return jax.eval_shape(_network(form).init, jax.random.key(0))
