"""The same levels trained again in every way that a machine allows, and how far the runs come back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from varbench.data import Dataset, load
from varbench.measures.predictions import paired_disagreement, predicted_labels
from varbench.measures.weights import paired_relative_distance, relative_distance_matrix
from varbench.studies.environment import environment
from varbench.studies.study import Arrays, Case
from varbench.training.design import Levels
from varbench.training.elsewhere import Setting, Task, Trained, train_elsewhere, train_here
from varbench.training.engine import Engine, strategy_for
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

NARROW = 4
"""Runs that are trained at another width: so many side by side, or one at a time where that is the width anyhow."""

PRECISIONS = {"float32": "bfloat16", "bfloat16": "float32"}

AT_ONCE = 2
"""Processes side by side, where there are as many cores."""


def trained_again(
    cases: Sequence[Case], levels: Mapping[str, Sequence[Levels]], *, listen: Callable[[float], None]
) -> Arrays:
    """Train recipes, then the same levels again in every way, in this process and in others.

    Args:
        cases: The recipes.
        levels: The runs of each, by name of the case.
        listen: Called with the share done.

    Returns:
        For each case and way `case/way/equal` [r] (weights and logits are the same bytes), `…/distance` [r] (relative
        weight distance, NaN where a run diverged) and `…/flips` [r] (fraction of other labels); for each case
        `case/finite` [R] and `case/distances` [R, R] of the runs themselves; and `words`, JSON with the environment
        and, in `left_out`, the ways that were not tried and why.
    """
    import jax

    platform = jax.default_backend()
    settings, left_out = settings_of(platform, devices=len(jax.local_devices()))
    total = 2 * len(cases) + len(settings)
    found: dict[str, np.ndarray] = {}
    tasks, bases = [], []
    for done, case in enumerate(cases):
        data, rows = load(case.recipe.data), levels[case.name]
        strategy = strategy_for(case.recipe, data)
        base = train_here(_engine(case.recipe, data, strategy), rows)
        bases.append(base)
        listen((2 * done + 1) / total)
        found |= _named(case.name, yardstick(base))
        for way, trained in _ways_here(case.recipe, data, strategy, rows).items():
            found |= _named(f"{case.name}/{way}", compared(base, trained))
        # A second device, where there is one, has the same runs in reverse.
        tasks.append(Task(case.recipe.as_dict(), data, strategy.as_dict(), (rows, rows[::-1])))
        listen((2 * done + 2) / total)
    results = train_elsewhere(
        tasks,
        settings,
        platform=platform,
        at_once=min(AT_ONCE, os.cpu_count() or 1),
        optional=[way for way in settings if way != "process"],
        listen=lambda ended: listen((2 * len(cases) + ended) / total),
    )
    for way, result in results.items():
        if isinstance(result, str):
            left_out[way] = result
            continue
        for case, base, trained in zip(cases, bases, result, strict=True):
            runs = len(base.weights)
            found |= _named(f"{case.name}/{way}", compared(base, Trained(*(array[:runs] for array in trained))))
            if len(trained.weights) > runs:
                second = Trained(*(array[runs:][::-1] for array in trained))
                found |= _named(f"{case.name}/devices", compared(base, second))
    return {**found, "words": np.array(json.dumps({"left_out": left_out, "environment": environment()}))}


def settings_of(platform: str, *, devices: int) -> tuple[dict[str, Setting], dict[str, str]]:
    """What other processes are started with, and why some ways are left out.

    The process with no other settings has a second device, where it can: its runs are the way "devices".
    """
    two = platform == "cpu" or devices > 1
    settings = {"process": Setting(devices=2 if two else 1)}
    left_out = {} if two else {"devices": f"there is one {platform.upper()}"}
    if platform == "cpu":
        left_out["matmul"] = "CPUs multiply in float32 anyhow"
        settings["instructions"] = Setting(flags=("--xla_cpu_max_isa=SSE4_2",))
    else:
        settings["matmul"] = Setting(variables={"JAX_DEFAULT_MATMUL_PRECISION": "highest"})
        left_out["instructions"] = "a flag of CPUs"
    if platform == "gpu":
        timed = ("--xla_gpu_deterministic_ops=false", "--xla_gpu_autotune_level=4")
        settings["autotuned"] = Setting(flags=timed)
    else:
        left_out["autotuned"] = "a flag of GPUs"
    return settings, left_out


def _engine(recipe: Recipe, data: Dataset, strategy: Strategy, *, fresh: bool = False) -> Engine:
    return Engine(recipe, data, strategy, fresh=fresh).on_devices(1)


def _ways_here(recipe: Recipe, data: Dataset, strategy: Strategy, rows: Sequence[Levels]) -> dict[str, Trained]:
    """What can be tried in this process: runs of the first levels, or of all."""
    backwards = train_here(_engine(recipe, data, strategy, fresh=True), rows[::-1])
    narrow = replace(strategy, width=1 if strategy.width == NARROW else NARROW, batching="vmap")
    other = recipe.replace(precision=PRECISIONS[recipe.precision])
    return {
        "again": Trained(*(array[::-1] for array in backwards)),
        "width": train_here(_engine(recipe, data, narrow), rows[:NARROW]),
        "precision": train_here(_engine(other, data, strategy), rows),
    }


def compared(base: Trained, other: Trained) -> Arrays:
    """Bits, weight distance and flips of each of the other runs against its like: run r of the base."""
    base = Trained(*(array[: len(other.weights)] for array in base))
    same = [[a.tobytes() == b.tobytes() for a, b in zip(x, y, strict=True)] for x, y in zip(base, other, strict=True)]
    sound = np.isfinite(base.weights).all(axis=1) & np.isfinite(other.weights).all(axis=1)
    distance = np.full(len(sound), np.nan)
    distance[sound] = paired_relative_distance(base.weights[sound], other.weights[sound])
    flips = paired_disagreement(predicted_labels(base.logits), predicted_labels(other.logits))
    return {"equal": np.logical_and.reduce(same), "distance": distance, "flips": flips}


def yardstick(base: Trained) -> Arrays:
    """How far apart the runs are from each other; a run that diverged is not finite."""
    finite = np.isfinite(base.weights).all(axis=1)
    distances = relative_distance_matrix(np.where(finite[:, None], base.weights, 0.0))
    return {"finite": finite, "distances": distances}


def _named(prefix: str, arrays: Arrays) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
