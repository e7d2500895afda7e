"""A number against the threshold of a rule: on which side it lies, and how surely."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtr, stdtrit

from varbench.stats.estimate import Estimate

Side = Literal["above", "below"]

TIE = 1e-12
"""An interval shorter than this share of its value and its threshold has the width of rounding."""

SMALLEST = 1e-3
"""Value and threshold count as so large at least there: the difference of two numbers near 1 may be rounding."""


@dataclass(frozen=True)
class Weighed:
    """A number that a rule weighs: it must lie, with its whole interval, on one side of a threshold.

    An interval without width comes from units that are all alike, and says nothing of how others would differ. It then
    counts as far as the sign test goes: if no outcome had more than half of all units, n of them would be alike with
    a probability of at most 2^(1 − n) (Σ pₖⁿ ≤ max pₖⁿ⁻¹). Fewer than seven units decide nothing at 95 %.

    Attributes:
        estimate: The number.
        side: Where it must lie: "above" or "below".
        threshold: Where the rule turns.
        words: The number with its interval and a few words, for the table of claims.
        limit: The threshold in words, with its unit: `1 %`.
        unit: Unit of the number as charts have it, where the limit does not say.
        as_told: The number as words and charts have it, where it is weighed in another form: an SD for its variance.
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
    unit: str = ""
    as_told: Estimate | None = None

    @property
    def drawn(self) -> Estimate:
        """The number as charts have it."""
        return self.as_told or self.estimate

    @property
    def drawn_unit(self) -> str:
        """Unit of the number as charts have it: "fraction", "pp", "nats", "ratio", "none"."""
        _, _, word = self.limit.rpartition(" ")
        said = {"%": "fraction", "pp": "pp", "nats": "nats"}.get(word, "ratio" if self.ratio else "none")
        return self.unit or said

    @property
    def holds(self) -> bool | None:
        """True where the whole interval lies on the wanted side, False where it lies on the other one, else None.

        An end at the threshold does not count for the wanted side, and counts for the other one. An interval without
        width needs units enough to tell (see `Weighed`).
        """
        low, high = self.estimate.low, self.estimate.high
        if low is None or high is None or self.gated:
            return None
        if high - low <= self._rounding:
            return None if abs(self.clearness) < 1 else self.clearness < 0
        if self.side == "above":
            return True if low > self.threshold else False if high <= self.threshold else None
        return True if high < self.threshold else False if low >= self.threshold else None

    @property
    def clearness(self) -> float:
        """How far the value lies on the other side, in lengths of the interval from the value towards the threshold.

        Negative on the wanted side, beyond ±1 where the interval does not reach the threshold; 0 without an interval.
        Without width it is what has the p value of the sign test.
        """
        value, low, high = self.estimate.value, self.estimate.low, self.estimate.high
        if value is None or low is None or high is None:
            return 0.0
        numbers = (value, low, high, self.threshold)
        threshold = self.threshold
        if self.ratio and min(numbers) > 0:
            value, low, high, threshold = (math.log(number) for number in numbers)
        beyond = threshold - value if self.side == "above" else value - threshold
        length = value - low if threshold < value else high - value
        if length > self._rounding:
            return beyond / length
        chance = max(0.5**self.estimate.degrees, sys.float_info.min)  # 2^(1 − n) is 0 from 1,076 runs on
        alike = -float(stdtrit(self.estimate.degrees, chance)) / self._quantile
        return alike if beyond >= 0 else -alike

    @property
    def p_value(self) -> float | None:
        """Probability of a value at least so far on the other side, were the number at its threshold.

        None without an interval. The interval is read as that of Student's t, with the estimate's degrees of freedom;
        one without width has the p value of the sign test, never 0.
        """
        if self.estimate.low is None:
            return None
        if self.gated:
            return 1.0
        return float(stdtr(self.estimate.degrees, -self.clearness * self._quantile))

    @property
    def _quantile(self) -> float:
        return float(stdtrit(self.estimate.degrees, (1 + self.estimate.level) / 2))

    @property
    def _rounding(self) -> float:
        """Length up to which an interval has no width."""
        return TIE * max(abs(self.estimate.value or 0.0), abs(self.threshold), SMALLEST)
