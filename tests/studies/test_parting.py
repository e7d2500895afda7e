"""One part of a rule: runs that lie further apart elsewhere, and what near 0 or 100 % cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.studies.parting import parting


def runs(mean: float, spread: float, *, count: int = 16, examples: int = 400, seed: int = 0) -> np.ndarray:
    """Every run is right on a share of its own, on examples drawn anew for each run."""
    random = np.random.default_rng(seed)
    shares = mean + spread * np.linspace(-1.7, 1.7, count)
    return random.random((count, examples)) < random.permutation(shares)[:, None]


def part(first: np.ndarray, second: np.ndarray):
    return parting("parted", first, second, words="here", label="Case", text="by something")


@pytest.mark.parametrize(
    ("first", "second", "holds"),
    [
        ((0.9, 0.005), (0.6, 0.08), True),
        ((0.9, 0.005), (0.5, 0.0), None),
        ((0.6, 0.08), (0.6, 0.01), False),
        ((0.85, 0.06), (0.6, 0.0), False),
    ],
)
def test_runs_part_where_their_true_accuracies_do(first, second, holds):
    found = part(runs(*first), runs(*second, seed=1))
    assert found.holds is holds


@pytest.mark.parametrize("mean", [0.02, 0.98])
def test_runs_together_near_0_or_100_percent_tell_nothing(mean):
    found = part(runs(0.6, 0.08), runs(mean, 0.0, seed=1))
    assert found.holds is None
    assert [w.gated for w in found.weighed] == [True]
    assert "less room" in found.text
    assert part(runs(mean, 0.0), runs(0.6, 0.08, seed=1)).holds is True


def test_sampling_alone_does_not_part_runs():
    """Nearer to one half the SDs of the accuracies as they are grow: not those of the true ones."""
    first, second = runs(0.99, 0.0, count=64), runs(0.5, 0.0, count=64, seed=1)
    assert second.mean(axis=1).std() > 3 * first.mean(axis=1).std()
    assert part(first, second).holds is None
