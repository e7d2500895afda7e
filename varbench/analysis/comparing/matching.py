"""Which population of one side belongs to which of another, and whether the two can be compared at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from varbench.analysis.comparing.side import Arm, Side
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError

SHOWN = 8
"""So many populations are named where none fits."""


@dataclass(frozen=True)
class Match:
    """One population in each side: arm i belongs to side i."""

    name: str
    arms: tuple[Arm, ...]


def matches(sides: Sequence[Side], *, population: str | None = None) -> tuple[Match, ...]:
    """The populations that every side has, by name; a side with one population is matched whatever its name.

    Args:
        sides: Two or more.
        population: Take this one alone; a side with one population need not have the name.

    Raises:
        InputError: If no population is in all sides, two that belong together have other test examples, or are the
            same file.
    """
    chosen = [dict(side.arms) for side in sides]
    if population is not None:
        for side, arms in zip(sides, chosen, strict=True):
            if population not in arms and len(arms) > 1:
                raise InputError(f"{side.name} has no population {population!r}; it has {_few(arms)}")
        if not any(population in arms for arms in chosen):
            told = _few(dict.fromkeys(name for arms in chosen for name in arms))
            raise InputError(f"none of them has a population {population!r}; they have {told}")
        chosen = [{population: arms[population]} if population in arms else arms for arms in chosen]
    many = [arms for arms in chosen if len(arms) > 1]
    if many:
        names = [name for name in many[0] if all(name in arms or len(arms) == 1 for arms in chosen)]
        if len(many) < len(sides) and len(names) > 1:
            # One lone population cannot stand for several; its own name may say which.
            lone = [next(iter(arms)) for arms in chosen if len(arms) == 1]
            names = [name for name in names if all(name == other for other in lone)]
        if not names:
            told = "; ".join(f"{side.name} has {_few(arms)}" for side, arms in zip(sides, chosen, strict=True))
            raise InputError(
                f"no population is in all of them ({told}): name the one to compare with --population, or give the "
                "folder of a single population"
            )
    else:
        names = [next(iter(chosen[0]))]
    found = []
    for name in names:
        first, *others = (arms[name] if name in arms else next(iter(arms.values())) for arms in chosen)
        aligned = [_aligned(sides[0], first, side, arm) for side, arm in zip(sides[1:], others, strict=True)]
        found.append(Match(name, (first, *aligned)))
    return tuple(found)


def _aligned(first_side: Side, first: Arm, side: Side, arm: Arm) -> Arm:
    """The second arm with its test examples in the order of the first's, where both name them.

    Raises:
        InputError: If they are known to be other examples.
    """
    _check_same_test(first_side, first, side, arm)
    names, population = (first.examples, arm.examples), arm.population
    if names[0] is not None and names[1] is not None and population is not None:
        place = {example: i for i, example in enumerate(names[1])}
        lost = next((example for example in names[0] if example not in place), None)
        if lost is not None:
            raise InputError(
                f"{_named(first_side, first)} has the example {lost!r}, which {_named(side, arm)} does not name: only "
                "the same test examples compare"
            )
        order = np.array([place[example] for example in names[0]])
        arm = replace(arm, population=_in_order(population, order), examples=names[0])
    _check_same_labels(first_side, first, side, arm)
    return arm


def examples_told(first: Arm, second: Arm) -> str:
    """How the test examples of two matched arms were told to be the same ones, as a sentence; empty without runs."""
    if first.population is None or second.population is None:
        return ""
    if first.examples is not None and second.examples is not None:
        return "Test examples are matched by their names (example_id)."
    if _of_one_file(first, second):
        return "Test examples are the same: both are of one file, which holds them once for all its runs."
    data, sums = ([arm.environment.get(f"data.{what}") for arm in (first, second)] for what in ("name", "sha256"))
    if None in data:
        return (
            "Test examples are matched by position: their labels agree, and nothing else shows that they are the same "
            "ones (name them in both files, by example_id)."
        )
    if data[0] != data[1]:
        return (
            f"Test examples are matched by position, and the data sets differ: {data[0]} and {data[1]} have the same "
            "labels there, but not the same inputs."
        )
    if sums[0] != sums[1]:
        return (
            f"Test examples are matched by position, and the checksums of the data set {data[0]} differ: the labels "
            "are the same, some inputs are not."
        )
    return f"Test examples are matched by position: both are those of the data set {data[0]}."


def _of_one_file(first: Arm, second: Arm) -> bool:
    """Whether both were read from files that are the same, byte for byte."""
    files = [arm.environment.get("input.sha256") for arm in (first, second)]
    return files[0] is not None and files[0] == files[1]


def _in_order(population: PopulationArrays, order: Int[np.ndarray, " E"]) -> PopulationArrays:
    if np.array_equal(order, np.arange(len(order))):
        return population
    given = ("logits", "probabilities", "predictions")
    arrays: dict[str, Any] = {name: getattr(population, name) for name in given}
    moved = {name: values[:, order] for name, values in arrays.items() if values is not None}
    return replace(population, labels=population.labels[order], **moved)


def _named(side: Side, arm: Arm) -> str:
    return f"{side.name} ({arm.name})"


def _check_same_test(first_side: Side, first: Arm, side: Side, arm: Arm) -> None:
    """Refuse arms whose test examples are known to be others.

    Raises:
        InputError: Naming both and what differs.
    """
    names = f"{_named(first_side, first)} and {_named(side, arm)}"
    measured = first.population is not None and arm.population is not None
    if measured and _of_one_file(first, arm) and first.name == arm.name:
        raise InputError(f"{names} are the same results, byte for byte: nothing can differ between them")
    sizes = [a.facts.get("n_examples") for a in (first, arm)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise InputError(
            f"{names} were tested on {sizes[0]:,} and {sizes[1]:,} examples: only the same test set compares"
        )
    data = [a.environment.get("data.name") for a in (first, arm)]
    if None not in data and data[0] != data[1] and (first.population is None or arm.population is None):
        raise InputError(f"{names} were tested on {data[0]} and {data[1]}: only the same test set compares")


def _check_same_labels(first_side: Side, first: Arm, side: Side, arm: Arm) -> None:
    """Refuse arms that give an example other labels: without names of examples that is how another order shows.

    Raises:
        InputError: Naming both and the first example.
    """
    if first.population is None or arm.population is None:
        return
    labels = first.population.labels, arm.population.labels
    differing = np.flatnonzero(labels[0] != labels[1])
    if differing.size:
        i = int(differing[0])
        known = first.examples is not None and arm.examples is not None
        example = repr(first.examples[i]) if known and first.examples is not None else str(i)
        order = "" if known else " in the same order"
        raise InputError(
            f"{_named(first_side, first)} and {_named(side, arm)} have other labels: of example {example} they say "
            f"{labels[0][i]} and {labels[1][i]}; only the same test examples{order} compare"
        )


def _few(names: Collection[str]) -> str:
    """The first names, and how many more there are."""
    shown = list(names)[:SHOWN]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
