"""A run that diverges is data with a status, and no business of its neighbors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from varbench.data import Dataset
from varbench.training.batches import drawn_rows
from varbench.training.engine import Engine
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

from .toys import levels, train

N, POISONED = 40, 33
RECIPE = Recipe(
    data="poisoned",
    model="logistic",
    optimizer="sgd",
    lr=1.0,
    schedule="constant",
    batch_size=10,
    steps=12,
    resample="subset",
    label_smoothing=0.1,
)


def poisoned() -> Dataset:
    """One training example is so large that a run which draws it cannot stay finite.

    Smoothed labels see to it: no prediction, however right, has a gradient of zero.
    """
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 4)).astype(np.float32), generator.integers(0, 2, 60)
    x[POISONED] = 1e30
    return Dataset("poisoned", x[:N], y[:N], x[N:], y[N:], classes=2, kind="vector")


ROWS = [levels(data=level) for level in range(8)]
DRAWN = np.array(
    [POISONED in np.asarray(drawn_rows(jnp.asarray(level), examples=N, resample="subset")) for level in range(8)]
)


@pytest.fixture(scope="module")
def engine():
    return Engine(RECIPE, poisoned(), Strategy(width=4), tuple(jax.local_devices()[:1]))


@pytest.fixture(scope="module")
def runs(engine):
    return train(engine, ROWS)


def test_exactly_the_runs_that_diverged_say_so(runs):
    assert 2 <= DRAWN.sum() <= 6, "the test needs both kinds"
    assert [bool(run.finished) for run in runs] == list(~DRAWN)
    for run in runs:
        finite = all(np.isfinite(part).all() for part in (run.weights, run.logits, run.train_loss))
        assert finite == run.finished
        assert np.isfinite(run.initial_weights).all()


def test_diverged_runs_do_not_touch_the_others(engine, runs):
    healthy = [row for row, drawn in zip(ROWS, DRAWN, strict=True) if not drawn]
    apart = train(engine, healthy)
    assert [run.bits() for run in apart] == [run.bits() for run in runs if run.finished]
