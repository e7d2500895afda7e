"""Models per hour on CIFAR-10 at equal accuracy: a recipe of the speed-run, run from its own checkout, and varbench.

    python -m benchmarks.speed.speedrun CHECKOUT                # CHECKOUT/airbench94_muon.py, then varbench's resnet
    python -m benchmarks.speed.speedrun CHECKOUT --script airbench96_faster.py --recipe mine.toml --epochs 20 40 80

The speed-run (Jordan 2024, arXiv 2404.00498; KellerJordan/cifar10-airbench) trains one network after another and prints
a table, of which `tta_val_acc` and `time_seconds` are read: seconds of training as its author counts them, without
compilation and without its first network, which warms up; its accuracy is that of several shifted and mirrored views of
each test image, of which varbench has one. It is stopped after --runs networks. Then varbench trains as
many side by side, for more and more epochs, until their mean accuracy is as high; its seconds are those of the engine,
curves and evaluation included, compilation apart. Both use the device alone.

CIFAR-10 is read from the data directory of varbench (`varbench data fetch cifar10`, or VARBENCH_DATA).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from shutil import which
from statistics import mean, stdev
from subprocess import PIPE, STDOUT

from benchmarks.speed.asked import writable
from benchmarks.speed.children import ended, started
from benchmarks.speed.machine import machine
from varbench.cli.interrupt import interruptible
from varbench.data import Dataset, load
from varbench.errors import InputError
from varbench.store.files import write_atomically
from varbench.training.recipe import Recipe, recipe_from_toml

SCRIPT, RUNS, EPOCHS = "airbench94_muon.py", 16, (8, 16, 32, 64)
ACCURACY, SECONDS, RUN, WARM_UP = "tta_val_acc", "time_seconds", "run", "warmup"
"""Columns of the table that the speed-run prints, and what stands under `run` for the network that does not count."""

RECIPE = Recipe(
    data="cifar10",
    model="resnet",
    hidden=(64, 128, 256),
    norm="batch",
    optimizer="sgd",
    lr=0.2,
    nesterov=True,
    weight_decay=5e-4,
    warmup=200,
    batch_size=512,
    epochs=EPOCHS[0],
    shift=4,
    flip=True,
    precision="bfloat16",
)
"""What varbench trains unless told otherwise: a usual recipe for such networks, not a tuned one."""


@dataclass(frozen=True)
class Models:
    """What one side trained.

    Attributes:
        label: Who.
        epochs: Passes over the training set; None where it was not asked.
        accuracies: Test accuracy of each network.
        seconds: Of training, for all of them.
    """

    label: str
    epochs: int | None
    accuracies: tuple[float, ...]
    seconds: float

    @property
    def accuracy(self) -> float:
        """Their mean."""
        return mean(self.accuracies)

    @property
    def per_hour(self) -> float:
        """Networks an hour."""
        return 3600 * len(self.accuracies) / self.seconds


def main() -> None:
    """Race; the exit code is 1 if varbench did not come to the accuracy of the speed-run, 130 if interrupted."""
    parser = _parser()
    given = parser.parse_args()
    try:
        with interruptible():
            status = _raced(given)
    except InputError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("\nspeedrun: interrupted; nothing is written", file=sys.stderr)
        status = 130
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.speedrun",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkout", type=Path, help="folder of a checkout of the speed-run")
    parser.add_argument("--script", default=SCRIPT, help=f"its recipe (default {SCRIPT})")
    parser.add_argument("--python", default=sys.executable, help="the Python that has what the script needs")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"networks of either side (default {RUNS})")
    parser.add_argument("--recipe", type=Path, help="recipe of varbench, a TOML file (default: a ResNet)")
    parser.add_argument(
        "--epochs", type=int, nargs="+", default=EPOCHS, help="passes that varbench tries, one after another"
    )
    parser.add_argument("--platform", choices=("cpu", "gpu"), default="gpu", help="what varbench trains on")
    parser.add_argument("--out", type=Path, default=Path("reports/speed"), help="folder for table and JSON")
    return parser


def _raced(given: argparse.Namespace) -> int:
    script = given.checkout / given.script
    if not script.is_file():
        raise InputError(f"there is no {script}: give the folder of a checkout and one of its scripts")
    if given.runs < 2 or min(given.epochs) < 1:
        raise InputError("--runs: at least 2, and --epochs: at least 1 was expected")
    python = which(given.python)
    if python is None:
        raise InputError(f"--python {given.python}: there is no such program")
    recipe = recipe_from_toml(given.recipe) if given.recipe else RECIPE
    dataset = load(recipe.data)
    about = machine(given.platform)
    folder = writable(given.out, given.platform)
    print(f"{given.script}: {given.runs} networks", file=sys.stderr, flush=True)
    theirs = speedrun(script, runs=given.runs, python=os.path.abspath(python))
    ours = list[Models]()
    for epochs in sorted(set(given.epochs)):
        print(f"varbench, {epochs} epochs: {given.runs} networks", file=sys.stderr, flush=True)
        ours.append(of_varbench(recipe.replace(epochs=epochs), dataset, runs=given.runs))
        if ours[-1].accuracy >= theirs.accuracy:
            break
    document = {"machine": about, "recipe": recipe.as_dict(), "theirs": asdict(theirs), "ours": list(map(asdict, ours))}
    write_atomically(folder / "speedrun.json", (json.dumps(document, indent=1) + "\n").encode())
    told = text(theirs, ours)
    write_atomically(folder / "speedrun.md", (told + "\n").encode())
    print(told)
    return int(ours[-1].accuracy < theirs.accuracy)


def speedrun(script: Path, *, runs: int, python: str) -> Models:
    """Run a script of the speed-run until so many networks are trained, then end it.

    Raises:
        InputError: If it ends before, or prints another table.
    """
    child = started(
        [python, script.name],
        cwd=script.parent,
        stdout=PIPE,
        stderr=STDOUT,
        env=dict(os.environ) | {"PYTHONUNBUFFERED": "1"},
    )
    said = deque[str](["nothing"], maxlen=1)
    try:
        assert child.stdout is not None
        found = list(islice(finished(_told(child.stdout, said)), runs))
    finally:
        ended(child)
    if len(found) < runs:
        raise InputError(
            f"{script} trained {len(found)} of {runs} networks, as its table tells; it said last: {said[-1]}"
        )
    return Models(script.name, None, tuple(accuracy for accuracy, _ in found), sum(seconds for _, seconds in found))


def _told(lines: Iterable[str], said: deque[str]) -> Iterator[str]:
    for line in lines:
        if line.strip():
            said.append(line.strip())
        yield line


def finished(lines: Iterable[str]) -> Iterator[tuple[float, float]]:
    """Accuracy and seconds of each network in the table that the speed-run prints, but for the one that warms up.

    A network has several lines, of which the first has its number and the last its accuracy.
    """
    columns, network = list[str](), ""
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if ACCURACY in cells and SECONDS in cells and RUN in cells:
            columns = cells
        elif columns and len(cells) == len(columns):
            row = dict(zip(columns, cells, strict=True))
            network = row[RUN] or network
            if row[ACCURACY] and network != WARM_UP:
                yield float(row[ACCURACY]), float(row[SECONDS])


def of_varbench(recipe: Recipe, dataset: Dataset, *, runs: int) -> Models:
    """So many runs of a recipe, with the default strategy."""
    from benchmarks.speed.population import population

    engine, blocks = population(recipe, dataset, runs)
    engine.prepare(len(blocks))
    accuracies, begun = list[float](), time.perf_counter()
    for block in engine.train(blocks):
        accuracies += (block.logits.argmax(-1) == dataset.y_test).mean(1).tolist()
    return Models("varbench", recipe.epochs, tuple(accuracies), time.perf_counter() - begun)


def text(theirs: Models, ours: list[Models]) -> str:
    """Both sides as a Markdown table, and what came of it in a sentence."""
    lines = [
        "| who | epochs | networks | accuracy, mean ± SD | seconds each | models per hour |",
        "|:--|--:|--:|--:|--:|--:|",
        *map(_line, [theirs, *ours]),
        "",
        f"{theirs.label} averages over several views of each test image (`{ACCURACY}`), varbench takes it as it is.",
        "",
    ]
    last = ours[-1]
    if last.accuracy >= theirs.accuracy:
        return "\n".join([*lines, f"At equal accuracy: {last.per_hour / theirs.per_hour:.2g} × the models per hour."])
    best = max(ours, key=lambda models: models.accuracy)
    return "\n".join(
        [
            *lines,
            f"varbench did not come to the accuracy of {theirs.label}: {best.accuracy:.2%} at {best.epochs} epochs.",
        ]
    )


def _line(models: Models) -> str:
    spread = f"{models.accuracy:.2%} ± {stdev(models.accuracies):.2%}"
    each = models.seconds / len(models.accuracies)
    epochs = "" if models.epochs is None else models.epochs
    return f"| {models.label} | {epochs} | {len(models.accuracies)} | {spread} | {each:.3g} | {models.per_hour:,.0f} |"


if __name__ == "__main__":
    main()
