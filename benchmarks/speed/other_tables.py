"""Tables and figures of the races of the analysis and of what is spent beside training."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from benchmarks.speed.analysis_race import AnalysisRow
from benchmarks.speed.overheads import shares
from varbench.store.files import write_atomically

MIB = 2**20

ANALYSIS_DRAWN = "Seconds, less is better; hollow: scaled from fewer runs or pairs."

ANALYSIS_EXPLAINED = (
    "Each in a process of its own; medians of up to five times. The numbers of every peer were compared with those of "
    "varbench on the same input. * scaled from fewer runs by the number of pairs, although leaving runs out one by one "
    "grows faster. *Share of the limit*: reading the input once (disagreement), or the arithmetic "
    "of all pairs at the rate of a matrix product, over the time taken. *Peak*: of the whole process, input included."
)


def analysis_table(rows: list[AnalysisRow]) -> str:
    """The races of the analysis as a Markdown table, a line for each peer."""
    lines = [
        "| what | runs | varbench, s | share of the limit | peak, MiB | peer | its s | its peak | ratio | off by |",
        "|:--|--:|--:|--:|--:|:--|--:|--:|--:|--:|",
    ]
    for row in rows:
        share = "" if row.share is None else f"{row.share:.1%}"
        own = f"{row.ours.seconds:.3g} | {share} | {row.ours.peak / MIB:,.0f}"
        for peer in row.peers:
            star = "*" if peer.timed_runs < row.runs else ""
            lines.append(
                f"| {row.meaning} | {row.runs:,} | {own} | {peer.label} | {peer.seconds:.3g}{star} | "
                f"{peer.peak / MIB:,.0f} | {peer.seconds / row.ours.seconds:,.3g} × | {peer.difference:.1g} |"
            )
    return "\n".join(lines)


def overheads_text(beside: dict[str, Any]) -> str:
    """Parts of a standard run, times to answer, and memory, as Markdown."""
    share, curves = shares(beside["parts"]), beside["curves"]
    lines = [
        (
            f"A run of `{beside['study']}`, budget {beside['budget']}, from the start of the process to the written "
            "page, its populations one after the other, the data sets already in the data directory. Training is what "
            "is left of the whole; compiling is in it. The store counts with all its time; without its waiting while "
            f"blocks train, which keeps these from nothing, it would be {beside['work']['store']:.3g} s."
        ),
        "",
        "| part | s | share |",
        "|:--|--:|--:|",
        *(f"| {name} | {seconds:.3g} | {share[name]:.1%} |" for name, seconds in beside["parts"].items()),
        f"| all beside training, analysis and report | | {share['beside training, analysis and report']:.1%} |",
        f"| all beside training | | {share['beside training']:.1%} |",
        "",
        (
            f"Curves: its first population trains in {curves['with']:.3g} s with them, in {curves['without']:.3g} s "
            f"without ({curves['with'] / curves['without'] - 1:+.1%}). The timed probe of strategies, off by default, "
            f"takes {beside['probe']:.3g} s for this recipe."
        ),
        "",
        "| command | s to answer |",
        "|:--|--:|",
        *(f"| `{name}` | {seconds:.3f} |" for name, seconds in beside["answers"].items()),
        "",
        "| runs of mlp-32 | stored, MiB | peak of training, MiB | peak with the analysis, MiB |",
        "|--:|--:|--:|--:|",
        *(
            f"| {int(runs):,} | {m['stored'] / MIB:,.0f} | {m['training'] / MIB:,.0f} | {m['analysis'] / MIB:,.0f} |"
            for runs, m in beside["memory"].items()
        ),
    ]
    return "\n".join(lines)


def analysis_figure(rows: list[AnalysisRow], path: Path) -> None:
    """Seconds against the number of runs, a panel for each case; hollow where scaled."""
    from matplotlib.ticker import LogLocator, NullFormatter

    plt, sns = _plotting()
    cases = list(dict.fromkeys(row.case for row in rows))
    figure, axes = plt.subplots(1, len(cases), figsize=(2.9 * len(cases), 3.1), squeeze=False, layout="constrained")
    labels = ["varbench", *dict.fromkeys(peer.label for row in rows for peer in row.peers)]
    colours = dict(zip(labels, sns.color_palette("colorblind", len(labels)), strict=True))
    for axis, case in zip(axes[0], cases, strict=True):
        own = [row for row in rows if row.case == case]
        for label in labels:
            points = [
                (row.runs, t.seconds, t.timed_runs < row.runs)
                for row in own
                for t in (row.ours, *row.peers)
                if t.label == label
            ]
            if not points:
                continue
            x, y = [p[0] for p in points], [p[1] for p in points]
            axis.plot(x, y, color=colours[label], lw=2.2 if label == "varbench" else 1.2, label=label)
            for runs, time, scaled in points:
                axis.plot(runs, time, "o", ms=5, color=colours[label], mfc="white" if scaled else colours[label])
        axis.set(xscale="log", yscale="log", title=case, xlabel="runs", ylabel="seconds")
        axis.yaxis.set_minor_formatter(NullFormatter())
        seconds = [t.seconds for row in own for t in (row.ours, *row.peers)]
        if max(seconds) < 100 * min(seconds):
            axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.yaxis.set_major_formatter("{x:g}")
    handles: dict[str, Any] = {}
    for axis in axes[0]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), list(handles), loc="outside lower center", ncols=3, frameon=False)
    saved(figure, path)


def overheads_figure(beside: dict[str, Any], path: Path) -> None:
    """Seconds of each part of a standard run as points in rows."""
    plt, sns = _plotting()
    share = shares(beside["parts"])
    names = sorted(beside["parts"], key=beside["parts"].__getitem__)
    figure, axis = plt.subplots(figsize=(6.2, 0.32 * len(names) + 0.9), layout="constrained")
    axis.plot([100 * max(share[name], 0.0) for name in names], names, "o", color=sns.color_palette("colorblind")[0])
    for name in names:
        axis.annotate(f"  {beside['parts'][name]:.3g} s", (100 * max(share[name], 0.0), name), va="center")
    axis.set(xlabel="share of the run, %", xlim=(-1, 120 * max(share[name] for name in names)))
    axis.grid(visible=False, axis="y")  # the lines would strike the labels out
    saved(figure, path)


def saved(figure: Any, path: Path) -> None:
    """Write a figure as SVG, whole or not at all, and close it."""
    import matplotlib.pyplot as plt

    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg")
    plt.close(figure)
    write_atomically(path, drawn.getvalue())


def _plotting() -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", context="paper")
    return plt, sns
