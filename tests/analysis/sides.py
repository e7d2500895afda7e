"""Sides made of planted populations, for the tests of comparisons."""

from __future__ import annotations

import numpy as np

from varbench.analysis.comparing import Arm, Side
from varbench.analysis.population import PopulationArrays
from varbench.studies.sides import side_of


def population(seed, *, n_runs=8, shift=0.0, skill=2.0, labels=None, levels=True, of_run=None) -> PopulationArrays:
    """Runs that share a signal and differ in noise; `of_run` [R] is added to the skill of each."""
    rng = np.random.default_rng(seed)
    if labels is None:
        labels = np.arange(40) % 3
    of_run = np.zeros(n_runs) if of_run is None else of_run
    logits = rng.normal(size=(n_runs, len(labels), 3)) + np.eye(3)[labels] * (skill + of_run[:, None, None]) + shift
    given = {"init": np.arange(n_runs), "order": np.arange(n_runs)} if levels else {}
    return PopulationArrays(labels=labels, logits=logits, levels=given)


def side(name, **arms) -> Side:
    """A side of several populations."""
    sides = {arm: side_of(arrays, name=arm).arms[arm] for arm, arrays in arms.items()}
    return Side(name, "test", sides)


def without_runs(arm: Arm) -> Arm:
    """What a report knows of an arm: its estimates."""
    return Arm(arm.name, arm.label, arm.estimates, None, arm.facts, arm.environment)
