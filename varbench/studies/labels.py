"""What tables, cards and charts call a data set with a model: `Digits · MLP 32`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from varbench.data.variants import SEPARATOR
from varbench.training.recipe import Recipe

DATA = {"digits": "Digits", "mnist1d": "MNIST-1D"}
MODELS = {"mlp": "MLP", "mnist1d-mlp": "MLP", "mnist1d-cnn": "CNN", "cnn": "CNN", "resnet": "ResNet"}
HIDDEN = {"mlp": (128, 128), "mnist1d-mlp": (100, 100)}
"""Sizes of hidden layers where a recipe gives none."""


def data_of(recipe: Recipe) -> str:
    """Name of the data set of a recipe, without the variants of it."""
    return _base_and_variants(recipe)[0]


def label_of(*recipes: Recipe) -> str:
    """The label of recipes on one data set: each of their models once, with the sizes of its hidden layers."""
    models = dict.fromkeys(_model(recipe) for recipe in recipes)
    return f"{_data(data_of(recipes[0]))} · {' and '.join(models)}"


def full_label_of(recipe: Recipe, *, sizes: bool = True) -> str:
    """`label_of`, with the variants of the data set, and without the sizes of hidden layers if these are not wanted."""
    base, variants = _base_and_variants(recipe)
    return f"{_data(base)}{variants} · {_model(recipe, sizes=sizes)}"


def relabeled(labels: Sequence[str], before: Sequence[Recipe], after: Sequence[Recipe]) -> list[str]:
    """The labels of recipes that were changed: what these say of the data and of the model follows the change.

    A label that says neither stays, with the new data and model behind it. Of several that would become the same, each
    says what it was.
    """
    new = [_relabeled(*each) for each in zip(labels, before, after, strict=True)]
    return [
        label if label == old or new.count(label) == 1 else f"{label} (in place of {old})"
        for label, old in zip(new, labels, strict=True)
    ]


def _relabeled(label: str, before: Recipe, after: Recipe) -> str:
    if full_label_of(before) == full_label_of(after):
        return label
    for sizes in (True, False):
        old, new = (full_label_of(recipe, sizes=sizes) for recipe in (before, after))
        if label.startswith(old):
            return new + label.removeprefix(old)
    return f"{label}, {full_label_of(after)}"


def _base_and_variants(recipe: Recipe) -> tuple[str, str]:
    """`digits`, `+noise:0.5`; the name of a file is never cut."""
    if recipe.data.endswith(".npz"):
        return recipe.data, ""
    base, plus, variants = recipe.data.partition(SEPARATOR)
    return base, plus + variants


def _data(name: str) -> str:
    return DATA.get(name, Path(name).name)


def _model(recipe: Recipe, *, sizes: bool = True) -> str:
    name, hidden = MODELS.get(recipe.model, recipe.model), recipe.hidden or HIDDEN.get(recipe.model)
    return f"{name} {'-'.join(map(str, hidden))}" if hidden and sizes else name
