"""Every source of randomness at work in one recipe, on images in bytes, with batch statistics and schedules."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest
from flax import linen

from varbench.keys import SOURCES
from varbench.models import MODELS, ModelInfo
from varbench.models.adapters import from_linen
from varbench.training import evaluation as evaluation_module
from varbench.training import program as program_module
from varbench.training.engine import Engine
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

from .toys import images, levels, plain_loop, relative_distance, train

DATA = images()
RECIPE = Recipe(
    data="bytes",
    model="normalized",
    dropout=0.3,
    optimizer="sgd",
    lr=0.1,
    momentum=0.5,
    schedule="cosine",
    warmup=3,
    weight_decay=0.01,
    clip=1.0,
    batch_size=8,
    epochs=4,
    shift=1,
    flip=True,
    label_smoothing=0.1,
    label_noise=0.25,
    resample="bootstrap",
)
ACTIVE = RECIPE.active_sources()


class Normalized(linen.Module):
    rate: float

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        h = linen.Dense(12)(x.reshape(x.shape[0], -1))
        h = linen.relu(linen.BatchNorm(use_running_average=not train, momentum=0.9)(h))
        return linen.Dense(3)(linen.Dropout(self.rate, deterministic=not train)(h))


@pytest.fixture(scope="module")
def engine():
    """With evaluation in blocks of at most 10, so that 26 and 48 examples take several, the last one filled up."""
    with pytest.MonkeyPatch.context() as patch:
        example = jax.ShapeDtypeStruct((1, *DATA.shape), np.float32)
        info = ModelInfo("normalized", "a test's", lambda options: from_linen(Normalized(options.dropout), example))
        patch.setitem(MODELS, "normalized", info)
        patch.setattr(evaluation_module, "MOST_EXAMPLES", 10)
        patch.setattr(program_module, "CURVE_EXAMPLES", 20)
        yield Engine(RECIPE, DATA, Strategy(width=3), tuple(jax.local_devices()[:1]), fresh=True)


@pytest.fixture(scope="module")
def runs(engine):
    """The baseline twice, then each source alone at level 1, then all of them together."""
    rows = [levels(), levels(), *(levels(**{source: 1}) for source in SOURCES), levels(**dict.fromkeys(ACTIVE, 2))]
    names = ["base", "again", *SOURCES, "all"]
    return dict(zip(names, train(engine, rows), strict=True))


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def test_this_recipe_has_every_source():
    assert set(ACTIVE) == set(SOURCES) - {"ulp", "width"}


def test_the_same_levels_give_the_same_bits(engine, runs):
    assert runs["base"].bits() == runs["again"].bits()
    (alone,) = train(engine, [levels(**dict.fromkeys(ACTIVE, 2))])
    assert alone.bits() == runs["all"].bits()


@pytest.mark.parametrize("source", ACTIVE)
def test_each_source_alone_gives_another_model(source, runs):
    assert relative_distance(runs[source].weights, runs["base"].weights) > 0.01
    assert np.mean(runs[source].logits != runs["base"].logits) > 0.9
    same_start = np.array_equal(runs[source].initial_weights, runs["base"].initial_weights)
    assert same_start == (source != "init")


def test_the_sources_do_not_stand_in_for_one_another(runs):
    finals = {runs[name].weights.tobytes() for name in ("base", *ACTIVE, "all")}
    assert len(finals) == len(ACTIVE) + 2


def test_the_level_of_the_width_is_no_part_of_the_program(runs):
    assert runs["width"].bits() == runs["base"].bits()


def test_one_ulp_is_one_word_here_too(runs):
    assert np.sum(runs["ulp"].initial_weights != runs["base"].initial_weights) == 1


@pytest.mark.parametrize(("name", "row"), [("base", levels()), ("all", levels(**dict.fromkeys(ACTIVE, 2)))])
def test_a_run_is_what_a_plain_loop_gives(name, row, engine, runs):
    """Standardized bytes, rows, labels, order, augmentation, masks, statistics, smoothing, clipping, schedule."""
    rate = optax.join_schedules([optax.linear_schedule(0.1 / 3, 0.1, 2), optax.cosine_decay_schedule(0.1, 24 - 3)], [3])
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.add_decayed_weights(0.01), optax.sgd(rate, momentum=0.5)
    )
    expected = plain_loop(RECIPE, DATA, engine.model, optimizer, row)
    run = runs[name]
    assert len(expected.losses) == engine.checkpoints[-1] == 24
    assert relative_distance(run.weights, flat(expected.params)) < 1e-4
    np.testing.assert_allclose(run.logits, expected.logits, rtol=1e-3, atol=1e-3)
    assert run.train_loss == pytest.approx(expected.train_loss, rel=1e-3)
    assert run.train_accuracy == pytest.approx(expected.train_accuracy, abs=1.5 / 48)
    segments = zip((0, *engine.checkpoints), engine.checkpoints, strict=False)
    np.testing.assert_allclose(run.curves[:, 0], [expected.losses[a:b].mean() for a, b in segments], rtol=1e-3)
    test = run.logits[:20]
    log_p = test - np.log(np.exp(test).sum(1, keepdims=True))
    assert run.curves[-1, 1] == pytest.approx(-log_p[np.arange(20), DATA.y_test[:20]].mean(), rel=1e-4)
    assert run.curves[-1, 2] == pytest.approx(np.mean(test.argmax(1) == DATA.y_test[:20]), abs=1e-6)


def test_each_program_was_traced_once(engine, runs):
    assert engine.traces == dict.fromkeys(("init", "nudge", "draw", "start", "advance", "score", "finish"), 1)
