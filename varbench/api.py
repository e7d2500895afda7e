"""The Python interface: what the command line does, in a few functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from varbench.analysis.population import PopulationArrays
from varbench.data import Dataset
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.registry import study
from varbench.studies.request import Request, command_line
from varbench.studies.verify import verify
from varbench.training.design import Design, check_against, together
from varbench.training.recipe import Recipe

__all__ = ["judge", "run", "train", "verify", "write_report"]


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
    name: str,
    *,
    out: str | Path,
    budget: str = "standard",
    runs: int | None = None,
    recipe: Recipe | None = None,
    **overrides: Any,
) -> Path:
    """Train the populations of a study into a run directory, or continue there.

    Args:
        name: Name of the study.
        out: The run directory.
        budget: "smoke", "standard" or "full".
        runs: Runs per population, in place of the budget's number.
        recipe: A recipe of your own, in place of the study's.
        **overrides: Recipe fields to change in every recipe.

    Returns:
        The run directory.
    """
    from varbench.training.devices import prepare

    prepare()
    request = Request(study(name), budget, runs, recipe, overrides)
    folder = Path(out)
    execute(request, jobs_of(request, folder), folder, command=command_line(request, folder))
    return folder


def write_report(rundir: str | Path, *, out: str | Path) -> Path:
    """Judge a finished run directory and write its report.

    Returns:
        The path of `index.html`.
    """
    from varbench.report import render

    return render(judge(Path(rundir)), Path(out))
