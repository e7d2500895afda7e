"""Training what a study plans: population by population, block by block, resumable at every block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from varbench.data import Dataset, load
from varbench.errors import InputError
from varbench.store import Plan, PopulationStore, locked, read_record, write_record
from varbench.studies.cost import expected_seconds, flops_per_step
from varbench.studies.environment import environment
from varbench.studies.study import Case, PopulationPlan, Study
from varbench.training.design import check_against
from varbench.training.engine import Engine, Progress, strategy_for
from varbench.training.recipe import Recipe, recipe_from_dict
from varbench.training.strategy import Strategy

SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What was asked for: a study at a budget, with what the user changed.

    Attributes:
        study: The study.
        budget: "smoke", "standard" or "full".
        runs: Runs per population, or None for the budget's number.
        recipe: A recipe of the user's own, in place of the study's.
        overrides: Recipe fields to change in every recipe.
        strategy: A fixed strategy in place of the rule's; `chosen_by` says how it was chosen.
        probe: Whether to time a few widths and take the fastest.
    """

    study: Study
    budget: str
    runs: int | None = None
    recipe: Recipe | None = None
    overrides: dict[str, Any] | None = None
    strategy: Strategy | None = None
    probe: bool = False

    def populations(self) -> tuple[PopulationPlan, ...]:
        """The populations that are asked for.

        Raises:
            InputError: If a field is wrong, or a design varies what a recipe does not have.
        """
        cases: Sequence[Case] = self.study.cases(self.budget)
        if self.recipe is not None:
            cases = (Case(f"{_plain(self.recipe.data)}-{self.recipe.model}", _label(self.recipe), self.recipe),)
        cases = [replace(c, recipe=c.recipe.replace(**(self.overrides or {}))) for c in cases]
        plans = self.study.plan(cases, self.budget, self.runs)
        for plan in plans:
            check_against(plan.design, plan.recipe)
        return plans

    def as_dict(self) -> dict[str, Any]:
        """What identifies the request, for the run directory."""
        return {
            "study": self.study.name,
            "budget": self.budget,
            "recipe": self.recipe.as_dict() if self.recipe else None,
            "overrides": dict(self.overrides or {}),
        }


@dataclass(frozen=True)
class Job:
    """One population with its data, strategy and size, ready to be trained."""

    plan: PopulationPlan
    dataset: Dataset
    strategy: Strategy
    flops: float

    def __post_init__(self) -> None:
        Engine(self.plan.recipe, self.dataset, self.strategy).run  # refuses impossible sizes before anything is written


@dataclass(frozen=True)
class Moment:
    """A moment of the execution, for progress displays.

    Attributes:
        job: The population in training.
        runs_done: Its runs that were committed before this launch.
        progress: Where the current launch stands, or None at its start and end.
        share: Share of the study's arithmetic that is done, in [0, 1].
    """

    job: Job
    runs_done: int
    progress: Progress | None
    share: float


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


def expected_time(jobs: Sequence[Job]) -> float:
    """Seconds to expect for jobs on the devices at hand: a rough figure, for the plan that is printed first."""
    return expected_seconds(sum(job.flops for job in jobs), populations=len(jobs))


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
    with locked(out):
        _claim(request, jobs, out, command)
        where = environment()
        total = sum(job.flops for job in jobs)
        done = 0.0
        for job in jobs:
            _train(job, out / job.plan.name, where, listen, before=done / total, weight=job.flops / total)
            done += job.flops


