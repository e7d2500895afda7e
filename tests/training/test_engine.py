"""A run's result depends on recipe and levels alone: whichever runs stand beside it, in whatever block and lane."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import jax
import numpy as np
import optax
import pytest

from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.training import engine as engine_module
from varbench.training import strategy as strategy_module
from varbench.training.design import together
from varbench.training.engine import Engine, strategy_for
from varbench.training.run import Score
from varbench.training.strategy import Strategy
from varbench.training.watch import Watch

from .toys import BASE, images, levels, plain_loop, relative_distance, runs_of, train, train_blocks, vectors

DATA = vectors()
ROWS = together(12, sources=("init", "order")).levels
TRACED = ("init", "start", "advance", "score", "finish")


def engine_of(recipe=BASE, *, width=4, batching="vmap", devices=1):
    return Engine(
        recipe, DATA, Strategy(width=width, batching=batching), tuple(jax.local_devices()[:devices]), fresh=True
    )


@pytest.fixture(scope="module", params=["vmap", "map"])
def engine(request):
    return engine_of(batching=request.param)


@pytest.fixture(scope="module")
def runs(engine):
    """Twelve runs in three blocks."""
    return train(engine, ROWS)


def bits(runs):
    return [run.bits() for run in runs]


def test_members_are_not_identical(runs):
    """The trap of an ensemble test whose members were all the same."""
    assert len(set(bits(runs))) == 12
    for one, other in itertools.combinations(runs, 2):
        assert relative_distance(one.weights, other.weights) > 0.3
        assert np.mean(one.logits != other.logits) > 0.9


def test_a_run_is_the_same_bits_in_any_lane_beside_any_others(engine, runs):
    a, b, c, d, *_ = ROWS[3:]
    blocks = [[a, b, c, d], [d, a, ROWS[0], b], [a], [b, b, a, b], [c, d, b, a], [levels(init=99), ROWS[1], a]]
    found = train_blocks(engine, blocks)
    expected = {id(row): run.bits() for row, run in zip(ROWS, runs, strict=True)}
    for block, results in zip(blocks, found, strict=True):
        assert len(results) == len(block)
        for row, run in zip(block, results, strict=True):
            assert run.bits() == expected.get(id(row), run.bits())
    assert len(set(bits(found[0]))) == 4


def test_more_runs_leave_the_first_ones_as_they_were(engine, runs):
    assert bits(train(engine, ROWS[:4])) == bits(runs)[:4]
    assert bits(train(engine, ROWS[:1])) == bits(runs)[:1]


def test_padding_is_seen_by_nobody(engine, runs):
    blocks = list(engine.train(list(enumerate(engine.blocks_of(ROWS[:7])))))
    assert [len(block.levels) for block in blocks] == [4, 3]
    assert [block.weights.shape[0] for block in blocks] == [4, 3]
    assert blocks[1].levels == ROWS[4:7]
    assert bits(train(engine, ROWS[:7])) == bits(runs)[:7]


def test_each_program_was_traced_once(engine, runs):
    """After several launches, with short blocks among them."""
    train(engine, ROWS[:5])
    assert engine.traces == dict.fromkeys(TRACED, 1)


SAME_FORM = {"lr": 0.02, "data": "another", "steps": 30}
OTHER_FORM = (
    {"batch_size": 4},
    {"optimizer": "sgd"},
    {"weight_decay": 0.1},
    {"clip": 1.0},
    {"hidden": (8,)},
    {"schedule": "cosine"},
)


def test_recipes_that_differ_in_numbers_share_programs_and_get_the_bits_of_their_own(engine, runs):
    """A sweep compiles once, and not one bit of a run tells whether its program was shared."""
    sharing = replace(engine, fresh=False)
    swept = replace(sharing, recipe=BASE.replace(**SAME_FORM))
    assert bits(train(sharing, ROWS[:4])) == bits(runs)[:4]
    assert swept.programs is sharing.programs
    alone = engine_of(BASE.replace(**SAME_FORM), batching=engine.strategy.batching)
    assert bits(train(swept, ROWS[:4])) == bits(train(alone, ROWS[:4])) != bits(runs)[:4]
    assert swept.traces == dict.fromkeys(TRACED, 1)
    for changes in OTHER_FORM:
        assert replace(sharing, recipe=BASE.replace(**changes)).programs is not sharing.programs


def test_one_device_and_two_give_the_same_bits(engine, runs):
    both = engine_of(batching=engine.strategy.batching, devices=2)
    assert bits(train(both, ROWS)) == bits(runs)
    assert bits(train(both, ROWS[:7])) == bits(runs)[:7]
    assert bits(train(both, ROWS[8:])) == bits(runs)[8:]
    assert set(both.traces.values()) == {1}
    last = Engine(BASE, DATA, engine.strategy, (jax.local_devices()[1],))
    assert bits(train(last, ROWS[:2])) == bits(runs)[:2]


def test_blocks_come_in_the_order_given_with_their_index(engine, runs):
    asked = [(7, ROWS[8:12]), (2, ROWS[0:4]), (5, ROWS[4:6])]
    blocks = list(engine_of(batching=engine.strategy.batching, devices=2).train(asked))
    assert [(block.index, block.levels) for block in blocks] == [(i, tuple(rows)) for i, rows in asked]
    assert blocks[1].weights.tobytes() == b"".join(run.weights.tobytes() for run in runs[:4])
    assert list(engine.train([])) == []


def test_a_training_that_is_given_up_ends_and_can_begin_again(engine, runs):
    training = engine.train(list(enumerate(engine.blocks_of(ROWS))))
    next(training)
    training.close()

    def fail(progress):
        raise RuntimeError("the listener")

    with pytest.raises(RuntimeError, match="the listener"):
        list(engine.train([(0, ROWS[:4])], listen=fail))
    assert bits(train(engine, ROWS[:4])) == bits(runs)[:4]


def test_members_differ_exactly_where_their_levels_differ(engine, runs):
    base, init, order, both = train(engine, [levels(), levels(init=1), levels(order=1), levels(init=1, order=1)])
    assert np.array_equal(base.initial_weights, order.initial_weights)
    assert np.array_equal(init.initial_weights, both.initial_weights)
    assert relative_distance(init.initial_weights, base.initial_weights) > 0.5
    assert len({run.weights.tobytes() for run in (base, init, order, both)}) == 4
    assert both.bits() == runs[1].bits()


def test_levels_of_sources_that_the_recipe_does_not_have_change_nothing(engine, runs):
    idle = [source for source in SOURCES if source not in ("init", "order", "ulp")]
    assert idle == ["augment", "dropout", "data", "label_noise", "width"]
    for run in train(engine, [levels(**{source: 3}) for source in idle]):
        assert run.bits() == runs[0].bits()


def test_one_ulp_is_one_word_and_the_untouched_duplicate_stays_bit_identical(engine, runs):
    rows = [levels(ulp=k) for k in (0, 1, 2, 3, 0, 4, 5, 6, 2)]
    base, *others = train(engine, rows)
    moved = [run for row, run in zip(rows[1:], others, strict=True) if row["ulp"]]
    (duplicate,) = (run for row, run in zip(rows[1:], others, strict=True) if not row["ulp"])
    assert base.bits() == duplicate.bits() == runs[0].bits()
    words = base.initial_weights.view(np.int32).astype(np.int64)
    chosen = []
    for run in moved:
        difference = run.initial_weights.view(np.int32).astype(np.int64) - words
        (place,) = np.flatnonzero(difference)
        assert abs(difference[place]) == 1
        assert base.initial_weights[place] != 0
        chosen.append((place, np.sign(run.initial_weights[place] - base.initial_weights[place])))
    assert chosen[1] == chosen[-1], "level 2 twice"
    assert moved[1].bits() == moved[-1].bits()
    assert len({place for place, _ in chosen}) >= 4
    assert {direction for _, direction in chosen} == {-1, 1}
    assert sum(run.weights.tobytes() != base.weights.tobytes() for run in moved) >= 4


@pytest.fixture(scope="module")
def plain():
    """The plain loop at two levels: `{(init, order): result}`."""
    model = engine_of().model
    return {
        pair: plain_loop(BASE, DATA, model, optax.adam(0.01), levels(init=pair[0], order=pair[1]))
        for pair in ((0, 0), (3, 3))
    }


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def test_a_run_is_what_a_plain_loop_gives(engine, runs, plain):
    for pair, expected in plain.items():
        run = runs[pair[0]]
        np.testing.assert_allclose(run.initial_weights, flat(expected.initial), rtol=1e-6, atol=1e-7)
        assert relative_distance(run.weights, flat(expected.params)) < 1e-4
        np.testing.assert_allclose(run.logits, expected.logits, rtol=1e-3, atol=1e-3)
        assert run.train_loss == pytest.approx(expected.train_loss, rel=1e-3)
        assert run.train_accuracy == pytest.approx(expected.train_accuracy, abs=1.5 / 64)
        assert run.finished


def test_every_epoch_has_an_order_of_its_own(runs, plain):
    """The trap of a training that never reshuffles."""
    stale = plain_loop(BASE, DATA, engine_of().model, optax.adam(0.01), levels(), reshuffle=False)
    assert relative_distance(flat(stale.params), flat(plain[0, 0].params)) > 0.02
    assert relative_distance(runs[0].weights, flat(stale.params)) > 0.02


def test_curves_have_the_planned_points(engine, runs, plain):
    points = engine.checkpoints
    assert points == (2, 6, 14, 26, 40)
    for pair, expected in plain.items():
        run = runs[pair[0]]
        assert run.curves.shape == (len(points), 3)
        segments = zip((0, *points), points, strict=False)
        means = [expected.losses[start:stop].mean() for start, stop in segments]
        np.testing.assert_allclose(run.curves[:, 0], means, rtol=1e-3)
        log_p = run.logits - np.log(np.exp(run.logits).sum(1, keepdims=True))
        assert run.curves[-1, 1] == pytest.approx(-log_p[np.arange(26), DATA.y_test].mean(), rel=1e-5)
        assert run.curves[-1, 2] == pytest.approx(np.mean(run.logits.argmax(1) == DATA.y_test), abs=1e-6)
    assert runs[0].curves[-1, 0] < runs[0].curves[0, 0], "it learned"


@pytest.mark.parametrize(("steps", "first", "points"), [(1, 1, 1), (40, 2, 5), (100, 1, 11), (1000, 3, 20)])
def test_curves_of_short_runs_have_fewer_points(steps, first, points):
    """26 test examples at every point; a step on 10 examples counts as 30: a tenth of 100 steps is 11 points."""
    found = engine_of(BASE.replace(steps=steps)).checkpoints
    assert (found[0], found[-1], len(found)) == (first, steps, points)


def test_progress_is_told(engine, runs):
    seen = []
    for block in (ROWS[:4], ROWS[4:7]):  # one at a time: otherwise the second may start before the first is handed over
        list(engine.train([(0, block)], listen=seen.append))
    assert [progress.step for progress in seen] == [*engine.checkpoints, *engine.checkpoints]
    assert {(progress.steps, progress.runs) for progress in seen} == {(40, 4), (40, 3)}
    first = np.mean([run.curves[0, 0] for run in runs[:4]])
    assert seen[0].loss == pytest.approx(first, rel=1e-6)


def test_where_a_run_is_cut_for_progress_changes_not_one_bit(engine, runs, monkeypatch):
    monkeypatch.setattr(engine_module, "SHORTEST", 1)
    seen = []
    (block,) = engine.train([(0, ROWS[:4])], listen=seen.append)
    assert [progress.step for progress in seen] == list(range(1, 41))
    assert block.weights.tobytes() == b"".join(run.weights.tobytes() for run in runs[:4])
    assert np.stack([block.curves[name] for name in Score._fields], 2).tobytes() == b"".join(
        run.curves.tobytes() for run in runs[:4]
    )


def test_lanes_without_a_run_are_not_computed_where_runs_take_turns(runs, engine):
    """A program sees how many lanes hold runs; with `map` the others stay zero."""
    programs = replace(engine).programs
    levels = {source: np.zeros(4, np.uint32) for source in SOURCES}
    weights = np.asarray(programs.snapshot(2, programs.begin(2, levels, engine._host_arrays(), engine.settings)[0]))
    assert np.any(weights[:2], axis=1).all()
    assert np.any(weights[2:]) == (engine.strategy.batching == "vmap")


def test_a_block_counts_until_it_is_handed_over():
    seen = []
    watch = Watch(40, seen.append)
    watch.report(0, 40, 4, 0.5)
    watch.report(1, 1, 3, 1.2)
    watch.forget(0)
    watch.report(1, 2, 3, 1.1)
    assert [(progress.step, progress.runs) for progress in seen] == [(40, 4), (round((160 + 3) / 7), 7), (2, 3)]
    assert [progress.loss for progress in seen] == pytest.approx([0.5, (2.0 + 3.6) / 7, 1.1])


def test_epochs_are_another_way_to_say_steps():
    by_steps, by_epochs = (train(engine_of(BASE.replace(**how)), ROWS[:2]) for how in ({"steps": 12}, {"epochs": 2}))
    assert bits(by_steps) == bits(by_epochs)


def test_the_width_is_rounding_and_no_more():
    """Other widths are allowed to differ, as rounding does: hardly at all after one step."""
    recipe = BASE.replace(steps=1)
    four, two = (train(engine_of(recipe, width=width), ROWS[:3]) for width in (4, 2))
    mapped, alone = (train(engine_of(recipe, batching="map", width=width), ROWS[:3]) for width in (4, 1))
    for one, *others in zip(four, two, mapped, alone, strict=True):
        for other in others:
            assert relative_distance(one.weights, other.weights) < 1e-4
            np.testing.assert_allclose(one.logits, other.logits, atol=1e-4)
        moved = relative_distance(one.weights, one.initial_weights)
        assert moved > 1e-3


@pytest.mark.parametrize("batching", ["vmap", "map"])
def test_a_batch_in_parts_is_the_batch_but_for_rounding(batching):
    """Loss, clipped gradient and smoothed labels are those of the whole; the curves too, scored in such parts."""
    recipe = BASE.replace(steps=5, label_smoothing=0.1, clip=0.5)
    whole = engine_of(recipe, batching=batching)
    fives, twos, tens = (
        replace(whole, strategy=replace(whole.strategy, microbatch=examples)) for examples in (5, 2, 10)
    )
    expected = train(whole, ROWS[:3])
    for parts in (fives, twos):
        for one, other in zip(expected, train(parts, ROWS[:3]), strict=True):
            assert relative_distance(other.weights, one.weights) < 1e-5
            np.testing.assert_allclose(other.curves, one.curves, rtol=2e-6)
            np.testing.assert_allclose(other.logits, one.logits, atol=1e-5)
    assert bits(train(fives, ROWS[:3])) != bits(expected), "nothing was taken in parts"
    for one, other in zip(expected, train(tens, ROWS[:3]), strict=True):
        assert one.weights.tobytes() == other.weights.tobytes(), "ten of ten are the whole"


@pytest.mark.parametrize(
    ("examples", "changes", "message"),
    [
        (3, {}, "strategy.microbatch = 3: a batch has 10 examples, which is no multiple"),
        (20, {}, "strategy.microbatch = 20: a batch has 10 examples, which is no multiple"),
        (5, {"dropout": 0.5}, "strategy.microbatch = 5: with batch normalization or dropout"),
    ],
)
def test_batches_that_cannot_be_taken_in_parts_are_refused(examples, changes, message):
    refusing = engine_of(BASE.replace(**changes))
    refusing = replace(refusing, strategy=replace(refusing.strategy, microbatch=examples))
    with pytest.raises(InputError, match=re.escape(message)):
        list(refusing.train([(0, ROWS[:1])]))


def test_a_network_of_images_has_the_same_bits_on_any_number_of_devices():
    """By Winograd's algorithm, a batch in parts: as the rule has it for larger images."""
    data = images()
    data = replace(data, x_train=data.x_train[:, :4], x_test=data.x_test[:, :4])
    recipe = BASE.replace(model="cnn", hidden=(8, 8), batch_size=8, steps=6)
    parts = Strategy(1, "map", "winograd", microbatch=4)
    one, two = (Engine(recipe, data, parts, tuple(jax.local_devices()[:count])) for count in (1, 2))
    expected = train(one, ROWS[:3])
    assert bits(train(two, ROWS[:3])) == bits(expected)
    assert len(set(bits(expected))) == 3
    whole = train(Engine(recipe, data, Strategy(1, "map", "matmul")), ROWS[:1])[0]
    assert relative_distance(expected[0].weights, whole.weights) < 1e-4
    assert expected[0].weights.tobytes() != whole.weights.tobytes()


