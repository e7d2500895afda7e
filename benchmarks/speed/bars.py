"""The bars that were set beforehand, and whether they are reached: each from what was measured, none from memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.speed.analysis_race import AnalysisRow, slope
from benchmarks.speed.overheads import shares
from benchmarks.speed.tasks import TASKS, counted

if TYPE_CHECKING:
    from benchmarks.speed.report import Row

GIB = 2**30
FASTER = {"mlp-32": (64, 5.0), "mlp-128": (64, 3.5), "mlp-512": (64, 2.0), "mnist1d-cnn": (8, 2.0), "cnn": (8, 2.0)}
"""On a CPU: from so many runs on, at least so many times as fast as the fastest peer; with fewer, not slower."""
CPU_SHARES = {"mlp-512": 0.5, "cnn": 0.4}
GPU_SHARES = {"mlp-32": 0.5, "mlp-128": 0.5, "mlp-512": 0.5, "cnn-bf16": 0.4}
"""Share of the machine's limit, at the largest number of runs."""
GPU_RUNS, GPU_FASTER = 4_096, 100.0
"""On a GPU, so many perceptrons: at least so many times as fast as PyTorch's loop."""
MANY, STEEPEST, MOST_MEMORY, LONGEST = 10_000, 1.15, 4 * GIB, 60.0
"""Runs; power of the number of runs that counts as linear; "a few GB"; "seconds"."""


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        what: What was to be reached.
        measured: What was measured, in words.
        reached: Whether it was.
    """

    what: str
    measured: str
    reached: bool


def bars(
    rows: list[Row], analysis: list[AnalysisRow], beside: dict[str, Any] | None, *, platform: str = "cpu"
) -> list[Bar]:
    """Those about which something was measured."""
    found = [_training(row, platform) for row in rows if row.ratio is not None or any(r.failed for r in row.results)]
    found += _shares(rows, CPU_SHARES if platform == "cpu" else GPU_SHARES)
    if platform == "gpu":
        found += [_loop(row) for row in rows if row.runs == GPU_RUNS and row.loop_ratio is not None]
    many = [row for row in analysis if row.case == "disagreement" and row.runs == MANY]
    if many:
        found += _many(many[0], analysis)
    at_1000 = [row for row in analysis if row.runs == 1_000 and row.case != "alignment"]
    if at_1000:
        loops = sum(row.loops_ratio * row.ours.seconds for row in at_1000)
        ratio = loops / sum(row.ours.seconds for row in at_1000)
        each = ", ".join(f"{row.case} {row.loops_ratio:.3g} ×" for row in at_1000)
        found.append(
            Bar(
                "Analysis of 1,000 runs ≥ 100 × as fast as published loops",
                f"{ratio:.3g} × in all: {each}",
                ratio >= 100,
            )
        )
    for row in analysis:
        if row.case == "alignment":
            what = f"Alignment of {row.runs:,} runs faster than git re-basin"
            found.append(Bar(what, f"{row.ratio:.2f} ×", row.ratio > 1))
    if beside:
        found += _beside(beside)
    return found


def _training(row: Row, platform: str) -> Bar:
    runs, times = FASTER.get(row.task, (0, 1.0)) if platform == "cpu" else (0, 1.0)
    least = times if row.runs >= runs else 1.0
    words = f"≥ {least:g} × as fast as the fastest peer" if least > 1 else "not slower than the fastest peer"
    what = f"{row.task}, {counted(row.runs)}: {words}"
    return Bar(what, "failed", False) if row.ratio is None else Bar(what, f"{row.ratio:.2f} ×", row.ratio >= least)


def _shares(rows: list[Row], least: dict[str, float]) -> list[Bar]:
    found = []
    for task, bar in least.items():
        largest = max((r for r in rows if r.task == task and r.share is not None), key=lambda r: r.runs, default=None)
        if largest is not None and largest.share is not None:
            what = f"{task}, {counted(largest.runs)}: ≥ {bar:.0%} of the limit ({largest.bound})"
            sums = "" if TASKS[task].model == "mlp" else ", convolutions counted as direct sums"
            found.append(Bar(what, f"{largest.share:.0%}{sums}", largest.share >= bar))
    return found


def _loop(row: Row) -> Bar:
    assert row.loop_ratio is not None
    what = f"{row.task}, {counted(row.runs)}: ≥ {GPU_FASTER:g} × as fast as a loop in PyTorch"
    return Bar(what, f"{row.loop_ratio:.3g} ×", row.loop_ratio >= GPU_FASTER)


def _many(row: AnalysisRow, analysis: list[AnalysisRow]) -> list[Bar]:
    power = slope(analysis, "disagreement")
    found = [
        Bar(
            "Mean disagreement of 10,000 runs with its interval in seconds",
            f"{row.ours.seconds:.2g} s",
            row.ours.seconds <= LONGEST,
        ),
        Bar(
            "… in a few GB at most (4 GiB), the input included",
            f"{row.ours.peak / GIB:.2f} GiB",
            row.ours.peak <= MOST_MEMORY,
        ),
    ]
    if power is not None:
        found.append(Bar(f"… linear in the runs (power ≤ {STEEPEST})", f"power {power:.2f}", power <= STEEPEST))
    return found


def _beside(beside: dict[str, Any]) -> list[Bar]:
    share, answers = shares(beside["parts"]), beside["answers"]
    apart, all_of_it = share["beside training, analysis and report"], share["beside training"]
    imported = answers["python -c 'import varbench'"]
    curves = beside["curves"]["with"] / beside["curves"]["without"] - 1
    return [
        Bar(
            "All but training, analysis and report ≤ 3 % of a standard run",
            f"{apart:.1%}; the curves, which lengthen a training by {curves:.1%}, count as training",
            apart <= 0.03,
        ),
        Bar("All but training ≤ 15 %", f"{all_of_it:.1%}", all_of_it <= 0.15),
        Bar("varbench --help ≤ 0.3 s", f"{answers['varbench --help']:.3f} s", answers["varbench --help"] <= 0.3),
        Bar("import varbench ≤ 0.1 s, the interpreter included", f"{imported:.3f} s", imported <= 0.1),
    ]


def bars_table(found: list[Bar]) -> str:
    """As Markdown, with the count first."""
    missed = [bar for bar in found if not bar.reached]
    lines = [
        f"{len(found) - len(missed)} of {len(found)} reached.",
        "",
        "| bar | measured | reached |",
        "|:--|:--|:--|",
        *(f"| {bar.what} | {bar.measured} | {'yes' if bar.reached else '**no**'} |" for bar in found),
    ]
    return "\n".join(lines)
