"""Every figure kind, in the order of the page. A new kind is a new file and one entry here."""

from __future__ import annotations

from varbench.report.figures import (
    anchors,
    controls,
    curves,
    ensembles,
    flips,
    instability,
    matrices,
    runs,
    spread,
)
from varbench.report.figures.kind import FigureKind

KINDS: tuple[FigureKind, ...] = (
    runs.KIND,
    spread.KIND,
    matrices.KIND,
    flips.KIND,
    instability.KIND,
    ensembles.KIND,
    curves.KIND,
    controls.KIND,
    anchors.KIND,
)
