"""Race varbench against what one would otherwise run, and say how close to the machine's limit it comes.

    make bench-speed                                     # the races of a CPU
    python -m benchmarks.speed --platform gpu            # those of a GPU, in an environment that has one
    python -m benchmarks.speed --tasks mlp-32 --runs 64  # one race

Three parts: `overheads` is what a standard run spends beside training, `analysis` is held against the loops of
published codes and libraries, and `training` against PyTorch and plain JAX. No race starts later than --minutes after
the first; what is left out is named.

The arms of a race train the same network on the same data with the same batch size, steps and optimizer, each in a
process of its own. They take turns; medians over the rounds are compared. Time to compile is reported apart.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed.analysis import CASES
from benchmarks.speed.analysis_race import analysis_race
from benchmarks.speed.arms import ARMS
from benchmarks.speed.ceilings import ceilings
from benchmarks.speed.earlier import Earlier, earlier, names_of
from benchmarks.speed.overheads import BUDGET, STUDY, overheads
from benchmarks.speed.race import Result, parity, race
from benchmarks.speed.report import machine, row_of, table, write
from benchmarks.speed.tasks import TASKS, counted

PARTS = ("overheads", "analysis", "training")


def main() -> None:
    """Run the races that were asked for and write their results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="by default all on a CPU, training on a GPU")
    parser.add_argument("--minutes", type=float, default=16.0, help="no race starts later (default 16)")
    parser.add_argument("--study", default=STUDY, help=f"the standard run of the overheads (default {STUDY})")
    parser.add_argument("--budget", default=BUDGET, help=f"its budget (default {BUDGET})")
    parser.add_argument("--platform", choices=("cpu", "gpu"), default="cpu", help="what the races are run on")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM", help=", ".join(ARMS))
    parser.add_argument("--runs", nargs="+", type=int, help="numbers of runs, in place of those of each race")
    parser.add_argument("--add", action="store_true", help="keep what the folder holds and is not measured again")
    parser.add_argument("--largest", action="store_true", help="of each race of training only the most runs")
    parser.add_argument("--repeats", type=int, default=3, help="rounds in which every arm has its turn (default 3)")
    parser.add_argument("--out", type=Path, default=Path("reports/speed"), help="folder for table, JSON and figure")
    given = parser.parse_args()
    if given.repeats < 1 or min(given.runs or [1]) < 1:
        parser.error("--repeats and --runs: at least 1 was expected")
    if not 0 < given.minutes < float("inf"):
        parser.error(f"--minutes {given.minutes:g}: a number above 0 was expected")
    folder = given.out / given.platform
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out {given.out}: no folder can be made there ({error.strerror})")
    if not os.access(folder, os.W_OK):
        parser.error(f"--out {given.out}: nothing can be written to {folder}")

    import jax

    jax.config.update("jax_platforms", "cpu")  # only counts; the arms have the GPU's memory for themselves
    arms = list(dict.fromkeys([*given.arms, "varbench"]))
    started = time.monotonic()
    parts = tuple(given.parts or (PARTS if given.platform == "cpu" else ("training",)))
    about = machine(given.platform) | {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        before = earlier(folder, about=about) if given.add else Earlier()
    except ValueError as error:
        parser.error(str(error))
    rows, analysis, beside = list(before.rows), list(before.analysis), before.beside
    say(f"measuring what this {given.platform} can do")
    limits = ceilings(given.platform)
    wrong, left_out = list[str](), list[str]()

    def late(what: str) -> bool:
        if time.monotonic() - started < 60 * given.minutes:
            return False
        left_out.append(f"{what}.")
        return True

    def written() -> None:
        rows.sort(key=lambda row: (list(TASKS).index(row.task), row.runs))
        kept = ([row for row in now if row in old] for now, old in ((rows, before.rows), (analysis, before.analysis)))
        names = names_of(*kept, beside if beside is before.beside else None)
        about["kept"] = {name: (before.dates or {})[name] for name in names}
        write(rows, limits, about, wrong, folder, analysis=analysis, beside=beside, left_out=left_out)

    if "overheads" in parts:
        beside = overheads(say=say, study=given.study, budget=given.budget)
        written()
    for name in CASES if "analysis" in parts else ():
        if late(f"analysis: {name}"):
            continue
        found, sentences = analysis_race(name, limits, say=say, runs=given.runs)
        analysis = [row for row in analysis if row.case != name] + found
        wrong += sentences
        written()
    for name in given.tasks if "training" in parts else ():
        task = TASKS[name].on(given.platform)
        known: dict[str, Result] = {}
        numbers = (given.runs or task.runs) if task.runs else ()
        for runs in numbers[-1:] if given.largest else numbers:
            if late(f"training: {name}, {counted(runs)}"):
                continue
            results = race(task, runs, arms, platform=given.platform, repeats=given.repeats, say=say, known=known)
            different = parity(results, examples=len(task.dataset().y_test))
            wrong += [f"{name}, {counted(runs)}: {sentence}" for sentence in different]
            rows = [row for row in rows if (row.task, row.runs) != (name, runs)]
            rows.append(row_of(task, runs, results, limits, platform=given.platform))
            written()
    written()
    print(table(rows, limits))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    sys.exit(1 if wrong else 0)


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
