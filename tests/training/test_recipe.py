"""The recipe: one canonical form, and a sentence for everything that is not a recipe."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.errors import InputError
from varbench.training.fields import OTHER_NAMES, field_meant
from varbench.training.recipe import Recipe, field_meanings, recipe_from_dict, recipe_from_toml

GOLDEN = (
    '{"batch_size":100,"blocks":null,"clip":null,"data":"mnist1d","dropout":0.0,"epochs":null,"flip":false,'
    '"hidden":[64,32],"label_noise":0.0,"label_smoothing":0.0,"lr":0.01,"model":"mlp","momentum":0.9,'
    '"nesterov":false,"norm":null,"optimizer":"adam","precision":"float32","resample":"none","schedule":"cosine",'
    '"shift":0,"steps":2000,"warmup":0,"weight_decay":0.0}'
)


def test_the_canonical_form_and_its_hash_are_what_they_always_were():
    """Run directories and reports are found by it: a change here orphans every published result."""
    recipe = Recipe(hidden=(64, 32), lr=0.01)
    assert recipe.canonical() == GOLDEN
    assert recipe.hash() == hashlib.sha256(GOLDEN.encode()).hexdigest()[:12] == "1f2e1ee169c2"


def test_equal_recipes_have_equal_text_however_they_were_written():
    written = [
        Recipe(hidden=(8,), lr=1, weight_decay=0.0),
        Recipe(hidden=[8], lr=1.0, weight_decay=-0.0),  # type: ignore[arg-type]
        recipe_from_dict({"weight_decay": 0, "lr": 1.0, "hidden": [8]}, where="test"),
        recipe_from_dict(json.loads(Recipe(hidden=(8,), lr=1).canonical()), where="test"),
    ]
    assert len({recipe.canonical() for recipe in written}) == 1
    assert len(set(written)) == 1


valid = st.fixed_dictionaries(
    {},
    optional={
        "hidden": st.none() | st.lists(st.integers(1, 9), min_size=1, max_size=3),
        "lr": st.floats(1e-6, 1e3),
        "dropout": st.floats(0, 1, exclude_max=True),
        "clip": st.none() | st.floats(1e-3, 9),
        "batch_size": st.integers(1, 500),
        "resample": st.sampled_from(["none", "bootstrap", "subset"]),
        "flip": st.booleans(),
        "epochs": st.none() | st.integers(1, 9),
    },
)


@given(valid, valid)
def test_text_and_recipe_are_one_to_one(fields, others):
    one, other = Recipe(**fields), Recipe(**others)
    assert recipe_from_dict(json.loads(one.canonical()), where="test") == one
    assert (one.canonical() == other.canonical()) == (one == other) == (one.hash() == other.hash())


def test_toml_gives_the_recipe_with_and_without_its_table(tmp_path):
    path = tmp_path / "recipe.toml"
    for text in ('model = "logistic"\nlr = 1\nepochs = 3\n', '[recipe]\nmodel = "logistic"\nlr = 1.0\nepochs = 3\n'):
        path.write_text(text)
        assert recipe_from_toml(path) == Recipe(model="logistic", lr=1.0, epochs=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate = 1", "no field 'learning_rate': did you mean 'lr'?"),
        ("learning-rat = 1", "no field 'learning-rat': did you mean 'lr'?"),
        ("wd = 1", "no field 'wd': did you mean 'weight_decay'?"),
        ("bs = 1", "no field 'bs': did you mean 'batch_size'?"),
        ("epoch = 1", "no field 'epoch': did you mean 'epochs'?"),
        ("Batch_Size = 1", "no field 'Batch_Size': did you mean 'batch_size'?"),
        ("batchsize = 1", "no field 'batchsize': did you mean 'batch_size'?"),
        ("[recipe]\nstep = 1", "no field 'step': did you mean 'steps'?"),
        ("[receipt]\nlr = 1", "no field 'receipt'"),
        ("lr = 1\n[recipe]\nsteps = 3", "lr beside the table"),
        ("recipe = 3", r"a table \[recipe\] with the recipe's fields was expected"),
        ("[[recipe]]\nlr = 1", r"a table \[recipe\] with the recipe's fields was expected"),
        ("lr = ", "is not a TOML file"),
        ('lr = "fast"', "recipe.lr = 'fast': float was expected"),
    ],
)
def test_a_recipe_file_with_a_mistake_is_refused(tmp_path, text, message):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        recipe_from_toml(path)


def test_other_names_are_no_fields_and_lead_to_one():
    fields = {field.name for field in dataclasses.fields(Recipe)}
    assert set(OTHER_NAMES.values()) <= fields
    assert fields.isdisjoint(OTHER_NAMES)
    assert all(field_meant(other, fields) == field for other, field in OTHER_NAMES.items())
    assert field_meant("zzz", fields) is None


def test_a_recipe_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InputError, match="no recipe file at"):
        recipe_from_toml(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot read"):
        recipe_from_toml(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a TOML file"):
        recipe_from_toml(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lr": -1e-3}, r"recipe.lr = -0.001: a number in \(0, inf\) was expected"),
        ({"lr": 0}, r"recipe.lr = 0.0: a number in \(0, inf\)"),
        ({"clip": 0.0}, r"recipe.clip = 0.0: a number in \(0, inf\)"),
        ({"lr": float("nan")}, "recipe.lr = nan"),
        ({"lr": float("inf")}, "recipe.lr = inf"),
        ({"lr": True}, "recipe.lr = True: float was expected"),
        ({"lr": 10**400}, "float was expected"),
        ({"dropout": 1.0}, r"recipe.dropout = 1.0: a number in \[0, 1\) was expected"),
        ({"label_noise": 1.5}, r"a number in \[0, 1\] was expected"),
        ({"label_smoothing": 1.0}, r"a number in \[0, 1\) was expected"),
        ({"momentum": -0.1}, "recipe.momentum"),
        ({"weight_decay": -1.0}, "recipe.weight_decay"),
        ({"batch_size": 0}, "recipe.batch_size = 0: at least 1 was expected"),
        ({"batch_size": 2.0}, "recipe.batch_size = 2.0: int was expected"),
        ({"steps": 0}, "at least 1"),
        ({"steps": 2**31}, "less than 2³¹"),
        ({"epochs": -1}, "at least 1"),
        ({"steps": 1, "epochs": 1}, "give either steps or epochs, not both"),
        ({"warmup": -1}, "at least 0"),
        ({"shift": -1}, "at least 0"),
        ({"blocks": 0}, "at least 1"),
        ({"hidden": 5}, "recipe.hidden = 5"),
        ({"hidden": "64"}, "recipe.hidden = '64'"),
        ({"hidden": [64.0]}, "recipe.hidden"),
        ({"hidden": []}, "one or more sizes of at least 1 were expected"),
        ({"hidden": [8, 0]}, "one or more sizes of at least 1 were expected"),
        ({"schedule": "linear"}, "recipe.schedule = 'linear': one of 'constant', 'cosine' was expected"),
        ({"norm": "layer"}, "one of 'group', 'batch' was expected"),
        ({"resample": "jackknife"}, "one of 'none', 'bootstrap', 'subset' was expected"),
        ({"precision": "float16"}, "one of 'float32', 'bfloat16' was expected"),
        ({"flip": 1}, "recipe.flip = 1: bool was expected"),
        ({"data": None}, "recipe.data = None: str was expected"),
    ],
)
def test_impossible_values_are_refused_with_the_field_and_what_was_expected(fields, message):
    with pytest.raises(InputError, match=message):
        recipe_from_dict(fields, where="test")


def test_the_ends_of_the_ranges_are_allowed():
    Recipe(label_noise=1.0, dropout=0.0, momentum=0.0, weight_decay=0.0, warmup=0, steps=1, batch_size=1)


def test_replace_changes_what_it_is_told_and_steps_or_epochs_at_a_time():
    recipe = Recipe(lr=0.5, hidden=(3,), steps=7)
    changed = recipe.replace(lr=0.25)
    assert (changed.lr, changed.hidden, changed.steps) == (0.25, (3,), 7)
    assert recipe.lr == 0.5
    assert (recipe.replace(epochs=2).steps, recipe.replace(epochs=2).epochs) == (None, 2)
    assert recipe.replace(epochs=2).replace(steps=9) == recipe.replace(steps=9)
    assert recipe.replace() == recipe
    with pytest.raises(InputError, match="did you mean 'hidden'"):
        recipe.replace(hiden=(3,))
    with pytest.raises(InputError, match="not both"):
        recipe.replace(steps=1, epochs=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.lr = 1.0  # type: ignore[misc]


def test_steps_follow_from_epochs_of_whole_batches():
    recipe = Recipe(batch_size=30, epochs=4)
    assert recipe.steps_per_epoch(100) == 3
    assert recipe.total_steps(100) == 12
    assert recipe.replace(steps=5).total_steps(100) == 5
    assert recipe.replace(resample="subset").drawn_examples(101) == 50
    assert recipe.replace(resample="subset").total_steps(100) == 4
    assert recipe.replace(resample="bootstrap").drawn_examples(101) == 101
    assert Recipe().steps == 2000


@pytest.mark.parametrize(("resample", "drawn"), [("none", 99), ("bootstrap", 99), ("subset", 49)])
def test_a_batch_larger_than_the_data_is_refused(resample, drawn):
    recipe = Recipe(batch_size=100, steps=3, resample=resample)
    with pytest.raises(InputError, match=f"recipe.batch_size = 100: .* only {drawn} examples"):
        recipe.steps_per_epoch(99)
    assert recipe.replace(batch_size=drawn).steps_per_epoch(99) == 1


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"shift": 1}, "augment"),
        ({"flip": True}, "augment"),
        ({"dropout": 0.1}, "dropout"),
        ({"resample": "subset"}, "data"),
        ({"label_noise": 0.1}, "label_noise"),
        ({"label_smoothing": 0.1}, None),
    ],
)
def test_a_recipe_has_the_sources_that_its_fields_give_it(fields, source):
    assert Recipe().active_sources() == ("init", "order")
    assert Recipe(**fields).active_sources() == ("init", "order", *([source] if source else []))


def test_every_field_is_explained():
    meanings = field_meanings()
    assert list(meanings) == [field.name for field in dataclasses.fields(Recipe)]
    assert all(meanings.values())
    assert meanings["steps"] == "Optimizer steps; give either steps or epochs."
