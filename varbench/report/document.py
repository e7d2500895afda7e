"""A read-only view of `analysis.json`: conditions in order, estimates by name, nothing computed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from varbench.errors import InputError
from varbench.report.canonical import plain
from varbench.report.numbers import Quantity, integer

SCHEMA = 1
REQUIRED = ("schema", "id", "name", "title", "estimates", "manifest")
NO_REASON = "no reason recorded"

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SAFE_STEM = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


@dataclass(frozen=True)
class Condition:
    """One population or control; `facts` holds the other fields of the document as they are."""

    name: str
    label: str
    study: str
    role: str
    of: str | None
    facts: Mapping[str, Any]

    @property
    def stem(self) -> str:
        """The name as part of a file name."""
        return file_stem(self.name)

    @property
    def n_runs(self) -> int | None:
        return self.facts.get("n_runs")

    @property
    def n_diverged(self) -> int:
        return self.facts.get("n_diverged") or 0

    @property
    def lost(self) -> str:
        """In parentheses: how many runs diverged, and how many are no runs of their own; empty where none."""
        repeated = self.facts.get("n_repeated") or 0
        told = [f"{integer(self.n_diverged)} diverged"] if self.n_diverged else []
        told += [f"{integer(repeated)} the same as another, bit for bit"] if repeated else []
        return f" ({', '.join(told)})" if told else ""


@dataclass(frozen=True)
class Measure:
    """What a measure is called, in which direction it is better, and what it means."""

    name: str
    label: str
    unit: str
    better: str
    meaning: str

    @property
    def inline(self) -> str:
        """The label inside a sentence: `Test accuracy` → `test accuracy`, `SD of loss` stays."""
        first, rest = self.label[:1], self.label[1:]
        return first.lower() + rest if rest[:1].islower() else self.label

    @property
    def arrow(self) -> str:
        return {"higher": "↑", "lower": "↓"}.get(self.better, "")

    @property
    def header(self) -> str:
        return f"{self.label} {self.arrow}".strip()


@dataclass(frozen=True)
class EstimateRow:
    """One estimate of the document."""

    study: str
    condition: str
    measure: str
    at: float | str | None
    quantity: Quantity
    level: float | None
    method: str
    resampled: str
    n_runs: int | None
    n_examples: int | None


@dataclass(frozen=True)
class Document:
    """The document with lookups; every part that may be missing reads as empty."""

    fields: Mapping[str, Any]

    @cached_property
    def estimates(self) -> tuple[EstimateRow, ...]:
        return tuple(_estimate_row(entry) for entry in self.fields["estimates"])

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, in the order of the document; those only named by estimates or plots come last."""
        declared = [_condition(entry) for entry in self.items("conditions")]
        known = {condition.name for condition in declared}
        named = [row.condition for row in self.estimates] + sorted(self.fields.get("plots") or {})
        lost = dict.fromkeys(name for name in named if name and name not in known)
        return (*declared, *(Condition(name, name, "", "population", None, {}) for name in lost))

    @property
    def populations(self) -> tuple[Condition, ...]:
        """Conditions that are a population each: no controls, no experiments, no comparisons of two."""
        return tuple(c for c in self.conditions if c.role not in ("control", "experiment", "comparison"))

    @property
    def controls(self) -> tuple[Condition, ...]:
        return tuple(c for c in self.conditions if c.role == "control")

    @property
    def manifest(self) -> Mapping[str, Any]:
        return self.fields.get("manifest") or {}

    def text(self, key: str) -> str:
        return str(self.fields.get(key) or "")

    def items(self, key: str) -> list[Mapping[str, Any]]:
        return list(self.fields.get(key) or [])

    def label(self, condition: str | None) -> str:
        return next((c.label for c in self.conditions if c.name == condition), condition or "")

    def plots(self, condition: str) -> Mapping[str, Any]:
        return (self.fields.get("plots") or {}).get(condition) or {}

    def rows(self, condition: str, measure: str) -> Sequence[EstimateRow]:
        return self._by_measure.get((condition, measure), ())

    def row(self, condition: str, measure: str, at: float | str | None = None) -> EstimateRow | None:
        return self._by_key.get((condition, measure, at))

    def quantity(self, condition: str, measure: str, at: float | str | None = None) -> Quantity | None:
        row = self.row(condition, measure, at)
        return None if row is None else row.quantity

    def matches(self, condition: str) -> bool:
        """Whether the churn of a comparison is between runs of the same levels."""
        row = self.row(condition, "churn")
        return row is not None and "matched" in row.method

    def series(self, condition: str, measure: str) -> list[tuple[float, EstimateRow]]:
        """The estimates of a measure that carry a number in `at`, by increasing `at`."""
        numbered = [(r.at, r) for r in self.rows(condition, measure) if isinstance(r.at, int | float)]
        return sorted(numbered, key=lambda pair: pair[0])

    def measure(self, name: str) -> Measure:
        entry = (self.fields.get("measures") or {}).get(name) or {}
        fallback = next((r.quantity.unit for r in self.estimates if r.measure == name), "")
        return Measure(
            name=name,
            label=entry.get("label") or name.replace("_", " ").capitalize(),
            unit=entry.get("unit") or fallback,
            better=entry.get("better") or "none",
            meaning=entry.get("meaning") or "",
        )

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, float | str | None], EstimateRow]:
        return {(row.condition, row.measure, row.at): row for row in reversed(self.estimates)}

    @cached_property
    def _by_measure(self) -> dict[tuple[str, str], list[EstimateRow]]:
        found: dict[tuple[str, str], list[EstimateRow]] = {}
        for row in self.estimates:
            found.setdefault((row.condition, row.measure), []).append(row)
        return found


