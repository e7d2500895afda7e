"""The comparison of two conditions in the made-up document, with what they were made with."""

from __future__ import annotations

from typing import Any

MEASURES = (("accuracy", "pp", 0.1, 0.012), ("loss", "nats", -0.3, 0.04), ("disagreement", "pp", 0.02, 0.05))


def add(document: dict[str, Any]) -> None:
    """Compare the second condition with the first."""
    a, b = (entry["condition"] for entry in document["conditions"][:2])
    values = {(e["condition"], e["measure"]): e["value"] for e in document["estimates"] if e["at"] is None}
    document["comparisons"] = [
        {
            "population": a,
            "measure": measure,
            "at": None,
            "a": a,
            "b": b,
            "value_a": values.get((a, measure)),
            "value_b": values.get((b, measure)),
            "difference": gap,
            "low": gap - half,
            "high": gap + half,
            "level": 0.95,
            "method": "Welch t over runs",
            "resampled": "runs",
            "n_runs": 16,
            "n_examples": 60,
            "unit": unit,
            "reason": "",
            "paired": False,
            "p": 0.004,
            "p_holm": 0.012,
            "p_reason": "",
            "probability_of_improvement": None
            if measure == "disagreement"
            else {
                "value": 0.08,
                "low": 0.01,
                "high": 0.31,
                "method": "Brunner–Munzel over runs (logit, t)",
                "reason": "",
            },
        }
        for measure, unit, gap, half in MEASURES
    ]
    document["environment"] = [
        {"population": a, "conditions": [a, b], "what": "recipe.optimizer", "values": ["adam", "sgd"]},
        {"population": a, "conditions": [a, b], "what": "flags.x64", "values": [False, None]},
    ]
