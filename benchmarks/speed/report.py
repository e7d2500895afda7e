"""What came out of the races: a table, a JSON document with the machine's description, and a figure."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.analysis_race import AnalysisRow
from benchmarks.speed.arms import ARMS
from benchmarks.speed.bars import bars, bars_table
from benchmarks.speed.other_tables import (
    ANALYSIS_DRAWN,
    ANALYSIS_EXPLAINED,
    analysis_figure,
    analysis_table,
    overheads_figure,
    overheads_text,
    saved,
)
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import Task, step_bytes, step_flops
from varbench.store.files import write_atomically

EXPLAINED = (
    "Medians over rounds in which the arms took turns; an arm has no further round once it took 8 s, and one that "
    "trains run after run is timed once for a task. In brackets the shortest and the longest of its *rounds*. "
    "*Ratio*: seconds of the fastest peer over those of varbench. "
    "*Share of the limit*: the least time that the arithmetic of the steps takes (or the traffic of weights and "
    "moments, where that is more) over the time taken, evaluation and curves included; the limit is the highest rate "
    "that the machine ever showed, for what was measured earlier too. A convolution counts as the sum that it is, "
    "though on a CPU varbench does those of 3 × 3 and stride one, with eight channels or more, by Winograd's "
    "algorithm, with a quarter of the multiplications. Where both have one round, a ratio is that of two single times. "
    "*Fastest peer*: of the arms in the table below. *Compile*: the preparation less one training."
)


DRAWN = (
    "Runs per second, more is better; hollow: scaled from fewer runs. The dotted line is the knee of varbench: so few "
    "runs have 80 % of its best throughput."
)


@dataclass(frozen=True)
class Row:
    """One race.

    Attributes:
        task, runs, steps: What was raced.
        results: Every arm's.
        limit: The most that the machine was measured to do, FLOP/s or bytes/s.
        floor: Seconds that it leaves for the arithmetic, or for the weights' traffic where that is more.
        bound: Which of the two it is.
        share: `floor` over the seconds of varbench.
        peer: The fastest arm that is not varbench.
        ratio: Its median seconds over those of varbench.
        loop_ratio: The same for PyTorch's plain loop over the runs.
    """

    task: str
    runs: int
    steps: int
    results: tuple[Result, ...]
    limit: float
    floor: float
    bound: str
    share: float | None
    peer: str | None
    ratio: float | None
    loop_ratio: float | None = None


def row_of(task: Task, runs: int, results: list[Result], limits: dict[str, float], *, platform: str) -> Row:
    """A race held against the machine's limits and the fastest peer."""
    amount = runs * task.steps
    arithmetic = amount * step_flops(task) / limits[task.precision]
    # Weights that stay in a CPU's cache cross no memory bus: only a GPU's many lanes are bound by it.
    traffic = amount * step_bytes(task) / limits["bytes"] if platform == "gpu" else 0.0
    fine = {r.arm: r for r in results if not r.failed}
    ours = fine.get("varbench")
    peers = [r for r in fine.values() if ARMS[r.arm].peer]
    loop = fine.get("torch")
    peer = min(peers, key=lambda r: r.median, default=None)
    return Row(
        task=task.name,
        runs=runs,
        steps=task.steps,
        results=tuple(results),
        limit=limits[task.precision if arithmetic >= traffic else "bytes"],
        floor=max(arithmetic, traffic),
        bound="arithmetic" if arithmetic >= traffic else "bandwidth",
        share=max(arithmetic, traffic) / ours.median if ours else None,
        peer=peer.arm if peer else None,
        ratio=peer.median / ours.median if peer and ours else None,
        loop_ratio=loop.median / ours.median if loop and ours else None,
    )


COLUMNS = {
    "task": ":--",
    "runs": "--:",
    "steps": "--:",
    "varbench, s": "--:",
    "rounds": "--:",
    "runs per s": "--:",
    "share of the limit": "--:",
    "fastest peer": ":--",
    "its s": "--:",
    "its rounds": "--:",
    "ratio": "--:",
    "compile, s": "--:",
}
"""Of the table of the races, with their alignment."""


