"""What a figure kind is: panels (one small picture per condition or measure) and the tables behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

from varbench.report.document import Document
from varbench.report.tables import Table


@dataclass(frozen=True)
class Panel:
    """One picture. `caption` is the finding in a line or two; `alt` says it to someone who cannot see it.

    Panels of one `group` stand together under its name.
    """

    name: str
    figure: Figure
    caption: str
    alt: str
    group: str = ""


@dataclass(frozen=True)
class FigureKind:
    """One way of showing the document.

    `panels` yields nothing where the data are missing; `reading` tells how to read a panel; the tables hold
    every number that is drawn. `tables_open` shows the tables beside the panels instead of folded away.
    """

    name: str
    section: str
    panels: Callable[[Document], Iterable[Panel]]
    tables: Callable[[Document], Iterable[Table]]
    reading: str
    tables_open: bool = False
