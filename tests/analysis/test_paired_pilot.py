"""Plans of matched runs from a pilot of two conditions: the SD of the differences, not that of the runs."""

import numpy as np
import pytest

import varbench
from tests.analysis.sides import population
from varbench.analysis.planning.pairs import paired_pilot
from varbench.errors import InputError
from varbench.stats.power import runs_for_difference

LUCK = np.random.default_rng(7).normal(size=12)


def conditions():
    """Runs that share their luck: the differences vary less than the runs do."""
    return {"sgd": population(1, n_runs=12, of_run=LUCK), "adam": population(2, n_runs=12, skill=2.4, of_run=LUCK)}


def save(path, *, with_levels=True, **pilot):
    logits = np.concatenate([arrays.logits for arrays in pilot.values()])
    order = np.random.default_rng(0).permutation(len(logits))
    levels = {"init": np.concatenate([a.levels["init"] for a in pilot.values()])[order]} if with_levels else {}
    names = np.concatenate([[name] * arrays.n_runs for name, arrays in pilot.items()])[order]
    np.savez(path, labels=pilot["sgd"].labels, logits=logits[order], condition=names, **levels)
    return path


@pytest.mark.parametrize("measure", ["accuracy", "loss"])
def test_the_sd_is_that_of_the_differences_of_matched_runs(tmp_path, measure):
    both = conditions()
    values = [arrays.accuracy if measure == "accuracy" else arrays.loss for arrays in both.values()]
    gaps = values[1] - values[0]
    file = save(tmp_path / "pilot.npz", **both)
    asked = {"difference": 0.05, "measure": measure, "condition": "sgd"}
    document = varbench.plan(file, paired=True, **asked)
    sd = gaps.std(ddof=1)
    assert document["runs"] == runs_for_difference(sd, 0.05, alpha=0.05, power=0.8, paired=True)
    assert document["runs"] < varbench.plan(file, **asked)["runs"]  # what the runs share cancels
    assert any("differences of 12 matched runs of sgd and adam have an SD" in note for note in document["notes"])
    again = varbench.plan(both, paired=True, **asked, against="adam")
    assert (again["answer"], again["notes"]) == (document["answer"], document["notes"])
    backwards = varbench.plan(both, paired=True, **{**asked, "condition": "adam"})
    assert backwards["runs"] == document["runs"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"condition": "sdg"}, "no condition 'sdg': did you mean 'sgd'"),
        ({"against": "sgd"}, "not with themselves"),
        ({"measure": "disagreement"}, "planned for a measure that every run has: accuracy"),
        ({"measure": "train_loss"}, "'sgd' has no train_loss to plan with"),
    ],
)
def test_what_cannot_be_matched_is_refused(change, sentence):
    asked = {"measure": "accuracy", "condition": "sgd", "against": None, **change}
    with pytest.raises(InputError, match=sentence):
        paired_pilot(conditions(), **asked)


def test_runs_without_common_levels_and_pilots_without_two_conditions_are_refused(tmp_path):
    both = conditions()
    with pytest.raises(InputError, match="do not match: every run of one needs a run with the same levels"):
        varbench.plan(save(tmp_path / "loose.npz", with_levels=False, **both), paired=True, difference=0.01)
    with pytest.raises(InputError, match="it has population alone"):
        varbench.plan(both["sgd"], paired=True, difference=0.01)
    with pytest.raises(InputError, match="name the other with against"):
        varbench.plan({**both, "more": both["sgd"]}, paired=True, difference=0.01)
    with pytest.raises(InputError, match="a report does not hold the runs"):
        varbench.plan(varbench.analyze(both), paired=True, difference=0.01)
    with pytest.raises(InputError, match="a difference of means alone"):
        varbench.plan(both, paired=True, width=0.01)
    with pytest.raises(InputError, match="against names the other condition"):
        varbench.plan(both["sgd"], against="adam", difference=0.01)
