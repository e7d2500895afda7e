"""From sides to `analysis.json`: conditions side by side, their differences, the churn between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from string import ascii_uppercase
from typing import Any

from varbench.analysis.catalogue import MEASURES
from varbench.analysis.churn import churn_estimates, matched_rows
from varbench.analysis.comparing.between import BetweenRow, between_rows
from varbench.analysis.comparing.environment import environment_differences
from varbench.analysis.comparing.matching import Match, examples_told, matches
from varbench.analysis.comparing.rows import ComparisonRow, Partners, adjusted, comparison_rows
from varbench.analysis.comparing.side import Arm, Side
from varbench.analysis.described import Described
from varbench.analysis.document import KEY, Named, document
from varbench.analysis.plots import plots
from varbench.errors import InputError

COMPARISON = "comparison"
"""What stands where the documents of studies name a study: nothing was fixed beforehand, so nothing is decided."""

MOST_SIDES = 8


def comparison_document(
    sides: Sequence[Side],
    *,
    population: str | None,
    measures: Sequence[str] | None,
    level: float,
    headline: Callable[[Mapping[str, Any]], str],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Compare every side with the first one.

    Args:
        sides: Two or more.
        population: The population to compare, or None for all that every side has.
        measures: The measures to compare, or None for all.
        level: Nominal coverage of the intervals.
        headline: Makes the opening sentence of a document that lacks one.
        provenance: Versions, commit and command, for the manifest.

    Returns:
        The content of `analysis.json`, with the differences under `comparisons`, what two conditions say together under
        `between`, and what they were made with under `environment`.

    Raises:
        InputError: If there are too few or too many sides, or they have no test set in common.
    """
    if not 2 <= len(sides) <= MOST_SIDES:
        hint = ": name two, or a file with two conditions in it" if len(sides) == 1 else ""
        raise InputError(f"a comparison takes 2 to {MOST_SIDES} conditions, not {len(sides)}{hint}")
    described = _described(sides)
    _check_measures(measures, described)
    found = matches(sides, population=population)
    letters = ascii_uppercase[: len(sides)]
    conditions: list[dict[str, Any]] = []
    estimates: list[tuple[str, Named]] = []
    drawn: dict[str, Any] = {}
    left_out: list[tuple[str, str, str]] = []
    rows: list[ComparisonRow] = []
    between: list[dict[str, Any]] = []
    for match in found:
        names = [_condition_name(letter, match, found) for letter in letters]
        for name, side, arm in zip(names, sides, match.arms, strict=True):
            conditions.append(_condition(name, side, arm, match, found))
            estimates += [(COMPARISON, Named(name, *key, estimate)) for key, estimate in arm.estimates.items()]
            drawn[name] = _drawn(arm)
            left_out += [(name, *entry) for entry in arm.left_out.items()]
        for name, arm in zip(names[1:], match.arms[1:], strict=True):
            partners = _partners(match.arms[0], arm)
            rows += comparison_rows(
                match.arms[0],
                arm,
                population=match.name,
                a=names[0],
                b=name,
                better={measure: entry.better for measure, entry in described.items()},
                partners=partners,
                measures=measures,
                level=level,
            )
            between += _between(match.arms[0], arm, names[0], name, partners, measures, level=level)
            churned = _churn(match.arms[0], arm, names[0], name, level=level)
            conditions.append(_pair(names[0], name, match, arm, partners))
            estimates += [(COMPARISON, named) for named in churned]
    content: dict[str, Any] = {
        "name": "-".join(dict.fromkeys(side.name for side in sides)),
        "title": " against ".join(side.name for side in reversed(sides))
        if len(sides) == 2
        else "Conditions side by side",
        "budget": "",
        "studies": [{"study": COMPARISON}],
        "conditions": conditions,
        "estimates": estimates,
        "verdicts": [],
        "anchors": [],
        "plots": drawn,
        "measures": described,
        "unavailable": left_out,
        "manifest": {**provenance, "populations": _populations(conditions, found, letters)},
        "comparisons": [_row(row, described) for row in adjusted(rows)],
        "between": between,
        "environment": [
            {
                "population": match.name,
                "conditions": [_condition_name(letter, match, found) for letter in letters],
                **entry,
            }
            for match in found
            for entry in environment_differences(match.arms)
        ],
    }
    return document(headline=headline(document(headline="", **content)), **content)


def _drawn(arm: Arm) -> dict[str, Any]:
    """What figures are drawn from."""
    return dict(arm.plots) if arm.population is None else plots(arm.population, examples=arm.examples)


