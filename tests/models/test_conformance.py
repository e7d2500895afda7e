"""What every model must do, whichever library wrote it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from varbench.models import MODELS
from varbench.trees import leaves_by_path, ravel

from .cases import BATCH, CASES

KEY, OTHER = jax.random.key(7), jax.random.key(8)


def bits(tree):
    return np.asarray(ravel(tree)).view(np.uint32)


def shapes(tree):
    return {path: (leaf.shape, leaf.dtype) for path, leaf in leaves_by_path(tree).items()}


def test_every_built_in_model_is_here():
    """A new model needs a case."""
    assert {name.split()[0] for name in CASES} >= set(MODELS)


def test_the_key_decides_the_initial_weights(subject):
    again, state = subject.model.init(jax.random.key(1))
    other, _ = subject.model.init(jax.random.key(2))
    params, _ = subject.start
    np.testing.assert_array_equal(bits(params), bits(again))
    assert shapes(other) == shapes(params)
    assert np.abs(ravel(other) - ravel(params)).max() > 0.01
    assert {leaf.dtype for leaf in jax.tree.leaves((params, state))} == {jnp.dtype(jnp.float32)}


def test_initial_weights_are_the_same_under_jit_and_vmap(subject):
    many, _ = jax.jit(jax.vmap(subject.model.init))(jnp.stack([jax.random.key(1), jax.random.key(2)]))
    params, _ = subject.start
    np.testing.assert_allclose(ravel(jax.tree.map(lambda leaf: leaf[0], many)), ravel(params), rtol=1e-6, atol=1e-7)


def test_logits_are_finite_float32(subject):
    for forward in (subject.evaluate, subject.train):
        logits, _ = forward(*subject.start, subject.x, KEY)
        assert logits.shape == (BATCH, subject.case.classes)
        assert logits.dtype == jnp.float32
        assert np.isfinite(logits).all()
        assert np.std(logits, axis=0).min() > 0, "the inputs do not matter"


def test_evaluation_ignores_the_key_and_leaves_the_state_alone(subject):
    params, state = subject.start
    logits, after = subject.evaluate(params, state, subject.x, KEY)
    others, _ = subject.evaluate(params, state, subject.x, OTHER)
    np.testing.assert_array_equal(logits, others)
    assert shapes(after) == shapes(state)
    np.testing.assert_array_equal(bits(after), bits(state))


def test_evaluation_treats_every_example_by_itself(subject):
    logits, _ = subject.evaluate(*subject.start, subject.x, KEY)
    alone, _ = subject.model.apply(*subject.start, subject.x[2:3], KEY, False)
    np.testing.assert_allclose(logits[2:3], alone, rtol=1e-5, atol=0.05 if subject.case.narrow else 1e-5)


def test_training_moves_batch_statistics_and_nothing_else(subject):
    params, state = subject.start
    _, after = subject.train(params, state, subject.x, KEY)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert shapes(after) == shapes(state), "the state must keep its types, or no loop can carry it"
    assert bool(jax.tree.leaves(state)) == subject.case.batch_norm
    before, later = leaves_by_path(state), leaves_by_path(after)
    for path in before:
        assert np.any(before[path] != later[path]), f"{path} was not updated"


def test_the_key_matters_in_training_exactly_if_there_is_dropout(subject):
    params, state = subject.start
    one, _ = subject.train(params, state, subject.x, KEY)
    same, _ = subject.train(params, state, subject.x, KEY)
    other, _ = subject.train(params, state, subject.x, OTHER)
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other) == subject.case.dropout


def test_every_parameter_gets_a_gradient_under_jit(subject):
    params, state = subject.start
    targets = jax.nn.one_hot(jnp.arange(BATCH) % subject.case.classes, subject.case.classes)

    def loss(p):
        return optax.softmax_cross_entropy(subject.model.apply(p, state, subject.x, KEY, True)[0], targets).mean()

    gradient = jax.jit(jax.grad(loss))(params)
    assert shapes(gradient) == shapes(params)
    for path, leaf in leaves_by_path(gradient).items():
        assert np.isfinite(leaf).all(), path
        assert np.any(leaf), f"{path} does not matter to the loss"


def test_vmap_over_models_is_a_loop_over_models(subject):
    models = [subject.model.init(jax.random.key(seed)) for seed in (3, 4)]
    keys = jnp.stack([KEY, OTHER])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *models)
    logits, state = jax.jit(jax.vmap(lambda m, key: subject.model.apply(*m, subject.x, key, True)))(stacked, keys)
    for i, (params, statistics) in enumerate(models):
        alone, after = subject.train(params, statistics, subject.x, keys[i])
        np.testing.assert_allclose(logits[i], alone, rtol=1e-4, atol=0.05 if subject.case.narrow else 1e-5)
        np.testing.assert_allclose(
            ravel(jax.tree.map(lambda leaf, i=i: leaf[i], state)),
            ravel(after),
            rtol=1e-4,
            atol=0.02 if subject.case.narrow else 1e-5,
        )
