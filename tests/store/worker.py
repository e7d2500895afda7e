"""Trains a population into a folder, as the study runner does, and says where it is: to be killed at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
from training.toys import BASE, vectors

from varbench.store import Plan, PopulationStore, locked
from varbench.training.design import together
from varbench.training.engine import Engine
from varbench.training.strategy import Strategy

STRATEGY = Strategy(width=4)


def plan_of(engine: Engine, runs: int) -> Plan:
    design = together(runs, sources=("init", "order"))
    return Plan(
        manifest={"population": "killed", "design": design.as_dict()},
        levels=design.levels,
        width=STRATEGY.width,
        labels=engine.dataset.y_test,
        classes=engine.dataset.classes,
        parameters=tuple(tuple(leaf) for leaf in engine.parameters),  # type: ignore[misc]
        checkpoints=engine.checkpoints,
    )


def train_into(folder: Path, runs: int) -> None:
    engine = Engine(BASE, vectors(), STRATEGY, tuple(jax.local_devices()[:1]))
    with locked(folder):
        store = PopulationStore.create(folder / "population", plan_of(engine, runs))
        store.discard_broken_blocks()
        print("open", flush=True)
        try:
            for block in engine.train(store.missing()):
                print("trained", flush=True)
                store.commit(block, seconds=0.0, where={})
                print("committed", flush=True)
        finally:
            store.publish()
    print("done", flush=True)


if __name__ == "__main__":
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    train_into(Path(sys.argv[1]), int(sys.argv[2]))
