"""The pilot: a small population whose spread says what a large one will show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue import MEASURES, At, estimates
from varbench.analysis.planning.spreads import DeviationSpread, MeanSpread, PairSpread, Spread
from varbench.analysis.plotdata import square
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.measures.predictions import disagreement_matrix
from varbench.stats.estimate import Estimate, estimate_of
from varbench.stats.jackknife import METHOD as JACKKNIFE
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean
from varbench.stats.mean import METHOD as MEAN
from varbench.stats.mean import t_quantile
from varbench.stats.pair_planning import FEWEST_RUNS, admissible_components
from varbench.stats.precision import NORMAL_KURTOSIS, kurtosis_of_interval, sd_ends_normal
from varbench.stats.sharing import METHOD as LEVELS
from varbench.stats.spread import METHOD as DEVIATION

SD_OF = {"accuracy": "accuracy_sd", "error": "accuracy_sd", "loss": "loss_sd"}
"""Means whose SD over runs is a measure of its own, with an interval."""

PAIRS_OF = {"disagreement": "disagreement", "instability": "disagreement"}
"""Means over pairs whose matrix of pairs is at hand."""

OVERVIEW = ("accuracy", "accuracy_sd", "loss", "disagreement")
"""What the overview shows, where the pilot has it."""

MATRIX_RUNS = 512
"""The matrix of pairs is made for so many runs at most; of more, the error falls as 1/√R anyway."""

Key = tuple[str, At]


@dataclass(frozen=True)
class Pilot:
    """Estimates of one population, and its matrices of pairs.

    Attributes:
        name: Its condition.
        label: What it is called.
        n_runs: Its runs.
        rows: Its estimates by measure and position.
        labels: What each measure is called.
        units: The unit of each measure.
        matrices: Matrices [R, R] of all its runs, by measure.
        n_diverged: So many of its runs did not finish.
    """

    name: str
    label: str
    n_runs: int
    rows: Mapping[Key, Estimate]
    labels: Mapping[str, str]
    units: Mapping[str, str]
    matrices: Mapping[str, Float[np.ndarray, "R R"]]
    n_diverged: int = 0

    def key_of(self, measure: str) -> Key:
        """Measure and position of a name such as `accuracy` or `ensemble_accuracy@4`.

        Raises:
            InputError: If the pilot has no such estimate.
        """
        known = {f"{name}" if at is None else f"{name}@{_shown(at)}": (name, at) for name, at in self.rows}
        if measure not in known:
            near = get_close_matches(measure, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise InputError(f"the pilot has no measure {measure!r}: {hint}")
        return known[measure]

    def spread(self, key: Key) -> Spread:
        """What the pilot says of the spread of one measure.

        Raises:
            InputError: If it has too few runs for it, or no spread at all.
        """
        estimate, name = self.rows[key], self.labels.get(key[0], key[0]).lower()
        if self.n_runs < 2:
            raise InputError("the pilot has one run, which says nothing about a spread: give one of 2 runs or more")
        if estimate.value is None or estimate.low is None or estimate.high is None:
            raise InputError(f"the pilot gives no interval of the {name} to plan with: {estimate.reason}")
        if estimate.low == estimate.high:
            raise InputError(
                f"all {estimate.n_runs} runs of the pilot have the same {name}: there is no spread to plan with"
            )
        if estimate.method.startswith(LEVELS):
            raise InputError(
                f"the runs of the pilot share levels ({estimate.method}): give one whose runs differ in every source"
            )
        if estimate.method == DEVIATION:
            shown = kurtosis_of_interval(estimate.low, estimate.high, estimate.n_runs, level=estimate.level)
            return DeviationSpread(estimate.value, estimate.high, max(shown, NORMAL_KURTOSIS))
        matrix = self.matrices.get(PAIRS_OF.get(key[0], "")) if key[1] is None else None
        if matrix is not None and FEWEST_RUNS <= len(matrix) == estimate.n_runs:
            stretch = sd_ends_normal(1.0, estimate.n_runs, level=estimate.level)[1]
            return PairSpread(admissible_components(matrix), stretch)
        return self._mean(key, estimate)

    def _mean(self, key: Key, estimate: Estimate) -> MeanSpread:
        """From a mean's SD, or from the interval: V of the pilot, taken to fall as 1/R."""
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        own = self.rows.get((SD_OF.get(key[0], ""), None))
        if own is not None and own.value and own.n_runs == estimate.n_runs:
            high = own.high if own.high is not None else sd_ends_normal(own.value, own.n_runs, level=own.level)[1]
            return MeanSpread(own.value, high)
        # An end may be cut at the range of the quantity; the longer side is whole.
        half = max(estimate.high - estimate.value, estimate.value - estimate.low)
        if estimate.method not in (MEAN, JACKKNIFE):
            half = (estimate.high - estimate.low) / 2
        quantile = t_quantile(0.5 + estimate.level / 2, estimate.n_runs - 1)
        sd = half / quantile * math.sqrt(estimate.n_runs)
        high = sd_ends_normal(sd, estimate.n_runs, level=estimate.level)[1]
        if estimate.method == MEAN:
            return MeanSpread(sd, high)
        basis = (
            "the pilot's interval, its variance taken to fall as 1/R: right where every run moves the value, too "
            "cautious where only pairs of runs do"
        )
        return MeanSpread(sd, high, basis, of_runs=False)


