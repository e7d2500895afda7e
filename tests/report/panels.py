"""Panels of a figure by name."""

from __future__ import annotations

from typing import Any

from varbench.report.document import read_document
from varbench.report.figures.kind import FigureKind, Panel


def drawn(kind: FigureKind, document: dict[str, Any]) -> dict[str, Panel]:
    """The panels of a kind by name."""
    return {panel.name: panel for panel in kind.panels(read_document(document))}
