"""Charts of the study of mode collapse, and what the loss says about the modes that are kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from varbench.analysis.charts import Chart, cloud, series
from varbench.studies.claims.mode_collapse.coverage import GAME, LIKELIHOOD, Coverage
from varbench.studies.claims.mode_collapse.games import Mixture
from varbench.studies.rules import percent, told
from varbench.studies.study import Arrays

WORDS = {GAME: "GAN", LIKELIHOOD: "maximum likelihood"}


def loss_and_modes(c: Coverage) -> str:
    """Whether the loss goes with the number of modes kept: then seeds that keep other numbers differ in loss, too."""
    right, pairs = c.more_with_more_loss()
    if not pairs:
        return "All seeds keep equally many modes."
    return (
        f"In {right} of the {pairs} pairs of seeds that keep more and fewer modes the one with more has the higher "
        f"loss (rank correlation {told(c.loss_rank(), digits=2)})."
    )


def sets(name: str, c: Coverage) -> Chart:
    """Which modes each run keeps."""
    kept = c.kept(GAME)
    run, mode = np.nonzero(kept)
    numbers = kept.sum(-1)
    caption = (
        f"A dot for each mode that a run keeps: {numbers.min()} to {numbers.max()} of {c.n_modes}, "
        f"{len(np.unique(kept, axis=0))} different sets in {c.n_runs} runs. Trained by maximum likelihood, "
        f"{c.n_whole} of {c.n_runs} runs have all the dots."
        if c.n_runs
        else ""
    )
    return Chart(
        name=name.removeprefix("modes-"),
        title=f"{c.label}: the modes that each GAN keeps",
        x_label="mode",
        y_label="run",
        unit="",
        kind="points",
        series=(cloud("kept", (mode + 1).tolist(), (run + 1).tolist()),),
        caption=caption,
    )


def samples(name: str, label: str, mixture: Mixture, arrays: Arrays) -> Chart:
    """Samples of the first runs beside the modes."""
    x, y = zip(*mixture.centers, strict=True)
    shown = [
        cloud(f"run {run + 1}", *points[GAME].T.astype(float).round(3).tolist())
        for run, points in enumerate(arrays["samples"])
    ]
    return Chart(
        name=f"samples-{name.removeprefix('modes-')}",
        title=f"{label}: samples of a few GANs",
        x_label="first coordinate",
        y_label="second coordinate",
        unit="",
        kind="points",
        series=(*shown, cloud("modes of the data", x, y)),
        equal=True,
        caption=f"{len(arrays['samples'][0, 0])} samples of each of the first runs, at the end of training.",
    )


def along(found: Mapping[str, Coverage]) -> Chart:
    """Share of the modes kept along training."""
    lines = [
        series(f"{c.label}, {word}", [(float(s), c.covered(model, check)) for check, s in enumerate(c.steps)])
        for c in found.values()
        for model, word in WORDS.items()
    ]
    ends = "; ".join(
        f"{c.label}: {percent(c.covered(GAME))} against {percent(c.covered(LIKELIHOOD))}; counted as others do, by a "
        f"single sample within 3 SDs, {percent(c.captured(GAME))} against {percent(c.captured(LIKELIHOOD))}"
        for c in found.values()
    )
    return Chart(
        name="along-training",
        title="Modes kept along training",
        x_label="step",
        y_label="share of the modes kept",
        unit="fraction",
        series=tuple(lines),
        reference=1.0,
        reference_label="all",
        caption=f"At the end, GAN against maximum likelihood. {ends}. Others' GANs, with other networks and settings, "
        "capture 6.3 of 8 (79 %) and 17.3 of 25 modes (69 %; Lin et al. 2018, arXiv 1712.04086, table 1).",
    )


def losses(found: Mapping[str, Coverage]) -> Chart:
    """Modes kept against the loss, one point for each run."""
    ranges = [
        f"{c.label}: {c.losses[:, 0].min():.3f} to {c.losses[:, 0].max():.3f} nats. {loss_and_modes(c)}"
        for c in found.values()
        if c.n_runs
    ]
    return Chart(
        name="loss",
        title="What the loss says about coverage",
        x_label="discriminator's loss at the end (nats)",
        y_label="share of the modes kept",
        unit="fraction",
        kind="points",
        series=tuple(cloud(c.label, c.losses[:, 0].tolist(), c.kept(GAME).mean(-1).tolist()) for c in found.values()),
        caption=f"One point for each GAN; a discriminator that cannot tell has 1.386. {' '.join(ranges)}",
    )
