"""What one arm did in one race."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Result:
    """One arm in one race.

    Attributes:
        arm: Its name.
        prepared: Seconds of compilation and the first training; None if it failed.
        seconds: Seconds of each round for all runs, scaled where fewer were trained.
        accuracies: Test accuracies of the runs that were trained.
        trained: How many runs those are.
        failed: Why there is nothing, or empty.
        distances: Distance from the initialization ‖w_T − w_0‖₂ of each of these runs; empty if not measured.
        processes: Processes side by side; None if not recorded.
    """

    arm: str
    prepared: float | None
    seconds: tuple[float, ...]
    accuracies: tuple[float, ...]
    trained: int
    failed: str = ""
    distances: tuple[float, ...] = ()
    processes: int | None = None

    @property
    def median(self) -> float:
        """Median seconds of the rounds."""
        return median(self.seconds)
