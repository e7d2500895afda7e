"""The moments at which weights are kept: both ends, and evenly spaced in the logarithm between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.errors import InputError
from varbench.training.moments import snapshot_steps


def test_moments_by_hand():
    assert snapshot_steps(0, steps=100) == ()
    assert snapshot_steps(2, steps=100) == (0, 100)
    assert snapshot_steps(3, steps=100) == (0, 1, 100)
    assert snapshot_steps(6, steps=10_000) == (0, 1, 10, 100, 1000, 10_000)
    assert snapshot_steps(9, steps=3) == (0, 1, 2, 3)
    assert snapshot_steps(5, steps=1) == (0, 1)


@given(st.integers(2, 40), st.integers(1, 100_000))
def test_both_ends_are_kept_and_ratios_are_alike(count, steps):
    found = np.array(snapshot_steps(count, steps=steps))
    assert found[0] == 0
    assert found[-1] == steps
    assert len(found) <= count
    assert (np.diff(found) > 0).all()
    if count > 3:
        ratio = steps ** (1 / (count - 2))
        late = found[found > 20]
        np.testing.assert_allclose(late[1:] / late[:-1], ratio, rtol=0.06)


@pytest.mark.parametrize("count", [1, -1])
def test_a_single_moment_is_refused(count):
    with pytest.raises(InputError, match=f"snapshots = {count}: 0 for none, or at least 2"):
        snapshot_steps(count, steps=10)
