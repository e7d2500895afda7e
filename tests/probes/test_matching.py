"""Relabeled networks as measures run them: the same outputs, with batch statistics made anew and in half precision."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.analysis import matching
from varbench.analysis.catalogue import estimates
from varbench.analysis.matching import ROUNDINGS, TOLERANCE, relabelings
from varbench.analysis.population import PopulationArrays
from varbench.data import Dataset
from varbench.probes import TrainedNetworks
from varbench.training.recipe import Recipe

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(84, 8, 8, 1)).astype(np.float32)
PICTURES = Dataset(
    "pictures",
    IMAGES[:48],
    np.arange(48) % 3,
    IMAGES[48:],
    np.arange(36) % 3,
    classes=3,
    kind="image",
    mean=0.3,
    std=2.0,
)
RECIPES = {
    "residual mlp": {"model": "mnist1d-mlp", "hidden": (12,)},
    "batch norm": {"model": "resnet", "hidden": (8,), "norm": "batch"},
    "bfloat16": {"model": "mlp", "hidden": (12, 8), "precision": "bfloat16"},
}


def population(**options):
    """Four networks with weights of their own."""
    networks = TrainedNetworks(Recipe(data="pictures", batch_size=16, steps=1, **options), PICTURES)
    fans = [max(1, np.prod(leaf.shape[:-1])) for leaf in networks.leaves]
    drawn = [RANDOM.normal(0.2, 1, (4, leaf.stop - leaf.start)) for leaf in networks.leaves]
    weights = np.concatenate([w / np.sqrt(fan) for w, fan in zip(drawn, fans, strict=True)], axis=1)
    weights = weights.astype(np.float32)
    return PopulationArrays(
        logits=networks.logits(weights, "test"), labels=PICTURES.y_test, weights=weights, networks=networks
    )


@pytest.mark.parametrize("name", RECIPES)
def test_relabeled_networks_give_the_same_outputs(name):
    subject = population(**RECIPES[name])
    found = relabelings(subject)
    moved = [(permutation != np.arange(permutation.shape[1])).mean() for permutation in found.permutations]
    assert min(moved) > 0.2
    rough = name == "bfloat16"
    assert found.change.max() < (ROUNDINGS * subject.networks.epsilon if rough else 1e-5)
    assert subject.networks.epsilon == pytest.approx(2.0**-7 if rough else 2.0**-23)


def test_a_relabeling_of_one_side_only_is_noticed():
    subject = population(**RECIPES["residual mlp"])
    group = subject.networks.symmetries[0]
    subject.networks.model = type(subject.networks.model)(
        subject.networks.model.init, subject.networks.model.apply, (group._replace(slots=group.slots[:1]),)
    )
    assert relabelings(subject).change.min() > 10 * TOLERANCE
    ((_, _, refused),) = estimates(subject, names=["weight_distance_aligned"], key=0)
    assert "gives other outputs" in refused.reason


class Doubles:
    """Networks whose logits are their weights, of two classes; remembers how many were asked for."""

    def __init__(self):
        self.asked = []

    def logits(self, weights, split):
        self.asked.append(len(weights))
        return weights.reshape(len(weights), -1, 2)


def test_a_run_that_is_matched_to_several_others_is_evaluated_once():
    weights = RANDOM.normal(size=(4, 6)).astype(np.float32)
    runs, factors = np.array([3, 1, 3, 0, 1]), np.array([1.0, 1.5, 0.75, 1.25, 2.0], np.float32)
    networks = Doubles()
    change = matching._change(networks, weights, runs, weights[runs] * factors[:, None], size=6)
    np.testing.assert_allclose(change, np.abs(factors - 1.0), rtol=1e-5)
    assert networks.asked == [3, 5]
