"""The one type of every published number: value, interval, level, method, what was resampled, how many."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Estimate:
    """A measured value with its interval; `None` where there is none, and `reason` then says why.

    Attributes:
        value: The estimate, or None.
        low: Lower end of the interval, or None.
        high: Upper end of the interval, or None.
        level: Nominal coverage of the interval, in (0, 1).
        method: How the interval was made, in words; "none" where there is none by intention.
        resampled: What the interval generalizes over: "runs", or "none".
        n_runs: Runs that entered the value.
        n_examples: Test examples that entered the value, or None where there are none.
        reason: Why the value or the interval is None, as a sentence without a final stop.
        freedom: Degrees of freedom of the interval where they are not n_runs − 1.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    resampled: str
    n_runs: int
    n_examples: int | None
    reason: str = ""
    freedom: int | None = None

    def __post_init__(self) -> None:
        """Hold the promise that readers rely on: finite or None, and never None without a reason.

        Raises:
            ValueError: If a number is NaN or infinite, the ends are out of order, or a reason is missing.
        """
        numbers = (self.value, self.low, self.high)
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise ValueError(f"an estimate holds finite numbers or None, not {numbers}; use estimate_of")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"an interval has both ends or none, not {(self.low, self.high)}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the interval [{self.low}, {self.high}] ends before it begins")
        if not 0 < self.level < 1:
            raise ValueError(f"the level of an interval lies between 0 and 1, not at {self.level}")
        missing = self.value is None or (self.low is None and self.method != NO_INTERVAL)
        if missing and not self.reason:
            raise ValueError("an estimate without a value or without an interval needs a reason")

    def without_interval(self, reason: str) -> Estimate:
        """The value alone, and why there is no interval; the same where there is none already."""
        if self.low is None:
            return self
        return replace(self, low=None, high=None, method=NO_INTERVAL, resampled="none", reason=reason, freedom=None)

    @property
    def degrees(self) -> int:
        """Degrees of freedom behind the interval, at least 1."""
        return max(1, self.n_runs - 1 if self.freedom is None else self.freedom)


NO_INTERVAL = "none"
"""Method of an estimate that has no interval by intention."""


def estimate_of(
    value: float,
    low: float,
    high: float,
    *,
    level: float,
    method: str,
    n_runs: int,
    n_examples: int | None,
    resampled: str = "runs",
    bounds: tuple[float, float] = UNBOUNDED,
    reason: str = "",
) -> Estimate:
    """An `Estimate` from numbers that may be NaN or infinite: those become None, with the reason.

    Args:
        value: The estimate; where it is not finite there is no interval either.
        low: Lower end; where either end is not finite there is no interval.
        high: Upper end.
        level: Nominal coverage.
        method: How the interval was made.
        n_runs: Runs that entered.
        n_examples: Test examples that entered, or None.
        resampled: What the interval generalizes over.
        bounds: Range of the quantity; the interval is cut to it (the value is not).
        reason: Sentence to give where something is missing; a general one is made where this is empty.
    """
    has_value = math.isfinite(value)
    has_interval = has_value and math.isfinite(low) and math.isfinite(high)
    if has_value and has_interval:
        reason = ""
    elif not reason:
        reason = "the interval is not defined for these runs" if has_value else "not defined for these runs"
    return Estimate(
        value=float(value) if has_value else None,
        low=_cut(low, bounds) if has_interval else None,
        high=_cut(high, bounds) if has_interval else None,
        level=level,
        method=method,
        resampled=resampled,
        n_runs=n_runs,
        n_examples=n_examples,
        reason=reason,
    )


def missing(reason: str, *, level: float, n_runs: int, n_examples: int | None) -> Estimate:
    """An `Estimate` without a value, with the reason why there is none."""
    return Estimate(None, None, None, level, NO_INTERVAL, "none", n_runs, n_examples, reason)


def _cut(end: float, bounds: tuple[float, float]) -> float:
    return float(min(max(end, bounds[0]), bounds[1]))