def _described(sides: Sequence[Side]) -> dict[str, Described]:
    """The catalogue's measures in its order, then those that only a report knows."""
    known = {name: Described(m.label, m.unit, m.better, m.meaning) for name, m in MEASURES.items()}
    for side in sides:
        known = {**side.measures, **known}
    return {**{name: known[name] for name in MEASURES}, **known}


def _check_measures(measures: Sequence[str] | None, described: Mapping[str, Described]) -> None:
    unknown = [name for name in measures or () if name not in described]
    if unknown:
        near = get_close_matches(unknown[0], described, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`varbench list` shows them"
        raise InputError(f"there is no measure {unknown[0]!r}: {hint}")


def _partners(first: Arm, second: Arm) -> Partners:
    if first.population is None or second.population is None:
        return None
    return matched_rows(first.population, second.population)


def _churn(first: Arm, second: Arm, a: str, b: str, *, level: float) -> list[Named]:
    if first.population is None or second.population is None:
        return []
    found = churn_estimates(first.population, second.population, level=level)
    return [Named(f"{a} → {b}", measure, at, estimate) for measure, at, estimate in found]


def _between(
    first: Arm, second: Arm, a: str, b: str, partners: Partners, measures: Sequence[str] | None, *, level: float
) -> list[dict[str, Any]]:
    if first.population is None or second.population is None:
        return []
    found = between_rows(
        first.population, second.population, partners=partners, measures=measures, level=level, key=KEY
    )
    return [_statement(a, b, row) for row in found]


def _statement(a: str, b: str, row: BetweenRow) -> dict[str, Any]:
    """One entry of `between`."""
    test = None if row.test is None else dataclasses.asdict(row.test)
    about = {"a": a, "b": b, "name": row.name, "unit": row.unit, "paired": row.paired, "test": test}
    return {**about, **dataclasses.asdict(row.estimate)}


def _condition_name(letter: str, match: Match, found: Sequence[Match]) -> str:
    return letter if len(found) == 1 else f"{letter} {match.name}"


def _condition(name: str, side: Side, arm: Arm, match: Match, found: Sequence[Match]) -> dict[str, Any]:
    label = f"{name[0]} · {side.name}" + (f" · {arm.label}" if len(found) > 1 else "")
    facts = {key: value for key, value in arm.facts.items() if key not in ("study", "of")}
    return {
        **facts,
        "condition": name,
        "study": COMPARISON,
        "label": label,
        "role": "population",
        "of": None,
        "description": f"{arm.label}, from a {side.form}",
    }


def _pair(a: str, b: str, match: Match, second: Arm, partners: Partners) -> dict[str, Any]:
    first = match.arms[0]
    matched = "runs of the same levels are matched" if partners is not None else "all pairs of a run of each"
    known = first.population is not None and second.population is not None
    return {
        "condition": f"{a} → {b}",
        "study": COMPARISON,
        "label": f"{a} → {b}",
        "role": COMPARISON,
        "of": a,
        "to": b,
        "population": match.name,
        "description": matched if known else "only estimates are at hand, no runs",
        "n_examples": second.facts.get("n_examples"),
        "examples": examples_told(first, second),
    }


def _populations(conditions: Sequence[Mapping[str, Any]], found: Sequence[Match], letters: str) -> list[dict[str, Any]]:
    entries = []
    for match in found:
        for letter, arm in zip(letters, match.arms, strict=True):
            if arm.provenance:
                name = _condition_name(letter, match, found)
                label = next(str(c["label"]) for c in conditions if c["condition"] == name)
                entries.append({**arm.provenance, "name": label})
    return entries


def _row(row: ComparisonRow, described: Mapping[str, Described]) -> dict[str, Any]:
    """One entry of `comparisons`."""
    gap, better = row.difference, described[row.measure]
    unit = "pp" if better.unit == "fraction" else better.unit
    improvement = row.improvement
    return {
        "population": row.population,
        "measure": row.measure,
        "at": row.at,
        "a": row.a,
        "b": row.b,
        "value_a": row.value_a,
        "value_b": row.value_b,
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "level": gap.level,
        "method": gap.method,
        "resampled": gap.resampled,
        "n_runs": gap.n_runs,
        "n_examples": gap.n_examples,
        "unit": unit,
        "reason": gap.reason,
        "paired": row.paired,
        "p": row.p,
        "p_holm": row.p_holm,
        "p_reason": row.p_reason,
        "probability_of_improvement": None if improvement is None else dataclasses.asdict(improvement),
    }
