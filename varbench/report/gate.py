"""Gates: `disagreement > 3%` as a condition on which a build fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from varbench.errors import InputError
from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.numbers import PERCENT_UNITS, Quantity

BOUNDS = ("value", "low", "high")
GRAMMAR = "[CONDITION:] MEASURE[@AT][.low|.value|.high] (<|<=|>|>=) NUMBER[%|pp], such as 'disagreement.high > 3%'"

_COMPARISON = re.compile(r"(?P<left>.*)(?P<operator><=|>=|<|>)(?P<right>[^<>=]*)", re.DOTALL)
_LEFT = re.compile(r"(?P<measure>[A-Za-z_]\w*)(?:@(?P<at>.+?))?(?:\.(?P<bound>[a-z]\w*))?", re.DOTALL)
_NUMBER = re.compile(r"(?P<digits>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<percent>%|pp)?")

_HOLDS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Gate:
    """A comparison that must not hold.

    Attributes:
        text: As it was given.
        condition: The only condition that it is checked against, or None for every one.
        measure: Name of the measure.
        at: Position of the estimate, or None.
        bound: "value", or the "low" or "high" end of the interval.
        operator: "<", "<=", ">" or ">=".
        limit: In stored units: fractions, not percent.
    """

    text: str
    condition: str | None
    measure: str
    at: float | str | None
    bound: str
    operator: str
    limit: float


def parse_gate(text: str) -> Gate:
    """A gate from its text; the bound is the value where none is named.

    `disagreement > 3%` fails on the estimate itself. `disagreement.low > 3%` fails only where the whole interval lies
    above; `disagreement.high > 3%` fails unless the whole interval lies below or at it.

    Raises:
        InputError: If the text cannot be read, or the measure is unknown, or the number is not on its scale.
    """
    from varbench.analysis.catalogue import MEASURES

    comparison = _COMPARISON.fullmatch(text.strip())
    if comparison is None:
        raise InputError(f"the gate {text!r} has no comparison: write {GRAMMAR}")
    condition, colon, left = comparison["left"].rpartition(":")
    named = _LEFT.fullmatch(left.strip())
    number = _NUMBER.fullmatch(comparison["right"].strip())
    if named is None:
        raise InputError(f"the gate {text!r} names no measure in {left.strip()!r}: write {GRAMMAR}")
    if number is None:
        raise InputError(f"the gate {text!r} compares with {comparison['right'].strip()!r}, which is no number")
    name, at, bound = named["measure"], named["at"], named["bound"] or "value"
    if name not in MEASURES:
        raise InputError(f"the gate {text!r} names no measure: there is no {name!r}; {_near(name, list(MEASURES))}")
    if bound not in BOUNDS:
        if not at:
            raise InputError(f"the gate {text!r} has the bound {bound!r}; {_near(bound, BOUNDS)}")
        at, bound = f"{at}.{bound}", "value"  # a position may have a dot in it: @0.05, @dense.kernel
    limit = _limit(text, float(number["digits"]), number["percent"], name, MEASURES[name].unit)
    where = condition.strip() if colon else None
    return Gate(text.strip(), where, name, _position(at), bound, comparison["operator"], limit)


def failures(gate: Gate, document: Document) -> list[str]:
    """A sentence for every condition in which a gate fails; none if it is passed.

    It is checked in every condition that the measure is made for (controls only where named, or where no other has the
    measure). What cannot be evaluated is not passed.

    Raises:
        InputError: If the gate names a condition that is not there, or needs a position.
    """
    found = []
    for condition in _conditions(gate, document):
        row = document.row(condition.name, gate.measure, gate.at)
        if row is None:
            found.append(f"{gate.text}: cannot be told in {condition.label}: {_absence(gate, condition, document)}")
        else:
            reason = _failure(gate, row)
            found += [f"{gate.text}: {reason} in {condition.label}"] if reason else []
    return found


def _limit(text: str, digits: float, percent: str | None, measure: str, unit: str) -> float:
    if percent and unit not in PERCENT_UNITS:
        raise InputError(f"the gate {text!r} compares {measure} with percent, but it is given in {unit}")
    if unit in PERCENT_UNITS and not percent and abs(digits) > 1:
        raise InputError(
            f"the gate {text!r} compares {measure}, a fraction between 0 and 1, with {digits:g}: write {digits:g}% or "
            f"{digits / 100:g}"
        )
    if unit == "pp" and not percent and abs(digits) == 1:
        raise InputError(
            f"the gate {text!r} compares {measure}, a difference of fractions, with {digits:g}, which could mean 1 pp "
            f"or 100 pp: write {digits:g}pp or {digits / 100:g}"
        )
    return digits / 100 if percent else digits


def _position(at: str | None) -> float | str | None:
    if at is None:
        return None
    try:
        return float(at)
    except ValueError:
        return at.strip()


def _conditions(gate: Gate, document: Document) -> Sequence[Condition]:
    """The conditions that a gate is checked against: the named one, or all that the measure is made for."""
    if gate.condition is not None:
        named = [c for c in document.conditions if gate.condition in (c.name, c.label)]
        if not named:
            names = [c.name for c in document.conditions]
            raise InputError(
                f"the gate {gate.text!r} names no condition: there is no {gate.condition!r}; "
                f"{_near(gate.condition, names)}"
            )
        return named[:1]
    lacking = {u.get("condition") for u in document.items("unavailable") if u.get("measure") == gate.measure}
    measured = {row.condition for row in document.estimates if row.measure == gate.measure}
    concerned = [c for c in document.conditions if c.name in measured | lacking]
    return [c for c in concerned if c.role != "control"] or concerned or list(document.populations)


def _absence(gate: Gate, condition: Condition, document: Document) -> str:
    """Why a condition has no such estimate."""
    rows = document.rows(condition.name, gate.measure)
    nothing = next((row.quantity.reason for row in rows if row.at is None and row.quantity.value is None), "")
    if nothing:  # no position at all could be measured
        return nothing
    positions = [row.at for row in rows]
    if positions and gate.at is None:
        raise InputError(
            f"the gate {gate.text!r} needs a position: {gate.measure} is measured at {_listed(positions)}; write "
            f"{gate.measure}@{positions[0]}"
        )
    if positions:
        return f"{gate.measure} is measured at {_listed(positions)} only"
    for entry in document.items("unavailable"):
        if (entry.get("condition"), entry.get("measure")) == (condition.name, gate.measure):
            return str(entry.get("reason"))
    return f"{gate.measure} is not measured there"


def _failure(gate: Gate, row: EstimateRow) -> str:
    """What an estimate does wrong, or nothing."""
    quantity = row.quantity
    number = getattr(quantity, gate.bound)
    if number is None:
        what = "there is no estimate" if quantity.value is None else "there is no interval"
        return f"{what} ({quantity.reason or 'no reason recorded'})"
    if not _HOLDS[gate.operator](number, gate.limit):
        return ""
    if gate.bound == "value":
        return f"{row.measure} is {quantity.text}"
    end = Quantity(number, unit=quantity.unit).value_text
    return f"the {gate.bound} end of the interval of {row.measure}, {quantity.text}, is {end}"


def _listed(positions: Sequence[float | str | None]) -> str:
    return ", ".join(f"{at:g}" if isinstance(at, int | float) else str(at) for at in positions[:12])


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
