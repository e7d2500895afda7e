"""`varbench run`: train what a study plans."""

from __future__ import annotations

import dataclasses
import json as json_
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from varbench.errors import InputError
from varbench.training.recipe import Recipe, field_meanings, recipe_from_toml

if TYPE_CHECKING:
    from varbench.studies.execute import Job
    from varbench.studies.moment import Moment
    from varbench.studies.request import Request


def _optional_fields() -> list[tuple[str, Any, Any]]:
    meanings, hints = field_meanings(), typing.get_type_hints(Recipe)
    return [
        (f.name, Annotated[hints[f.name] | None, tyro.conf.arg(help=meanings[f.name])], None)
        for f in dataclasses.fields(Recipe)
    ]


Changes = dataclasses.make_dataclass("Changes", _optional_fields(), frozen=True)
Changes.__doc__ = "Fields to change in every recipe of the study."


@dataclasses.dataclass(frozen=True)
class StrategyFlags:
    """How runs are laid side by side; by default a rule of the model's size and the device decides."""

    width: int | None = None
    """Runs side by side in one program on one device."""
    batching: Literal["vmap", "map"] | None = None
    """One batched program, or one run after the other inside the program."""
    convolution: Literal["matmul", "winograd", "native"] | None = None
    """How convolutions are computed."""
    microbatch: int | None = None
    """So many examples at a time go through the network, in steps and evaluation; a step adds up their gradients."""
    probe: bool = False
    """Time a few widths first and take the fastest; what was chosen is recorded."""


def run(
    studies: tyro.conf.Positional[tuple[str, ...]],
    out: Path,
    budget: Literal["smoke", "standard", "full"] = "standard",
    runs: int | None = None,
    recipe: Changes = Changes(),  # type: ignore[valid-type]  # noqa: B008
    recipe_file: Path | None = None,
    strategy: StrategyFlags = StrategyFlags(),
    report: Path | None = None,
    dry_run: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Train the populations of studies; the same command continues where it stopped.

    Example: varbench run identical-pipelines --budget smoke --recipe.lr 3e-3 --out runs/first

    Args:
        studies: Names of studies (`varbench list` shows them), Python files with a study of your own, or all.
        out: Run directory; made if it does not exist, continued if it does.
        budget: Seconds, minutes, or a GPU or a night.
        runs: Runs per population, in place of the budget's number.
        recipe: Fields to change in every recipe.
        recipe_file: TOML file with a recipe of your own, in place of the study's recipes.
        strategy: How runs are laid side by side.
        report: Write the report into this folder as well, when the training is done.
        dry_run: Print the plan and stop.
        quiet: No progress.
        json: Print the plan, or the result, as JSON.
    """
    from varbench.cli.interrupt import interruptible
    from varbench.cli.judge import judge
    from varbench.cli.progress import shown
    from varbench.cli.report import report as write_report
    from varbench.report.output import check_folder
    from varbench.studies.execute import execute, expected_time, jobs_of
    from varbench.studies.registry import studies as studies_named
    from varbench.studies.request import Request, command_line
    from varbench.training.devices import prepare

    if report is not None:
        check_folder(report)
        if report.resolve() == out.resolve():
            raise InputError(f"--out and --report are both {out}: give the report a folder of its own")
    prepare()
    overrides = {k: v for k, v in dataclasses.asdict(recipe).items() if v is not None}
    fields = ("width", "batching", "convolution", "microbatch")
    fixed = {name: getattr(strategy, name) for name in fields if getattr(strategy, name) is not None}
    request = Request(
        studies_named(studies),
        budget,
        runs,
        recipe_from_toml(recipe_file) if recipe_file else None,
        overrides,
        fixed,
        strategy.probe,
    )
    jobs = jobs_of(request, out)
    seconds = expected_time(request, jobs)
    if not quiet and not (json and dry_run):
        _print_plan(request, jobs, seconds, out)
    if dry_run:
        if json:
            print(_plan_json(jobs, seconds))
        return 0
    with interruptible() as check, shown(quiet=quiet) as show:

        def listen(moment: Moment) -> None:
            check()
            show(moment)

        execute(request, jobs, out, command=command_line(request, out), listen=listen)
    if report is not None:
        return write_report(out, report, json, quiet)
    if not quiet or json:
        judge(out, json, quiet)
    if not quiet and not json:
        print(f"\nThe report: varbench report {out} --out reports/{out.name}")
    return 0


def _print_plan(request: Request, jobs: tuple[Job, ...], seconds: float, out: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from varbench.training.devices import device_facts

    device = device_facts()
    console = Console(file=sys.stderr)
    kind = device["processor"] if device["platform"] == "cpu" else device["kind"]
    for study in request.studies:
        console.print(f"[bold]{escape(study.title)}[/bold]\n{escape(study.claim)}", highlight=False)
    console.print(
        f"device: {device['count']} × {device['platform']} ({kind}); budget: {request.budget}; "
        f"expected time: about {duration(seconds)}; into {out}",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("population", "runs", "steps", "side by side"):
        table.add_column(column, justify="left" if column == "population" else "right")
    for job in jobs:
        steps = job.plan.recipe.total_steps(len(job.dataset.y_train))
        table.add_row(job.plan.label, f"{len(job.plan.design)}", f"{steps:,}", f"{job.strategy.width}")
    console.print(table)


def duration(seconds: float) -> str:
    """A duration as a person would say it: `40 s`, `3 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _plan_json(jobs: tuple[Job, ...], seconds: float) -> str:
    rows = [
        {
            "population": job.plan.name,
            "runs": len(job.plan.design),
            "steps": job.plan.recipe.total_steps(len(job.dataset.y_train)),
            "strategy": job.strategy.as_dict(),
            "recipe": job.plan.recipe.as_dict(),
        }
        for job in jobs
    ]
    return _json({"populations": rows, "expected_seconds": round(seconds, 1)})


def _json(content: Any) -> str:
    return json_.dumps(content, indent=1, sort_keys=True)
