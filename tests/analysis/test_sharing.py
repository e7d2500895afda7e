"""Populations whose runs share levels: which intervals they keep, and what reads them."""

from itertools import combinations

import numpy as np
import pytest

from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.catalogue.pairs import matrix_mean
from varbench.analysis.comparing.between import between_rows
from varbench.analysis.planning.pilot import pilot_of_population
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.foreign import analyze
from varbench.measures.agreement import error_consistency_row_sums
from varbench.measures.predictions import disagreement_matrix
from varbench.measures.scores import softmax
from varbench.report.document import read_document
from varbench.report.gate import failures, parse_gate

E, K = 60, 3


def population(a=4, b=4, *, seed=0, shift=0.0, levels=True):
    """A crossed design with effects of both sources on the logits."""
    random = np.random.default_rng(seed)
    labels = np.arange(E) % K
    parts = [random.normal(size=(*shape, E, K)) for shape in ((a, 1), (1, b), (a, b))]
    logits = (sum(parts) + shift).reshape(a * b, E, K)
    logits[:, np.arange(E), labels] += 2.0
    places = {"init": np.repeat(np.arange(a), b), "order": np.tile(np.arange(b), a)}
    return PopulationArrays(logits=logits, labels=labels, levels=places if levels else {}, weights=logits[:, :, 0])


def found(arrays, **kwargs):
    return {(m, at): e for m, at, e in estimates(arrays, key=0, **kwargs)}


def test_measures_that_respect_no_levels_have_no_interval_and_say_why():
    rows = found(population())
    for (name, _), estimate in rows.items():
        if not MEASURES[name].respects_levels:
            assert estimate.low is None
            assert estimate.reason
    assert rows["ensemble_gain", 2].value is not None
    assert "the runs share levels of init, order" in rows["ensemble_gain", 2].reason
    assert rows["accuracy", None].method == "jackknife over levels of init, order"
    assert rows["accuracy", None].low is not None


def test_disagreement_is_that_of_pairs_that_share_no_level():
    arrays = population(3, 4)
    matrix = disagreement_matrix(arrays.predicted_labels, n_classes=K)
    init, order = arrays.levels["init"], arrays.levels["order"]
    apart = (init[:, None] != init) & (order[:, None] != order)
    estimate = found(arrays, names=["disagreement"])["disagreement", None]
    assert estimate.value == pytest.approx(matrix[apart].mean())
    assert estimate.value > matrix[~np.eye(12, dtype=bool)].mean() + 0.01
    assert "pairs that share none" in estimate.reason  # three levels: no interval
    assert "pairs that share none" in found(population())["disagreement", None].method


def unrelated_sets(arrays, size):
    """All sets of so many runs that share no level."""
    unrelated = arrays.shared.unrelated
    every = combinations(range(arrays.n_runs), size)
    return [runs for runs in every if all(unrelated[r, s] for r, s in combinations(runs, 2))]


def test_ensembles_and_pairs_of_them_are_of_runs_that_share_no_level():
    arrays = population(4, 5)
    rows = found(arrays)
    probabilities = softmax(arrays.logits)
    assert rows["ensemble_disagreement", 1].value == pytest.approx(rows["disagreement", None].value, abs=1e-12)
    assert [at for m, at in rows if m == "ensemble_disagreement"] == [1, 2]
    halves = [
        ((a, b), (c, d)) for w, x, y, z in unrelated_sets(arrays, 4)
        for a, b, c, d in ((w, x, y, z), (w, y, x, z), (w, z, x, y))
    ]  # fmt: skip
    voted = {pair: probabilities[list(pair)].mean(0) for pair in unrelated_sets(arrays, 2)}
    labels = {pair: averaged.argmax(-1) for pair, averaged in voted.items()}
    apart = np.array([(labels[first] != labels[second]).mean() for first, second in halves])
    right = np.array([(top == arrays.labels).mean() for top in labels.values()])
    brier = np.mean([((averaged - np.eye(K)[arrays.labels]) ** 2).sum(-1).mean() for averaged in voted.values()])
    assert rows["ensemble_brier", 2].value == pytest.approx(brier, abs=1e-6)
    for name, values in (("ensemble_disagreement", apart), ("ensemble_accuracy", right)):
        noise = values.std() / np.sqrt(512)
        assert rows[name, 2].value == pytest.approx(values.mean(), abs=4 * noise)
        assert "the value is that of ensembles whose runs share none" in rows[name, 2].reason
    every = found(population(4, 5, levels=False))
    assert every["ensemble_disagreement", 1].value < rows["ensemble_disagreement", 1].value - 0.01
    assert every["ensemble_disagreement", 2].value < rows["ensemble_disagreement", 2].value - 0.005


