"""What the command was asked for, and whether it can be done: told before anything is measured or written."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.speed.analysis import LEAST_RUNS
from benchmarks.speed.arms import ARMS
from benchmarks.speed.overheads import BUDGET, STUDY
from benchmarks.speed.tasks import TASKS
from varbench.errors import InputError

PARTS = ("overheads", "analysis", "training")


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m benchmarks.speed`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    return parser


def checked(given: argparse.Namespace) -> tuple[str, ...]:
    """The parts that are to be measured.

    Raises:
        InputError: If something cannot be measured as it was asked for.
    """
    if given.repeats < 1 or min(given.runs or [1]) < 1:
        raise InputError("--repeats and --runs: at least 1 was expected")
    if not 0 < given.minutes < float("inf"):
        raise InputError(f"--minutes {given.minutes:g}: a number above 0 was expected")
    parts = tuple(given.parts or (PARTS if given.platform == "cpu" else ("training",)))
    if "analysis" in parts and min(given.runs or [LEAST_RUNS]) < LEAST_RUNS:
        raise InputError(
            f"--runs {min(given.runs)}: the analysis compares runs and needs at least {LEAST_RUNS}; "
            "give more, or --parts training"
        )
    if "training" in parts and not any(TASKS[name].on(given.platform).runs for name in given.tasks):
        raise InputError(f"--tasks {' '.join(given.tasks)}: not raced on a {given.platform.upper()}")
    return parts


def check_study(name: str, budget: str) -> None:
    """Look whether the parts of a run of a study at a budget can be timed.

    Raises:
        InputError: If there is none of that name, or it trains nothing.
    """
    if (name, budget) == (STUDY, BUDGET):
        return
    from varbench.studies.execute import jobs_of
    from varbench.studies.registry import study
    from varbench.studies.request import Request
    from varbench.studies.study import BUDGETS

    if budget not in BUDGETS:
        raise InputError(f"--budget {budget}: one of {', '.join(BUDGETS)} was expected")
    try:
        jobs = jobs_of(Request((study(name),), budget))
    except InputError as error:
        raise InputError(f"--study {name}: {error}") from None
    if not jobs:
        raise InputError(f"--study {name}: it trains no population whose parts could be timed; give another one")


def writable(out: Path, platform: str) -> Path:
    """The folder of a platform's report, made if it is not there.

    Raises:
        InputError: If it cannot be made, or nothing can be written to it.
    """
    folder = out / platform
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: no folder can be made there ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"--out {out}: nothing can be written to {folder}")
    return folder
