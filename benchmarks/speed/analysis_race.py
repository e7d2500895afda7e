"""A race of the analysis: varbench and each peer in a process of its own, with its peak memory; the numbers compared.

python -m benchmarks.speed.analysis_race CASE RUNS [PEER]    # one process: time and memory as a line of JSON
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.speed.children import answered

ENOUGH, TIMES = 3.0, 5
"""A computation is repeated until it took so many seconds in all, or so often."""


@dataclass(frozen=True)
class Timed:
    """One way to the numbers of one case.

    Attributes:
        label: What tables call it.
        seconds: Median time, scaled where fewer runs were timed.
        timed_runs: How many runs were.
        peak: Largest memory of the process, in bytes, the input and the interpreter included.
        difference: Largest difference from varbench's numbers, or None for varbench.
        loops: A loop over pairs of runs.
    """

    label: str
    seconds: float
    timed_runs: int
    peak: int
    difference: float | None = None
    loops: bool = False


@dataclass(frozen=True)
class AnalysisRow:
    """One case and number of runs.

    Attributes:
        case, meaning, runs: What was computed.
        ours: varbench.
        peers: The others.
        share: The least time that reading the input or the arithmetic takes, over that of varbench; None if unknown.
        ratio: Seconds of the fastest peer over those of varbench.
        loops_ratio: Those of the fastest loop over pairs.
    """

    case: str
    meaning: str
    runs: int
    ours: Timed
    peers: tuple[Timed, ...]
    share: float | None
    ratio: float
    loops_ratio: float


def analysis_race(name: str, limits: dict[str, float], *, say: Any, runs: list[int] | None = None) -> list[AnalysisRow]:
    """Race one case at its numbers of runs.

    Args:
        name: Of the case.
        limits: The machine's, from `ceilings`.
        say: Called with a line of progress.
        runs: Numbers of runs in place of the case's own.

    Returns:
        A row for each number of runs.
    """
    from benchmarks.speed.analysis import CASES

    case = CASES[name]
    rows, known = [], dict[tuple[int, int], dict[str, Any]]()
    for count in runs or case.runs:
        say(f"{name}, {count:,} runs: varbench")
        found = _process(name, count)
        ours = Timed("varbench", found["seconds"], count, found["peak"])
        peers = []
        for index, peer in enumerate(case.peers):
            timed = min(count, peer.most_runs)
            if (index, timed) not in known:
                say(f"{name}, {timed:,} of {count:,} runs: {peer.label}")
                known[index, timed] = _process(name, timed, index)
            found = known[index, timed]
            scale = case.pairs(count) / case.pairs(timed)
            peers.append(
                Timed(peer.label, found["seconds"] * scale, timed, found["peak"], found["difference"], peer.loops)
            )
        rows.append(
            AnalysisRow(
                case=name,
                meaning=case.meaning,
                runs=count,
                ours=ours,
                peers=tuple(peers),
                share=_share(case.floor(count, limits), ours),
                ratio=min(peer.seconds for peer in peers) / ours.seconds,
                loops_ratio=min(peer.seconds for peer in peers if peer.loops) / ours.seconds,
            )
        )
    return rows


def wrong_numbers(rows: Sequence[AnalysisRow]) -> list[str]:
    """Sentences on peers that computed other numbers."""
    from benchmarks.speed.analysis import CASES

    found = []
    for row in rows:
        allowed = CASES[row.case].tolerance
        for peer in row.peers:
            off = peer.difference or 0.0
            if not off <= allowed:
                found.append(
                    f"{row.case}, {peer.timed_runs:,} runs: the numbers of {peer.label} are {off:.2g} off those of "
                    f"varbench; {allowed:g} are allowed"
                )
    return list(dict.fromkeys(found))


def held_against(row: AnalysisRow, limits: dict[str, float]) -> AnalysisRow:
    """The same row, its share that of other limits."""
    from benchmarks.speed.analysis import CASES

    return replace(row, share=_share(CASES[row.case].floor(row.runs, limits), row.ours))


def _share(floor: float | None, ours: Timed) -> float | None:
    return None if floor is None else floor / ours.seconds


def _process(name: str, runs: int, peer: int | None = None) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.speed.analysis_race", name, str(runs)]
    words += [] if peer is None else [str(peer)]
    environment = dict(os.environ) | {"JAX_PLATFORMS": "cpu"}
    return json.loads(answered(words, environment=environment).splitlines()[-1])


def measured(name: str, runs: int, peer: int | None = None) -> dict[str, Any]:
    """Seconds and peak memory of a case here, and for a peer the difference of its numbers."""
    from benchmarks.speed.analysis import CASES

    case = CASES[name]
    compute = case.answer if peer is None else case.peers[peer].answer
    compute(case.inputs(8))  # what is imported on first use
    inputs, seconds, answer = case.inputs(runs), list[float](), list[float]()
    while not seconds or (sum(seconds) < ENOUGH and len(seconds) < TIMES):
        started = time.perf_counter()
        answer = compute(inputs)
        seconds.append(time.perf_counter() - started)
    # In KiB, on a Mac in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found: dict[str, Any] = {"seconds": median(seconds), "peak": peak}
    if peer is not None:
        found["difference"] = float(np.abs(np.subtract(answer, case.answer(inputs))).max())
    return found


def slope(rows: list[AnalysisRow], name: str) -> float | None:
    """Power of the number of runs that the time of varbench grows with, from the last but one to the last."""
    own = [row for row in rows if row.case == name]
    if len(own) < 2:
        return None
    return float(np.log(own[-1].ours.seconds / own[-2].ours.seconds) / np.log(own[-1].runs / own[-2].runs))


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:]))))