def test_the_rule_for_images_follows_their_size_and_the_network(monkeypatch):
    monkeypatch.setattr(strategy_module, "CPU_MICROBATCH_VALUES", 5 * 4 * 16 * 3)
    monkeypatch.setattr(strategy_module, "CPU_FEWEST_EXAMPLES", 2)
    recipe = BASE.replace(model="cnn", hidden=(16, 8), batch_size=8)
    assert strategy_for(recipe, images()) == Strategy(1, "map", "winograd", microbatch=2)
    assert strategy_for(recipe.replace(hidden=(4, 8)), images()).microbatch is None
    assert strategy_for(recipe.replace(dropout=0.1), images()).microbatch is None
    assert strategy_for(recipe.replace(model="mlp"), images()) == Strategy(16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 65}, "recipe.batch_size = 65: the training set of toy has only 64 examples"),
        ({"warmup": 40}, "recipe.warmup = 40: it must be shorter than the run of 40 steps"),
        ({"model": "mpl"}, "unknown model 'mpl': did you mean 'mlp'?"),
        ({"model": "cnn"}, "the model cnn needs images"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_compiled(changes, message):
    refusing = engine_of(BASE.replace(**changes))
    with pytest.raises(InputError, match=re.escape(message)):
        list(refusing.train([(0, ROWS[:1])]))
    with pytest.raises(InputError, match=re.escape(message)):
        refusing.programs  # noqa: B018


@pytest.mark.parametrize("count", [2, 7])
def test_snapshots_are_the_weights_along_the_way_and_change_no_bit(engine, runs, count):
    """At steps between the curve's points too; the plain loop of the same levels, cut off there, is the reference."""
    keeping = replace(engine, snapshots=count)
    steps = keeping.snapshot_steps
    blocks = list(keeping.train(list(enumerate(keeping.blocks_of(ROWS[:7])))))
    assert bits([run for block in blocks for run in runs_of(block)]) == bits(runs)[:7]
    kept = np.concatenate([block.snapshots for block in blocks])
    assert kept.shape == (7, len(steps), runs[0].weights.size)
    for run, mine in zip(runs[:7], kept, strict=True):
        assert mine[0].tobytes() == run.initial_weights.tobytes()
        assert mine[-1].tobytes() == run.weights.tobytes()
        assert len({weights.tobytes() for weights in mine}) == len(steps)
    assert set(keeping.traces.values()) == {1}
    assert "snapshot" not in engine.traces
    for step, weights in zip(steps[1:-1], kept[3, 1:-1], strict=True):
        if step in (4, 9):
            cut = plain_loop(BASE.replace(steps=step), DATA, engine.model, optax.adam(0.01), levels(init=3, order=3))
            assert relative_distance(weights, flat(cut.params)) < 1e-5
    assert count == 2 or {4, 9} <= set(steps)
