"""A number against the threshold of a rule: on which side it lies, and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from varbench.stats.estimate import Estimate

Side = Literal["above", "below"]


@dataclass(frozen=True)
class Weighed:
    """A number that a rule weighs: it must lie, with its whole interval, on one side of a threshold.

    Attributes:
        estimate: The number.
        side: Where it must lie: "above" or "below".
        threshold: Where the rule turns.
        words: The number with its interval and a few words, for the table of claims.
        limit: The threshold in words, with its unit: `1 %`.
        gated: Whether it tells nothing here, on a condition that the rule names: it then neither holds nor fails, and
            counts among the numbers that are weighed all the same.
        ratio: Whether it is a ratio, whose interval is symmetrical on the scale of its logarithm.
    """

    estimate: Estimate
    side: Side
    threshold: float
    words: str = ""
    limit: str = ""
    ratio: bool = False
    gated: bool = False

    @property
    def holds(self) -> bool | None:
        """True where the whole interval lies on the wanted side, False where it lies on the other one, else None.

        An end at the threshold does not count for the wanted side, and counts for the other one.
        """
        low, high = self.estimate.low, self.estimate.high
        if low is None or high is None or self.gated:
            return None
        if self.side == "above":
            return True if low > self.threshold else False if high <= self.threshold else None
        return True if high < self.threshold else False if low >= self.threshold else None

    @property
    def clearness(self) -> float:
        """How far the value lies on the other side, in lengths of the interval from the value towards the threshold.

        Negative on the wanted side, beyond ±1 where the interval does not reach the threshold; 0 without an interval.
        """
        value, low, high = self.estimate.value, self.estimate.low, self.estimate.high
        if value is None or low is None or high is None:
            return 0.0
        numbers = (value, low, high, self.threshold)
        if self.ratio and min(numbers) > 0:
            value, low, high, threshold = (math.log(number) for number in numbers)
        else:
            threshold = self.threshold
        beyond = threshold - value if self.side == "above" else value - threshold
        length = value - low if threshold < value else high - value
        if length > 0:
            return beyond / length
        return math.inf if beyond >= 0 else -math.inf

    @property
    def p_value(self) -> float | None:
        """Probability of a value at least so far on the other side, were the number at its threshold.

        None without an interval. The interval is read as that of Student's t, with the estimate's degrees of freedom.
        """
        if self.estimate.low is None:
            return None
        if self.gated:
            return 1.0
        quantile = stats.t.ppf((1 + self.estimate.level) / 2, self.estimate.degrees)
        return float(stats.t.sf(self.clearness * quantile, self.estimate.degrees))
