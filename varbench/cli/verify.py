"""`varbench verify`: the same bits?"""

from __future__ import annotations

import json as json_
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from varbench.studies.verify import ExperimentCheck, PopulationCheck
    from varbench.training.watch import Progress


def verify(rundir: tyro.conf.Positional[Path], all: bool = False, quiet: bool = False, json: bool = False) -> int:
    """Train runs again and compare fingerprints; check every stored byte. Exit 1 if not bit for bit the same.

    Experiments of studies, which are no populations, are made again with --all.

    Example: varbench verify runs/first --all

    Args:
        rundir: A run directory.
        all: Train every run again, not a sample.
        quiet: No progress.
        json: Print as JSON.
    """
    from varbench.studies.verify import verification
    from varbench.training.devices import prepare

    prepare()

    def listen(name: str, runs: int, progress: Progress) -> None:
        if sys.stderr.isatty() and not quiet:
            print(
                f"\r{name}: training {runs} runs again, step {progress.step:,}/{progress.steps:,} ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def listen_experiment(name: str, share: float) -> None:
        if sys.stderr.isatty() and not quiet:
            print(f"\r{name}: made again, {share:.0%} ", end="", file=sys.stderr, flush=True)

    found = verification(rundir, everything=all, listen=listen, listen_experiment=listen_experiment)
    if sys.stderr.isatty() and not quiet:
        print("\r\033[K", end="", file=sys.stderr)
    if json:
        print(json_.dumps(found.as_dict(), indent=1))
    else:
        _print_broken(found.broken_files, indent="")
        for check in found.populations:
            _print(check)
        for experiment in found.experiments:
            _print_experiment(experiment)
        print("The same bits." if found.sound else "NOT the same bits.")
    return 0 if found.sound else 1


def _print(check: PopulationCheck) -> None:
    counts = Counter(run.agreement for run in check.runs)
    parts = ", ".join(f"{counts[a]} {a}" for a in ("bitwise", "within tolerance", "different") if counts[a])
    print(f"{check.name}: {len(check.runs)} run{'' if len(check.runs) == 1 else 's'} trained again: {parts}")
    worst = max(check.runs, key=lambda run: run.weight_distance, default=None)
    if worst is not None and worst.agreement != "bitwise":
        print(
            f"  farthest off: weight distance {worst.weight_distance:.2g}, a probability by "
            f"{worst.probability_difference:.2g}, {100 * worst.flips:.2g} % of the predictions flip"
        )
    _print_broken(check.broken_files, indent="  ")
    for key, (then, now) in check.environment_differences.items():
        print(f"  {key} differs: {then!r} then, {now!r} now")


def _print_experiment(check: ExperimentCheck) -> None:
    again = f"made again: {'other bytes in ' + ', '.join(check.different) if check.different else 'the same bytes'}"
    print(f"{check.name}: {again if check.repeated else 'an experiment, made again only with --all'}")
    _print_broken(check.broken_files, indent="  ")


def _print_broken(names: tuple[str, ...], *, indent: str) -> None:
    for name in names:
        print(f"{indent}this file is missing or its bytes have changed: {name}")
