"""Activations and input gradients of stored weights against the model itself and against closed forms."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from tests.training.toys import BASE, images, vectors
from varbench.models.adapters import from_nnx
from varbench.models.recording import unrecorded
from varbench.probes import TrainedNetworks, activations
from varbench.training.recipe import Recipe
from varbench.trees import ravel

ROWS = np.array([3, 0, 17])


def weights_of(networks, count):
    keys = [jax.random.key(i) for i in range(count)]
    return np.stack([np.asarray(ravel(networks.model.init(key)[0])) for key in keys])


def test_activations_are_those_of_the_model_and_end_in_its_logits():
    networks = TrainedNetworks(BASE, vectors())
    weights = weights_of(networks, 18)  # more than one call of the program
    found = networks.activations(weights, examples=ROWS)
    assert list(found) == list(networks.activation_shapes) == ["hidden/0", "logits"]
    assert networks.activation_shapes == {"hidden/0": (16,), "logits": (3,)}
    np.testing.assert_allclose(found["logits"], networks.logits(weights, "test")[:, ROWS], atol=1e-5)
    x = networks.inputs(networks.dataset.x_test[ROWS])
    for row in (0, 17):
        layer = jax.tree.map(np.asarray, networks.model.init(jax.random.key(row))[0]["hidden"][0])
        hidden = np.maximum(np.asarray(x) @ layer["kernel"] + layer["bias"], 0)
        np.testing.assert_allclose(found["hidden/0"][row], hidden, atol=1e-5)


def test_activations_on_any_examples_are_those_on_the_same_rows():
    networks = TrainedNetworks(BASE, vectors())
    weights = weights_of(networks, 2)
    expected = networks.activations(weights, examples=ROWS)
    found = networks.activations_on(weights, networks.dataset.x_test[ROWS])
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6)
    np.testing.assert_allclose(
        networks.activations_on(weights, networks.dataset.x_train)["logits"],
        networks.logits(weights, "train"),
        atol=1e-5,
    )


def test_large_activations_are_computed_in_smaller_calls(monkeypatch):
    networks = TrainedNetworks(BASE, vectors())
    weights = weights_of(networks, 5)
    whole = networks.activations(weights, examples=ROWS)
    ((function, program),) = networks._compiled.items()
    calls = []
    networks._compiled[function] = lambda rows, *rest: calls.append(len(rows)) or program(rows, *rest)
    monkeypatch.setattr(activations, "PROGRAM_BYTES", 2 * 4 * len(ROWS) * (16 + 3))
    for name, values in networks.activations(weights, examples=ROWS).items():
        np.testing.assert_allclose(values, whole[name], atol=1e-6)
    assert calls == [2, 2, 2]


class Normed(nnx.Module):
    def __init__(self, rngs):
        self.first, self.norm = nnx.Linear(6, 8, rngs=rngs), nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
        self.readout = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x, *, record=unrecorded):
        return self.readout(record("norm", self.norm(self.first(x))))


def test_batch_statistics_are_those_of_the_weights():
    networks = TrainedNetworks(BASE, vectors())
    networks.model = from_nnx(Normed)
    networks.params_like, networks.state_like = jax.eval_shape(networks.model.init, jax.random.key(0))
    weights = weights_of(networks, 2)
    found = networks.activations(weights, examples=ROWS)
    np.testing.assert_allclose(found["logits"], networks.logits(weights, "test")[:, ROWS], atol=1e-4)
    everything = networks.activations(weights, examples=np.arange(26))["norm"]
    # the statistics are of the training set: on the test set they standardize up to sampling
    np.testing.assert_allclose(everything.mean((1, 2)), 0.0, atol=0.3)
    np.testing.assert_allclose(everything.std((1, 2)), 1.0, atol=0.2)


def test_a_mute_model_has_no_activations():
    networks = TrainedNetworks(BASE, vectors())
    networks.model = dataclasses.replace(networks.model, activations=None)
    assert networks.activation_shapes == {}


def test_the_gradient_of_logistic_regression_is_the_column_of_the_right_class():
    data = images()
    networks = TrainedNetworks(Recipe(data="bytes", model="logistic", batch_size=8, steps=1), data)
    weights = weights_of(networks, 2)
    found = networks.input_gradients(weights, examples=ROWS)
    for row in range(2):
        kernel = networks.model.init(jax.random.key(row))[0]["readout"]["kernel"]
        np.testing.assert_allclose(found[row], np.asarray(kernel).T[data.y_test[ROWS]], rtol=1e-6)


def test_gradients_are_what_small_changes_of_a_standardized_input_do():
    data = images()  # in bytes, whose standardization is not the identity
    networks = TrainedNetworks(Recipe(data="bytes", model="mlp", hidden=(9,), batch_size=8, steps=1), data)
    params, state = networks.model.init(jax.random.key(4))
    (found,) = networks.input_gradients(np.asarray(ravel(params))[None], examples=ROWS)
    x, right = np.asarray(networks.inputs(data.x_test[ROWS])), data.y_test[ROWS]
    steps = 1e-3 * np.eye(40, dtype=np.float32).reshape(40, 1, 5, 4, 2)
    moved = np.concatenate([x[None] + steps, x[None] - steps]).reshape(-1, 5, 4, 2)
    logits, _ = networks.model.apply(params, state, jnp.asarray(moved), jax.random.key(0), False)
    up, down = np.asarray(logits, np.float64).reshape(2, 40, 3, 3)[:, :, np.arange(3), right]
    assert np.abs(found).max() > 0.1
    np.testing.assert_allclose(found, ((up - down) / 2e-3).T, atol=2e-3)


def test_test_inputs_are_the_stored_ones():
    networks = TrainedNetworks(BASE, vectors())
    np.testing.assert_array_equal(networks.test_inputs(ROWS), networks.dataset.x_test[ROWS].astype(np.float32))
