"""The sections of the page that show figures: their order and their titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from varbench.report.tables import ReadableTable

TITLES: Mapping[str, str] = {
    "comparisons": "How they differ",
    "environment": "What they were made with",
    "runs": "Accuracy and loss of every run",
    "sources": "Which source of randomness matters",
    "pairs": "How far apart two runs are",
    "flips": "Which examples flip",
    "representations": "What the runs see and why they decide",
    "ensembles": "What averaging runs buys",
    "weights": "Where runs lie in weight space",
    "curves": "Over training",
    "landscape": "The shape of the loss",
    "separation": "From one unit in the last place",
    "controls": "Controls",
    "anchors": "Held against published numbers",
}


STUDIES = "charts"
"""The section whose panels stand with their studies, above all others."""


@dataclass(frozen=True)
class DrawnPanel:
    """A panel as text: its SVG, the finding and alternative text that go with it, and its page in the PDF."""

    name: str
    svg: str
    caption: str
    alt: str
    group: str
    page: int


@dataclass(frozen=True)
class Block:
    """The panels of one figure kind with the tables behind them."""

    name: str
    reading: str
    panels: Sequence[DrawnPanel]
    tables: Sequence[ReadableTable]
    tables_open: bool

    @property
    def groups(self) -> Sequence[tuple[str, Sequence[DrawnPanel]]]:
        """The panels by group, in order."""
        names = dict.fromkeys(panel.group for panel in self.panels)
        return [(name, [panel for panel in self.panels if panel.group == name]) for name in names]


@dataclass(frozen=True)
class Section:
    """One heading of the page and the blocks under it."""

    name: str
    title: str
    blocks: Sequence[Block]


def sections_of(blocks: Sequence[tuple[str, Block]]) -> list[Section]:
    """Blocks gathered under their sections, empty ones left out, in the order of `TITLES`."""
    lost = sorted({section for section, _ in blocks} - {*TITLES, STUDIES})
    if lost:
        raise ValueError(f"figures name the sections {', '.join(lost)}, which have no title in TITLES")
    found = []
    for name, title in TITLES.items():
        mine = [block for section, block in blocks if section == name and (block.panels or block.tables)]
        if mine:
            found.append(Section(name, title, mine))
    return found
