"""What the simulations of coverage share."""

import numpy as np

LEVEL = 0.95


def assert_between(covered, low, high):
    margin = 3 * np.sqrt(LEVEL * (1 - LEVEL) / len(covered))
    assert low - margin <= np.mean(covered) <= high + margin, f"coverage {np.mean(covered):.3f}"


def holds(estimate, truth):
    return estimate.low <= truth <= estimate.high
