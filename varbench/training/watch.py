"""Telling how far a training is, and stopping it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

import numpy as np


class Progress(NamedTuple):
    """Where the blocks in training stand: mean steps done, steps in all, runs, their mean training loss."""

    step: int
    steps: int
    runs: int
    loss: float


Listener = Callable[[Progress], None]


class Watch:
    """What the threads tell of their blocks, put together for the listener; and the way to stop them."""

    def __init__(self, steps: int, listen: Listener | None):
        self.stopped = False
        self._steps, self._listen = steps, listen
        self._lock, self._active = Lock(), dict[int, tuple[int, int, float]]()

    def report(self, index: int, step: int, runs: int, loss: float) -> None:
        """A block's state after a segment; ends its thread where the training was given up."""
        if self.stopped:
            raise KeyboardInterrupt
        with self._lock:
            self._active[index] = (step, runs, loss)
            states = list(self._active.values())
            runs = sum(r for _, r, _ in states)
            mean_step = sum(s * r for s, r, _ in states) / runs
            mean_loss = sum(loss * r for _, r, loss in states) / runs
            if self._listen is not None:
                self._listen(Progress(round(mean_step), self._steps, runs, mean_loss))

    def forget(self, index: int) -> None:
        """A block was handed over and counts as done."""
        with self._lock:
            self._active.pop(index, None)


class Told:
    """Tells of every segment when the next one has been handed to the device, which so is never idle."""

    def __init__(self, watch: Watch, index: int, runs: int):
        self._watch, self._index, self._runs = watch, index, runs
        self._last: tuple[int, Any, int] | None = None

    def of(self, step: int, loss: Any, steps: int) -> None:
        """A segment that ends at a step was handed over; `loss` [lanes] sums the losses of so many steps."""
        self.last()
        self._last = (step, loss, steps)

    def last(self) -> None:
        """Tell of the segment that was handed over last, as soon as it is done."""
        if self._last is not None:
            step, loss, steps = self._last
            mean = float(np.mean(np.asarray(loss)[: self._runs])) / steps
            self._watch.report(self._index, step, self._runs, mean)
