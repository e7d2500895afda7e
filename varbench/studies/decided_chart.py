"""The number that decided a study, drawn where no other chart of the study shows it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from varbench.analysis.charts import Chart, series
from varbench.stats.estimate import Estimate
from varbench.studies.rules import deciding_number
from varbench.studies.study import Judgement, Verdict
from varbench.studies.weighed import Weighed


def with_deciding_chart(judgement: Judgement, labels: Mapping[str, str]) -> Judgement:
    """The same, with one more chart if none shows the number that decided.

    Args:
        judgement: Of a study; one that weighs no numbers stays as it is.
        labels: Condition → what charts call it, where that is something else.
    """
    decided = deciding_number(judgement.verdicts)
    if decided is None or any(shows(chart, decided.drawn) for chart in judgement.charts):
        return judgement
    return replace(judgement, charts=(*judgement.charts, _chart(judgement, decided, labels)))


def shows(chart: Chart, estimate: Estimate) -> bool:
    """Whether a chart draws an estimate with its interval."""
    wanted = (estimate.value, estimate.low, estimate.high)
    return any(
        all(_same(a, b) for a, b in zip(point, wanted, strict=True))
        for s in chart.series
        for point in zip(s.y, s.low, s.high, strict=False)
    )


def _same(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def _chart(judgement: Judgement, decided: Weighed, labels: Mapping[str, str]) -> Chart:
    """Beside the same number of the other conditions, against the threshold."""
    name, place = next(
        (part.name, place)
        for verdict in judgement.verdicts
        for part in verdict.parts
        for place, weighed in enumerate(part.weighed)
        if weighed is decided
    )
    found = {v.condition: w for v in judgement.verdicts if v.condition and (w := _like(v, name, place)) is not None}
    rows = [(labels.get(condition) or _recipe(w.words) or condition, w.drawn) for condition, w in found.items()]
    claimed = f"claimed: {decided.side} {decided.limit}" if decided.limit else ""
    told = "; ".join(w.words for w in found.values() if w.words)
    return Chart(
        name="decided",
        title=f"{name[:1].upper()}{name[1:]}",
        x_label="",
        y_label=f"what decided; {claimed or 'threshold of the rule'} (the tick)",
        unit=decided.drawn_unit,
        kind="rows",
        series=(series("measured", rows),),
        reference=decided.threshold,
        reference_label=claimed or "threshold of the rule",
        caption=_sentence("; ".join(part for part in (told, claimed) if part)),
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _recipe(words: str) -> str:
    """What the words of a number say last and in brackets, the recipe."""
    found = re.search(r"\(([^()]+)\)$", words)
    return found[1] if found else ""


def _like(verdict: Verdict, name: str, place: int) -> Weighed | None:
    """The number in the same place of the part of that name."""
    for part in verdict.parts:
        if part.name == name and place < len(part.weighed):
            return part.weighed[place]
    return None
