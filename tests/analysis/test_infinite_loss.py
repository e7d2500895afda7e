"""A right class with probability exactly 0 has an infinite log loss: no number stands in for it."""

import math
from itertools import combinations

import numpy as np
import pytest

import varbench
from tests.analysis.populations import population
from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.inputs import read_results
from varbench.analysis.plots import plots
from varbench.analysis.population import PopulationArrays
from varbench.measures.scores import softmax
from varbench.report.document import read_document
from varbench.report.figures.runs import panels as figure_of_runs

N_RUNS, N_EXAMPLES = 8, 40
REASON = "6 of 320 right classes have probability exactly 0, so the log loss is infinite"


def ruled_out(*places):
    """Probabilities in which some runs rule some right classes out."""
    base = population(N_RUNS, N_EXAMPLES)
    probabilities = softmax(base.logits)
    for run, example in places:
        probabilities[run, example, base.labels[example]] = 0.0
        probabilities[run, example] /= probabilities[run, example].sum()
    return PopulationArrays(probabilities=probabilities, labels=base.labels)


def found(runs, *names):
    return {(name, at): estimate for name, at, estimate in estimates(runs, names=names, key=0)}


PLACES = [(0, 3), (1, 3), (0, 7), (5, 7), (5, 8), (2, 9)]


@pytest.mark.parametrize("name", [name for name, entry in MEASURES.items() if "log_loss" in entry.needs])
def test_no_measure_of_the_loss_has_a_value(name):
    entry = MEASURES[name]
    levels = {"init": np.repeat(np.arange(4), 2), "order": np.tile(np.arange(2), 4)}
    if "one_at_a_time" in entry.needs:
        levels = {"init": np.array([0, 1, 2, 3, 0, 0, 0, 0]), "order": np.array([0, 0, 0, 0, 1, 2, 3, 4])}
    base = ruled_out(*PLACES)
    runs = PopulationArrays(probabilities=base.probabilities, labels=base.labels, levels=levels)
    for _, _, estimate in estimates(runs, names=[name], key=0):
        assert (estimate.value, estimate.reason) == (None, REASON)


def test_other_scores_keep_theirs_and_the_finite_loss_is_the_closed_form():
    runs = ruled_out(*PLACES)
    assert found(runs, "brier")["brier", None].value is not None
    assert found(runs, "accuracy")["accuracy", None].value is not None
    whole = ruled_out()
    of_truth = whole.probabilities[:, np.arange(N_EXAMPLES), whole.labels].astype(float)
    assert found(whole, "loss")["loss", None].value == pytest.approx(-np.log(of_truth).mean(), rel=1e-6)
    assert np.array_equal(np.isinf(runs.loss), np.isin(np.arange(8), [0, 1, 2, 5]))


def test_ensembles_are_finite_from_the_size_that_no_example_is_ruled_out_by():
    runs = ruled_out(*PLACES)  # at most 2 runs rule out the same right class
    curve = found(runs, "ensemble_loss")
    assert curve["ensemble_loss", 1].reason == REASON
    assert curve["ensemble_loss", 2].value is None
    assert curve["ensemble_loss", 2].reason.startswith("the right classes of 2 of 40 examples")
    p = runs.probabilities[:, np.arange(N_EXAMPLES), runs.labels].astype(float)
    by_hand = np.mean([-np.log(p[list(chosen)].mean(axis=0)).mean() for chosen in combinations(range(N_RUNS), 4)])
    assert curve["ensemble_loss", 4].value == pytest.approx(by_hand, rel=1e-6)
    assert curve["ensemble_loss", 4].low is not None


def test_a_probability_that_only_float64_holds_is_not_zero(tmp_path):
    probabilities = np.array([[[1.0 - 1e-60, 1e-60]], [[0.25, 0.75]]])
    runs = PopulationArrays(probabilities=probabilities, labels=np.array([1]))
    assert runs.loss == pytest.approx([-math.log(1e-60), -math.log(0.75)], rel=1e-6)
    np.savez(tmp_path / "tiny.npz", probabilities=probabilities, labels=np.array([1]))
    (read,) = read_results(tmp_path / "tiny.npz").conditions.values()
    assert read.loss == pytest.approx(runs.loss)
    assert PopulationArrays(probabilities=probabilities[1:], labels=np.array([1])).probabilities.dtype == np.float32


def test_runs_with_an_infinite_loss_are_not_drawn_as_diverged():
    runs = ruled_out(*PLACES)
    assert "loss" not in plots(runs)["runs"]
    (panel,) = figure_of_runs(read_document(varbench.analyze(runs)))
    assert "diverged" not in panel.caption
    assert plots(ruled_out())["runs"]["loss"][0] > 0
