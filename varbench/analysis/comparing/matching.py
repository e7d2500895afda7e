"""Which population of one side belongs to which of another, and whether the two can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from varbench.analysis.comparing.side import Arm, Side
from varbench.errors import InputError


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
                raise InputError(f"{side.name} has no population {population!r}; it has {', '.join(arms)}")
        if not any(population in arms for arms in chosen):
            told = ", ".join(dict.fromkeys(name for arms in chosen for name in arms))
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
            told = "; ".join(f"{side.name} has {', '.join(arms)}" for side, arms in zip(sides, chosen, strict=True))
            raise InputError(
                f"no population is in all of them ({told}): name the one to compare with --population, or give the "
                "folder of a single population"
            )
    else:
        names = [next(iter(chosen[0]))]
    found = tuple(
        Match(name, tuple(arms[name] if name in arms else next(iter(arms.values())) for arms in chosen))
        for name in names
    )
    for match in found:
        for side, arm in zip(sides[1:], match.arms[1:], strict=True):
            _check_same_test(sides[0], match.arms[0], side, arm)
    return found


def _check_same_test(first_side: Side, first: Arm, side: Side, arm: Arm) -> None:
    """Refuse arms whose test examples are known to be others.

    Raises:
        InputError: Naming both and what differs.
    """
    names = f"{first_side.name} ({first.name}) and {side.name} ({arm.name})"
    files = [a.environment.get("input.sha256") for a in (first, arm)]
    measured = first.population is not None and arm.population is not None
    if measured and files[0] is not None and files[0] == files[1] and first.name == arm.name:
        raise InputError(f"{names} are the same results, byte for byte: nothing can differ between them")
    sizes = [a.facts.get("n_examples") for a in (first, arm)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise InputError(
            f"{names} were tested on {sizes[0]:,} and {sizes[1]:,} examples: only the same test set compares"
        )
    if first.population is not None and arm.population is not None:
        differing = np.flatnonzero(first.population.labels != arm.population.labels)
        if differing.size:
            i = int(differing[0])
            raise InputError(
                f"{names} have other labels: of example {i} they say {first.population.labels[i]} and "
                f"{arm.population.labels[i]}; only the same test examples in the same order compare"
            )
    data = [a.environment.get("data.name") for a in (first, arm)]
    if None not in data and data[0] != data[1] and (first.population is None or arm.population is None):
        raise InputError(f"{names} were tested on {data[0]} and {data[1]}: only the same test set compares")
