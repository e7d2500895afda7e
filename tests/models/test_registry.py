"""Models by name, their sizes, and what they refuse."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from varbench.errors import InputError
from varbench.models import MODELS, Options, build, register
from varbench.models.convolutional import average_pool
from varbench.trees import leaves_by_path, ravel, table

from .cases import pure_pair
from .conftest import QUICK

MNIST1D = Options(model="logistic", shape=(40,), classes=10)
IMAGE = Options(model="cnn", shape=(8, 8, 2), classes=5)


def parameters(options: Options) -> int:
    return table(jax.eval_shape(build(options).init, jax.random.key(0))[0])[-1].stop


@pytest.mark.parametrize(
    ("model", "count"), [("logistic", 410), ("mnist1d-mlp", 15_210), ("mnist1d-cnn", 5_210), ("mlp", 23_050)]
)
@pytest.mark.parametrize("convolution", ["native", "matmul"])
def test_models_have_the_published_number_of_parameters(model, count, convolution):
    """Greydanus and Kobak 2024; the last by 40·128 + 128 + 128·128 + 128 + 128·10 + 10."""
    assert parameters(dataclasses.replace(MNIST1D, model=model, convolution=convolution)) == count


def test_the_residual_network_has_the_layers_of_the_paper():
    """He et al. 2016, section 4.2: 6n + 2 layers with weights; ResNet-8 and ResNet-20, and two projections."""
    for blocks, layers in ((1, 8), (3, 20)):
        options = Options(model="resnet", shape=(32, 32, 3), classes=10, blocks=blocks)
        params = jax.eval_shape(build(options).init, jax.random.key(0))[0]
        kernels = [path for path in leaves_by_path(params) if path.endswith("kernel")]
        assert len(kernels) == layers + 2
        assert sum("shortcut" in path for path in kernels) == 2


def test_the_convolution_form_changes_no_weight_and_no_function():
    native, matmul = (
        build(Options(model="mnist1d-cnn", shape=(40,), classes=10, convolution=form)) for form in ("native", "matmul")
    )
    params, state = jax.jit(native.init, compiler_options=QUICK)(jax.random.key(0))
    others, _ = jax.jit(matmul.init, compiler_options=QUICK)(jax.random.key(0))
    np.testing.assert_array_equal(ravel(params), ravel(others))
    x = jax.random.normal(jax.random.key(1), (4, 40))
    logits = [model.apply(params, state, x, jax.random.key(2), False)[0] for model in (native, matmul)]
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-4, atol=1e-5)


def test_average_pooling_takes_means_of_windows_and_drops_what_is_left_over():
    x = jnp.arange(2 * 5 * 4 * 1.0).reshape(2, 5, 4, 1)
    pooled = average_pool(x, 2)
    assert pooled.shape == (2, 2, 2, 1)
    np.testing.assert_allclose(pooled[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]])


@pytest.mark.parametrize("window", [1, 2, 3])
def test_average_pooling_is_a_mean_over_two_axes_and_so_is_its_gradient(window):
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3 * window, 2 * window, 5)))

        def by_mean(x):
            return x.reshape(2, 3, window, 2, window, 5).mean((2, 4))

        (found, back), (expected, back_of_mean) = (
            jax.vjp(pool, x) for pool in (lambda x: average_pool(x, window), by_mean)
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(*(pull(expected)[0] for pull in (back, back_of_mean)))


def test_average_pooling_in_bfloat16_rounds_once():
    x = jax.random.normal(jax.random.key(0), (4, 9, 9, 5), jnp.bfloat16)
    exact = np.asarray(x, np.float64).reshape(4, 3, 3, 3, 3, 5).mean((2, 4))
    pooled = average_pool(x, 3)
    assert pooled.dtype == jnp.bfloat16
    np.testing.assert_array_equal(pooled, exact.astype(jnp.bfloat16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "mnist1d-mpl"}, "unknown model 'mnist1d-mpl': did you mean 'mnist1d-mlp'?"),
        ({"model": "transformer"}, "known are logistic, mlp"),
        ({"model": "logistic", "hidden": (3,)}, r"recipe.hidden = \(3,\): the model logistic has no such option"),
        ({"model": "logistic", "dropout": 0.5}, "the model logistic has no such option"),
        ({"model": "mlp", "norm": "batch"}, "the model mlp has no such option"),
        ({"model": "cnn", "blocks": 2}, "the model cnn has no such option"),
        ({"model": "mnist1d-mlp", "hidden": (3, 4)}, "mnist1d-mlp takes 1 size"),
        ({"model": "mnist1d-cnn", "hidden": (3, 4)}, "mnist1d-cnn takes 1 size"),
        ({"model": "cnn", "shape": (40,)}, r"needs images of shape \(height, width, channels\)"),
        ({"model": "resnet", "shape": (40,)}, r"needs images of shape \(height, width, channels\)"),
        ({"model": "resnet", "hidden": (6, 8)}, "group normalization needs multiples of 4"),
        ({"model": "resnet", "hidden": (8, 8)}, "a different number of channels per stage"),
        ({"model": "resnet", "norm": "layer"}, "resnet knows 'group' and 'batch'"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(options, message):
    with pytest.raises(InputError, match=message):
        build(dataclasses.replace(IMAGE, **options))


def test_a_model_of_ones_own_can_be_registered(monkeypatch):
    monkeypatch.delitem(MODELS, "mine", raising=False)
    register("mine", lambda options: pure_pair(), meaning="rectified features")
    assert MODELS["mine"].meaning == "rectified features"
    assert parameters(Options(model="mine", shape=(7,), classes=5)) == 7 * 9 + 9 * 5


def test_a_built_in_model_cannot_be_replaced():
    before = MODELS["mlp"]
    with pytest.raises(InputError, match="'mlp' exists already: choose another name"):
        register("mlp", lambda options: pure_pair())
    assert MODELS["mlp"] is before