def file_stem(name: str) -> str:
    """A name as part of a file name: itself where it is safe, otherwise cleaned and with a short hash."""
    if _SAFE_STEM.fullmatch(name):
        return name
    cleaned = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return f"{cleaned or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def read_document(document: Mapping[str, Any]) -> Document:
    """Check the document and wrap it.

    Raises:
        InputError: a required key is missing, or the schema is not the one this version writes.
    """
    missing = [key for key in REQUIRED if document.get(key) is None]
    if missing:
        raise InputError(
            f"this analysis lacks {', '.join(missing)}; a report needs {', '.join(REQUIRED)}: "
            "write it again with `varbench report`"
        )
    if document["schema"] != SCHEMA:
        raise InputError(
            f"this analysis has schema {document['schema']!r}, this version of varbench reads schema {SCHEMA}: "
            "use the version named in its manifest, or judge the run directory again"
        )
    return Document(_printable(plain(document)))


def _printable(value: Any) -> Any:
    """Strings without control characters, which neither HTML nor SVG can hold."""
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return value if all(isinstance(v, int | float) for v in value) else [_printable(item) for item in value]
    return _CONTROL_CHARACTERS.sub("\ufffd", value) if isinstance(value, str) else value


def _condition(entry: Mapping[str, Any]) -> Condition:
    name = str(entry["condition"])
    return Condition(
        name=name,
        label=str(entry.get("label") or name),
        study=str(entry.get("study") or ""),
        role=str(entry.get("role") or "population"),
        of=entry.get("of"),
        facts=entry,
    )


def _estimate_row(entry: Mapping[str, Any]) -> EstimateRow:
    value, low, high = (entry.get(key) for key in ("value", "low", "high"))
    reason = str(entry.get("reason") or "")
    if value is None and not reason:
        reason = NO_REASON
    return EstimateRow(
        study=str(entry.get("study") or ""),
        condition=str(entry.get("condition") or ""),
        measure=str(entry["measure"]),
        at=entry.get("at"),
        quantity=Quantity(value, low, high, str(entry.get("unit") or ""), reason, entry.get("level")),
        level=entry.get("level"),
        method=str(entry.get("method") or ""),
        resampled=str(entry.get("resampled") or ""),
        n_runs=entry.get("n_runs"),
        n_examples=entry.get("n_examples"),
    )
