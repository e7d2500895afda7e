"""What a population is expected to cost."""

from __future__ import annotations

import dataclasses

import pytest

from tests.studies.evidence import plan
from varbench.data import load
from varbench.studies import cost
from varbench.training import networks
from varbench.training.recipe import Recipe

RECIPE = Recipe(data="digits", model="logistic", optimizer="sgd", schedule="constant", lr=0.1, batch_size=37, steps=5)


def test_a_step_is_three_forward_passes_counted_once_for_all_recipes_of_a_form(monkeypatch) -> None:
    data, first = load("digits"), plan(recipe=RECIPE)
    found = cost.flops_per_step(first, data)
    products = 2 * 37 * 64 * 10
    assert found == pytest.approx(3 * products, rel=0.02)  # and the bias
    monkeypatch.setattr(networks, "network_of", None)
    assert cost.flops_per_step(dataclasses.replace(first, recipe=RECIPE.replace(lr=0.7, steps=9)), data) == found
    with pytest.raises(TypeError):
        cost.flops_per_step(dataclasses.replace(first, recipe=RECIPE.replace(batch_size=38)), data)
