"""What tables, cards and charts call a data set with a model: `Digits · MLP 32`."""

from __future__ import annotations

from varbench.data.variants import SEPARATOR
from varbench.training.recipe import Recipe

DATA = {"digits": "Digits", "mnist1d": "MNIST-1D"}
MODELS = {"mlp": "MLP", "mnist1d-mlp": "MLP", "mnist1d-cnn": "CNN", "cnn": "CNN", "resnet": "ResNet"}
HIDDEN = {"mlp": (128, 128), "mnist1d-mlp": (100, 100)}
"""Sizes of hidden layers where a recipe gives none."""


def data_of(recipe: Recipe) -> str:
    """Name of the data set of a recipe, without the variants of it."""
    return recipe.data.partition(SEPARATOR)[0]


def label_of(*recipes: Recipe) -> str:
    """The label of recipes on one data set: each of their models once, with the sizes of its hidden layers."""
    data = data_of(recipes[0])
    models = dict.fromkeys(_model(recipe) for recipe in recipes)
    return f"{DATA.get(data, data)} · {' and '.join(models)}"


def _model(recipe: Recipe) -> str:
    name, hidden = MODELS.get(recipe.model, recipe.model), recipe.hidden or HIDDEN.get(recipe.model)
    return f"{name} {'-'.join(map(str, hidden))}" if hidden else name
