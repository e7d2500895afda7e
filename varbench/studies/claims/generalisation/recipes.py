"""The recipes with which generalisation is studied: one base, other widths, regularizers and further choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from varbench.data import load
from varbench.errors import InputError
from varbench.studies.study import Case, PopulationPlan
from varbench.training.design import Design, together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 4, "standard": 8, "full": 32}
STEPS = {
    "smoke": {"digits": 300},
    "standard": {"digits": 1500, "mnist1d": 2000},
    "full": {"digits": 20000, "mnist1d": 20000},
}
WIDTHS = {"smoke": (0.25,), "standard": (1 / 16, 0.25, 4.0), "full": (1 / 16, 1 / 8, 0.25, 0.5, 2.0, 4.0, 8.0)}
"""Hidden units of the other networks, as multiples of those of the base."""

NOISE = 0.4
"""Share of the training labels that are another class."""

NONE = 1e-6
"""As good as no weight decay and no label smoothing: recipes that differ in numbers alone share their programs."""

BASE = Recipe(
    model="mlp",
    hidden=(64,),
    optimizer="adamw",
    lr=3e-3,
    weight_decay=NONE,
    label_smoothing=NONE,
    schedule="constant",
    batch_size=100,
    resample="subset",
    label_noise=NOISE,
)

SHARED = BASE.replace(hidden=(32,), batch_size=50)
"""At the smoke budget, whose studies share what is compiled."""

REGULARIZERS = {
    "decay": "weight decay 1",
    "smoothing": "label smoothing 0.2",
    "dropout": "dropout 0.5",
    "early": "a tenth of the steps",
}
"""What is judged against the base."""

OTHERS = {
    "decay-weak": "weight decay 0.1",
    "smoothing-weak": "label smoothing 0.05",
    "early-third": "a third of the steps",
    "rate-low": "a tenth of the learning rate",
}
"""Further recipes that training accuracy is to rank."""


CHANGED = {**REGULARIZERS, **OTHERS}
"""Every recipe that is no other width."""


def cases(budget: str) -> tuple[Case, ...]:
    """One case for each data set, with the base recipe."""
    steps, labels = STEPS[budget], {"digits": "Digits · MLP", "mnist1d": "MNIST-1D · MLP"}
    base = SHARED if budget == "smoke" else BASE
    return tuple(Case(name, labels[name], base.replace(data=name, steps=n)) for name, n in steps.items())


def plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    """A population for each recipe of each case."""
    count = RUNS[budget] if runs is None else runs
    return tuple(
        PopulationPlan(
            f"generalisation-{case.name}-{word}",
            f"{case.label} {_units(recipe.hidden or ())}" + (f", {meaning}" if word in CHANGED else ""),
            recipe,
            _design(recipe, count),
            description=meaning,
            measures=("accuracy", "loss", "train_accuracy", "train_loss"),
            plots=False,
        )
        for case in cases
        for word, meaning, recipe in _recipes(case, budget)
    )


def _recipes(case: Case, budget: str) -> Iterator[tuple[str, str, Recipe]]:
    """Name, words and recipe of everything that is trained on one data set; all have the same wrong labels."""
    base = case.recipe.replace(label_noise=case.recipe.label_noise or NOISE)
    if base.hidden is None:
        raise InputError(f"the study of generalisation varies the hidden layers of {case.label}: give recipe.hidden")
    steps = base.total_steps(len(load(base.data).y_train))
    yield "base", f"{_units(base.hidden)} units", base
    for factor in WIDTHS[budget]:
        hidden = tuple(max(1, round(factor * units)) for units in base.hidden)
        yield f"units-{_units(hidden)}", f"{_units(hidden)} units", base.replace(hidden=hidden)
    changes: dict[str, dict[str, float]] = {
        "decay": {"weight_decay": 1.0},
        "smoothing": {"label_smoothing": 0.2},
        "dropout": {"dropout": 0.5},
        "early": {"steps": max(1, steps // 10)},
        "decay-weak": {"weight_decay": 0.1},
        "smoothing-weak": {"label_smoothing": 0.05},
        "early-third": {"steps": max(1, steps // 3)},
        "rate-low": {"lr": base.lr / 10},
    }
    for word, meaning in CHANGED.items():
        yield word, meaning, base.replace(**changes[word])


def _design(recipe: Recipe, runs: int) -> Design:
    return together(runs, sources=recipe.active_sources()).in_one_program()


def _units(hidden: Sequence[int]) -> str:
    return "-".join(map(str, hidden))
