"""The Python interface: what the command line does, in a few functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from varbench.analysis.document import LEVEL
from varbench.analysis.population import PopulationArrays
from varbench.data import Dataset
from varbench.refusals import folder_named
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.registry import studies
from varbench.studies.request import Request, command_line
from varbench.studies.verify import Verification, verification
from varbench.training.design import Design, check_against, together
from varbench.training.recipe import Recipe

__all__ = ["compare", "judge", "plan", "run", "train", "verify", "write_report"]


def train(
    recipe: Recipe, *, runs: int | None = None, design: Design | None = None, data: Dataset | None = None
) -> PopulationArrays:
    """Train a population in memory.

    Args:
        recipe: What is held identical.
        runs: Number of runs in which every source of the recipe varies; give this or a design.
        design: Which levels are run.
        data: A data set in place of the one that the recipe names.

    Returns:
        The arrays of its runs, in the design's order, ready for `estimates`.

    Raises:
        InputError: If neither or both of runs and design are given, or they do not fit the recipe.
    """
    import numpy as np

    from varbench.data import load
    from varbench.errors import InputError
    from varbench.keys import SOURCES
    from varbench.probes import TrainedNetworks
    from varbench.training.devices import prepare
    from varbench.training.engine import Engine, strategy_for

    if (runs is None) == (design is None):
        raise InputError("train needs either runs or a design, and not both")
    prepare()
    design = design if runs is None else together(runs, sources=recipe.active_sources())
    assert design is not None
    check_against(design, recipe)
    dataset = data or load(recipe.data)
    widths = set(design.column("width").tolist())
    if len(widths) > 1:
        raise InputError("the runs of one population must share one level of the source 'width'")
    engine = Engine(recipe, dataset, strategy_for(recipe, dataset).at_width(widths.pop()))
    blocks = list(enumerate(engine.blocks_of(design.levels)))
    found = list(engine.on_devices(len(blocks)).train(blocks))
    return PopulationArrays(
        logits=np.concatenate([b.logits for b in found]),
        labels=dataset.y_test,
        finished=np.concatenate([b.finished for b in found]),
        weights=np.concatenate([b.weights for b in found]),
        initial_weights=np.concatenate([b.initial_weights for b in found]),
        layers=tuple((leaf.path, leaf.start, leaf.stop) for leaf in engine.parameters),
        train_loss=np.concatenate([b.train_loss for b in found]),
        train_accuracy=np.concatenate([b.train_accuracy for b in found]),
        levels={source: design.column(source) for source in SOURCES},
        networks=TrainedNetworks(recipe, dataset),
    )


def run(
    *names: str | Path,
    out: str | Path,
    budget: str = "standard",
    runs: int | None = None,
    recipe: Recipe | None = None,
    **overrides: Any,
) -> Path:
    """Train the populations of studies into a run directory, or continue there.

    Args:
        *names: Names of studies, Python files with studies of your own, or "all".
        out: The run directory.
        budget: "smoke", "standard" or "full".
        runs: Runs per population, in place of the budget's number.
        recipe: A recipe of your own, in place of the studies'.
        **overrides: Recipe fields to change in every recipe.

    Returns:
        The run directory.
    """
    from varbench.training.devices import prepare

    prepare()
    folder = folder_named(out)
    request = Request(studies([str(name) for name in names]), budget, runs, recipe, overrides)
    execute(request, jobs_of(request, folder), folder, command=command_line(request, folder))
    return folder


def write_report(rundir: str | Path, *, out: str | Path) -> Path:
    """Judge a finished run directory and write its report.

    Returns:
        The path of `index.html`.
    """
    from varbench.report import render

    folder = folder_named(out)
    return render(judge(Path(rundir)), folder)


def verify(rundir: str | Path, *, everything: bool = False) -> Verification:
    """Check every file of a run directory and train runs again, as `varbench verify` does.

    Args:
        rundir: The run directory.
        everything: Train every run and make every experiment again; otherwise a sample of the runs.

    Returns:
        What was checked; `sound` says whether no file changed and the same bits came back.

    Raises:
        InputError: If it is not a run directory, or nothing in it is finished.
    """
    from varbench.training.devices import prepare

    prepare()
    return verification(Path(rundir), everything=everything)


def plan(
    pilot: str | Path | PopulationArrays | Mapping[str, Any] | None = None,
    *,
    sd: str | float | None = None,
    difference: str | float | None = None,
    width: str | float | None = None,
    probability: float | None = None,
    runs: int | None = None,
    paired: bool = False,
    power: float | None = None,
    alpha: float = 0.05,
    comparisons: int = 1,
    measure: str | None = None,
    condition: str | None = None,
    against: str | None = None,
    other_sd: str | float | None = None,
    sd_runs: int | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """How many runs a goal needs, or what a number of runs can show.

    Give one of difference, width, probability and runs; without any, a pilot is answered by what its runs show and
    what twice and four times as many would. Amounts are numbers in stored units (fractions: 0.001 is 0.1 pp) or texts
    such as "0.1pp".

    Args:
        pilot: A run directory, a report folder or its analysis.json, a file of results, a population, or an analysis.
        sd: SD over runs, in place of a pilot; of the differences of matched runs where paired.
        difference: Goal: a difference of two means to see.
        width: Goal: the width of an interval, end to end.
        probability: Goal: a P(A > B) above ½ to see.
        runs: What so many runs show.
        paired: Runs of the two pipelines are matched one by one; a pilot then has two conditions with the same levels.
        power: Chance to see what is there; None for 0.8 for a difference, 0.95 for P(A > B).
        alpha: Chance of a false alarm, two-sided for a difference, one-sided for P(A > B); intervals have 1 − alpha.
        comparisons: How many comparisons will be made: each is tested at alpha over this number.
        measure: What the goal is about; by default the accuracy. Without a pilot "mean" or "sd".
        condition: Which population of the pilot; by default the first.
        against: With paired, the population whose runs are matched with its; by default the other of two.
        other_sd: SD of the other pipeline, where it is another one.
        sd_runs: How many runs the SD was taken from.
        out: Folder for a page and the curve, or None.

    Returns:
        `answer` in a sentence; `runs`, None where they were given; `needed`, every way of reckoning; `shown`, what runs
        show; `curves`; `notes`.

    Raises:
        InputError: If the goal is impossible, or the pilot says nothing about the spread.
    """
    from varbench.analysis.planning.pairs import paired_pilot
    from varbench.errors import InputError
    from varbench.report.plan.page import write_plan
    from varbench.report.plan.request import Request, plan_from_pairs, plan_from_pilot, plan_from_sd
    from varbench.studies.pilots import conditions_of, pilots

    folder = None if out is None else folder_named(out)
    request = Request(
        difference=difference,
        width=width,
        probability=probability,
        runs=runs,
        measure=measure,
        power=power,
        alpha=alpha,
        paired=paired,
        comparisons=comparisons,
    )
    if against is not None and (pilot is None or not paired):
        raise InputError("against names the other condition of a pilot with matched runs: give a pilot, and paired")
    if pilot is None:
        if condition is not None:
            raise InputError("a condition is one of a pilot's populations: give the pilot too")
        document = plan_from_sd(request, sd=sd, other_sd=other_sd, sd_runs=sd_runs)
    else:
        if sd is not None or other_sd is not None or sd_runs is not None:
            raise InputError("give either a pilot or SDs, not both")
        if paired:
            runs_of = conditions_of(pilot)
            pairs = paired_pilot(runs_of, measure=measure or "accuracy", condition=condition, against=against)
            document = plan_from_pairs(request, pairs)
        else:
            document = plan_from_pilot(request, pilots(pilot, measure=measure, level=1.0 - alpha), condition=condition)
    if folder is not None:
        write_plan(document, folder)
    return document


def compare(
    *conditions: str | Path | PopulationArrays,
    out: str | Path | None = None,
    population: str | None = None,
    measures: Sequence[str] | None = None,
    level: float = LEVEL,
) -> dict[str, Any]:
    """Put conditions side by side; each one after the first is compared with the first.

    Args:
        *conditions: Two or more run directories, folders of single populations, report folders, files of results
            (`.npz`, `.csv`, `.parquet`), or populations; or a single one that has several conditions, which are
            compared with its first. Test examples that files name (`example_id`) are matched by their names.
        out: Folder for the report; none is written without.
        population: Compare this population alone, where there are several.
        measures: Compare these measures alone; p values are then adjusted over them. None for all.
        level: Nominal coverage of the intervals; a report brings its own.

    Returns:
        The content of `analysis.json`: every measure with its difference under `comparisons`.

    Raises:
        InputError: If something cannot be read, or they do not have a test set in common.
    """
    import shlex

    from varbench.analysis.checks import check_level
    from varbench.analysis.comparing import comparison_document
    from varbench.report import render
    from varbench.report.comparisons import headline
    from varbench.report.document import read_document
    from varbench.studies.environment import git, versions
    from varbench.studies.sides import Asked, sides_of

    folder = None if out is None else folder_named(out)
    check_level(level)
    asked = Asked(level, population, None if measures is None else tuple(measures))
    sides = sides_of(conditions, asked=asked)
    words = ["varbench", "compare", *(str(given) for given in conditions if isinstance(given, str | Path))]
    words += [] if population is None else ["--population", population]
    words += [word for name in measures or () for word in ("--measure", name)]
    found = versions()
    document = comparison_document(
        sides,
        population=population,
        measures=measures,
        level=level,
        headline=lambda content: headline(read_document(content)),
        provenance={
            "varbench": found["varbench"],
            "command": shlex.join(words),
            "versions": {name: found[name] for name in ("python", "varbench", "numpy", "scipy") if name in found},
            "git": git(),
        },
    )
    if folder is not None:
        render(document, folder)
    return document
