"""Measures of trained networks side by side: compared from what reports say, as estimates of independent runs."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from tests.analysis import test_landscape, test_networks_compared
from tests.analysis.sides import population, side
from tests.analysis.toynets import toy_population
from varbench.analysis.churn import matched_rows
from varbench.analysis.comparing import comparison_document
from varbench.analysis.comparing.rows import comparison_rows
from varbench.report.comparisons import pairs
from varbench.report.document import read_document
from varbench.report.figures.comparisons import tables
from varbench.stats.estimate import Estimate
from varbench.studies.sides import Asked, side_of

ABOUT = {"population": None, "measures": None, "level": 0.95, "headline": lambda _: "", "provenance": {}}
BARRIERS = ("loss_barrier", "loss_barrier_aligned", "error_barrier", "weight_distance_aligned")
LAYERS = ("cka", "procrustes_distance", "attribution_cosine")
CURVATURE = ("sharpness", "hessian_trace")


def weights(seed):
    return test_networks_compared.weights(6, seed, share=0.5 + 0.1 * seed)


MADE = {
    "barriers": (BARRIERS, lambda i: toy_population(12, noise=0.2 + 0.4 * i)),
    "layers": (LAYERS, lambda i: test_networks_compared.population(weights=weights(i))),
    "curvature": (CURVATURE, lambda i: test_landscape.population(runs=6 + 2 * i)),
}


def reported(arrays, names, folder):
    """A side read from a report that holds the named measures of a population."""
    arm = next(iter(side_of(arrays, asked=Asked(measures=names)).arms.values()))
    rows = [
        {"condition": "mlp", "measure": name, "at": at, **dataclasses.asdict(estimate)}
        for (name, at), estimate in arm.estimates.items()
    ]
    conditions = [{"condition": "mlp", "role": "population", "n_examples": arrays.n_examples}]
    folder.mkdir()
    (folder / "analysis.json").write_text(json.dumps({"schema": 1, "estimates": rows, "conditions": conditions}))
    return side_of(folder), arm.estimates


def welch(a: Estimate, b: Estimate):
    """Difference, interval and p value of two means of which half-widths of t intervals are known."""
    freedoms = [(e.n_runs // 2 if "disjoint pairs" in e.method else e.n_runs) - 1 for e in (a, b)]  # independent values
    squares = [((e.high - e.low) / 2 / stats.t.ppf(0.975, f)) ** 2 for e, f in zip((a, b), freedoms, strict=True)]
    freedom = sum(squares) ** 2 / sum(s**2 / f for s, f in zip(squares, freedoms, strict=True))
    error, gap = np.sqrt(sum(squares)), b.value - a.value
    half = stats.t.ppf(0.975, freedom) * error
    return gap, gap - half, gap + half, 2 * stats.t.sf(abs(gap) / error, freedom)


@pytest.mark.parametrize("family", MADE)
def test_reports_of_networks_are_compared_as_independent_estimates(family, tmp_path):
    names, make = MADE[family]
    (first, ours), (second, theirs) = (reported(make(i), names, tmp_path / str(i)) for i in (0, 1))
    found = comparison_document([first, second], **ABOUT)
    rows = {(row["measure"], row["at"]): row for row in found["comparisons"]}
    assert {name for name, _ in rows} == set(names)
    assert set(rows) == set(ours)
    for key, row in rows.items():
        assert (row["paired"], row["probability_of_improvement"]) == (False, None)
        a, b = ours[key], theirs[key]
        if not uncut(a) or not uncut(b):
            continue
        gap, low, high, p = welch(a, b)
        assert (row["difference"], row["low"], row["high"], row["p"]) == pytest.approx((gap, low, high, p), rel=1e-6)
        assert row["method"].startswith("standard errors of two independent estimates combined")
    assert sum(uncut(ours[key]) and uncut(theirs[key]) for key in rows) >= 3


def uncut(estimate: Estimate) -> bool:
    """Whether the interval is symmetric, not cut at the range of the measure, and more than a point."""
    if estimate.low is None or estimate.low == estimate.high:
        return False
    return bool(np.isclose(estimate.high - estimate.value, estimate.value - estimate.low))


def test_matched_runs_with_networks_are_not_paired_in_what_takes_the_networks():
    measures = ("accuracy", *LAYERS)
    sides = [
        test_networks_compared.population(weights=weights(i), levels={"init": np.arange(6), "order": np.arange(6)})
        for i in (1, 2)
    ]
    arms = [side_of(arrays, name="p", asked=Asked(measures=measures)).arms["p"] for arrays in sides]
    rows = comparison_rows(
        *arms,
        population="p",
        a="A",
        b="B",
        better={},
        partners=matched_rows(*sides),
        measures=measures,
        level=0.95,
    )
    paired = {(row.measure, row.at): row.paired for row in rows}
    assert paired.pop(("accuracy", None))
    assert len(paired) == 5
    assert not any(paired.values())


def test_the_page_says_what_is_paired():
    def caption(first, second, **measures):
        document = read_document(
            comparison_document([side("x", p=first), side("y", p=second)], **{**ABOUT, **measures})
        )
        assert len(pairs(document)) == 1
        return next(table.caption for table in tables(document) if table.name.startswith("main-differences"))

    some = caption(population(1), population(2))
    assert "same levels are paired for Test accuracy, Test loss, Disagreement, so what they share cancels" in some
    assert "for the others the two count as independent" in some
    assert "Runs of the same levels are paired, so" in caption(population(1), population(2), measures=["loss"])
    assert "No runs are paired: the two count as independent" in caption(population(1, levels=False), population(2))
