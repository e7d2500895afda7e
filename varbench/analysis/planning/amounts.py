"""Amounts with a unit as people write them: `0.1pp`, `0.5%`, `0.02 nats`, or a bare number."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from varbench.errors import InputError

PERCENT = ("pp", "%")
UNITS = (*PERCENT, "nats")
FRACTIONS = ("fraction", "pp")
"""Units of measures that are stored as fractions."""

_AMOUNT = re.compile(r"\s*([-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z%]*)\s*")


@dataclass(frozen=True)
class Amount:
    """A number and the unit written behind it, "" where there was none."""

    number: float
    unit: str

    @property
    def stored(self) -> float:
        """Percent and percentage points as fractions."""
        return self.number / 100.0 if self.unit in PERCENT else self.number


def amount(given: str | float, *, what: str) -> Amount:
    """Read an amount.

    Args:
        given: A number, or a text such as `0.1pp`.
        what: What it is, for the sentence.

    Raises:
        InputError: If it is no finite number, or the unit is unknown.
    """
    match = _AMOUNT.fullmatch(str(given))
    if not match or not math.isfinite(float(match[1].replace("−", "-"))):
        raise InputError(f"{what} is {given!r}; give a number, with pp, % or nats behind it or nothing, such as 0.1pp")
    if match[2] and match[2] not in UNITS:
        raise InputError(f"{what} has the unit {match[2]!r}; known are {', '.join(UNITS)}, or none")
    return Amount(float(match[1].replace("−", "-")), match[2])


def of_measure(given: str | float, unit: str, *, what: str) -> float:
    """An amount in the stored unit of a pilot's measure: a bare number is taken as stored, 0.001 for 0.1 pp.

    Raises:
        InputError: If the amount has a unit that the measure does not have.
    """
    found = amount(given, what=what)
    fits = unit in FRACTIONS if found.unit in PERCENT else found.unit in ("", unit)
    if not fits:
        shown = "fractions (0.001 is 0.1pp)" if unit in FRACTIONS else unit or "bare numbers"
        raise InputError(f"{what} is {given}, but this measure is in {shown}")
    return found.stored


def of_same_unit(given: dict[str, str | float]) -> tuple[dict[str, float], str]:
    """Amounts beside each other, with one unit for all or none for all; and that unit.

    Returns:
        The amounts, and the unit "pp", "nats" or "". Bare numbers mean nothing but their ratio, whatever their unit.

    Raises:
        InputError: If some have a unit and others none, or they have different ones.
    """
    found = {what: amount(value, what=what) for what, value in given.items()}
    units = {"pp" if one.unit in PERCENT else one.unit for one in found.values()}
    if len(units) > 1:
        listed = " and ".join(f"{what} {value}" for what, value in given.items())
        raise InputError(f"{listed} are not in one unit: write the same unit behind each, or behind none")
    return {what: one.stored for what, one in found.items()}, units.pop() if units else ""
