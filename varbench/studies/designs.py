"""What was identical in the runs of a study's populations, and what varied, in words for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from varbench.studies.rules import significant
from varbench.studies.study import PopulationPlan
from varbench.training.design import Design
from varbench.training.recipe import Recipe

SEVERAL = "All of them"


def identical_in(plan: PopulationPlan, manifest: Mapping[str, Any]) -> list[str]:
    """What is the same in all runs of a population, one thing each, from its plan and the manifest of its store."""
    recipe = plan.recipe
    return [
        f"{manifest['data']['train']:,} training examples of {recipe.data}",
        f"{manifest['parameters'][-1][3]:,} parameters",
        recipe.optimizer,
        f"learning rate {significant(recipe.lr, 6)} ({recipe.schedule})",
        *_settings(recipe),
        f"batches of {recipe.batch_size}",
        f"{manifest['steps']:,} steps",
        recipe.precision,
        f"recipe {manifest['recipe_hash']}",
    ]


def identical_in_experiment(facts: Mapping[str, Any]) -> list[str]:
    """What is the same in all runs of an experiment, from its facts: numbers and words, one each."""
    return [
        f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{key.replace('_', ' ')} {value}"
        for key, value in facts.items()
        if isinstance(value, int | float | str)
    ]


def together_told(populations: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """Entries `[what, detail]`: first what all populations have in common, then what the others have of their own.

    Populations that have the same stand in one entry.

    Args:
        populations: (label, what is to be told of it) of each.
    """
    common = [
        fact for fact in (populations[0][1] if populations else ()) if all(fact in told for _, told in populations)
    ]
    groups: dict[tuple[str, ...], list[str]] = {}
    for label, told in populations:
        groups.setdefault(tuple(fact for fact in told if fact not in common), []).append(label)
    if len(groups) == 1:
        return [["; ".join(labels), "; ".join(common)] for labels in groups.values()]
    shared = [[SEVERAL, "; ".join(common)]] if common else []
    return [*shared, *(["; ".join(labels), "; ".join(own)] for own, labels in groups.items())]


def varied_in(design: Design) -> str:
    """Which sources vary over the runs, and how."""
    sources, runs = ", ".join(design.sources), len(design)
    if design.kind == "crossed":
        counts = (len(set(design.column(source).tolist())) for source in design.sources)
        levels = " × ".join(f"{count} levels of {source}" for count, source in zip(counts, design.sources, strict=True))
        return f"{levels}, every combination: {runs} runs"
    if design.kind == "one at a time":
        return f"{sources}: one at a time, the others at one level; {runs} runs in all"
    if design.kind == "ulp pairs":
        return f"{sources}: each run beside itself with one weight moved by a ULP, and itself again; {runs} runs"
    if design.kind == "replicated":
        return f"{sources}: several runs for each combination of levels; {runs} runs in all"
    return f"{sources}: a level of its own in each of the {runs} runs"


def _settings(recipe: Recipe) -> list[str]:
    """What else the recipe sets, beyond what it is by default."""
    said = [("momentum", recipe.momentum if recipe.optimizer == "sgd" else 0.0)]
    said += [(n.replace("_", " "), getattr(recipe, n)) for n in ("weight_decay", "dropout", "label_smoothing")]
    said += [(n.replace("_", " "), getattr(recipe, n)) for n in ("label_noise", "clip", "shift")]
    return [f"{name} {significant(value, 6)}" for name, value in said if value] + (["flips"] if recipe.flip else [])
