"""What a measure is called, for measures that the catalogue does not know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Described:
    """A measure in words, as the catalogue, a study or the report that it was read from has it.

    Attributes:
        label: What tables and figures call it.
        unit: "fraction", "pp", "nats", "ratio", ….
        better: "lower", "higher" or "none".
        meaning: One sentence for readers.
    """

    label: str
    unit: str
    better: str
    meaning: str
