"""What every model must do, whichever library wrote it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from varbench.models import MODELS
from varbench.trees import leaves_by_path, ravel

from .cases import BATCH, CASES

KEY, OTHER = jax.random.key(7), jax.random.key(8)


def bits(tree):
    return np.asarray(ravel(tree)).view(np.uint32)


def shapes(tree):
    return {path: (leaf.shape, leaf.dtype) for path, leaf in leaves_by_path(tree).items()}


def rounding(subject):
    """What float32, or bfloat16 inside, may differ by between two forms of one program."""
    return {"rtol": 1e-2, "atol": 5e-2} if subject.case.narrow else {"rtol": 1e-4, "atol": 1e-5}


def test_every_built_in_model_is_here():
    """A new model needs a case."""
    assert {name.split()[0] for name in CASES} >= set(MODELS)


def test_the_key_decides_the_initial_weights(subject):
    """Lanes 0 and 2 have one key, lane 1 another."""
    (params, state), (other, _), (again, same) = (subject.start(lane) for lane in range(3))
    np.testing.assert_array_equal(bits((params, state)), bits((again, same)))
    assert np.abs(ravel(other) - ravel(params)).max() > 0.01
    assert {leaf.dtype for leaf in jax.tree.leaves((params, state))} == {jnp.dtype(jnp.float32)}


def test_logits_are_finite_float32(subject):
    for forward in (subject.evaluate, subject.train):
        logits, _ = forward(*subject.start(), subject.x, KEY)
        assert logits.shape == (BATCH, subject.case.classes)
        assert logits.dtype == jnp.float32
        assert np.isfinite(logits).all()
        assert np.std(logits, axis=0).min() > 0, "the inputs do not matter"


def test_evaluation_ignores_the_key_and_leaves_the_state_alone(subject):
    params, state = subject.start()
    logits, after = subject.evaluate(params, state, subject.x, KEY)
    others, _ = subject.evaluate(params, state, subject.x, OTHER)
    np.testing.assert_array_equal(logits, others)
    assert shapes(after) == shapes(state)
    np.testing.assert_array_equal(bits(after), bits(state))


def test_evaluation_treats_every_example_by_itself(subject):
    logits, _ = subject.evaluate(*subject.start(), subject.x, KEY)
    among_others, _ = subject.evaluate(*subject.start(), subject.x.at[3:].set(0).at[:2].set(5), KEY)
    np.testing.assert_allclose(logits[2], among_others[2], rtol=1e-6, atol=1e-6)
    assert np.any(logits[3] != among_others[3])


def test_training_moves_batch_statistics_and_nothing_else(subject):
    params, state = subject.start()
    _, after = subject.train(params, state, subject.x, KEY)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert shapes(after) == shapes(state), "the state must keep its types, or no loop can carry it"
    assert bool(jax.tree.leaves(state)) == subject.case.batch_norm
    before, later = leaves_by_path(state), leaves_by_path(after)
    for path in before:
        assert np.any(before[path] != later[path]), f"{path} was not updated"


def test_the_key_matters_in_training_exactly_if_there_is_dropout(subject):
    one, _ = subject.train(*subject.start(), subject.x, KEY)
    same, _ = subject.train(*subject.start(), subject.x, KEY)
    other, _ = subject.train(*subject.start(), subject.x, OTHER)
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other) == subject.case.dropout


def test_models_side_by_side_are_a_loop_over_models(subject):
    keys = jnp.stack([KEY, OTHER, OTHER])
    _, (logits, states) = subject.gradients(*subject.starts, subject.x, keys)
    for lane, key in enumerate(keys):
        alone, state = subject.train(*subject.start(lane), subject.x, key)
        np.testing.assert_allclose(logits[lane], alone, **rounding(subject))
        mine = jax.tree.map(lambda leaf, lane=lane: leaf[lane], states)
        np.testing.assert_allclose(ravel(mine), ravel(state), **rounding(subject))
    assert np.abs(logits[0] - logits[1]).max() > 0.1


def test_every_parameter_gets_a_gradient(subject):
    gradients, _ = subject.gradients(*subject.starts, subject.x, jnp.stack([KEY, KEY, KEY]))
    assert shapes(gradients) == shapes(subject.starts[0])
    for path, leaf in leaves_by_path(gradients).items():
        assert np.isfinite(leaf).all(), path
        assert np.any(leaf[0]), f"{path} does not matter to the loss"
        np.testing.assert_array_equal(leaf[0], leaf[2])


def test_activations_are_named_in_the_order_of_the_network_and_end_in_the_logits(subject):
    if subject.case.layers is None:
        assert subject.model.activations is None
        return
    params, state = subject.start()
    layers, logits = subject.activations(params, state, subject.x)
    expected = {**subject.case.layers, "logits": (subject.case.classes,)}
    assert [(name, layer.shape) for name, layer in layers.items()] == [
        (name, (BATCH, *shape)) for name, shape in expected.items()
    ]
    assert {layer.dtype for layer in layers.values()} == {jnp.dtype(jnp.float32)}
    np.testing.assert_array_equal(layers["logits"], logits)
    alone, _ = subject.evaluate(params, state, subject.x, KEY)
    np.testing.assert_allclose(layers["logits"], alone, **rounding(subject))


def test_activations_of_an_example_are_its_own_and_vary_in_every_layer(subject):
    if subject.case.layers is None:
        return
    layers, _ = subject.activations(*subject.start(), subject.x)
    others, _ = subject.activations(*subject.start(), subject.x.at[3:].set(0).at[:2].set(5))
    for name, layer in layers.items():
        np.testing.assert_allclose(layer[2], others[name][2], rtol=1e-6, atol=1e-6, err_msg=name)
        assert np.any(layer[3] != layer[2]), name


def test_the_logits_follow_from_the_last_layer_before_them(subject):
    """What is recorded is what the network goes on with: a linear readout of it gives the logits back.

    Or of what rectified units make of it, in Linen, where only submodules are seen.
    """
    if not subject.case.layers:
        return
    x = subject.case.inputs(256)
    layers, _ = subject.activations(*subject.start(), x)
    *_, last, logits = layers.values()
    flat = np.asarray(last).reshape(len(x), -1)
    design = np.column_stack([flat, np.maximum(flat, 0), np.ones(len(x))])
    fitted = design @ np.linalg.lstsq(design, np.asarray(logits), rcond=None)[0]
    scale = np.std(np.asarray(logits))
    np.testing.assert_allclose(fitted, logits, atol=(2e-2 if subject.case.narrow else 1e-4) * scale)


def test_what_is_examplewise_draws_nothing_and_looks_at_no_other_example(subject):
    """In training too: only of such a model may a batch be taken in parts. A model need not say that it is."""
    params, state = subject.start()
    logits, _ = subject.train(params, state, subject.x, KEY)
    among_others, _ = subject.train(params, state, subject.x.at[3:].set(0).at[:2].set(5), OTHER)
    is_so = not jax.tree.leaves(state) and np.array_equal(logits[2], among_others[2])
    assert is_so == (not subject.case.dropout and not subject.case.batch_norm)
    assert is_so or not subject.model.examplewise


def test_built_in_models_are_examplewise_without_dropout_and_batch_normalization():
    built_in = [case for name, case in CASES.items() if name.split()[0] in MODELS]
    for case in built_in:
        assert case.make().examplewise == (not case.dropout and not case.batch_norm)
    assert {case.make().examplewise for case in built_in} == {True, False}
