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
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.speed.analysis import CASES
from benchmarks.speed.analysis_race import AnalysisRow, analysis_race, held_against, wrong_numbers
from benchmarks.speed.arms import ARMS
from benchmarks.speed.asked import check_study, checked, parser_of, writable
from benchmarks.speed.ceilings import best, ceilings
from benchmarks.speed.earlier import Earlier, earlier, names_of
from benchmarks.speed.machine import machine
from benchmarks.speed.overheads import overheads
from benchmarks.speed.parity import parity
from benchmarks.speed.race import race
from benchmarks.speed.report import Row, row_of, table, write
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import TASKS, Task, counted
from varbench.cli.interrupt import interruptible
from varbench.errors import InputError


def main() -> None:
    """Run the races that were asked for and write their results; the exit code is 130 if they are interrupted."""
    parser = parser_of(__doc__)
    given = parser.parse_args()
    report: _Report | None = None
    try:
        with interruptible() as check:
            try:
                report = _begun(given)
            except InputError as error:
                parser.error(str(error))
            status = _races(given, report, check)
    except KeyboardInterrupt:
        kept = report is not None and report.finished
        print(f"\nspeed: interrupted; {kept or 'nothing was finished, and nothing is written'}", file=sys.stderr)
        status = 130
    sys.exit(status)


@dataclass
class _Report:
    """What is known so far, in this call and from before.

    Attributes:
        parts: What is measured.
        platform, folder: Where it is measured, and written to.
        about: The machine.
        before: What the folder held.
        limits: The highest rates that the machine showed, in this call or one whose results are kept.
        raced: Races of training of this call, by the name of the task and the number of runs.
        analysis: Those of the analysis.
        beside: From `overheads`, if it was measured.
        left_out: Sentences.
        finished: Where something was written, in words.
    """

    parts: tuple[str, ...]
    platform: str
    folder: Path
    about: dict[str, Any]
    before: Earlier
    limits: dict[str, float] = field(default_factory=dict)
    raced: dict[tuple[str, int], tuple[Task, list[Result]]] = field(default_factory=dict)
    analysis: list[AnalysisRow] = field(default_factory=list)
    beside: dict[str, Any] | None = None
    left_out: list[str] = field(default_factory=list)
    finished: str = ""

    def measure(self) -> None:
        """Measure what the machine can do; the best that it ever showed is what all rows are held against."""
        self.limits = best(self.before.limits, self.limits, ceilings(self.platform))

    def rows(self) -> list[Row]:
        """The races of training, those of before that were not repeated among them."""
        rows = []
        for row in self.before.rows:
            if (row.task, row.runs) not in self.raced:
                task = replace(TASKS[row.task].on(self.platform), steps=row.steps)
                rows.append(row_of(task, row.runs, list(row.results), self.limits, platform=self.platform))
        for (_, runs), (task, results) in self.raced.items():
            rows.append(row_of(task, runs, results, self.limits, platform=self.platform))
        return sorted(rows, key=lambda row: (list(TASKS).index(row.task), row.runs))

    def all_analysis(self) -> list[AnalysisRow]:
        """The races of the analysis, those of before that were not repeated first."""
        return [held_against(row, self.limits) for row in [*self._old_analysis(), *self.analysis]]

    def _old_analysis(self) -> list[AnalysisRow]:
        again = {row.case for row in self.analysis}
        return [row for row in self.before.analysis if row.case not in again]

    def wrong(self) -> list[str]:
        """Sentences on arms that failed or trained something else, and on peers that computed other numbers."""
        rows, found = self.rows(), list[str]()
        for row in rows:
            race = f"{row.task}, {counted(row.runs)}"
            others = [r for other in rows if other.task == row.task and other is not row for r in other.results]
            found += [f"{race}: {ARMS[r.arm].label} failed: {r.failed}" for r in row.results if r.failed]
            different = parity(row.results, others=others, alone=TASKS[row.task].spread)
            found += [f"{race}: {sentence}" for sentence in different]
        return found + wrong_numbers(self.all_analysis())

    def write(self) -> None:
        """Write all of it."""
        rows, analysis = self.rows(), self.all_analysis()
        kept = names_of(
            [row for row in rows if (row.task, row.runs) not in self.raced],
            self._old_analysis(),
            None if self.beside else self.before.beside,
        )
        self.about["kept"] = {name: self.before.dates[name] for name in kept}
        write(
            rows,
            self.limits,
            self.about,
            self.wrong(),
            self.folder,
            analysis=analysis,
            beside=self.beside or self.before.beside,
            left_out=self.left_out,
        )
        if self.raced or self.analysis or self.beside:
            self.finished = f"what was finished is in {self.folder / 'speed.json'}, and stays there with --add"


def _begun(given: argparse.Namespace) -> _Report:
    """A report without measurements, once all that can be wrong with the request was looked at."""
    parts = checked(given)
    import jax

    jax.config.update("jax_platforms", "cpu")  # only counts; the arms have the GPU's memory for themselves
    check_study(given.study, given.budget)
    about = machine(given.platform) | {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    folder = writable(given.out, given.platform)
    return _Report(parts, given.platform, folder, about, earlier(folder, about=about) if given.add else Earlier())


def _races(given: argparse.Namespace, report: _Report, check: Callable[[], None]) -> int:
    started, arms = time.monotonic(), list(dict.fromkeys([*given.arms, "varbench"]))

    def say(line: str) -> None:
        check()
        print(line, file=sys.stderr, flush=True)

    def late(what: str) -> bool:
        if time.monotonic() - started < 60 * given.minutes:
            return False
        if what not in report.before.dates:
            report.left_out.append(f"{what}.")
        return True

    def measure() -> None:
        say(f"measuring what this {given.platform} can do")
        report.measure()

    measure()
    if "overheads" in report.parts:
        report.beside = overheads(say=say, study=given.study, budget=given.budget)
        report.write()
    for name in CASES if "analysis" in report.parts else ():
        if late(f"analysis, {name}"):
            continue
        report.analysis += analysis_race(name, report.limits, say=say, runs=given.runs)
        report.write()
    if report.analysis:
        measure()
    for name in given.tasks if "training" in report.parts else ():
        task, known, before = TASKS[name].on(given.platform), dict[str, Result](), len(report.raced)
        numbers = (given.runs or task.runs) if task.runs else ()
        for runs in numbers[-1:] if given.largest else numbers:
            if late(f"training of {name}, {counted(runs)}"):
                continue
            results = race(task, runs, arms, platform=given.platform, repeats=given.repeats, say=say, known=known)
            report.raced[name, runs] = task, results
            report.write()
        if len(report.raced) > before:
            measure()
    report.write()
    print(table(report.rows(), report.limits))
    wrong = report.wrong()
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    main()
