"""Evidence and estimates made by hand, for the tests of judges."""

from __future__ import annotations

import numpy as np

from varbench.analysis.population import PopulationArrays
from varbench.stats.estimate import Estimate, missing
from varbench.studies.study import BUDGETS, Evidence, Named, PopulationPlan, Study, Verdict
from varbench.training.design import together
from varbench.training.recipe import Recipe

At = float | str | None


def interval(value: float, half: float = 0.01, *, level: float = 0.95, runs: int = 12) -> Estimate:
    """value ± half."""
    return Estimate(value, value - half, value + half, level, "t over runs", "runs", runs, 100)


def unknown(reason: str = "not measured") -> Estimate:
    return missing(reason, level=0.95, n_runs=0, n_examples=None)


def population(runs: int = 12, *, classes: int = 10, examples: int = 20) -> PopulationArrays:
    """Runs that all get every example right."""
    labels = np.arange(examples) % classes
    logits = np.repeat(5.0 * np.eye(classes, dtype=np.float32)[labels][None], runs, axis=0)
    return PopulationArrays(logits=logits, labels=labels)


def evidence(
    plan: PopulationPlan, arrays: PopulationArrays, rows: dict[tuple[str, At], Estimate] | None = None
) -> Evidence:
    """Evidence with the estimates given by (measure, at)."""
    return Evidence(plan, arrays, tuple(Named(plan.name, m, at, e) for (m, at), e in (rows or {}).items()))


def plan(name: str = "case", label: str = "Case", *, runs: int = 12, recipe: Recipe | None = None) -> PopulationPlan:
    recipe = recipe or Recipe(data="digits", model="mlp", steps=10)
    return PopulationPlan(name, label, recipe, together(runs, sources=("init", "order")))


def holds(verdict: Verdict) -> dict[str, bool | None]:
    return {part.name: part.holds for part in verdict.parts}


def check_plans(study: Study) -> None:
    """What every study keeps to: unique names, two recipes at the standard budget, measures named, no plots."""
    for budget in BUDGETS:
        plans = study.plan(study.cases(budget), budget, None)
        names = [p.name for p in plans]
        assert len(set(names)) == len(names)
        assert all(p.measures is not None for p in plans)
        if budget == "standard":
            assert len({(p.recipe.data, p.recipe.model, p.recipe.hidden) for p in plans}) >= 2
