"""What a page says once where intervals come from few runs: they may hold the truth less often than they promise."""

from __future__ import annotations

from varbench.report.document import Document

FEW = 10
"""Fewer runs than this are few: with normally distributed effects of runs coverage is right with any number of them."""

SENTENCE = (
    f"With fewer than {FEW} runs ({{names}}), intervals are too short where a few runs differ much from the others: "
    "with 6 runs, a 95 % interval of a mean held the truth in 93 % of simulations where the effects of runs had "
    "skewness 1, in 89 % with skewness 2, and in 83 % with skewness 6."
)
"""The measured numbers are those of `varbench.stats.mean.mean_estimate`: gamma(4), exponential, log-normal (σ = 1)."""

NAMED = 3


def few_runs_sentence(document: Document) -> str:
    """Which populations have few runs, and which measures are over few runs of others; empty where there are none."""
    conditions = {condition.name: condition for condition in document.populations}
    labels, measures = dict[str, None](), dict[str, None]()
    for row in document.estimates:
        condition = conditions.get(row.condition)
        if condition is None or row.quantity.low is None or "over runs" not in row.method:
            continue
        if row.n_runs is None or row.n_runs >= FEW:
            continue
        if (condition.n_runs or 0) < FEW:
            labels[condition.label] = None
        else:
            measures[document.measure(row.measure).label] = None
    names = [_listed(list(labels))] if labels else []
    names += [f"{'of others ' if labels else ''}for {_listed(list(measures))}"] if measures else []
    return SENTENCE.format(names=" – ".join(names)) if names else ""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return "; ".join(names[:NAMED]) + more
