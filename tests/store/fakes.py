"""Populations without training: blocks whose numbers follow from their levels."""

from __future__ import annotations

import numpy as np

from varbench.keys import SOURCES
from varbench.store import Plan
from varbench.training.design import Levels, together
from varbench.training.engine import Block

WIDTH, EXAMPLES, CLASSES, PARAMETERS, POINTS = 4, 5, 3, 11, 6
WHERE = {"device": {"platform": "cpu"}, "varbench": "0"}


def plan(
    runs: int,
    *,
    width: int = WIDTH,
    sources: tuple[str, ...] = ("init", "order"),
    snapshot_steps: tuple[int, ...] = (),
    **manifest: object,
) -> Plan:
    """A population of `runs` runs that differ in init and order."""
    design = together(runs, sources=sources)
    return Plan(
        manifest={"population": "fake", "design": design.as_dict(), **manifest},
        levels=design.levels,
        width=width,
        labels=np.arange(EXAMPLES) % CLASSES,
        classes=CLASSES,
        parameters=(("hidden/kernel", (2, 4), 0, 8), ("hidden/bias", (3,), 8, PARAMETERS)),
        checkpoints=(1, 2, 4, 8, 16, 32),
        snapshot_steps=snapshot_steps,
    )


def block(index: int, levels: tuple[Levels, ...], *, diverged: bool = False, snapshots: int = 0) -> Block:
    """What training these levels would give: the same numbers for the same levels."""

    def numbers(*shape: int) -> np.ndarray:
        rows = [np.random.default_rng([row[source] for source in SOURCES]).normal(size=shape) for row in levels]
        return np.full((len(levels), *shape), np.nan, np.float32) if diverged else np.array(rows, np.float32)

    return Block(
        index=index,
        levels=levels,
        logits=numbers(EXAMPLES, CLASSES),
        weights=numbers(PARAMETERS),
        initial_weights=numbers(PARAMETERS) + 1,
        train_loss=numbers(),
        train_accuracy=numbers(),
        curves={name: numbers(POINTS) for name in ("train_loss", "test_loss", "test_accuracy")},
        finished=np.full(len(levels), not diverged),
        snapshots=numbers(snapshots, PARAMETERS) if snapshots else None,
    )


def fill(store, *, only: tuple[int, ...] | None = None) -> None:
    """Commit the blocks that are missing, or some of them, and publish."""
    for index, levels in store.missing():
        if only is None or index in only:
            made = block(index, levels, snapshots=len(store.snapshot_steps))
            store.commit(made, seconds=0.25, where=WHERE)
    store.publish()


def levels_of(arrays: dict[str, np.ndarray]) -> list[Levels]:
    """The levels of every run that was read."""
    columns = {source: arrays[f"level_{source}"] for source in SOURCES}
    return [{source: int(column[i]) for source, column in columns.items()} for i in range(len(arrays["run"]))]
