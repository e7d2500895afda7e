"""Programs are compiled for what they read of a recipe: what they would be for the whole of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.training.toys import BASE, images, vectors
from varbench.keys import SOURCES
from varbench.training import program
from varbench.training.compiling import quick_options
from varbench.training.networks import model_for
from varbench.training.program import Program
from varbench.training.programs import Programs
from varbench.training.run import Arrays
from varbench.training.settings import READS, form_of, settings_of
from varbench.training.strategy import Strategy

RICH = BASE.replace(batch_size=7, dropout=0.3, label_noise=0.2, resample="bootstrap", label_smoothing=0.1, clip=1.0)
RECIPES = {
    "vectors": (RICH.replace(optimizer="sgd", momentum=0.9, schedule="cosine"), vectors),
    "half precision": (
        RICH.replace(resample="subset", precision="bfloat16", weight_decay=0.1, optimizer="adamw"),
        vectors,
    ),
    "images": (BASE.replace(model="resnet", hidden=(4, 6), norm="batch", batch_size=5, shift=1, flip=True), images),
}


def lowered(form, dataset, name):
    """The text of one program, for a form as it is."""
    whole = Programs(form)
    levels = {source: np.zeros(form.strategy.width, np.uint32) for source in SOURCES}
    arrays = jax.eval_shape(
        lambda: jax.tree.map(jnp.asarray, Arrays(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test))
    )
    settings = settings_of(RICH, dataset)
    calls = {name: (*there, *here) for name, there, here in whole._calls(levels, arrays, settings, snapshots=True)}
    params, state, _ = whole.parts["init"].call.eval_shape(np.int32(2), levels)
    calls["nudge"] = (levels, params, state, arrays, settings)
    calls.setdefault("draw", (levels, arrays))
    lanes, runs = {"nudge": 3, "score": 3, "finish": 3}.get(name, 1), np.int32(2)
    return [
        Program(one, name, lanes=lanes).call.lower(runs, *calls[name]).as_text() for one in (form, form.read_by(name))
    ]


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_program_is_what_it_would_be_for_the_whole_recipe(recipe, name, monkeypatch):
    recipe, data = RECIPES[recipe]
    dataset = data()
    form = form_of(recipe, dataset, Strategy(2), platform="cpu")
    monkeypatch.setattr(
        program,
        "network_of",
        lambda form: model_for(
            form.recipe, shape=form.shape, classes=form.classes, convolution=form.strategy.convolution
        ),
    )
    of_whole, of_what_it_reads = lowered(form, dataset, name)
    assert of_what_it_reads == of_whole


def test_a_network_is_built_once_for_all_forms_that_have_it():
    first = form_of(RICH, vectors(), Strategy(2), platform="cpu")
    same = form_of(RICH.replace(optimizer="sgd", batch_size=5, lr=0.5), vectors(), Strategy(8, "map"), platform="cpu")
    assert first.network() == same.network()
    assert Programs(first).model is Programs(same).model
    for change in ({"dropout": 0.0}, {"hidden": (5, 4)}, {"precision": "bfloat16"}):
        other = form_of(RICH.replace(**change), vectors(), Strategy(2), platform="cpu")
        assert other.network() != first.network()
    assert first.network() != form_of(RICH, vectors(), Strategy(2, convolution="native"), platform="cpu").network()


def test_all_but_training_and_the_evaluation_of_convolutions_is_compiled_quickly():
    dense, convolutional = (
        form_of(recipe, data(), Strategy(2), platform="cpu")
        for recipe, data in (RECIPES[n] for n in ("vectors", "images"))
    )
    quick = quick_options("cpu")
    assert quick
    for form, evaluated in ((dense, quick), (convolutional, None)):
        found = {name: program._options(form, name) for name in ("init", "start", "advance", "score", "finish")}
        assert found == {"init": quick, "start": quick, "advance": None, "score": evaluated, "finish": evaluated}
