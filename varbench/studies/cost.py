"""How much arithmetic a population is, and about how long it will take."""

from __future__ import annotations

import functools

from varbench.data import Dataset
from varbench.studies.study import PopulationPlan
from varbench.training.recipe import Recipe
from varbench.training.settings import Form, form_of
from varbench.training.strategy import Strategy

COMPILE_SECONDS = 3.0
FLOPS_PER_SECOND = {"cpu": 12e9, "gpu": 2e12}
"""Rates to expect of small models: per core on a CPU, per device elsewhere. Only the printed estimate uses them."""


def flops_per_step(plan: PopulationPlan, dataset: Dataset) -> float:
    """Floating-point operations of one optimizer step of one run: three forward passes, counted by the compiler."""
    return _flops_of(form_of(plan.recipe, dataset, Strategy(1), platform="").read_by("nudge"))


def flops_of_example(recipe: Recipe, dataset: Dataset) -> float:
    """Floating-point operations of one forward pass of one example, counted by the compiler."""
    return _flops_of(form_of(recipe, dataset, Strategy(1), platform="").read_by("nudge")) / (3.0 * recipe.batch_size)


@functools.lru_cache(maxsize=256)
def _flops_of(form: Form) -> float:
    """Counted once for all recipes with a network and a size of batches: a suite has dozens."""
    import jax
    import jax.numpy as jnp

    from varbench.training.networks import network_of, shapes_of

    model, (params, state) = network_of(form), shapes_of(form)
    x = jax.ShapeDtypeStruct((form.recipe.batch_size, *form.shape), jnp.float32)
    forward = jax.jit(lambda p, s, x: model.apply(p, s, x, jax.random.key(0), False)[0])
    counted = forward.lower(params, state, x).cost_analysis()
    return 3.0 * float((counted or {}).get("flops", 0.0))


def expected_seconds(flops: float, *, compilations: int) -> float:
    """Wall time to expect for so much arithmetic and so many compilations on the devices at hand."""
    import jax

    rate = FLOPS_PER_SECOND.get(jax.default_backend(), FLOPS_PER_SECOND["gpu"]) * len(jax.local_devices())
    return COMPILE_SECONDS * compilations + flops / rate
