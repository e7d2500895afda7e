"""The moments of a training at which its weights are kept."""

from __future__ import annotations

import numpy as np

from varbench.errors import InputError


def snapshot_steps(count: int, *, steps: int) -> tuple[int, ...]:
    """At most `count` steps from 0 to `steps`, both included, the ones between evenly spaced on a logarithmic scale.

    Weights after step 0 are the initial ones, those after step `steps` the final ones. Where a training is short,
    several moments fall on one step and are kept once.

    Args:
        count: How many are asked for: 0 for none, otherwise at least 2.
        steps: Optimizer steps of the whole run, at least 1.

    Raises:
        InputError: If a single snapshot, or fewer than none, is asked for.
    """
    if count == 0:
        return ()
    if count < 2:
        raise InputError(f"snapshots = {count}: 0 for none, or at least 2 (the first and the last step) was expected")
    between = np.geomspace(1, steps, count - 1).round().astype(int) if count > 2 else [steps]
    return tuple(int(step) for step in np.unique([0, *between, steps]))
