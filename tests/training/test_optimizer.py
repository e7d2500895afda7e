"""The recipe's optimizer against optax called directly."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from varbench.errors import InputError
from varbench.training import optimizer as optimizer_module
from varbench.training.optimizer import optimizer_of
from varbench.training.recipe import Recipe

STEPS = 6
START = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.1, -0.2])}


def path(optimizer):
    """The weights after each of a few steps down a bowl that is steeper in `w` than in `b`."""
    slopes = {"w": 3.0, "b": 0.5}
    params = jax.tree.map(jnp.asarray, START)
    state = optimizer.init(params)
    points = []
    for _ in range(STEPS):
        gradient = {name: slopes[name] * leaf for name, leaf in params.items()}
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        points.append(np.concatenate([params["w"].ravel(), params["b"]]))
    return np.array(points)


def ours(**fields):
    return path(optimizer_of(Recipe(lr=0.1, **{"schedule": "constant", **fields}), steps=STEPS))


COSINE = optax.cosine_decay_schedule(0.1, STEPS)

EQUAL = {
    "sgd without momentum": ({"optimizer": "sgd", "momentum": 0.0}, lambda: optax.sgd(0.1)),
    "sgd": ({"optimizer": "sgd"}, lambda: optax.sgd(0.1, momentum=0.9)),
    "sgd nesterov": (
        {"optimizer": "sgd", "momentum": 0.5, "nesterov": True},
        lambda: optax.sgd(0.1, momentum=0.5, nesterov=True),
    ),
    "adam": ({"optimizer": "adam"}, lambda: optax.adam(0.1)),
    "adam cosine": ({"optimizer": "adam", "schedule": "cosine"}, lambda: optax.adam(COSINE)),
    "adamw": ({"optimizer": "adamw", "weight_decay": 0.3}, lambda: optax.adamw(0.1, weight_decay=0.3)),
    "adamw without decay": ({"optimizer": "adamw"}, lambda: optax.adam(0.1)),
    "lion": ({"optimizer": "lion", "weight_decay": 0.2}, lambda: optax.lion(0.1, weight_decay=0.2)),
    "rmsprop": ({"optimizer": "rmsprop"}, lambda: optax.rmsprop(0.1)),
    "sgd with L2": (
        {"optimizer": "sgd", "weight_decay": 0.3},
        lambda: optax.chain(optax.add_decayed_weights(0.3), optax.sgd(0.1, momentum=0.9)),
    ),
    "adam with L2": (
        {"optimizer": "adam", "weight_decay": 0.3},
        lambda: optax.chain(optax.add_decayed_weights(0.3), optax.adam(0.1)),
    ),
    "clipped before the decay": (
        {"optimizer": "sgd", "clip": 0.7, "weight_decay": 0.3},
        lambda: optax.chain(
            optax.clip_by_global_norm(0.7), optax.add_decayed_weights(0.3), optax.sgd(0.1, momentum=0.9)
        ),
    ),
}


@pytest.mark.parametrize("flat", [0, 2**16])
@pytest.mark.parametrize("name", EQUAL)
def test_the_steps_are_those_of_optax(name, flat, monkeypatch):
    """Whether the weights are few enough for one flat vector or not."""
    fields, make = EQUAL[name]
    monkeypatch.setattr(optimizer_module, "FLAT_PARAMETERS", flat)
    with jax.enable_x64(True):
        np.testing.assert_allclose(ours(**fields), path(make()), rtol=1e-12)


@pytest.mark.parametrize(("flat", "vectors"), [(5, 4), (6, 2)])
def test_only_few_weights_are_updated_as_one_vector(flat, vectors, monkeypatch):
    """Adam has two moments of six weights in two arrays."""
    monkeypatch.setattr(optimizer_module, "FLAT_PARAMETERS", flat)
    state = optimizer_of(Recipe(optimizer="adam"), steps=STEPS).init(jax.tree.map(jnp.asarray, START))
    assert sum(leaf.ndim > 0 for leaf in jax.tree.leaves(state)) == vectors


def test_decay_is_part_of_the_gradient_for_adam_and_apart_from_it_for_adamw():
    """With L2 Adam divides the decay by its moments; decoupled, each step shrinks the weights by lr · decay."""
    plain, coupled, decoupled = ours(), ours(weight_decay=0.3), ours(optimizer="adamw", weight_decay=0.3)
    start = np.concatenate([START["w"].ravel(), START["b"]])
    np.testing.assert_allclose(decoupled[0], plain[0] - 0.1 * 0.3 * start, rtol=1e-5)
    assert np.abs(coupled[0] - plain[0]).max() < 1e-4
    assert np.abs(coupled - decoupled).max() > 0.01


def test_the_first_step_of_plain_sgd_is_the_gradient_times_the_rate():
    moved = ours(optimizer="sgd", momentum=0.0)[0]
    np.testing.assert_allclose(moved, [0.7, -1.4, 0.35, 2.1, 0.095, -0.19], rtol=1e-6)


def test_clipping_bounds_the_norm_of_the_whole_gradient():
    moved = ours(optimizer="sgd", momentum=0.0, clip=0.5)[0] - np.concatenate([START["w"].ravel(), START["b"]])
    assert np.linalg.norm(moved) == pytest.approx(0.1 * 0.5, rel=1e-5)
    unclipped = ours(optimizer="sgd", momentum=0.0)
    np.testing.assert_array_equal(ours(optimizer="sgd", momentum=0.0, clip=1e6), unclipped)


def rates(steps, **fields):
    """The learning rate at every step: how far plain SGD goes down a slope of one."""
    optimizer = optimizer_of(Recipe(optimizer="sgd", momentum=0.0, **fields), steps=steps)
    state, found = optimizer.init(jnp.zeros(())), []
    for _ in range(steps):
        update, state = optimizer.update(jnp.ones(()), state, jnp.zeros(()))
        found.append(-float(update))
    return np.array(found)


def test_the_cosine_goes_from_the_rate_to_zero():
    expected = 0.4 * 0.5 * (1 + np.cos(np.pi * np.arange(8) / 8))
    np.testing.assert_allclose(rates(8, lr=0.4, schedule="cosine"), expected, rtol=1e-5)


def test_the_warm_up_rises_in_equal_steps_and_the_cosine_follows():
    found = rates(12, lr=0.4, schedule="cosine", warmup=4)
    np.testing.assert_allclose(found[:4], [0.1, 0.2, 0.3, 0.4], rtol=1e-5)
    np.testing.assert_allclose(found[4:], 0.4 * 0.5 * (1 + np.cos(np.pi * np.arange(8) / 8)), rtol=1e-5)


@pytest.mark.parametrize(("warmup", "expected"), [(0, [0.4, 0.4, 0.4]), (1, [0.4, 0.4, 0.4]), (2, [0.2, 0.4, 0.4])])
def test_a_constant_rate_with_a_short_warm_up(warmup, expected):
    np.testing.assert_allclose(rates(3, lr=0.4, schedule="constant", warmup=warmup), expected, rtol=1e-6)


@pytest.mark.parametrize("warmup", [5, 9])
def test_a_warm_up_as_long_as_the_run_is_refused(warmup):
    with pytest.raises(InputError, match=f"recipe.warmup = {warmup}: it must be shorter than the run of 5 steps"):
        optimizer_of(Recipe(warmup=warmup), steps=5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adamm", "recipe.optimizer = 'adamm': did you mean 'adam"),
        ("gradient_boosting", "optax knows .*adam"),
        ("chain", "optax knows"),
        ("scale_by_rprop", "optax knows"),
        ("noisy_sgd", "optax knows"),
        ("lbfgs", "'lbfgs' cannot be used here"),
        ("rprop", "'rprop' cannot be used here"),
        ("sm3", "'sm3' cannot be used here"),
    ],
)
def test_unknown_and_unusable_optimizers_are_refused(name, message):
    """Noise of an optimizer's own (noisy_sgd) would be the same in every run and no source of randomness."""
    with pytest.raises(InputError, match=message):
        optimizer_of(Recipe(optimizer=name), steps=5)


@pytest.mark.parametrize("name", ["adafactor", "adagrad", "adamax", "amsgrad", "lamb", "lars", "radam", "yogi"])
def test_other_optimizers_of_optax_go_down(name):
    optimizer = optimizer_of(Recipe(optimizer=name, lr=0.05, schedule="constant"), steps=30)

    def step(_, carry):
        params, state = carry
        updates, state = optimizer.update(jax.grad(bowl)(params), state, params)
        return optax.apply_updates(params, updates), state

    def bowl(params):
        return sum(jnp.sum(leaf**2) for leaf in params.values())

    start = jax.tree.map(jnp.asarray, START)
    params, _ = jax.lax.fori_loop(0, 30, step, (start, optimizer.init(start)))
    assert bowl(params) < 0.99 * bowl(start)
