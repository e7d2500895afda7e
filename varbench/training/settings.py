"""A recipe taken apart: its numbers, which a compiled program is given, and its form, which it is compiled for.

Recipes that differ in numbers alone (learning rates of a sweep, data sets of one shape) share their programs. A program
takes every number as an argument, whether it is shared or not, so that a run's bits do not depend on the company.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from varbench.data import Dataset
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy


class Settings(NamedTuple):
    """The numbers of a recipe and of its data's scale, as float32."""

    lr: Any
    momentum: Any
    weight_decay: Any
    clip: Any
    label_smoothing: Any
    mean: Any
    std: Any


NETWORK = ("model", "hidden", "blocks", "norm", "dropout", "precision")

READS: dict[str, tuple[str, ...]] = {
    "init": NETWORK,
    "nudge": (*NETWORK, "batch_size"),
    "draw": ("resample", "label_noise"),
    "score": NETWORK,
    "finish": NETWORK,
    "snapshot": NETWORK,
}
"""The fields of the recipe that a program depends on: recipes that agree in them share it. The others read them all."""


@dataclass(frozen=True)
class Form:
    """What a program is compiled for.

    Attributes:
        recipe: The recipe with its numbers replaced by whether they do anything.
        shape: Shape of one example.
        classes: Number of classes.
        n_train: Examples in the training set.
        steps: Optimizer steps of a run, where the schedule depends on them; otherwise 0.
        strategy: How runs are laid side by side, but not who chose it.
        platform: "cpu", "gpu" or "tpu".
    """

    recipe: Recipe
    shape: tuple[int, ...]
    classes: int
    n_train: int
    steps: int
    strategy: Strategy
    platform: str

    def read_by(self, program: str) -> Form:
        """What one of the programs of a run depends on: it is compiled once for all forms that agree in that."""
        if program not in READS:
            # Which labels are wrong is told by the arguments.
            return replace(self, recipe=self.recipe.replace(label_noise=0.0))
        few = {name: getattr(self.recipe, name) for name in READS[program]}
        return replace(self, recipe=Recipe(steps=1, **few), n_train=self.n_train if program == "draw" else 0, steps=0)

    def network(self) -> Form:
        """What the network alone depends on, whatever programs are made of it."""
        strategy = Strategy(1, convolution=self.strategy.convolution)
        return replace(self.read_by("init"), strategy=strategy, platform="")


def settings_of(recipe: Recipe, dataset: Dataset) -> Settings:
    """The numbers of a recipe on a data set."""
    mean, std = (np.asarray(value, np.float32) for value in (dataset.mean, dataset.std))
    return Settings(
        lr=np.float32(recipe.lr),
        momentum=np.float32(recipe.momentum),
        weight_decay=np.float32(recipe.weight_decay),
        clip=np.float32(recipe.clip or 0.0),
        label_smoothing=np.float32(recipe.label_smoothing),
        mean=mean,
        std=std,
    )


def form_of(recipe: Recipe, dataset: Dataset, strategy: Strategy, *, platform: str) -> Form:
    """The form of a recipe on a data set."""
    n_train = len(dataset.y_train)
    plain = recipe.schedule == "constant" and not recipe.warmup
    return Form(
        recipe.replace(
            data="any",
            steps=1,
            lr=1.0,
            momentum=0.5 if recipe.momentum else 0.0,
            weight_decay=1.0 if recipe.weight_decay else 0.0,
            clip=None if recipe.clip is None else 1.0,
            label_smoothing=0.5 if recipe.label_smoothing else 0.0,
        ),
        dataset.shape,
        dataset.classes,
        n_train,
        0 if plain else recipe.total_steps(n_train),
        replace(strategy, chosen_by="rule"),
        platform,
    )
