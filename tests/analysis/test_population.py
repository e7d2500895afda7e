"""What a population refuses, and what it derives."""

import numpy as np
import pytest

from tests.analysis.populations import population, with_arrays
from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.measures.scores import softmax


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
    assert PopulationArrays(logits=found.logits, labels=found.labels, finished=found.finished).weights is None


def given(**change):
    """A population made from one output alone."""
    base = population()
    return PopulationArrays(labels=base.labels, **change)


PROBABILITIES = softmax(population().logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "one of logits, probabilities and predictions; none was given"),
        ({"logits": population().logits, "predictions": np.zeros((9, 40), int)}, "logits and predictions were given"),
        ({"predictions": np.zeros((9, 40))}, "expected integers"),
        ({"predictions": np.zeros((9, 40, 1), int)}, "expected integers"),
        ({"predictions": np.full((9, 40), -2)}, r"predictions\[0, 0\] is -2"),
        ({"predictions": np.full((9, 40), 4), "classes": 4}, r"predictions\[0, 0\] is 4; with 4 classes"),
        ({"predictions": np.zeros((9, 40), int), "classes": 2}, "the predictions have 2 classes"),
        ({"probabilities": PROBABILITIES * 1.01}, r"probabilities\[0, 0\] .* with the sum 1.01"),
        ({"probabilities": PROBABILITIES - np.eye(4)[0]}, "expected numbers from 0"),
        ({"logits": population().logits, "levels": {"init": np.zeros(8, int)}}, r"levels\['init'\] has shape \(8,\)"),
        ({"logits": population().logits, "levels": {"init": np.zeros(9)}}, "one integer for each"),
    ],
)
def test_outputs_that_do_not_fit_are_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        given(**change)


def test_probabilities_give_what_their_logits_give():
    logits, probabilities = given(logits=population().logits), given(probabilities=PROBABILITIES)
    found = {(name, at): e for name, at, e in estimates(probabilities, key=0)}
    reference = {(name, at): e for name, at, e in estimates(logits, key=0)}
    assert {name for name, _ in reference} - {name for name, _ in found} == {"logit_correlation"}
    for place, estimate in found.items():
        assert estimate.value == pytest.approx(reference[place].value, rel=1e-5, abs=1e-7), place


def test_certain_and_right_has_no_loss_certain_and_wrong_an_infinite_one():
    sure = given(probabilities=np.broadcast_to(np.eye(4, dtype=np.float32)[population().labels], (9, 40, 4)))
    assert sure.loss == pytest.approx(np.zeros(9))
    wrong = given(probabilities=np.broadcast_to(np.eye(4, dtype=np.float32)[(population().labels + 1) % 4], (9, 40, 4)))
    assert wrong.loss.tolist() == [np.inf] * 9
    assert wrong.infinite_loss.startswith("360 of 360 right classes have probability exactly 0")


def test_predictions_alone_give_every_measure_on_labels():
    base = population()
    bare = given(predictions=base.predicted_labels, classes=4)
    names = [name for name, entry in MEASURES.items() if not entry.needs]
    assert {"accuracy", "disagreement", "accuracy_sd_distribution", "error_consistency"} <= set(names)
    assert estimates(bare, names=names, key=0) == estimates(base, names=names, key=0)
    assert {name for name, _ in unavailable(bare)} == {name for name, entry in MEASURES.items() if entry.needs}
    with pytest.raises(InputError, match="needs="):
        _ = bare.usable_logits


def test_a_run_without_a_prediction_is_wrong_there():
    predictions = population().predicted_labels.copy()
    predictions[2] = -1
    found = given(predictions=predictions)
    assert found.accuracy[2] == 0.0
    assert found.votes[:, -1].tolist() == [1] * 40
