"""The interval of the spread of independent failures: it holds its value, and ends where the quantity does."""

import numpy as np
import pytest

from varbench.stats.independent import independent_sd_estimate


@pytest.mark.parametrize("n_runs", [3, 5, 12])
def test_the_value_lies_within_its_interval_even_above_what_the_quantity_can_be(n_runs):
    """Runs that are right with even chances have about every second time a larger spread than any population can."""
    rng, above = np.random.default_rng(0), 0
    for _ in range(50):
        estimate = independent_sd_estimate(rng.random((n_runs, 40)) < 0.5, level=0.95)
        largest = np.sqrt(0.25 / 40)
        assert estimate.low <= estimate.value <= estimate.high <= max(largest, estimate.value)
        above += estimate.value > largest
    assert above > 0
