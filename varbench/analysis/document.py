"""`analysis.json`, schema 1: the one file from which tables, figures and pages are made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from varbench.stats.estimate import Estimate

SCHEMA = 1

LEVEL = 0.95
"""Nominal coverage of the intervals of a report."""

DIGITS = 7
"""Significant digits of the numbers of estimates: more than any of them is known to, and half the bytes."""

KEY = 20_260_101
"""Key of the resampling inside estimates: fixed, so that the same populations give the same report."""


@dataclasses.dataclass(frozen=True)
class Named:
    """An estimate with its place: condition, measure and, where the measure has one, its position."""

    condition: str
    measure: str
    at: float | str | None
    estimate: Estimate


def document(
    *,
    name: str,
    title: str,
    headline: str,
    budget: str,
    studies: Sequence[Mapping[str, Any]],
    conditions: Sequence[Mapping[str, Any]],
    estimates: Iterable[tuple[str, Named]],
    verdicts: Iterable[tuple[str, Any]],
    anchors: Sequence[Mapping[str, Any]],
    plots: Mapping[str, Any],
    measures: Mapping[str, Any],
    manifest: Mapping[str, Any],
    unavailable: Iterable[tuple[str, str, str]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Put the parts together and give them an id: 16 digits of the SHA-256 of everything else.

    Args:
        name: Name of the report.
        title: Its heading.
        headline: Its opening sentence.
        budget: Budget of the study.
        studies: Claim, citation, rule, meaning, limits, what was identical and what varied; one entry for each study.
        conditions: One entry per population.
        estimates: (study, named estimate) pairs; a named estimate has condition, measure, at and estimate.
        verdicts: (study, verdict) pairs; a verdict has an `as_dict`.
        anchors: Published numbers beside ours.
        plots: What figures are drawn from, by condition.
        measures: The catalogue; only the measures that occur are described.
        manifest: Provenance.
        unavailable: (condition, measure, reason): what could not be measured, and why, as a sentence without a stop.
        **more: Further keys of the document.
    """
    unavailable = list(unavailable)
    rows = [_row(study_name, named, measures) for study_name, named in estimates]
    used = {row["measure"] for row in rows} | {measure for _, measure, _ in unavailable}
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "title": title,
        "headline": headline,
        "budget": budget,
        "studies": [spaced(dict(study)) for study in studies],
        "conditions": [dict(c) for c in conditions],
        "estimates": rows,
        "verdicts": [spaced({"study": study_name, **shortened(v.as_dict())}) for study_name, v in verdicts],
        "anchors": [shortened(dict(a)) for a in anchors],
        "plots": dict(plots),
        "measures": {
            key: {"label": m.label, "unit": m.unit, "better": m.better, "meaning": m.meaning}
            for key, m in measures.items()
            if key in used
        },
        "manifest": dict(manifest),
        "unavailable": [
            {"condition": condition, "measure": measure, "reason": reason} for condition, measure, reason in unavailable
        ],
        **more,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**content, "id": hashlib.sha256(text.encode()).hexdigest()[:16]}


def shortened(value: Any, *, digits: int = DIGITS) -> Any:
    """The same value with every float in it rounded to so many significant digits."""
    if isinstance(value, Mapping):
        return {key: shortened(item, digits=digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(item, digits=digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def spaced(value: Any) -> Any:
    """The same value with a space before every percent sign in its texts, as in print: `5 %`."""
    if isinstance(value, Mapping):
        return {key: spaced(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spaced(item) for item in value]
    return re.sub(r"(?<=\d)%", " %", value) if isinstance(value, str) else value


def _row(study: str, named: Named, measures: Mapping[str, Any]) -> dict[str, Any]:
    estimate = shortened(dataclasses.asdict(named.estimate))
    for key in ("freedom", "reason"):
        if not estimate[key]:
            del estimate[key]
    return {
        "study": study,
        "condition": named.condition,
        "measure": named.measure,
        "at": named.at,
        **estimate,
        "unit": measures[named.measure].unit,
    }
