"""Small recipes on data with planted shortcuts, and their populations: asked for by several studies, trained once."""

from __future__ import annotations

from varbench.data import load
from varbench.data.plants import PLANTS, Plant
from varbench.studies.study import Case, PopulationPlan
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 5, "standard": 16, "full": 64}
STEPS = {
    "smoke": {"digits": 100},
    "standard": {"digits": 600, "mnist1d": 600},
    "full": {"digits": 4000, "mnist1d": 4000},
}
SMALL = {
    "digits": (
        "Digits · MLP 32",
        Recipe(data="digits", model="mlp", hidden=(32,), optimizer="adam", lr=3e-3, batch_size=50),
    ),
    "mnist1d": (
        "MNIST-1D · MLP 64",
        Recipe(data="mnist1d", model="mlp", hidden=(64,), optimizer="adam", lr=3e-3, batch_size=100),
    ),
}
"""Name → (label, recipe without its steps): networks small enough to be trained hundreds of times."""


def small_cases(budget: str) -> tuple[Case, ...]:
    """The small recipes with the steps of a budget."""
    return tuple(Case(n, SMALL[n][0], SMALL[n][1].replace(steps=steps)) for n, steps in STEPS[budget].items())


def chance_of(case: Case, plant: Plant) -> float:
    """The chance of the typical value at which a plant says nothing about the class in the data of a recipe."""
    return plant.chance(load(case.recipe.data).classes)


def planted_population(case: Case, plant: Plant, amount: float, budget: str, runs: int | None) -> PopulationPlan:
    """The population of a recipe on data with a plant that has the value typical of the class with chance `amount`.

    Every source of randomness varies with the run, so that runs of different amounts match by their levels.
    """
    recipe = case.recipe.replace(data=f"{case.recipe.data}+{plant.name}:{amount:.4g}")
    return PopulationPlan(
        population_name(case, plant, amount),
        f"{case.label}, {plant.name} {100 * amount:.3g} %",
        recipe,
        together(RUNS[budget] if runs is None else runs, sources=recipe.active_sources()),
        description=f"trained on data whose {plant.name} is typical of the class with chance {amount:.3g}",
        measures=("accuracy", "disagreement"),
        plots=False,
    )


def population_name(case: Case, plant: Plant, amount: float) -> str:
    """Name of that population."""
    return f"planted-{case.name}-{plant.name}-{1000 * amount:.0f}"


def plant_of(plan: PopulationPlan) -> tuple[str, Plant, float]:
    """Data set without the plant, plant and chance of a planted population."""
    base, _, variant = plan.recipe.data.rpartition("+")
    name, _, amount = variant.partition(":")
    return base, next(plant for plant in PLANTS if plant.name == name), float(amount)
