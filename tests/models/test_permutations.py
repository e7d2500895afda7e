"""Permutation groups as data: relabeling hidden units leaves the function as it was, and nothing less does."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from varbench.models import PermutationGroup
from varbench.trees import leaves_by_path, ravel, with_leaves

from .conftest import KEY

GROUPS = {
    "mlp": ["hidden0", "hidden1"],
    "mlp bfloat16": ["hidden0"],
    "mnist1d-mlp": ["stream"],
    "mnist1d-cnn native": ["conv1", "conv2", "conv3"],
    "mnist1d-cnn matmul": ["conv1", "conv2", "conv3"],
    "cnn native": ["conv0", "conv1"],
    "cnn matmul bfloat16": ["conv0", "conv1"],
    "cnn winograd": ["conv0", "conv1"],
    "resnet group": ["stream0", "block0", "stream1", "block1"],
    "resnet group matmul": ["stream0", "stream1", "block0", "block1", "block2", "block3"],
    "resnet batch matmul bfloat16": ["stream0", "block0", "stream1", "block1"],
    "functions": ["features"],
}


def relabeled(trees, group: PermutationGroup, permutation, *, without: int | None = None):
    """(params, state) with the units of a group relabeled along all of its slots, or along all but one."""
    trees = dict(zip(("params", "state"), trees, strict=True))
    for i, slot in enumerate(group.slots):
        if i != without:
            leaf = leaves_by_path(trees[slot.collection])[slot.path]
            index = (np.arange(slot.blocks)[:, None] * group.size + permutation).ravel()
            moved = {slot.path: jnp.take(leaf, index, axis=slot.axis)}
            trees[slot.collection] = with_leaves(trees[slot.collection], moved)
    return trees["params"], trees["state"]


def draw(generator, group: PermutationGroup):
    """A permutation that leaves every unit in its cell, and no cell as it was."""
    size = group.size // group.cells
    shifts = generator.integers(1, size, group.cells) if size > 1 else np.zeros(group.cells, int)
    return np.concatenate([cell * size + np.roll(np.arange(size), shifts[cell]) for cell in range(group.cells)])


def change(function, trees, others):
    """Root mean square change of the logits, in units of their spread over the examples."""
    logits, before = np.asarray(function(*trees)), np.asarray(function(*others))
    return np.sqrt(np.mean((logits - before) ** 2) / np.mean(np.var(before, axis=0)))


def test_every_model_declares_its_groups(subject):
    names = [group.name for group in subject.model.permutations]
    assert sorted(names) == sorted(GROUPS.get(subject.case.name, []))
    assert {group.cells for group in subject.model.permutations} <= {subject.case.cells}


def test_slots_lie_on_arrays_that_exist(subject):
    trees = dict(zip(("params", "state"), map(leaves_by_path, jax.eval_shape(subject.model.init, KEY)), strict=True))
    for group in subject.model.permutations:
        assert group.size % group.cells == 0
        assert len(set(group.slots)) == len(group.slots) >= 2
        for slot in group.slots:
            assert trees[slot.collection][slot.path].shape[slot.axis] == slot.blocks * group.size


def test_relabeling_hidden_units_changes_no_output(subject, trained_like, function):
    generator = np.random.default_rng(0)
    trees = trained_like
    for group in subject.model.permutations:
        trees = relabeled(trees, group, draw(generator, group))
        moved = np.mean(np.asarray(ravel(trees)) != np.asarray(ravel(trained_like)))
        assert moved > 0.02
        assert change(function, trees, trained_like) < 1e-5, group.name


def test_relabeling_all_slots_but_one_changes_the_outputs(subject, trained_like, function):
    generator = np.random.default_rng(1)
    for group in subject.model.permutations:
        permutation = draw(generator, group)
        for i, slot in enumerate(group.slots):
            trees = relabeled(trained_like, group, permutation, without=i)
            assert change(function, trees, trained_like) > 1e-3, f"{group.name}: {slot} does not matter"


def test_whole_cells_trade_places_without_changing_an_output(subject, trained_like, function):
    for group in subject.model.permutations:
        cells = np.arange(group.size).reshape(group.cells, -1)
        trees = relabeled(trained_like, group, np.roll(cells, 1, axis=0).ravel())
        assert change(function, trees, trained_like) < 1e-5, group.name


def test_trading_places_between_cells_changes_the_outputs(subject, trained_like, function):
    """Group normalization is what cells are for; models without it have one cell."""
    for group in subject.model.permutations:
        trees = relabeled(trained_like, group, np.roll(np.arange(group.size), 1))
        assert (change(function, trees, trained_like) > 1e-3) == (group.cells > 1), group.name
