"""A race between different trainings is noticed: made-up arms that trained as varbench did, and some that did not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed.parity import ALONE, DISTANCE, LEAST_SPREAD, parity
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import TASKS
from varbench.data import Dataset
from varbench.training.design import together
from varbench.training.engine import Engine
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy


def arm(name: str, distances: tuple[float, ...], *, accuracy: float = 0.2) -> Result:
    """An arm whose accuracies, about chance and widely scattered, say nothing."""
    accuracies = tuple(np.linspace(accuracy - 0.1, accuracy + 0.1, len(distances)).tolist())
    return Result(name, 1.0, (1.0,), accuracies, len(distances), distances=distances)


def scattered(mean: float, runs: int, *, spread: float) -> tuple[float, ...]:
    """Distances of exactly this mean and relative standard deviation."""
    z = np.linspace(-1.0, 1.0, runs)
    return tuple((mean * (1.0 + spread * z / z.std(ddof=1))).tolist())


OURS = arm("varbench", scattered(2.9, 4, spread=0.02))


def test_an_arm_of_the_same_distance_trained_the_same() -> None:
    assert parity([arm("torch", scattered(2.9, 2, spread=0.02)), OURS]) == []


@pytest.mark.parametrize(("what", "mean"), [("a third of the learning rate", 1.17), ("half of the steps", 2.09)])
def test_an_arm_that_trained_too_little_is_named_although_its_accuracy_says_nothing(what: str, mean: float) -> None:
    # Means as the residual network of the races has them.
    (sentence,) = parity([arm("torch", scattered(mean, 2, spread=0.02)), OURS])
    assert sentence.startswith(f"torch ends {100 * (1 - mean / 2.9):.1f} % nearer to its initialization than varbench")


def test_an_arm_that_went_too_far_or_nowhere_is_named() -> None:
    (far,) = parity([arm("torch", scattered(5.0, 2, spread=0.02)), OURS])
    assert "farther from" in far
    assert parity([arm("torch", (float("nan"), 2.9)), OURS])


def test_the_allowance_is_three_standard_errors_from_the_runs_of_varbench_and_a_little() -> None:
    ours = arm("varbench", scattered(1.0, 8, spread=0.10))
    allowed = DISTANCE + 3.0 * 0.10 * (1 / 8 + 1 / 2) ** 0.5
    for off, count in ((0.99 * allowed, 0), (1.01 * allowed, 1)):
        assert len(parity([arm("jax", scattered(1.0 - off, 2, spread=0.3)), ours])) == count
        assert len(parity([arm("jax", scattered(1.0 + off, 2, spread=0.3)), ours])) == count


@pytest.mark.parametrize(("runs", "spread"), [(64, LEAST_SPREAD), (1, ALONE)])
def test_a_spread_that_is_small_or_unknown_is_not_taken_at_its_word(runs: int, spread: float) -> None:
    ours = arm("varbench", (1.0,) * runs)
    allowed = DISTANCE + 3.0 * spread * (1 / runs + 1 / runs) ** 0.5
    assert parity([arm("jax", (1.0 - 0.99 * allowed,) * runs), ours]) == []
    assert parity([arm("jax", (1.0 - 1.01 * allowed,) * runs), ours])


def test_the_accuracy_is_still_compared() -> None:
    ours = arm("varbench", scattered(1.0, 64, spread=0.02), accuracy=0.8)
    (sentence,) = parity([arm("jax", scattered(1.0, 64, spread=0.02), accuracy=0.5), ours])
    assert "jax is -30.0 pp off varbench in accuracy" in sentence


def test_a_real_training_at_a_third_of_the_rate_or_half_of_the_steps_is_told_from_the_whole() -> None:
    task = TASKS["mlp-32"]
    dataset = task.dataset()

    def trained(name: str, recipe: Recipe, levels: slice) -> Result:
        return _trained(name, recipe, dataset, levels)

    recipe = task.recipe.replace(steps=60)
    ours, other = trained("varbench", recipe, slice(0, 8)), trained("jax", recipe, slice(8, 12))
    assert parity([other, ours]) == []
    for wrong in (recipe.replace(lr=recipe.lr / 3), recipe.replace(steps=30)):
        found = parity([trained("jax", wrong, slice(8, 12)), ours])
        assert any("nearer to its initialization" in sentence for sentence in found)


def _trained(name: str, recipe: Recipe, dataset: Dataset, which: slice) -> Result:
    levels = together(12, sources=recipe.active_sources()).levels[which]
    engine = Engine(recipe, dataset, Strategy(4, batching="map"))
    blocks = list(engine.train(list(enumerate(engine.blocks_of(levels)))))
    accuracies = np.concatenate([(b.logits.argmax(-1) == dataset.y_test).mean(1) for b in blocks])
    distances = np.concatenate([np.linalg.norm(b.weights - b.initial_weights, axis=1) for b in blocks])
    return Result(name, 1.0, (1.0,), tuple(accuracies), len(levels), distances=tuple(distances))
