"""What a standard run spends beside training, how long the command takes to answer, and memory against runs.

python -m benchmarks.speed.overheads run STUDY BUDGET     # one process: seconds of each part as a line of JSON
python -m benchmarks.speed.overheads memory RUNS
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed.children import answered

STUDY, BUDGET = "identical-pipelines", "standard"
RUNS = (64, 256, 1024, 4096)
"""Numbers of runs whose peak memory is measured, on a few steps of mlp-32."""
MEMORY_STEPS = 20
ANSWERS = {
    "python -c pass": ("-c", "pass"),
    "python -c 'import varbench'": ("-c", "import varbench"),
    "varbench --help": ("-m", "varbench", "--help"),
    "varbench run --help": ("-m", "varbench", "run", "--help"),
}
TIMES = 9

OF_TRAINING = ("training",)
"""Parts that are the training itself; what is compiled for it is in it."""
WAITING = "waiting"
AFTERWARDS = ("analysis", "report")


def overheads(*, say: Callable[[str], None], study: str = STUDY, budget: str = BUDGET) -> dict[str, Any]:
    """All of it.

    Returns:
        `study`, `budget`, `parts` (seconds), `work` (the same of parts beside which blocks train, without what they
        waited for meanwhile), `curves` and `probe` (seconds beside those of the training they belong to), `answers`
        (seconds by command) and `memory` (bytes by number of runs).
    """
    found: dict[str, Any] = {"study": study, "budget": budget}
    say("how long commands take to answer")
    found["answers"] = {name: _answer(words) for name, words in ANSWERS.items()}
    say(f"parts of a run of {study}, budget {budget}")
    found |= _process("run", study, budget)
    found["memory"] = {}
    for runs in RUNS:
        say(f"peak memory of {runs:,} runs")
        found["memory"][str(runs)] = _process("memory", str(runs))
    return found


def shares(parts: dict[str, float]) -> dict[str, float]:
    """Share of the whole of each part, of all beside training, and of all beside training, analysis and report."""
    total = sum(parts.values())
    beside = total - sum(parts.get(name, 0.0) for name in OF_TRAINING)
    return {
        **{name: seconds / total for name, seconds in parts.items()},
        "beside training": beside / total,
        "beside training, analysis and report": (beside - sum(parts.get(n, 0.0) for n in AFTERWARDS)) / total,
    }


def _answer(words: tuple[str, ...]) -> float:
    seconds = []
    for _ in range(TIMES):
        started = time.perf_counter()
        answered([sys.executable, *words])
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def _process(*words: str) -> dict[str, Any]:
    environment = dict(os.environ) | {"JAX_PLATFORMS": "cpu"}
    started = time.time()
    command = [sys.executable, "-m", "benchmarks.speed.overheads", *words, repr(started)]
    return json.loads(answered(command, environment=environment, stderr=subprocess.DEVNULL).splitlines()[-1])


class Clock:
    """Seconds spent in named parts, each without those inside it, of whatever threads.

    Attributes:
        parts: Seconds by name.
        work: Of `aside`, without what was waited for while blocks trained.
    """

    def __init__(self) -> None:
        self.parts, self.work = dict[str, float](), dict[str, float]()
        self._here = threading.local()
        self._lock = threading.Lock()
        self._blocks = 0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is inside; parts within it count for themselves."""
        started = time.perf_counter()
        open_here: list[float] = self._here.__dict__.setdefault("open", [])
        open_here.append(0.0)
        try:
            yield
        finally:
            took = time.perf_counter() - started
            inner = open_here.pop()
            with self._lock:
                self.parts[name] = self.parts.get(name, 0.0) + took - inner
            if open_here:
                open_here[-1] += took

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted."""

        def call(*given: Any, **named: Any) -> Any:
            with self.part(name):
                return function(*given, **named)

        return call

    def aside(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted; in `work` with the processor's time alone where blocks train all the while.

        What it waits for meanwhile, the disk above all, keeps them from nothing.
        """

        def call(*given: Any, **named: Any) -> Any:
            with self.part(name):
                begun, beside = time.perf_counter(), self._blocks > 0
                before = time.thread_time()
                result = function(*given, **named)
                worked = time.thread_time() - before
                took = time.perf_counter() - begun
            with self._lock:
                self.work[name] = self.work.get(name, 0.0) + (worked if beside and self._blocks else took)
            return result

        return call

    def block(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function that trains a block, counted while it does."""

        def call(*given: Any, **named: Any) -> Any:
            with self._lock:
                self._blocks += 1
            try:
                return function(*given, **named)
            finally:
                with self._lock:
                    self._blocks -= 1

        return call

    def stepped(self, name: str, function: Callable[..., Generator[Any]]) -> Callable[..., Iterator[Any]]:
        """The generator function, its time counted while it is asked for the next value."""

        def call(*given: Any, **named: Any) -> Iterator[Any]:
            ended = object()
            with closing(function(*given, **named)) as steps:
                while True:
                    with self.part(name):
                        value = next(steps, ended)
                    if value is ended:
                        return
                    yield value

        return call


def _run(study: str, budget: str, started: float) -> dict[str, Any]:
    """A run with its report as `varbench run --report` makes it, cut into parts.

    One population after the other, so that the parts stand one after the other too; what is left of the whole time is
    training.
    """
    clock = Clock()
    imported = time.time() - started
    with clock.part("imports"):
        from varbench.cli.progress import shown
        from varbench.report import render
        from varbench.store import PopulationStore
        from varbench.studies import execute as execution
        from varbench.studies.judge import judge
        from varbench.studies.parallel import Workers
        from varbench.studies.registry import studies
        from varbench.studies.request import Request
        from varbench.training.devices import prepare
        from varbench.training.engine import Engine
    with clock.part("planning"):
        prepare()
        request = Request(studies([study]), budget, None, None, {})
        jobs = execution.jobs_of(request)
    # Put into the classes, so that what is timed is the code that every user runs.
    for owner, name, timed in (
        (Engine, "train", partial(clock.stepped, "training")),
        (Engine, "_train_block", clock.block),
        (execution, "ready_in_turn", partial(clock.stepped, WAITING)),
        (Workers, "wait", partial(clock.timed, WAITING)),
        (execution, "_train", partial(clock.timed, "the rest of the run")),
        *((PopulationStore, name, partial(clock.aside, "store")) for name in ("create", "commit", "publish")),
    ):
        setattr(owner, name, timed(getattr(owner, name)))
    execution._populations_at_once = lambda: 1
    told = [0.0]
    with tempfile.TemporaryDirectory() as folder, shown(quiet=False) as show:

        def listen(moment: Any) -> None:
            begun = time.perf_counter()
            show(moment)
            told[0] += time.perf_counter() - begun

        out = Path(folder) / "run"
        with clock.part("the rest of the run"):
            execution.execute(request, jobs, out, command="", listen=listen)
        with clock.part("analysis"):
            document = judge(out)
        with clock.part("report"):
            render(document, Path(folder) / "report")
    whole = time.time() - started
    clock.parts["imports"] += imported
    clock.parts["progress"] = told[0]
    beside = {name: seconds for name, seconds in clock.parts.items() if name not in (*OF_TRAINING, WAITING)}
    parts = {**beside, "training": whole - sum(beside.values())}
    return {"parts": parts, "work": clock.work, **_curves_and_probe(jobs[0])}


def _curves_and_probe(job: Any, *, rounds: int = 3) -> dict[str, Any]:
    """Seconds of training with and without the points of the curves, in turns; and of the timed probe of strategies."""
    from varbench.training.engine import Engine
    from varbench.training.probe import fastest_strategy

    class Bare(Engine):
        @cached_property
        def checkpoints(self) -> tuple[int, ...]:
            return (self.steps,)

    plan = job.plan
    blocks = list(enumerate(job.engine().blocks_of(plan.design.levels)))
    engines = [kind(plan.recipe, job.dataset, job.strategy).on_devices(len(blocks)) for kind in (Engine, Bare)]
    seconds: list[list[float]] = [[], []]
    for i in range(rounds + 1):
        for own, engine in zip(seconds, engines, strict=True):
            begun = time.perf_counter()
            list(engine.train(blocks))
            if i:
                own.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    fastest_strategy(plan.recipe, job.dataset)
    return {
        "curves": {"with": median(seconds[0]), "without": median(seconds[1])},
        "probe": time.perf_counter() - begun,
    }


def _memory(runs: int) -> dict[str, Any]:
    """Peak memory of training and storing so many runs, and of the main measures on what was stored."""
    from benchmarks.speed.population import population
    from benchmarks.speed.tasks import TASKS
    from varbench.analysis.catalogue import estimates
    from varbench.analysis.population import PopulationArrays
    from varbench.store import Plan, PopulationStore

    task = TASKS["mlp-32"]
    recipe, dataset = task.recipe.replace(steps=MEMORY_STEPS), task.dataset()
    engine, blocks = population(recipe, dataset, runs)
    plan = Plan(
        manifest={},
        levels=tuple(levels for _, members in blocks for levels in members),
        width=engine.strategy.width,
        labels=dataset.y_test,
        classes=dataset.classes,
        parameters=tuple(tuple(leaf) for leaf in engine.parameters),
        checkpoints=engine.checkpoints,
    )
    with tempfile.TemporaryDirectory() as folder:
        store = PopulationStore.create(Path(folder) / "population", plan)
        for block in engine.train(store.missing()):
            store.commit(block, seconds=0.0, where={})
        store.publish()
        trained, arrays = _peak(), store.read()
        stored = sum(array.nbytes for array in arrays.values())
        measured = PopulationArrays(labels=dataset.y_test, logits=arrays["logits"])
        estimates(measured, names=["accuracy", "disagreement", "loss"], key=0)
    return {"training": trained, "analysis": _peak(), "stored": stored}


def _peak() -> int:
    """Bytes; `ru_maxrss` is in KiB, on a Mac in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    what, *given, since = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr
    result = _memory(int(given[0])) if what == "memory" else _run(given[0], given[1], float(since))
    print(json.dumps(result), file=answers)