def test_an_ensemble_needs_runs_that_share_no_level():
    (gain,) = (e for (m, _), e in found(population(3, 6)).items() if m == "ensemble_gain")
    assert gain.reason == "an ensemble curve needs at least 4 finished runs that share no level, there are 3"


def kappas(correct, unrelated):
    """Of the pairs that share no level, and 0 of the others."""
    pairs = np.zeros(unrelated.shape)
    for r, s in zip(*np.nonzero(unrelated), strict=True):
        pairs[r, s] = error_consistency_row_sums(correct[[r, s]])[0]
    return pairs


def test_error_consistency_is_that_of_pairs_that_share_no_level():
    arrays = population()
    unrelated = arrays.shared.unrelated
    expected = matrix_mean(
        kappas(arrays.correct, unrelated), arrays.shared, level=0.95, n_examples=E, bounds=(-1.0, 1.0)
    )
    estimate = found(arrays, names=["error_consistency"])["error_consistency", None]
    assert estimate.method == expected.method
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=1e-12
    )


@pytest.mark.parametrize(("perfect", "defined"), [((0, 1), True), ((0, 4), True), ((0, 5), False)])
def test_two_runs_without_a_kappa_matter_where_they_share_no_level(perfect, defined):
    usual = population()
    logits = usual.logits.copy()
    logits[list(perfect)] = 9.0 * np.eye(K)[usual.labels]
    arrays = PopulationArrays(logits=logits, labels=usual.labels, levels=usual.levels)
    estimate = found(arrays, names=["error_consistency"])["error_consistency", None]
    if defined:
        assert estimate.value == pytest.approx(
            kappas(arrays.correct, arrays.shared.unrelated).sum() / arrays.shared.unrelated.sum(), abs=1e-12
        )
    else:
        assert estimate.value is None
        assert "both right" in estimate.reason


def test_where_every_two_runs_share_a_level_all_pairs_count():
    matrix = np.arange(9.0).reshape(3, 3)
    nothing = PopulationArrays(
        logits=population(3, 1).logits,
        labels=np.arange(E) % K,
        levels={"init": np.array([0, 0, 1]), "order": np.array([0, 1, 1]), "data": np.array([0, 1, 0])},
    ).shared
    assert not nothing.unrelated.any()
    estimate = matrix_mean(matrix + matrix.T, nothing, level=0.95, n_examples=None, bounds=(0.0, 99.0))
    assert estimate.value == pytest.approx(8.0)
    assert estimate.low is None


def test_a_gate_on_an_end_cannot_be_told():
    view = read_document(analyze(population(3, 4)))
    assert failures(parse_gate("disagreement > 99%"), view) == []
    (sentence,) = failures(parse_gate("disagreement.high > 99%"), view)
    assert "there is no interval (the runs share levels of init, order" in sentence


def test_runs_that_share_levels_are_not_compared_as_independent():
    first, second = population(), population(seed=1)
    for row in between_rows(first, second, partners=None, measures=None, level=0.95, key=0):
        assert row.estimate.low is None
        assert row.test is None or row.test.p is None


def test_a_pilot_of_runs_that_share_levels_is_refused():
    pilot = pilot_of_population(population(), name="p", label="p", measure=None, level=0.95)
    with pytest.raises(InputError, match="share levels"):
        pilot.spread(("accuracy", None))


def test_where_all_but_one_run_diverged_nothing_is_said_of_how_runs_vary():
    arrays = population(levels=False)
    dead = PopulationArrays(logits=arrays.logits, labels=arrays.labels, finished=np.arange(16) < 1)
    for name in ("disagreement", "accuracy_sd", "prediction_kappa", "instability_share"):
        estimate = found(dead, names=[name])[name, None]
        assert estimate.value is None
        assert estimate.reason == "1 of 16 runs finished, and how much runs vary takes at least 2"
    none = PopulationArrays(logits=arrays.logits, labels=arrays.labels, finished=np.zeros(16, bool))
    document = analyze(none)
    assert "agree" not in document["headline"]
    (sentence,) = failures(parse_gate("disagreement > 3%"), read_document(document))
    assert "0 of 16 runs finished" in sentence
