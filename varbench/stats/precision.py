"""How wide an interval will be with so many runs, and how many runs make it as narrow as wanted."""

from __future__ import annotations

import math

from varbench.errors import InputError
from varbench.stats.mean import t_quantile
from varbench.stats.planning import normal_quantile, smallest_runs
from varbench.stats.power import check_sd
from varbench.stats.spread import FEWEST_RUNS as FEWEST_FOR_SD

NORMAL_KURTOSIS = 3.0


def mean_width(sd: float, n_runs: int, *, level: float, assurance: float | None = None) -> float:
    """Length of the t interval of a mean over R runs, end to end: 2 t_{R−1} σ / √R.

    With the sample SD at σ, which is near its median. With an assurance the SD is taken at that quantile of its
    distribution, σ √(χ²_{R−1} / (R−1)), so that the interval is no longer than this in that share of repetitions
    (Kupper & Hafner 1989, The American Statistician 43, 101–105). Measured share of intervals (normal values) no
    longer than planned, R = 8, 16 and 64: .574 .546 .529 without, .901 .901 .902 with an assurance of .9.

    Args:
        sd: σ over runs, above 0.
        n_runs: R, 2 or more.
        level: Nominal coverage.
        assurance: Wanted chance of an interval of at most this length, or None.
    """
    stretch = 1.0
    if assurance is not None:
        from scipy.special import chdtri

        stretch = math.sqrt(float(chdtri(n_runs - 1, 1.0 - assurance)) / (n_runs - 1))
    return 2.0 * t_quantile(0.5 + level / 2, n_runs - 1) * stretch * sd / math.sqrt(n_runs)


def runs_for_mean_width(sd: float, width: float, *, level: float, assurance: float | None = None) -> int:
    """Fewest runs with which `mean_width` is at most `width`.

    Raises:
        InputError: If an argument is out of range.
    """
    check_sd(sd)
    check_width(width)
    check_level(level)
    if assurance is not None and not 0.0 < assurance < 1.0:
        raise InputError(f"The assurance is {assurance:g}; give a chance between 0 and 1, such as 0.9.")
    z = normal_quantile(0.5 + level / 2)
    return smallest_runs(
        lambda runs: mean_width(sd, runs, level=level, assurance=assurance) <= width,
        guess=_guess((2.0 * z * sd / width) ** 2),
        fewest=2,
    )


def sd_ends_normal(sd: float, n_runs: int, *, level: float) -> tuple[float, float]:
    """Ends of the χ² interval for σ around a sample SD of R normal values: s √((R−1) / χ²_{R−1}).

    Args:
        sd: s, ddof = 1.
        n_runs: R, 2 or more.
        level: Nominal coverage.
    """
    from scipy.special import chdtri

    each = n_runs - 1
    upper, lower = (float(chdtri(each, tail)) for tail in (0.5 - level / 2, 0.5 + level / 2))
    return sd * math.sqrt(each / upper), sd * math.sqrt(each / lower)


def sd_width(sd: float, n_runs: int, *, level: float, kurtosis: float = NORMAL_KURTOSIS) -> float:
    """Length of the interval of an SD over R runs that reports give: Bonett's, at sample SD σ and a typical kurtosis.

    σ √c (e^{½ t e} − e^{−½ t e}), c = R / (R − z), e = c √((g − (R−3)/R) / (R−1)), t the quantile with R − 1 degrees of
    freedom: see `spread.log_variance`. g = γ (R−1)/(R+1) is the mean kurtosis of R normal values where γ = 3: few runs
    show less of it. Measured median length of the intervals over the planned one, R = 8, 16, 64 and 256: normal
    1.02 .96 .98 .99; gamma(4) .73 .77 .90 .96; uniform 1.45 1.20 1.05 1.01.

    Args:
        sd: σ.
        n_runs: R, 5 or more.
        level: Nominal coverage.
        kurtosis: γ of the population, 3 for normal values.
    """
    inflation, error = _bonett(n_runs, level=level, kurtosis=kurtosis)
    reach = t_quantile(0.5 + level / 2, n_runs - 1) * error
    return 2.0 * sd * math.sqrt(inflation) * math.sinh(min(0.5 * reach, 300.0))


def sd_width_normal(sd: float, n_runs: int, *, level: float) -> float:
    """Length of the χ² interval of an SD of R normal values."""
    low, high = sd_ends_normal(sd, n_runs, level=level)
    return high - low


def runs_for_sd_width(sd: float, width: float, *, level: float, kurtosis: float = NORMAL_KURTOSIS) -> int:
    """Fewest runs with which `sd_width` is at most `width`.

    Raises:
        InputError: If an argument is out of range.
    """
    check_sd(sd)
    check_width(width)
    check_level(level)
    z = normal_quantile(0.5 + level / 2)
    return smallest_runs(
        lambda runs: sd_width(sd, runs, level=level, kurtosis=kurtosis) <= width,
        guess=_guess((kurtosis - 1.0) * (z * sd / width) ** 2),
        fewest=_fewest_for_sd(level),
    )


def kurtosis_of_interval(low: float, high: float, n_runs: int, *, level: float) -> float:
    """The γ with which `sd_width` at R has the ratio of the ends of Bonett's interval of an SD of R runs."""
    inflation, _ = _bonett(n_runs, level=level, kurtosis=NORMAL_KURTOSIS)
    error = math.log(high / low) / t_quantile(0.5 + level / 2, n_runs - 1)
    sample = (error / inflation) ** 2 * (n_runs - 1) + (n_runs - 3) / n_runs
    return sample * (n_runs + 1) / (n_runs - 1)


def check_width(width: float) -> None:
    """Refuse what is no length.

    Raises:
        InputError: If the width is not a positive number.
    """
    if not (math.isfinite(width) and width > 0):
        raise InputError(f"The wanted width of an interval is {width:g}; give a length above 0, from end to end.")


def check_level(level: float) -> None:
    """Refuse what is no coverage.

    Raises:
        InputError: If the level is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"The level of an interval is {level:g}; give a number between 0 and 1, such as 0.95.")


def _bonett(n_runs: int, *, level: float, kurtosis: float) -> tuple[float, float]:
    inflation = n_runs / (n_runs - normal_quantile(0.5 + level / 2))
    sample = max(kurtosis * (n_runs - 1) / (n_runs + 1), 1.0)  # no sample has a kurtosis under 1
    return inflation, inflation * math.sqrt((sample - (n_runs - 3) / n_runs) / (n_runs - 1))


def _fewest_for_sd(level: float) -> int:
    """Bonett's interval exists for 5 runs and more, and for more than z."""
    return max(FEWEST_FOR_SD, math.floor(normal_quantile(0.5 + level / 2)) + 1)


def _guess(runs: float) -> int:
    return max(2, math.ceil(min(runs, 1e9)))
