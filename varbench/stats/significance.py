"""The result of a significance test: statistic, p value, method, or why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Significance:
    """Outcome of a test of a null hypothesis.

    Attributes:
        statistic: The test statistic, or None where it is not finite.
        p: p value in (0, 1], or None where the test cannot be made.
        method: The test in words.
        n_runs: Runs that entered.
        reason: Why there is no p value, as a sentence without a final stop; empty where there is one.
    """

    statistic: float | None
    p: float | None
    method: str
    n_runs: int
    reason: str = ""

    def __post_init__(self) -> None:
        """Hold the promise that readers rely on.

        Raises:
            ValueError: If a number is not finite, p is out of range, or a reason is missing.
        """
        numbers = (self.statistic, self.p)
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise ValueError(f"a test holds finite numbers or None, not {numbers}")
        if self.p is not None and not 0.0 <= self.p <= 1.0:
            raise ValueError(f"a p value lies between 0 and 1, not at {self.p}")
        if (self.p is None) != bool(self.reason):
            raise ValueError("a test without a p value needs a reason, and one with a p value has none")
