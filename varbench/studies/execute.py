"""Training what studies plan: populations side by side, each block by block, resumable at every block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Semaphore
from typing import Any

from varbench.data import Dataset, load
from varbench.errors import InputError
from varbench.store import Plan, PopulationStore, locked, write_record
from varbench.store.budget import check_snapshots
from varbench.store.files import write_atomically
from varbench.studies.ahead import compiled_at_once, ready_in_turn
from varbench.studies.cost import expected_seconds, flops_per_step
from varbench.studies.environment import environment
from varbench.studies.experiments import EXPERIMENT_SECONDS, make_experiment
from varbench.studies.moment import Moment, Whole
from varbench.studies.parallel import Workers
from varbench.studies.request import RECIPE_FILE, SCHEMA, Request, read_study, source_file
from varbench.studies.study import Experiment, PopulationPlan
from varbench.training.engine import Engine, strategy_for
from varbench.training.settings import form_of
from varbench.training.strategy import Strategy
from varbench.training.watch import Progress


@dataclass(frozen=True)
class Job:
    """One population with its data, strategy and size, ready to be trained."""

    plan: PopulationPlan
    dataset: Dataset
    strategy: Strategy
    flops: float

    def __post_init__(self) -> None:
        """Refuse impossible sizes before anything is written."""
        engine = self.engine()
        check_snapshots(len(self.plan.design), engine.snapshot_steps, engine.parameters[-1].stop)

    def engine(self) -> Engine:
        """What trains it."""
        plan = self.plan
        return Engine(plan.recipe, self.dataset, self.strategy, snapshots=plan.snapshots, fresh=plan.fresh)


def jobs_of(request: Request, out: Path | None = None) -> tuple[Job, ...]:
    """Everything that a request will train, checked, before anything is written.

    Args:
        request: What is asked for.
        out: A run directory whose recorded strategies are to be used again.

    Raises:
        InputError: If data are missing or sizes do not fit.
    """
    jobs = []
    strategies: dict[str, Strategy] = {}
    for plan in request.populations():
        dataset = load(plan.recipe.data)
        key = plan.of or plan.name
        if key not in strategies:
            strategies[key] = _strategy(request, plan, dataset, out)
        width_levels = set(plan.design.column("width").tolist())
        if len(width_levels) != 1:
            raise InputError(f"{plan.name}: the runs of one population must share one level of the source 'width'")
        strategy = strategies[key].at_width(width_levels.pop())
        work = flops_per_step(plan, dataset) * plan.recipe.total_steps(len(dataset.y_train)) * len(plan.design)
        jobs.append(Job(plan, dataset, strategy, work))
    return tuple(jobs)


def expected_time(request: Request, jobs: Sequence[Job]) -> float:
    """Seconds to expect on the devices at hand: a rough figure, for the plan that is printed first."""
    experiments = sum(len(request.experiments(study)) for study in request.studies)
    forms = {form_of(j.plan.recipe, j.dataset, j.strategy, platform="") for j in jobs}
    compilations = len(forms) + sum(job.plan.fresh for job in jobs)
    return (
        expected_seconds(sum(job.flops for job in jobs), compilations=compilations) + EXPERIMENT_SECONDS * experiments
    )


def execute(
    request: Request,
    jobs: Sequence[Job],
    out: Path,
    *,
    command: str,
    listen: Callable[[Moment], None] = lambda moment: None,
) -> None:
    """Train what is missing in a run directory.

    Args:
        request: What was asked for.
        jobs: From `jobs_of`.
        out: The run directory; made if it does not exist, continued if it does.
        command: The command line, for the record.
        listen: Called a few dozen times per launch.

    Raises:
        InputError: If another process writes there, or the directory holds something else.
    """
    _refuse_other_folders(out)
    with locked(out):
        _claim(request, jobs, out, command)
        where = environment()
        experiments = [e for study in request.studies for e in request.experiments(study)]
        costs = [expected_seconds(job.flops, compilations=1) for job in jobs] + [EXPERIMENT_SECONDS] * len(experiments)
        at_once = _populations_at_once()
        cores = Semaphore(at_once)
        # All at once: beside a program that is being traced, it takes forty times as long to make a store.
        made = [_engine_and_store(job, out / job.plan.name, where) for job in jobs]
        engines = ready_in_turn([(engine, len(store.missing())) for engine, store in made], at_once=compiled_at_once())
        with closing(engines), Workers(at_once) as workers:
            whole = Whole(costs, listen, workers.stopped)
            for place, (job, (_, store)) in enumerate(zip(jobs, made, strict=True)):
                tell = whole.of(place)
                tell(_before_training(job, store))
                workers.begin(_train, job, next(engines), store, where, tell, cores)
            for place, experiment in enumerate(experiments, start=len(jobs)):
                workers.begin(make_experiment, out, experiment, _listener(experiment, whole.of(place)), where=where)
            workers.wait()


def _populations_at_once() -> int:
    """One for each core of a CPU, where a population of few runs keeps one core busy; one elsewhere."""
    import jax

    devices = jax.local_devices()
    return len(devices) if devices[0].platform == "cpu" else 1


def _before_training(job: Job, store: PopulationStore) -> Moment:
    """Where a population stands before its program is ready: at the runs that an earlier call has finished."""
    total = len(job.plan.design)
    finished = total - sum(len(runs) for _, runs in store.missing())
    return Moment(job.plan.label, total, finished, None, finished / total, 0.0)


def _listener(experiment: Experiment, listen: Callable[[Moment], None]) -> Callable[[float], None]:
    return lambda inside: listen(Moment(experiment.label, 0, 0, None, inside, 0.0))


def _engine_and_store(job: Job, folder: Path, where: dict[str, Any]) -> tuple[Engine, PopulationStore]:
    """Where a population is kept, and what trains it, on as many devices as it has blocks to train."""
    if (folder / "manifest.json").exists():
        PopulationStore.open(folder).discard_broken_blocks()
    engine = job.engine()
    store = PopulationStore.create(folder, _store_plan(job, engine, where))
    return engine.on_devices(len(store.missing())), store


def _train(
    job: Job,
    engine: Engine,
    store: PopulationStore,
    where: dict[str, Any],
    listen: Callable[[Moment], None],
    turns: Semaphore,
) -> None:
    total = len(job.plan.design)
    missing = store.missing()
    finished = total - sum(len(runs) for _, runs in missing)

    def moment(progress: Progress | None) -> Moment:
        running = progress.runs * progress.step / progress.steps if progress else 0.0
        return Moment(job.plan.label, total, finished, progress, (finished + running) / total, 0.0)

    listen(moment(None))
    try:
        started = time.monotonic()
        for block in engine.train(missing, listen=lambda progress: listen(moment(progress)), turns=turns):
            store.commit(block, seconds=time.monotonic() - started, where=where)
            finished += len(block.levels)
            started = time.monotonic()
            listen(moment(None))
    finally:
        store.publish()


def _strategy(request: Request, plan: PopulationPlan, dataset: Dataset, out: Path | None) -> Strategy:
    if request.strategy:
        return replace(strategy_for(plan.recipe, dataset), **request.strategy, chosen_by="flag")
    if out is not None and (out / plan.name / "manifest.json").exists():
        return Strategy(**PopulationStore.open(out / plan.name).manifest["strategy"])
    if request.probe:
        from varbench.training.probe import fastest_strategy

        return fastest_strategy(plan.recipe, dataset)
    return strategy_for(plan.recipe, dataset)


def _store_plan(job: Job, engine: Engine, where: dict[str, Any]) -> Plan:
    recipe, dataset = job.plan.recipe, job.dataset
    manifest = {
        "population": job.plan.name,
        "label": job.plan.label,
        "role": job.plan.role,
        "of": job.plan.of,
        "description": job.plan.description,
        "recipe": recipe.as_dict(),
        "recipe_hash": recipe.hash(),
        "design": job.plan.design.as_dict(),
        "strategy": job.strategy.as_dict(),
        "data": _data_facts(dataset),
        "steps": engine.steps,
        **where,
    }
    return Plan(
        manifest=manifest,
        levels=job.plan.design.levels,
        width=job.strategy.width,
        labels=dataset.y_test,
        classes=dataset.classes,
        parameters=tuple(tuple(leaf) for leaf in engine.parameters),
        checkpoints=engine.checkpoints,
        snapshot_steps=engine.snapshot_steps,
    )


def _data_facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "sha256": dataset.checksum(),
        "train": len(dataset.y_train),
        "verified": dataset.verified,
        "note": dataset.note,
    }


def _refuse_other_folders(out: Path) -> None:
    """Before anything is written there."""
    is_ours = (out / "study.json").exists()
    if not is_ours and out.is_dir() and any(p.name != ".lock" for p in out.iterdir()):
        raise InputError(f"{out} exists and is not a run directory: give another --out")


def _claim(request: Request, jobs: Sequence[Job], out: Path, command: str) -> None:
    """Write what this directory is for, or check that it is for the same."""
    path = out / "study.json"
    record: dict[str, Any] = {"schema": SCHEMA, "request": request.as_dict(), "command": command}
    if path.exists():
        found = read_study(out)
        if found["request"] != record["request"]:
            changed = [k for k, v in record["request"].items() if found["request"].get(k) != v]
            raise InputError(
                f"{out} holds another request ({', '.join(changed)} differ): give another --out, "
                f"or repeat its own command: {found['command']}"
            )
        for job in jobs:
            _check_same_pipeline(job, out / job.plan.name)
    if request.recipe is not None:
        write_atomically(out / RECIPE_FILE, request.recipe.toml().encode())
    for study in request.studies:
        if study.source:
            write_atomically(source_file(out, study.name), study.source.encode())
    populations = [job.plan.name for job in jobs]
    write_record(path, {**record, "populations": populations, "runs": request.runs})


def _check_same_pipeline(job: Job, folder: Path) -> None:
    if not (folder / "manifest.json").exists():
        return
    store = PopulationStore.open(folder)
    store.check_levels(job.plan.design.levels)
    found = dict(store.manifest)
    here, there = environment()["device"]["platform"], found["device"]["platform"]
    if here != there:
        raise InputError(f"{folder} was trained on a {there}, and this is a {here}: give another --out")
    expected = {
        "recipe": job.plan.recipe.as_dict(),
        "data": _data_facts(job.dataset),
        "strategy": {k: v for k, v in job.strategy.as_dict().items() if k != "chosen_by"},
    }
    found["strategy"] = {k: v for k, v in found["strategy"].items() if k != "chosen_by"}
    for what, value in expected.items():
        if found[what] != value:
            fields = [k for k in {**found[what], **value} if found[what].get(k) != value.get(k)]
            raise InputError(
                f"{folder} was trained with another {what} ({', '.join(fields)} differ): give another --out, "
                "or ask for what it holds"
            )
