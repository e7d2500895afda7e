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
    """Which populations have intervals over few runs, and what that means; empty where none has."""
    few = {
        row.condition
        for row in document.estimates
        if row.quantity.low is not None and "over runs" in row.method and row.n_runs is not None and row.n_runs < FEW
    }
    labels = [condition.label for condition in document.populations if condition.name in few]
    if not labels:
        return ""
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return SENTENCE.format(names=", ".join(labels[:NAMED]) + more)
