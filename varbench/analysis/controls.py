"""A control against the population that it repeats: run by run, matched by level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import paired_disagreement
from varbench.measures.weights import paired_relative_distance
from varbench.stats.estimate import Estimate
from varbench.stats.mean import mean_estimate


def control_estimates(
    control: PopulationArrays,
    population: PopulationArrays,
    *,
    rows: Sequence[int],
    bitwise_equal: Bool[np.ndarray, " R"],
    level: float,
) -> list[tuple[str, None, Estimate]]:
    """Mean paired differences: `bitwise_equal`, `disagreement` and, where weights were kept, `weight_distance`.

    Args:
        control: R runs.
        population: The population they repeat.
        rows: For each run of the control, the row of its partner in the population.
        bitwise_equal: Whether weights and predictions came back bit for bit, by fingerprint.
        level: Confidence level of the t intervals over runs.
    """
    n_examples = len(control.labels)
    partner = np.asarray(rows)

    def mean_of(name: str, values: Float[np.ndarray, " R"], bounds: tuple[float, float]) -> tuple[str, None, Estimate]:
        return name, None, mean_estimate(values, level=level, n_examples=n_examples, bounds=bounds)

    found = [
        mean_of("bitwise_equal", bitwise_equal.astype(np.float64), (0.0, 1.0)),
        mean_of(
            "disagreement",
            paired_disagreement(control.predicted_labels, population.predicted_labels[partner]),
            (0.0, 1.0),
        ),
    ]
    if control.weights is not None and population.weights is not None:
        sound = control.finished & population.finished[partner]
        distances = paired_relative_distance(control.weights[sound], population.weights[partner][sound])
        found.append(mean_of("weight_distance", distances, (0.0, np.inf)))
    return found
