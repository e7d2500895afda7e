"""How much room the weights along a training may take."""

from __future__ import annotations

from collections.abc import Sequence

from varbench.errors import InputError

SNAPSHOT_BYTES = 512 * 2**20
"""Snapshots of a population may take so much; they are refused beyond it, and never kept as a sketch."""


def check_snapshots(runs: int, steps: Sequence[int], parameters: int) -> None:
    """Refuse snapshots that would take more than `SNAPSHOT_BYTES`.

    Raises:
        InputError: With both sizes and what to do.
    """
    size = 4 * runs * len(steps) * parameters
    if size > SNAPSHOT_BYTES:
        fitting = SNAPSHOT_BYTES // (4 * runs * parameters)
        fewer = f"at most {fitting} snapshots, or for fewer runs" if fitting >= 2 else "fewer runs"
        raise InputError(
            f"{len(steps)} snapshots of the {parameters:,} parameters of {runs:,} runs take {size / 2**20:,.0f} MiB, "
            f"and {SNAPSHOT_BYTES / 2**20:,.0f} MiB is the most that is kept: ask for {fewer}"
        )
