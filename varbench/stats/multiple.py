"""Several tests at once: p values adjusted so that the chance of any false rejection keeps its level."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment: p̃₍ⱼ₎ = max over k ≤ j of min(1, (m − k + 1) p₍ₖ₎), p₍₁₎ ≤ … ≤ p₍ₘ₎.

    Rejecting where p̃ ≤ α keeps the probability of any false rejection at or below α whatever the dependence of
    the tests (Holm 1979, Scandinavian Journal of Statistics 6, 65–70). Never below the p value itself, at most
    Bonferroni's m·p, and in the order of the p values; equal ones stay equal.

    Args:
        p_values: p values in [0, 1]; None or NaN for a test that could not be made, which counts for nothing.

    Returns:
        The adjusted p values in the given order, None where there was none.

    Raises:
        ValueError: If a p value lies outside [0, 1].
    """
    known = [(p, place) for place, p in enumerate(p_values) if p is not None and not math.isnan(p)]
    outside = [p for p, _ in known if not 0.0 <= p <= 1.0]
    if outside:
        raise ValueError(f"a p value lies between 0 and 1, not at {outside[0]}")
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, place) in enumerate(sorted(known)):
        running = max(running, min(1.0, (len(known) - rank) * p))
        adjusted[place] = running
    return adjusted
