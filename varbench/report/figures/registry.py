"""Every figure kind, in the order of the page. A new kind is a new file and one entry here."""

from __future__ import annotations

from varbench.report.figures import (
    anchors,
    attributions,
    barriers,
    charts,
    comparisons,
    components,
    controls,
    curves,
    ensembles,
    environment,
    flips,
    instability,
    landscape,
    matrices,
    representations,
    runs,
    separation,
    slices,
    soups,
    sources,
    spread,
)
from varbench.report.figures.kind import FigureKind

KINDS: tuple[FigureKind, ...] = (
    charts.KIND,
    comparisons.KIND,
    comparisons.EVERY,
    environment.KIND,
    runs.KIND,
    spread.KIND,
    sources.KIND,
    matrices.KIND,
    flips.KIND,
    instability.KIND,
    representations.KIND,
    attributions.KIND,
    ensembles.KIND,
    soups.KIND,
    barriers.KIND,
    components.KIND,
    curves.KIND,
    landscape.KIND,
    slices.KIND,
    separation.KIND,
    controls.KIND,
    anchors.KIND,
)
