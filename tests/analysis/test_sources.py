"""Which source matters: crossed and one-at-a-time populations against loops over pairs, and why others have neither."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import levene

from tests.analysis.populations import population, with_arrays
from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.population import PopulationArrays
from varbench.measures.scores import softmax
from varbench.training import design

CROSSED = [name for name, entry in MEASURES.items() if "crossing" in entry.needs]
ONE_AT_A_TIME = [name for name, entry in MEASURES.items() if "one_at_a_time" in entry.needs]


def with_levels(made, **change):
    runs = np.random.default_rng(5).permutation(len(made))
    levels = {source: made.column(source)[runs] for source in made.levels[0]}
    return population(len(made), levels=levels, **change)


def crossed(replicates=1, **change):
    made = design.crossed({"init": 4, "order": 5})
    made = design.replicated(made, replicates, over=["augment"]) if replicates > 1 else made
    return with_levels(made, **change)


def found(of, *names):
    return {(name, at): estimate for name, at, estimate in estimates(of, names=names or None, key=0)}


def by_pairs(of, differ, distance):
    """Mean over the pairs of runs that differ in exactly these of init and order."""
    levels = np.stack([of.levels["init"], of.levels["order"]])
    chosen = [
        distance(r, s) for r, s in combinations(range(of.n_runs), 2) if tuple(levels[:, r] != levels[:, s]) == differ
    ]
    return float(np.mean(chosen))


DISTANCES = {
    "accuracy": lambda p, r, s: (p.accuracy[r] - p.accuracy[s]) ** 2 / 2,
    "loss": lambda p, r, s: (p.loss[r] - p.loss[s]) ** 2 / 2,
    "prediction": lambda p, r, s: (p.predicted_labels[r] != p.predicted_labels[s]).mean(),
    "probability": lambda p, r, s: ((softmax(p.logits[r]) - softmax(p.logits[s])) ** 2).sum(-1).mean() / 2,
    "weight": lambda p, r, s: ((p.weights[r].astype(float) - p.weights[s]) ** 2).sum() / 2,
}


@pytest.mark.parametrize("quantity", DISTANCES)
@pytest.mark.parametrize("replicates", [1, 2])
def test_components_are_differences_of_means_over_pairs(replicates, quantity):
    of = crossed(replicates)
    mean = {
        differ: by_pairs(of, differ, lambda r, s: DISTANCES[quantity](of, r, s))
        for differ in [(True, True), (True, False), (False, True), *([(False, False)] if replicates > 1 else [])]
    }
    both, same_order, same_init = mean[True, True], mean[True, False], mean[False, True]
    again = mean.get((False, False), 0.0)
    expected = {"init": both - same_init, "order": both - same_order}
    interaction = same_init + same_order - both - again
    expected |= (
        {"init × order": interaction, "residual": again} if replicates > 1 else {"init × order + residual": interaction}
    )
    expected["total"] = both
    name = f"{quantity}_variance_component"
    values = {at: estimate.value for (_, at), estimate in found(of, name).items()}
    assert values == pytest.approx(expected, rel=1e-6, abs=1e-12)
    shares = {at: e.value for (_, at), e in found(of, f"{quantity}_variance_share").items()}
    assert shares == pytest.approx({at: v / both for at, v in expected.items() if at != "total"}, rel=1e-6)


def test_estimates_of_components_say_what_they_rest_on():
    of = crossed()
    for (name, at), estimate in found(of, *CROSSED).items():
        assert estimate.resampled == "levels of init and order"
        assert estimate.n_runs == 20
        assert estimate.n_examples == (None if name.startswith("weight") else 40)
        assert estimate.low is not None, (name, at)
        assert estimate.low < estimate.high
        if name.endswith("share"):
            # Raw shares may lie outside [0, 1], where no share can be and their intervals end.
            assert 0.0 <= estimate.low <= np.clip(estimate.value, 0.0, 1.0) <= estimate.high <= 1.0
        else:
            assert estimate.low < estimate.value < estimate.high


def test_a_lost_run_leaves_holes_in_losses_and_counts_in_labels():
    of = crossed(finished=np.arange(20) != 7)
    estimate = found(of, "loss_variance_component")["loss_variance_component", None]
    assert estimate.value is None
    assert estimate.reason == "1 of 20 runs have none, and a crossed design must be complete"
    assert found(of, "prediction_variance_component")["prediction_variance_component", "init"].value is not None


def test_equal_runs_have_components_of_zero():
    usual = crossed()
    same = {name: np.repeat(getattr(usual, name)[:1], 20, axis=0) for name in ("logits", "weights", "initial_weights")}
    for (name, _), estimate in found(with_arrays(usual, **same), *CROSSED).items():
        if name.endswith("component"):
            assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)
        else:
            assert estimate.reason == "all runs are equal: there is no variance to share"


@pytest.mark.parametrize("source", ["init", "order", "dropout"])
def test_one_source_at_a_time_over_its_own_runs(source):
    of = with_levels(design.one_at_a_time(6, sources=["init", "order", "dropout"]))
    others = [other for other in of.levels if other != source]
    rows = [r for r in range(of.n_runs) if all(of.levels[other][r] == 0 for other in others)]
    assert len(rows) == 6
    values = found(of, *ONE_AT_A_TIME)
    assert values["accuracy_sd_by_source", source].value == pytest.approx(of.accuracy[rows].std(ddof=1))
    assert values["loss_sd_by_source", source].value == pytest.approx(of.loss[rows].std(ddof=1))
    pairs = [DISTANCES["prediction"](of, r, s) for r, s in combinations(rows, 2)]
    assert values["disagreement_by_source", source].value == pytest.approx(np.mean(pairs))
    assert values["disagreement_by_source", source].n_runs == 6


def test_a_source_with_a_larger_spread_is_told_from_the_others():
    of = with_levels(design.one_at_a_time(41, sources=["init", "order", "dropout"]))
    wild = of.levels["init"] > 0
    labels = np.where(np.random.default_rng(0).random((of.n_runs, 1)) < np.linspace(0, 1, 40), of.labels, -1)
    calm = np.where(np.arange(40) < 20, of.labels, -1)
    steady = np.where(np.random.default_rng(1).random((of.n_runs, 40)) < 0.02, -1, calm)
    predictions = np.where(wild[:, None], np.where(np.arange(of.n_runs)[:, None] % 2, labels, calm), steady)
    of = PopulationArrays(predictions=predictions, labels=of.labels, classes=4, levels=of.levels)
    values = found(of, "accuracy_sd_ratio_by_source", "accuracy_sd_p_by_source")
    rows = {s: np.flatnonzero(of.levels[s] > 0) for s in ("init", "order", "dropout")}
    others = np.concatenate([of.accuracy[rows[s]] - of.accuracy[rows[s]].mean() for s in ("order", "dropout")])
    ratio = values["accuracy_sd_ratio_by_source", "init"]
    assert ratio.value == pytest.approx(of.accuracy[rows["init"]].std(ddof=1) / others.std(ddof=1))
    assert ratio.low > 1
    raw = levene(of.accuracy[rows["init"]], others, center="median").pvalue
    assert values["accuracy_sd_p_by_source", "init"].value == pytest.approx(min(1.0, 3 * raw), rel=1e-6)
    assert values["accuracy_sd_p_by_source", "init"].value < 0.01
    assert values["accuracy_sd_p_by_source", "order"].value > values["accuracy_sd_p_by_source", "init"].value


def test_other_designs_say_why_they_have_neither():
    together = dict(unavailable(with_levels(design.together(6, sources=["init", "order"]))))
    without = dict(unavailable(population()))
    for name in (*CROSSED, *ONE_AT_A_TIME):
        assert "the levels of the runs" in without[name]
    assert together["accuracy_variance_share"].startswith("no two sources are crossed")
    assert together["accuracy_sd_by_source"].startswith("there is no run from which")
    assert not set(unavailable(crossed())) & {
        (name, reason) for name, reason in unavailable(crossed()) if name in CROSSED
    }


@pytest.mark.parametrize("change", [{"n_examples": 1}, {"n_classes": 1}, {"n_classes": 2}])
def test_small_populations_have_values_or_reasons(change):
    made = design.crossed({"init": 2, "order": 2})
    for estimate in (*found(with_levels(made, **change), *CROSSED).values(), *found(crossed(**change)).values()):
        assert estimate.value is not None or len(estimate.reason) > 10
