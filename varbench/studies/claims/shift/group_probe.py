"""Linear probes for a planted group, one for each run, asked in and out of distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped

from varbench.analysis.networks import Networks
from varbench.data import load
from varbench.data.plants import GROUP
from varbench.measures.linear_probe import linear_probe
from varbench.stats.estimate import Estimate
from varbench.studies.planted import plant_of
from varbench.studies.study import Evidence
from varbench.studies.sweeps import change, over_runs

TYPICAL = 0.95
"""Chance that an example's group is the one typical of its class, where the probe is fitted."""

PROBE_EXAMPLES = 2000
"""The probe is fitted on so many training examples at most."""

BYTES = 2**27
"""Size of the activations of the runs that are looked at together."""

LOGITS = "logits"
"""The layer that is no hidden one."""

LANES = 16
"""Runs that are looked at together at most."""


@dataclass(frozen=True)
class Probed:
    """Accuracies of the probes of every run of a population, by the last word of their measures; NaN if it diverged.

    Attributes:
        commonest: Share of the commonest group on the test set: what a constant answer scores.
    """

    evidence: Evidence
    accuracy: Mapping[str, Float[np.ndarray, " R"]]
    commonest: float

    def estimates(self) -> dict[str, Estimate]:
        """Means over runs, and what is lost in runs out of distribution."""
        n = self.evidence.arrays.n_examples
        found = {name: over_runs(a, n_examples=n, bounds=(0.0, 1.0)) for name, a in self.accuracy.items()}
        return found | {"lost": change(self.accuracy["outside"], self.accuracy["inside"], n_examples=n)}


def group_probes(e: Evidence, networks: Networks, weights: Float[np.ndarray, "R P"]) -> Probed:
    """Fit a probe for the group on the training examples of each run, and ask it in and out of distribution.

    Beside it, a probe for a factor that no input holds and that goes along with the class as the group does ("absent",
    in distribution; with the factor independent of the class it is a coin), and one fitted where the group is
    independent of the class ("refitted").
    """
    data, plain = load(e.plan.recipe.data), load(plant_of(e.plan)[0])
    train, y = slice(PROBE_EXAMPLES), data.y_test
    said = {s: GROUP.said(plain, getattr(plain, f"x_{s}"), getattr(data, f"x_{s}")) == 1 for s in ("train", "test")}
    typical = GROUP.typical(y, classes=data.classes) == 1
    random = np.random.default_rng(0)
    absent = {
        s: (GROUP.typical(labels, classes=data.classes) == 1) ^ (random.random(len(labels)) >= TYPICAL)
        for s, labels in (("train", data.y_train), ("test", y))
    }

    def both(x: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "m ..."]:
        """Every example as a member of group 0, then every one as a member of group 1."""
        return np.concatenate([GROUP.put(plain, x, np.full(len(x), value)) for value in (0, 1)])

    # The proxies that are wrong hang on the number of examples: all are planted before some are taken.
    twins = both(plain.x_train).reshape(2, len(plain.x_train), *data.shape)[:, train]
    shown = {
        "train": data.x_train[train],
        "test": data.x_test,
        "train twins": twins.reshape(-1, *data.shape),
        "test twins": both(plain.x_test),
    }
    layers = networks.activation_shapes
    last = [name for name in layers if name != LOGITS] or [LOGITS]
    largest = max(4 * len(x) * sum(math.prod(shape) for shape in layers.values()) for x in shown.values())
    together = min(LANES, max(1, BYTES // largest))
    found = {name: np.full(len(weights), np.nan) for name in ("inside", "outside", "turned", "refitted", "absent")}
    usable = np.flatnonzero(e.arrays.usable & e.arrays.usable_weights)
    for runs in np.split(usable, range(together, len(usable), together)) if len(usable) else []:
        block = {name: networks.activations_on(weights[runs], x)[last[-1]] for name, x in shown.items()}
        for i, run in enumerate(runs):
            seen = {name: a[i].reshape(a.shape[1], -1) for name, a in block.items()}
            probe = linear_probe(seen["train"], said["train"][train])
            answers = probe.answers(seen["test twins"])
            found["inside"][run] = (probe.answers(seen["test"]) == said["test"]).mean()
            found["outside"][run] = (answers == _groups(answers)).mean()
            found["turned"][run] = (np.where(typical, *answers.reshape(2, -1)) == ~typical).mean()
            refitted = linear_probe(seen["train twins"], _groups(seen["train twins"])).answers(seen["test twins"])
            nowhere = linear_probe(seen["train"], absent["train"][train]).answers(seen["test"])
            found["absent"][run] = (nowhere == absent["test"]).mean()
            found["refitted"][run] = (refitted == _groups(refitted)).mean()
    share = float(said["test"].mean())
    return Probed(e, found, max(share, 1.0 - share))


def _groups(twins: Shaped[np.ndarray, "m ..."]) -> Bool[np.ndarray, " m"]:
    """The group of each of the examples that come once as members of group 0 and then as members of group 1."""
    return np.arange(len(twins)) >= len(twins) // 2
