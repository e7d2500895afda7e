"""What is known of a measure's spread, as what a plan asks of it: how wide is its interval, how far do runs scatter."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from varbench.stats.pair_planning import PairComponents, expected_jackknife_variance, pair_mean_width
from varbench.stats.precision import NORMAL_KURTOSIS, mean_width, sd_width


class Spread(Protocol):
    """How a measure varies from run to run."""

    @property
    def fewest(self) -> int:
        """So many runs have an interval at all."""

    @property
    def basis(self) -> str:
        """How the widths are extrapolated, as a sentence without a final stop."""

    @property
    def of_runs(self) -> bool:
        """Whether the measure is a mean of one value for each run, which t tests compare."""

    def width(self, n_runs: int, *, level: float) -> float:
        """Length of the interval over R runs, end to end."""

    def scatter(self, n_runs: int) -> float | None:
        """√R times the standard error over R runs: the SD that a comparison of means reckons with; None for an SD."""

    def upper(self) -> Spread | None:
        """The same at the upper end of the pilot's own interval; None where nothing is known of it."""


@dataclass(frozen=True)
class MeanSpread:
    """A mean over runs, or what scales like one.

    Attributes:
        sd: SD over runs, above 0.
        high: Upper end of its interval, or None.
        basis: How widths are extrapolated.
        of_runs: Whether it is a mean of one value for each run.
    """

    sd: float
    high: float | None = None
    basis: str = "a mean over runs: the SD of the pilot, Student's t"
    of_runs: bool = True

    @property
    def fewest(self) -> int:
        """A t interval needs 2 runs."""
        return 2

    def width(self, n_runs: int, *, level: float) -> float:
        """2 t σ / √R."""
        return mean_width(self.sd, n_runs, level=level)

    def scatter(self, n_runs: int) -> float:
        """σ."""
        return self.sd

    def upper(self) -> MeanSpread | None:
        """At the upper end of the SD's interval."""
        return None if self.high is None else replace(self, sd=self.high, high=None)


@dataclass(frozen=True)
class DeviationSpread:
    """An SD over runs, which is itself the measure.

    Attributes:
        sd: The SD, above 0.
        high: Upper end of its interval, or None.
        kurtosis: Of the run values; 3 for normal ones.
    """

    sd: float
    high: float | None = None
    kurtosis: float = NORMAL_KURTOSIS

    @property
    def fewest(self) -> int:
        """Bonett's interval needs 5 runs."""
        return 5

    @property
    def of_runs(self) -> bool:
        """An SD is none."""
        return False

    @property
    def basis(self) -> str:
        """What the width rests on."""
        return f"Bonett's interval of an SD, kurtosis {self.kurtosis:.2g}"

    def width(self, n_runs: int, *, level: float) -> float:
        """Of Bonett's interval."""
        return sd_width(self.sd, n_runs, level=level, kurtosis=self.kurtosis)

    def scatter(self, n_runs: int) -> None:
        """Differences of two SDs are not planned here."""

    def upper(self) -> DeviationSpread | None:
        """At the upper end of the SD's interval."""
        return None if self.high is None else replace(self, sd=self.high, high=None)


@dataclass(frozen=True)
class PairSpread:
    """A mean over pairs of runs.

    Attributes:
        components: ζ₁ and ζ₂ of the pilot's matrix of pairs.
        stretch: Upper end of the interval of the pilot's standard error over that error itself, or None.
    """

    components: PairComponents
    stretch: float | None = None

    @property
    def fewest(self) -> int:
        """The jackknife over pairs needs 3 runs."""
        return 3

    @property
    def of_runs(self) -> bool:
        """A mean over pairs is none."""
        return False

    @property
    def basis(self) -> str:
        """What the width rests on."""
        return (
            "a mean over pairs: what single runs bring (falls as 1/R) and what pairs bring (falls as 1/R²), "
            "both from the pilot's pairs"
        )

    def width(self, n_runs: int, *, level: float) -> float:
        """Of the jackknife interval."""
        return pair_mean_width(self.components, n_runs, level=level)

    def scatter(self, n_runs: int) -> float:
        """√(R V), V the jackknife variance to expect."""
        return math.sqrt(n_runs * expected_jackknife_variance(self.components, n_runs))

    def upper(self) -> PairSpread | None:
        """Both components stretched alike."""
        if self.stretch is None:
            return None
        factor = self.stretch**2
        return PairSpread(PairComponents(factor * self.components.shared, factor * self.components.own))
