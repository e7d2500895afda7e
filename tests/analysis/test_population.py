"""What a population refuses, and what it derives."""

import numpy as np
import pytest

from tests.analysis.populations import population, with_arrays
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((3, 4))}, r"logits have shape \(3, 4\)"),
        ({"logits": np.zeros((0, 4, 2))}, "at least one"),
        ({"logits": np.zeros((9, 40, 4), dtype=int)}, "expected floats"),
        ({"labels": np.zeros(39, dtype=int)}, "each of the 40 examples"),
        ({"labels": np.zeros(40)}, "one integer"),
        ({"labels": np.array([0] * 17 + [4] + [0] * 22)}, r"labels\[17\] is 4; the logits have 4 classes"),
        ({"labels": np.array([0] * 39 + [-1])}, r"labels\[39\] is -1"),
        ({"finished": np.ones(9)}, "finished has shape .* one boolean"),
        ({"finished": np.ones(8, dtype=bool)}, "each of the 9 runs"),
        ({"train_loss": np.zeros(8)}, "train_loss has shape"),
        ({"weights": np.zeros((8, 12))}, "weights has shape"),
        ({"weights": np.zeros(9)}, "weights has shape"),
        ({"initial_weights": np.zeros((9, 11))}, "as many parameters"),
        ({"layers": (("a", 0, 13),)}, "'a' takes the parameters 0:13"),
        ({"layers": (("a", 3, 3),)}, "not empty"),
        ({"layers": (("a", 0, 3), ("a", 3, 6))}, "name of its own"),
        ({"weights": None, "initial_weights": None}, "within 0:0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        population(**change)


def test_what_is_stored_has_the_types_of_the_contract():
    found = population(logits=np.zeros((9, 40, 4), dtype=np.float64), labels=np.zeros(40, dtype=np.int8))
    assert (found.logits.dtype, found.labels.dtype) == (np.float32, np.int64)
    assert (found.n_runs, found.n_examples, found.n_classes) == (9, 40, 4)


def test_a_diverged_run_is_wrong_everywhere_and_kept():
    finished = np.arange(9) != 2
    found = population(finished=finished)
    assert (found.predicted_labels[2] == -1).all()
    assert found.accuracy[2] == 0.0
    assert found.votes[:, -1].tolist() == [1] * 40
    assert found.votes.sum(axis=1).tolist() == [9] * 40
    assert found.usable.tolist() == finished.tolist()
    assert len(found.loss) == 8
    assert found.predicted_labels[~(np.arange(9) == 2)].tolist() == population().predicted_labels[finished].tolist()


def test_runs_with_logits_or_weights_that_are_not_finite_are_not_usable_for_those():
    base = population()
    logits, initial = base.logits.copy(), base.initial_weights.copy()
    logits[1, 0, 0], initial[5, 3] = np.inf, np.nan
    found = with_arrays(base, logits=logits, initial_weights=initial)
    assert np.flatnonzero(~found.usable).tolist() == [1]
    assert np.flatnonzero(~found.usable_weights).tolist() == [5]
    assert found.predicted_labels[1, 0] == -1
    assert (found.predicted_labels[1, 1:] == base.predicted_labels[1, 1:]).all()


def test_derived_arrays_are_computed_once_and_logits_are_not_copied_without_need():
    found = population()
    assert found.votes is found.votes
    assert found.usable_logits is found.logits
    calls = []
    assert [found.derived("mine", lambda: calls.append(1) or 7) for _ in range(3)] == [7, 7, 7]
    assert calls == [1]


def test_populations_are_compared_by_identity():
    found = population()
    assert found == found
    assert found != population()
    assert isinstance(hash(found), int)
    assert PopulationArrays(found.logits, found.labels, found.finished).weights is None