def table(rows: list[Row], limits: dict[str, float]) -> str:
    """The races as a Markdown table."""
    rates = [f"{limits[p] / 1e9:,.0f} GFLOP/s in {p} products" for p in ("float32", "bfloat16") if p in limits]
    lines = [
        f"Limits of the machine, the most it showed: {', '.join(rates)}, {limits['bytes'] / 1e9:,.0f} GB/s in a copy.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'|'.join(COLUMNS.values())}|",
    ]
    for row in rows:
        of = {r.arm: r for r in row.results if not r.failed}
        ours, peer = of.get("varbench"), of.get(row.peer or "")
        cells = dict.fromkeys(COLUMNS, "") | {"task": row.task, "runs": f"{row.runs:,}", "steps": f"{row.steps:,}"}
        if ours:
            cells["varbench, s"], cells["rounds"] = _timed(ours)
            cells["runs per s"] = f"{row.runs / ours.median:,.3g}"
            cells["share of the limit"] = f"{row.share:.0%} ({row.bound})"
            cells["compile, s"] = f"{max(0.0, (ours.prepared or 0.0) - ours.median):.1f}"
        if peer and ours:
            cells["its s"], cells["its rounds"] = _timed(peer)
            cells["fastest peer"], cells["ratio"] = ARMS[peer.arm].label, f"{row.ratio:.2f} ×"
        lines.append(f"| {' | '.join(cells.values())} |")
    return "\n".join(lines)


def _timed(result: Result) -> tuple[str, str]:
    """Median with the shortest and the longest of the rounds, and their number; one round has no spread."""
    if len(result.seconds) < 2:
        return f"{result.median:.3g}", str(len(result.seconds))
    spread = f"[{min(result.seconds):.3g}, {max(result.seconds):.3g}]"
    return f"{result.median:.3g} {spread}", str(len(result.seconds))


def side_by_side(rows: list[Row]) -> str:
    """A sentence on the processes of arms that have one per core; empty where no row tells it."""
    told = {r.processes for row in rows for r in row.results if ARMS[r.arm].process_per_core and not r.failed}
    counts = sorted(count for count in told if count is not None)
    if not counts:
        return ""
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}, but no more than runs"
    return f" A process per core: {number}."


