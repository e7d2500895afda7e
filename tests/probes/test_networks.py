"""Networks from stored weights: the same outputs as in training, and batch statistics made anew."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.training.toys import BASE, levels, train, vectors
from varbench.data import Dataset
from varbench.probes import TrainedNetworks
from varbench.training.engine import Engine
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

DATA = vectors()
ROWS = tuple(levels(init=i, order=i) for i in range(3))
IMAGES = np.random.default_rng(0).normal(size=(70, 8, 8, 1)).astype(np.float32)
PICTURES = Dataset(
    "pictures",
    IMAGES[:48],
    np.arange(48) % 3,
    IMAGES[48:],
    np.arange(22) % 3,
    classes=3,
    kind="image",
    mean=0.3,
    std=2.0,
)
RESNET = Recipe(data="pictures", model="resnet", hidden=(8,), norm="batch", batch_size=16, steps=4)


@pytest.fixture(scope="module")
def trained():
    return train(Engine(BASE, DATA, Strategy(width=4)), ROWS)


def test_the_weights_of_a_run_give_its_stored_logits(trained):
    networks = TrainedNetworks(BASE, DATA)
    weights = np.stack([run.weights for run in trained])
    logits = networks.logits(weights, "test")
    np.testing.assert_allclose(logits, np.stack([run.logits for run in trained]), atol=2e-5)
    loss, error = networks.scores(weights, "train")
    assert loss == pytest.approx([run.train_loss for run in trained], rel=1e-5)
    assert 1 - error == pytest.approx([run.train_accuracy for run in trained])


def test_many_weights_are_mapped_in_order_and_padding_is_cut_off(trained):
    networks = TrainedNetworks(BASE, DATA)
    weights = np.concatenate([run.weights * scale for scale in np.linspace(0.5, 1.5, 7) for run in trained]).reshape(
        21, -1
    )
    together = networks.logits(weights, "test")
    assert len(together) == 21
    for row in (0, 15, 16, 20):
        np.testing.assert_array_equal(together[row], networks.logits(weights[row : row + 1], "test")[0])


def test_batch_statistics_are_the_means_over_batches_of_the_training_set():
    """Against the statistics of the stem's own output, computed by hand."""
    networks = TrainedNetworks(RESNET, PICTURES)
    params, state = networks.model.init(jax.random.key(1))
    weights = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(params)])
    found = networks.state_of(weights)
    kernel = params["stem"]["kernel"]
    x = networks.inputs(PICTURES.x_train)
    out = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    # Three batches make up the whole training set, whatever their order: the mean of their means is its mean.
    np.testing.assert_allclose(found["stem_norm"]["mean"], out.mean((0, 1, 2)), atol=1e-5)
    spread = np.asarray(out.var((0, 1, 2)))
    assert (np.asarray(found["stem_norm"]["var"]) <= spread * 1.001).all(), "variance within batches"
    assert (np.asarray(found["stem_norm"]["var"]) > spread * 0.8).all()
    assert not np.allclose(found["stem_norm"]["mean"], state["stem_norm"]["mean"])


def test_a_model_without_batch_statistics_has_nothing_to_make_anew():
    networks = TrainedNetworks(BASE, DATA)
    weights = jnp.zeros(networks.leaves[-1].stop)
    assert jax.tree.leaves(networks.state_of(weights)) == []
