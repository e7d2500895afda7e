"""Race varbench against what one would otherwise run, and say how close to the machine's limit it comes.

    make bench-speed                                     # the races of a CPU
    python -m benchmarks.speed --platform gpu            # those of a GPU, in an environment that has one
    python -m benchmarks.speed --tasks mlp-32 --runs 64  # one race

The arms of a race train the same network on the same data with the same batch size, steps and optimizer, each in a
process of its own. They take turns; medians over the rounds are compared. Time to compile is reported apart.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed.arms import ARMS
from benchmarks.speed.ceilings import ceilings
from benchmarks.speed.race import parity, race
from benchmarks.speed.report import Row, machine, row_of, table, write
from benchmarks.speed.tasks import TASKS


def main() -> None:
    """Run the races that were asked for and write their results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--platform", choices=("cpu", "gpu"), default="cpu", help="what the races are run on")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM", help=", ".join(ARMS))
    parser.add_argument("--runs", nargs="+", type=int, help="numbers of runs, in place of the task's own")
    parser.add_argument("--repeats", type=int, default=3, help="rounds in which every arm has its turn (default 3)")
    parser.add_argument("--out", type=Path, default=Path("reports/speed"), help="folder for table, JSON and figure")
    given = parser.parse_args()

    names = list(dict.fromkeys([*given.arms, "varbench"]))
    say(f"measuring what this {given.platform} can do")
    limits, rows, wrong = ceilings(given.platform), list[Row](), list[str]()
    about = machine(given.platform) | {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    for name in given.tasks:
        task = TASKS[name].on(given.platform)
        for runs in (given.runs or task.runs) if task.runs else ():
            results = race(task, runs, names, platform=given.platform, repeats=given.repeats, say=say)
            wrong += [f"{name}, {runs} runs: {sentence}" for sentence in parity(results)]
            rows.append(row_of(task, runs, results, limits, platform=given.platform))
            write(rows, limits, about, wrong, given.out / given.platform)
    print(table(rows, limits))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    sys.exit(1 if wrong else 0)


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
