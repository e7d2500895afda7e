"""A moment of something that takes time, for progress displays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event, Lock

from varbench.training.watch import Progress


@dataclass(frozen=True)
class Moment:
    """Where training or judging stands.

    Attributes:
        label: What is being done: the label of a population, of an experiment or of a study.
        runs: Runs of the population, or 0.
        runs_done: Its runs that are committed.
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


class Whole:
    """The moments of several items, some of them at the same time, with the share of the whole that is done."""

    def __init__(self, weights: Sequence[float], listen: Callable[[Moment], None], stopped: Event):
        """`weights`: of the items, in any unit; `stopped`: once it is set, whoever tells a moment is interrupted."""
        self._weights, self._listen, self._stopped = weights, listen, stopped
        self._inside, self._lock = [0.0] * len(weights), Lock()

    def of(self, item: int) -> Callable[[Moment], None]:
        """The listener of one item, for moments that do not know the share of the whole. Never two at a time."""

        def listen(moment: Moment) -> None:
            if self._stopped.is_set():
                raise KeyboardInterrupt
            with self._lock:
                self._inside[item] = max(self._inside[item], moment.inside)
                done = sum(w * inside for w, inside in zip(self._weights, self._inside, strict=True))
                self._listen(replace(moment, share=min(1.0, done / max(sum(self._weights), 1e-9))))

        return listen