def pilot_of_population(
    population: PopulationArrays, *, name: str, label: str, measure: str | None, level: float
) -> Pilot:
    """A pilot from arrays: the estimates of the overview and of one measure more.

    Args:
        population: The arrays.
        name: Its condition.
        label: What it is called.
        measure: A name in the catalogue, `@` and a position after it or not; or None.
        level: Coverage of its intervals.
    """
    wanted = [*OVERVIEW, "loss_sd", *([measure.split("@")[0]] if measure else [])]
    found = estimates(population, names=list(dict.fromkeys(wanted)), level=level, key=0)
    matrices = {}
    if 1 < population.n_runs <= MATRIX_RUNS:
        matrices["disagreement"] = disagreement_matrix(population.predicted_labels, n_classes=population.n_classes)
    return Pilot(
        name=name,
        label=label,
        n_runs=population.n_runs,
        rows={(measure_, at): estimate for measure_, at, estimate in found},
        labels={key: entry.label for key, entry in MEASURES.items()},
        units={key: entry.unit for key, entry in MEASURES.items()},
        matrices=matrices,
        n_diverged=int((~population.finished).sum()),
    )


def pilots_of_document(document: Mapping[str, Any]) -> list[Pilot]:
    """The populations of an `analysis.json`; controls and comparisons are none.

    Raises:
        InputError: If the document is not one of schema 1 with estimates.
    """
    try:
        if document["schema"] != 1:
            raise InputError(f"the pilot has schema {document['schema']!r}; this varbench reads schema 1")
        return [
            _pilot(document, str(entry["condition"]), entry)
            for entry in document["conditions"]
            if entry.get("role", "population") not in ("control", "comparison")
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"the pilot is not an analysis.json that varbench wrote ({type(error).__name__}: {error})"
        ) from None


def _pilot(document: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> Pilot:
    rows: dict[Key, Estimate] = {}
    for row in document["estimates"]:
        if row["condition"] == name:
            numbers = [math.nan if row[part] is None else float(row[part]) for part in ("value", "low", "high")]
            rows[row["measure"], row["at"]] = estimate_of(
                *numbers,
                level=float(row["level"]),
                method=str(row["method"]),
                n_runs=int(row["n_runs"]),
                n_examples=row["n_examples"],
                reason=str(row.get("reason") or ""),
            )
    stored = (document.get("plots") or {}).get(name, {}).get("matrices") or {}
    matrices = {key: square(values) for key, values in stored.items()}
    return Pilot(
        name=name,
        label=str(entry.get("label") or name),
        # A study's own estimates may compare two populations and count the runs of both.
        n_runs=int(entry.get("n_runs") or max((estimate.n_runs for estimate in rows.values()), default=0)),
        rows=rows,
        labels={key: str(entry["label"]) for key, entry in document["measures"].items()},
        units={key: str(entry["unit"]) for key, entry in document["measures"].items()},
        matrices={key: matrix for key, matrix in matrices.items() if _whole(matrix, rows.get((key, None)))},
        n_diverged=int(entry.get("n_diverged") or 0),
    )


def _whole(matrix: Float[np.ndarray, "R R"], estimate: Estimate | None) -> bool:
    """Whether the matrix is that of all runs of the estimate: it is stored for the first ones only."""
    if estimate is None or estimate.value is None or matrix.shape != (estimate.n_runs, estimate.n_runs):
        return False
    if not np.isfinite(matrix).all():
        return False
    return math.isclose(pair_mean(off_diagonal_row_sums(matrix)), estimate.value, rel_tol=1e-4, abs_tol=1e-9)


def _shown(at: At) -> str:
    return at if isinstance(at, str) else f"{at:g}"