def arms_table(rows: list[Row]) -> str:
    """Seconds of every arm, as a Markdown table; a scaled time has a star."""
    names = [name for name in ARMS if any(r.arm == name for row in rows for r in row.results)]
    lines = [
        "| task | runs | " + " | ".join(ARMS[name].label for name in names) + " |",
        "|:--|--:|" + "--:|" * len(names),
    ]
    for row in rows:
        of = {r.arm: r for r in row.results}
        cells = []
        for name in names:
            result = of.get(name)
            if result is None:
                cells.append("")
            elif result.failed:
                cells.append("failed")
            else:
                cells.append(f"{result.median:.3g}{'*' if result.trained < row.runs else ''}")
        lines.append(f"| {row.task} | {row.runs:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _by_day(dates: dict[str, str]) -> list[tuple[str, list[str]]]:
    """What was measured on each day, a task once for all its numbers of runs."""
    days = sorted({date[:10] for date in dates.values()})
    return [
        (day, list(dict.fromkeys(name.split(", ")[0] for name, date in dates.items() if date[:10] == day)))
        for day in days
    ]


def write(
    rows: list[Row],
    limits: dict[str, float],
    about: dict[str, Any],
    wrong: list[str],
    folder: Path,
    *,
    analysis: list[AnalysisRow] | None = None,
    beside: dict[str, Any] | None = None,
    left_out: list[str] | None = None,
) -> None:
    """Write `speed.json`, `report.md` and the figures into a folder.

    Args:
        rows: Races of training.
        limits: What the machine can do.
        about: The machine.
        wrong: Sentences on arms that trained, or peers that computed, something else.
        folder: Where to.
        analysis: Races of the analysis.
        beside: From `overheads`, or None.
        left_out: Races for which no time was left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    analysis, left_out = analysis or [], left_out or []
    reached = bars(rows, analysis, beside, platform=about["platform"])
    document = {
        "machine": about,
        "limits": limits,
        "bars": [dataclasses.asdict(bar) for bar in reached],
        "races": [dataclasses.asdict(row) for row in rows],
        "analysis": [dataclasses.asdict(row) for row in analysis],
        "overheads": beside,
        "not comparable": wrong,
        "left out": left_out,
    }
    write_atomically(folder / "speed.json", (json.dumps(document, indent=1) + "\n").encode())
    command = f"python -m benchmarks.speed --platform {about['platform']}"
    training = [
        "## Training",
        table(rows, limits),
        EXPLAINED,
        "### Seconds of every arm",
        arms_table(rows),
        "* scaled from fewer runs: the arm trains one after another. Empty: not raced, or not when the row was."
        + side_by_side(rows),
        "![Throughput](throughput.svg)",
        DRAWN,
    ]
    parts = [
        f"# Speed on a {about['platform'].upper()}",
        f"{about['kind']}, {about['cores']} cores; {about['processor']}. {about['started'][:10]}. Versions: "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        + f". Made by `{command}`{', with --add where something was measured earlier' if about.get('kept') else ''}."
        + "".join(f" Measured earlier, {day}: {', '.join(kept)}." for day, kept in _by_day(about.get("kept", {}))),
        *(["## Bars", bars_table(reached)] if reached else []),
        *(training if rows else []),
        *(
            ["## Analysis", analysis_table(analysis), ANALYSIS_EXPLAINED, "![Analysis](analysis.svg)", ANALYSIS_DRAWN]
            if analysis
            else []
        ),
        *(["## Beside training", overheads_text(beside), "![A standard run](overheads.svg)"] if beside else []),
        *(["## Not comparable", *wrong] if wrong else []),
        *(["## Left out, for want of time", *left_out] if left_out else []),
    ]
    write_atomically(folder / "report.md", ("\n\n".join(parts) + "\n").encode())
    if rows:
        _figure(rows, folder / "throughput.svg")
    if analysis:
        analysis_figure(analysis, folder / "analysis.svg")
    if beside:
        overheads_figure(beside, folder / "overheads.svg")


def _figure(rows: list[Row], path: Path) -> None:
    """Runs per second against the number of runs, a panel per task; the knee of varbench is marked."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.ticker import LogLocator, NullLocator

    sns.set_theme(style="whitegrid", context="paper")
    tasks = list(dict.fromkeys(row.task for row in rows))
    columns = min(4, len(tasks))
    lines = -(-len(tasks) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(3.4 * columns, 2.9 * lines), squeeze=False, layout="constrained"
    )
    looks = looks_of_arms()
    for axis, name in zip(axes.flat, tasks, strict=False):
        for arm in ARMS:
            points = [
                (row.runs, row.runs / r.median, r.trained < row.runs)
                for row in rows
                if row.task == name
                for r in row.results
                if r.arm == arm and not r.failed
            ]
            if not points:
                continue
            ours = not ARMS[arm].peer
            raced, rates, _ = zip(*points, strict=True)
            colour, marker, line = looks[arm]
            style = {"color": colour, "marker": marker, "ms": 4, "zorder": 3 if ours else 2}
            axis.plot(raced, rates, ls=line, lw=2.4 if ours else 1.2, label=ARMS[arm].label, **style)
            hollow = [(n, rate) for n, rate, less in points if less]
            if hollow:
                axis.plot(*zip(*hollow, strict=True), ls="", mfc="white", **style)
            if arm == "varbench" and len(points) > 1:
                axis.axvline(knee(list(zip(raced, rates, strict=True))), color=colour, lw=0.8, ls=":")
        axis.set(xscale="log", yscale="log", title=name, xlabel="runs", ylabel="runs per second")
        ticks = sorted({row.runs for row in rows if row.task == name})
        axis.set_xticks(ticks, [f"{runs:,}" for runs in ticks])
        axis.set_xlim(ticks[0] / 1.5, ticks[-1] * 1.5)
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
    for axis in list(axes.flat)[len(tasks) :]:
        axis.set_axis_off()
    handles, labels = {}, []
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = list(handles)
    figure.legend(handles.values(), labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    saved(figure, path)


def looks_of_arms() -> dict[str, tuple[Any, str, str]]:
    """Colour, marker and line of every arm, no two alike: PyTorch is solid, plain JAX dashed, varbench black."""
    import seaborn as sns

    looks: dict[str, tuple[Any, str, str]] = {"varbench": ("black", "o", "-"), "varbench-wide": ("black", "s", "--")}
    for library, marker, line in (("torch", "o", "-"), ("jax", "s", "--")):
        arms = [name for name in ARMS if name.split("-")[0] == library]
        colours = sns.color_palette("colorblind", len(arms))
        looks |= {arm: (colour, marker, line) for arm, colour in zip(arms, colours, strict=True)}
    return looks


def knee(points: list[tuple[int, float]]) -> int:
    """The least number of runs at which the throughput is at least 80 % of the best."""
    best = max(rate for _, rate in points)
    return min(runs for runs, rate in points if rate >= 0.8 * best)
