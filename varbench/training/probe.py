"""The opt-in alternative to the rule: time a few strategies and take the fastest. What it chose is recorded."""

from __future__ import annotations

import time
from dataclasses import replace

from varbench.data import Dataset
from varbench.training.design import together
from varbench.training.engine import Engine, strategy_for
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

WIDTHS = {"cpu": (2, 4, 8, 16, 32), "gpu": (64, 256, 1024, 4096)}
STEPS = 30


def fastest_strategy(recipe: Recipe, dataset: Dataset) -> Strategy:
    """The strategy that trained the most runs per second in a short trial of each candidate.

    The answer depends on the machine and on what else it does: results are the same bits only where the same
    strategy is used again, which `varbench run` and `varbench verify` do from the record.

    Args:
        recipe: The recipe; it is tried for `STEPS` steps.
        dataset: Its data.
    """
    import jax

    short = recipe.replace(steps=STEPS, warmup=0)
    rule = strategy_for(recipe, dataset)
    widths = WIDTHS.get(jax.default_backend(), WIDTHS["gpu"])
    candidates = [replace(rule, width=width, batching="vmap", chosen_by="probe") for width in widths]
    in_turn = rule.width if rule.batching == "map" else 4
    candidates.append(replace(rule, width=in_turn, batching="map", chosen_by="probe"))
    return max(candidates, key=lambda strategy: _runs_per_second(Engine(short, dataset, strategy)))


def _runs_per_second(engine: Engine) -> float:
    """After one launch that compiles, the rate of the second one."""
    runs = engine.strategy.width * len(engine.at_once)
    blocks = list(enumerate(engine.blocks_of(together(runs, sources=engine.recipe.active_sources()).levels)))
    list(engine.train(blocks))
    started = time.monotonic()
    list(engine.train(blocks))
    return runs / (time.monotonic() - started)