def _train(
    job: Job,
    folder: Path,
    where: dict[str, Any],
    listen: Callable[[Moment], None],
    *,
    before: float,
    weight: float,
) -> None:
    engine = Engine(job.plan.recipe, job.dataset, job.strategy)
    store = PopulationStore.create(folder, _store_plan(job, engine, where))
    store.discard_broken_blocks()
    total = len(job.plan.design)
    missing = store.missing()
    finished = total - sum(len(runs) for _, runs in missing)

    def moment(progress: Progress | None) -> Moment:
        inside = progress.runs * progress.step / progress.steps if progress else 0.0
        return Moment(job, finished, progress, before + weight * (finished + inside) / total)

    listen(moment(None))
    try:
        started = time.monotonic()
        for block in engine.train(missing, listen=lambda progress: listen(moment(progress))):
            store.commit(block, seconds=time.monotonic() - started, where=where)
            finished += len(block.levels)
            started = time.monotonic()
            listen(moment(None))
    finally:
        store.publish()


def _strategy(request: Request, plan: PopulationPlan, dataset: Dataset, out: Path | None) -> Strategy:
    if request.strategy is not None:
        return request.strategy
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
        "data": {"name": dataset.name, "sha256": dataset.checksum(), "train": len(dataset.y_train)},
        "steps": engine.run.steps,
        **where,
    }
    return Plan(
        manifest=manifest,
        levels=job.plan.design.levels,
        width=job.strategy.width,
        labels=dataset.y_test,
        classes=dataset.classes,
        parameters=tuple(tuple(leaf) for leaf in engine.parameters),  # type: ignore[misc]
        checkpoints=engine.checkpoints,
    )


def _claim(request: Request, jobs: Sequence[Job], out: Path, command: str) -> None:
    """Write what this directory is for, or check that it is for the same."""
    path = out / "study.json"
    record = {"schema": SCHEMA, "request": request.as_dict(), "command": command}
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
    elif out.is_dir() and any(p.name != ".lock" for p in out.iterdir()):
        raise InputError(f"{out} exists and is not a run directory: give another --out")
    populations = [job.plan.name for job in jobs]
    write_record(path, {**record, "populations": populations, "runs": request.runs})


def _check_same_pipeline(job: Job, folder: Path) -> None:
    if not (folder / "manifest.json").exists():
        return
    found = PopulationStore.open(folder).manifest
    here, there = environment()["device"]["platform"], found["device"]["platform"]
    if here != there:
        raise InputError(f"{folder} was trained on a {there}, and this is a {here}: give another --out")
    expected = {
        "recipe": job.plan.recipe.as_dict(),
        "data": {"name": job.dataset.name, "sha256": job.dataset.checksum(), "train": len(job.dataset.y_train)},
        "strategy": {k: v for k, v in job.strategy.as_dict().items() if k != "chosen_by"},
    }
    found["strategy"] = {k: v for k, v in found["strategy"].items() if k != "chosen_by"}
    for what, value in expected.items():
        if found[what] != value:
            fields = [k for k in value if found[what].get(k) != value[k]]
            raise InputError(
                f"{folder} was trained with another {what} ({', '.join(fields)} differ): give another --out, "
                "or ask for what it holds"
            )


def read_study(out: Path) -> dict[str, Any]:
    """What a run directory is for.

    Raises:
        InputError: If it is not a run directory, was edited, or is of a newer schema.
    """
    try:
        record = read_record(out / "study.json")
    except FileNotFoundError:
        raise InputError(f"{out} is not a run directory: there is no study.json in it") from None
    if record["schema"] > SCHEMA:
        raise InputError(f"{out} has schema {record['schema']}, newer than this varbench: upgrade varbench")
    return record


def request_of(out: Path) -> Request:
    """The request that a run directory answers.

    Raises:
        InputError: As `read_study`.
    """
    from varbench.studies.registry import study

    record = read_study(out)
    asked = record["request"]
    recipe = recipe_from_dict(asked["recipe"], where=str(out / "study.json")) if asked["recipe"] else None
    return Request(study(asked["study"]), asked["budget"], record["runs"], recipe, asked["overrides"])


def _plain(name: str) -> str:
    return Path(name).stem if "/" in name or name.endswith(".npz") else name


def _label(recipe: Recipe) -> str:
    return f"{_plain(recipe.data)} · {recipe.model}"
