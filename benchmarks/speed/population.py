"""Runs of a recipe as the engine trains them, without a study and a store around them."""

from __future__ import annotations

from collections.abc import Callable

from varbench.data import Dataset
from varbench.training.design import Levels, together
from varbench.training.devices import prepare
from varbench.training.engine import Engine, strategy_for
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy


def population(
    recipe: Recipe,
    dataset: Dataset,
    runs: int,
    *,
    strategy_of: Callable[[Recipe, Dataset], Strategy] = strategy_for,
) -> tuple[Engine, list[tuple[int, tuple[Levels, ...]]]]:
    """So many runs, in which all sources vary: the engine, on as many devices as they need, and its blocks."""
    prepare()
    engine = Engine(recipe, dataset, strategy_of(recipe, dataset))
    blocks = list(enumerate(engine.blocks_of(together(runs, sources=recipe.active_sources()).levels)))
    return engine.on_devices(len(blocks)), blocks
