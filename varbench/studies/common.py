"""The recipes and populations that several studies share: asked for under one name, they are trained once."""

from __future__ import annotations

from collections.abc import Sequence

from varbench.studies.study import Case, PopulationPlan
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 8, "standard": 64, "full": 256}
"""Runs of a main population."""

STEPS = {
    "smoke": {"digits-mlp": 150},
    "standard": {"mnist1d-mlp": 1500, "mnist1d-cnn": 800, "digits-mlp": 600},
    "full": {"mnist1d-mlp": 6000, "mnist1d-cnn": 6000, "digits-mlp": 4000},
}

CURVE = Recipe(data="mnist1d", optimizer="adam", lr=1e-2, batch_size=100)
"""What the recipes on MNIST-1D have in common."""

MAIN = {
    "mnist1d-mlp": ("MNIST-1D · MLP 100-100", CURVE.replace(model="mnist1d-mlp", optimizer="adamw", weight_decay=0.1)),
    "mnist1d-cnn": ("MNIST-1D · CNN", CURVE.replace(model="mnist1d-cnn")),
    "digits-mlp": ("Digits · MLP 128-128", Recipe(data="digits", model="mlp", lr=1e-3, batch_size=50)),
}
"""Name → (label, recipe without its steps) of the main populations."""


def main_cases(budget: str, names: Sequence[str] = tuple(MAIN)) -> tuple[Case, ...]:
    """The main recipes by name, with the steps of a budget; those that the budget has."""
    steps = STEPS[budget]
    return tuple(Case(n, MAIN[n][0], MAIN[n][1].replace(steps=steps[n])) for n in names if n in steps)


def main_population(case: Case, budget: str, runs: int | None, *, measures: tuple[str, ...] | None) -> PopulationPlan:
    """The population of a recipe in which every source of randomness varies with the run.

    Args:
        case: The recipe; with one of `main_cases`, unchanged, the population is the one that other studies have.
        budget: Sets the number of runs, unless `runs` does.
        runs: Number of runs, or None.
        measures: Measures that the study needs of it, or None for all.
    """
    design = together(RUNS[budget] if runs is None else runs, sources=case.recipe.active_sources())
    description = "every source of randomness varies with the run"
    return PopulationPlan(case.name, case.label, case.recipe, design, description=description, measures=measures)
