"""A moment of something that takes time, for progress displays."""

from __future__ import annotations

from dataclasses import dataclass

from varbench.training.engine import Progress


@dataclass(frozen=True)
class Moment:
    """Where training or judging stands.

    Attributes:
        label: What is being done: the label of a population, of an experiment or of a study.
        runs: Runs of the population, or 0.
        runs_done: Its runs that were committed before this launch.
        progress: Where the current launch stands, or None at its start and end.
        inside: Share of it that is done, in [0, 1].
        share: Share of the whole that is done, in [0, 1].
    """

    label: str
    runs: int
    runs_done: int
    progress: Progress | None
    inside: float
    share: float
