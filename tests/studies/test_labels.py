"""One way to name a data set and a model."""

from __future__ import annotations

import re

import pytest

from tests.studies.evidence import plan
from varbench.studies.judge import _labeled
from varbench.studies.labels import data_of, full_label_of, label_of, relabeled
from varbench.studies.registry import studies
from varbench.studies.request import Request
from varbench.studies.study import BUDGETS, Verdict
from varbench.training.recipe import Recipe

SMALL = Recipe(data="digits", model="mlp", hidden=(32,))


def test_a_label_names_data_and_model_with_its_sizes():
    assert label_of(SMALL) == "Digits · MLP 32"
    assert label_of(SMALL.replace(data="digits+patch:0.9", hidden=(64, 32))) == "Digits · MLP 64-32"
    assert label_of(SMALL.replace(hidden=None)) == "Digits · MLP 128-128"
    assert label_of(SMALL, SMALL.replace(lr=0.1), SMALL.replace(hidden=(8,))) == "Digits · MLP 32 and MLP 8"
    assert label_of(Recipe(data="mnist1d", model="mnist1d-mlp")) == "MNIST-1D · MLP 100-100"
    assert label_of(Recipe(data="mine.npz", model="logistic")) == "mine.npz · logistic"


def test_a_file_is_called_by_its_name_and_variants_are_told_where_asked_for():
    noisy = SMALL.replace(data="digits+noise:0.5")
    assert (label_of(noisy), full_label_of(noisy)) == ("Digits · MLP 32", "Digits+noise:0.5 · MLP 32")
    assert full_label_of(noisy, sizes=False) == "Digits+noise:0.5 · MLP"
    own = Recipe(data="/data/a+b.npz", model="logistic")
    assert (data_of(own), label_of(own), full_label_of(own)) == (own.data, "a+b.npz · logistic", "a+b.npz · logistic")


def test_labels_follow_the_recipes_of_which_data_or_model_are_changed():
    def changed(label, before, **changes):
        return relabeled([label], [before], [before.replace(**changes)])

    assert changed("Digits · MLP 32, full batches", SMALL, lr=0.5) == ["Digits · MLP 32, full batches"]
    assert changed("Digits · MLP 32, full batches", SMALL, hidden=(8, 4)) == ["Digits · MLP 8-4, full batches"]
    assert changed("Digits · MLP", SMALL, data="mnist1d+noise:1") == ["MNIST-1D+noise:1 · MLP"]
    assert changed("Digits · MLP", SMALL, hidden=(8,)) == ["Digits · MLP"], "it says nothing of sizes"
    assert changed("the small one", SMALL, data="mnist1d") == ["the small one, MNIST-1D · MLP 32"]


def test_the_labels_of_a_study_stay_apart_when_its_recipes_become_alike():
    request = Request(studies(("identical-pipelines",)), "standard", overrides={"data": "digits", "model": "logistic"})
    labels = [case.label for case in request.cases(request.studies[0])]
    assert labels[0] == "Digits · logistic (in place of MNIST-1D · MLP 100-100)"
    assert len(set(labels)) == 4
    unchanged = Request(studies(("identical-pipelines",)), "standard", overrides={"model": "logistic"})
    assert "MNIST-1D · logistic" in [case.label for case in unchanged.cases(unchanged.studies[0])]


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_population_of_every_study_is_called_after_its_data_and_its_model(budget):
    for population in Request(studies(("all",)), budget).populations():
        data, _, model = label_of(population.recipe).partition(" · ")
        assert population.label.startswith(f"{data} · {model.partition(' ')[0]}"), population.name
        if " " in model:
            assert re.search(r"· MLP \d", population.label), "an MLP has its sizes"


def test_a_verdict_on_several_populations_has_the_label_that_they_share():
    wide = plan("case-digits-wide", recipe=SMALL.replace(data="digits+proxy:0.8", hidden=(128,)))
    plans = [plan("case-digits-narrow", recipe=SMALL), wide, plan("case-mnist1d", recipe=Recipe(model="logistic"))]

    def label(condition):
        return _labeled(Verdict(condition, "supported", ""), plans).label

    assert label("digits") == label("case-digits") == "Digits · MLP 32 and MLP 128"
    assert label("case-mnist1d") == "", "its population has one"
    assert label(None) == label("another") == ""
    assert "label" not in Verdict(None, "supported", "").as_dict()
