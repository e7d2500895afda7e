"""Every measure of the catalogue against a computation of its own, written with loops and the definitions."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.metrics import cohen_kappa_score, log_loss

from tests.analysis.populations import LAYERS, population, with_arrays
from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.population import PopulationArrays

P = PopulationArrays
KEY = 5


def typical_difference(values: np.ndarray) -> float:
    """Root mean square over pairs."""
    return float(np.sqrt(over_pairs(len(values), lambda r, s: (values[r] - values[s]) ** 2)))


def labels_of(p: P) -> np.ndarray:
    return p.logits.argmax(axis=-1)


def right_of(p: P) -> np.ndarray:
    return (labels_of(p) == p.labels).astype(float)


def probabilities(p: P) -> np.ndarray:
    return softmax(p.logits.astype(np.float64), axis=-1)


def losses(p: P) -> np.ndarray:
    return np.array([log_loss(p.labels, q, labels=range(p.n_classes)) for q in probabilities(p)])


def briers(p: P) -> np.ndarray:
    return ((probabilities(p) - np.eye(p.n_classes)[p.labels]) ** 2).sum(axis=-1).mean(axis=-1)


def over_pairs(n_runs: int, distance: Callable[[int, int], float]) -> float:
    return float(np.mean([distance(r, s) for r, s in combinations(range(n_runs), 2)]))


def disagreement(p: P) -> float:
    found = labels_of(p)
    return over_pairs(p.n_runs, lambda r, s: (found[r] != found[s]).mean())


def ece(p: P) -> float:
    return float(np.mean([ece_of(p, q) for q in probabilities(p)]))


def ece_of(p: P, q: np.ndarray) -> float:
    """One table of probabilities [E, K]."""
    confidence, right = q.max(axis=1), q.argmax(axis=1) == p.labels
    inside = [(confidence > b / 15) & (confidence <= (b + 1) / 15) for b in range(15)]
    return sum(abs((right - confidence)[chosen].sum()) for chosen in inside) / p.n_examples


def cace(p: P) -> float:
    votes = np.stack([(labels_of(p) == c).mean(axis=0) for c in range(p.n_classes)], axis=1)
    right = np.eye(p.n_classes)[p.labels]
    bins = [(votes > b / 15) & (votes <= (b + 1) / 15) if b else votes <= 1 / 15 for b in range(15)]
    return sum(abs((right - votes)[chosen].sum()) for chosen in bins) / p.n_examples


def kappa_of_pairs(p: P) -> float:
    """By Cohen's definition, observed and expected agreement averaged over pairs before they are compared."""
    shares = np.stack([(labels_of(p) == c).mean(axis=1) for c in range(p.n_classes)], axis=1)
    by_chance = over_pairs(p.n_runs, lambda r, s: shares[r] @ shares[s])
    return (1 - disagreement(p) - by_chance) / (1 - by_chance)


def independent_variance(p: P) -> float:
    return float(right_of(p).var(axis=0, ddof=1).sum() / p.n_examples**2)


def distribution_variance(p: P) -> float:
    spread = right_of(p).mean(axis=1).var(ddof=1) - independent_variance(p)
    return p.n_examples / (p.n_examples - 1) * spread


def share(p: P, at: float) -> float:
    """Jackknife of the plain share, by recomputing everything without each run."""

    def plain(found: np.ndarray) -> float:
        u = np.array(
            [over_pairs(len(found), lambda r, s, i=i: found[r, i] != found[s, i]) for i in range(p.n_examples)]
        )
        u = np.sort(u)[::-1]
        top = at * p.n_examples
        whole = int(top + 1e-9)
        return float((u[:whole].sum() + (top - whole) * u[whole]) / u.sum())

    found = labels_of(p)
    without = np.mean([plain(np.delete(found, run, axis=0)) for run in range(p.n_runs)])
    return float(np.clip(p.n_runs * plain(found) - (p.n_runs - 1) * without, at, 1.0))


def ensembles(p: P, size: int) -> list[np.ndarray]:
    """Averaged probabilities of every subset (9 runs: no subset is left out below the limit)."""
    return [probabilities(p)[list(subset)].mean(axis=0) for subset in combinations(range(p.n_runs), size)]


def ensemble_accuracy(p: P, at: int) -> float:
    return float(np.mean([(q.argmax(axis=1) == p.labels).mean() for q in ensembles(p, at)]))


def ensemble_disagreement(p: P, at: int) -> float:
    found = []
    for chosen in combinations(range(p.n_runs), 2 * at):
        for half in combinations(chosen, at):
            other = [run for run in chosen if run not in half]
            first, second = (probabilities(p)[list(members)].mean(axis=0).argmax(axis=1) for members in (half, other))
            found.append((first != second).mean())
    return float(np.mean(found))


def layer(array: np.ndarray, at: str | None) -> np.ndarray:
    for path, start, stop in LAYERS:
        if path == at:
            return array[:, start:stop].astype(np.float64)
    return array.astype(np.float64)


def relative(w: np.ndarray) -> float:
    return over_pairs(len(w), lambda r, s: np.linalg.norm(w[r] - w[s]) / np.sqrt(w[r] @ w[r] + w[s] @ w[s]))


def cosine(w: np.ndarray) -> float:
    return over_pairs(len(w), lambda r, s: w[r] @ w[s] / np.linalg.norm(w[r]) / np.linalg.norm(w[s]))


def over_travel(w: np.ndarray, start: np.ndarray) -> float:
    travel = np.linalg.norm(w - start, axis=1)
    return over_pairs(len(w), lambda r, s: np.linalg.norm(w[r] - w[s]) / ((travel[r] + travel[s]) / 2))


BY_HAND: dict[str, Callable[[P, object], float | None]] = {
    "accuracy": lambda p, at: right_of(p).mean(),
    "error": lambda p, at: 1 - right_of(p).mean(),
    "loss": lambda p, at: losses(p).mean(),
    "brier": lambda p, at: briers(p).mean(),
    "ece": lambda p, at: ece(p),
    "train_accuracy": lambda p, at: p.train_accuracy.mean(),
    "train_loss": lambda p, at: p.train_loss.mean(),
    "accuracy_sd": lambda p, at: right_of(p).mean(axis=1).std(ddof=1),
    "loss_sd": lambda p, at: losses(p).std(ddof=1),
    "accuracy_sampling_se": lambda p, at: np.sqrt(right_of(p).mean() * (1 - right_of(p).mean()) / p.n_examples),
    "accuracy_sd_independent": lambda p, at: np.sqrt(independent_variance(p)),
    "accuracy_sd_distribution": lambda p, at: np.sqrt(max(0.0, distribution_variance(p))),
    "accuracy_variance_distribution": lambda p, at: distribution_variance(p),
    "equivalent_loss": lambda p, at: typical_difference(losses(p)),
    "disagreement": lambda p, at: disagreement(p),
    "disagreement_over_error": lambda p, at: disagreement(p) / (1 - right_of(p).mean()),
    "error_consistency": lambda p, at: over_pairs(
        p.n_runs, lambda r, s: cohen_kappa_score(right_of(p)[r], right_of(p)[s])
    ),
    "cace": lambda p, at: cace(p),
    "prediction_kappa": lambda p, at: kappa_of_pairs(p),
    "instability": lambda p, at: disagreement(p),
    "instability_share": share,
    "logit_correlation": lambda p, at: over_pairs(
        p.n_runs, lambda r, s: np.corrcoef(p.logits[r].ravel(), p.logits[s].ravel())[0, 1]
    ),
    "js_divergence": lambda p, at: over_pairs(
        p.n_runs, lambda r, s: (jensenshannon(probabilities(p)[r], probabilities(p)[s], axis=1) ** 2).mean()
    ),
    "tv_distance": lambda p, at: over_pairs(
        p.n_runs, lambda r, s: np.abs(probabilities(p)[r] - probabilities(p)[s]).sum(axis=1).mean() / 2
    ),
    "ensemble_accuracy": ensemble_accuracy,
    "ensemble_loss": lambda p, at: np.mean(
        [-np.log(q[np.arange(p.n_examples), p.labels]).mean() for q in ensembles(p, at)]
    ),
    "ensemble_brier": lambda p, at: np.mean(
        [((q - np.eye(p.n_classes)[p.labels]) ** 2).sum(axis=1).mean() for q in ensembles(p, at)]
    ),
    "ensemble_ece": lambda p, at: np.mean([ece_of(p, q) for q in ensembles(p, at)]),
    "ensemble_gain": lambda p, at: ensemble_accuracy(p, at) - right_of(p).mean(),
    "ensemble_disagreement": ensemble_disagreement,
    "weight_distance": lambda p, at: relative(layer(p.weights, at)),
    "weight_cosine": lambda p, at: cosine(layer(p.weights, at)),
    "weight_distance_over_travel": lambda p, at: over_travel(layer(p.weights, at), layer(p.initial_weights, at)),
    "initial_weight_distance": lambda p, at: relative(layer(p.initial_weights, at)),
    "initial_weight_cosine": lambda p, at: cosine(layer(p.initial_weights, at)),
    "weight_pca_share": lambda p, at: PCA().fit(p.weights.astype(np.float64)).explained_variance_ratio_[at - 1],
}

BETWEEN_TWO = {"bitwise_equal", "churn", "good_churn", "bad_churn", "win_loss_ratio"}
BY_LAYER = [None, "dense/kernel", "dense/bias"]
POSITIONS: dict[str, list[object]] = {
    **{name: [] for name in BETWEEN_TWO},
    "instability_share": [0.01, 0.05, 0.10],
    **{f"ensemble_{score}": [1, 2, 4] for score in ("accuracy", "loss", "brier", "ece", "disagreement")},
    "ensemble_gain": [2, 4],
    **{name: BY_LAYER for name in MEASURES if name.startswith(("weight_", "initial_"))},
    "weight_pca_share": [1, 2, 3, 4],
}


HERE = [name for name, entry in MEASURES.items() if not entry.lacking(population())]
"""What needs more than `population` has (levels, networks) is computed by hand beside its own tests."""


def test_every_measure_has_a_computation_by_hand():
    assert set(BY_HAND) == set(HERE) - BETWEEN_TWO


@pytest.mark.parametrize("name", HERE)
def test_value_and_positions(name):
    found = estimates(population(), names=[name], key=KEY)
    assert [at for _, at, _ in found] == POSITIONS.get(name, [None])
    for _, at, estimate in found:
        expected = BY_HAND[name](population(), at)
        assert estimate.value == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert estimate.reason == "" or estimate.low is None
        if estimate.low is not None:
            assert estimate.low <= estimate.high


def test_curve_of_ensembles_with_random_subsets_is_near_the_one_with_all():
    whole = {at: e.value for _, at, e in estimates(population(20), names=["ensemble_gain"], key=0)}
    members = [ensemble_accuracy(population(20), 2) - right_of(population(20)).mean()]
    assert whole[2] == pytest.approx(members[0], abs=1e-12)
    for key in (1, 2):
        other = {at: e for _, at, e in estimates(population(20), names=["ensemble_gain"], key=key)}
        assert other[8].method == "jackknife over runs, 1,024 random subsets"
        # 1,024 scores of 40 examples: the average of scores in 1/40 steps is known to about .03/32.
        assert other[8].value == pytest.approx(whole[8], abs=0.006)


def test_gain_and_accuracy_of_ensembles_differ_by_the_mean_member():
    found = {(name, at): e.value for name, at, e in estimates(population(20), key=1)}
    for size in (2, 4, 8):
        assert found["ensemble_accuracy", size] - found["ensemble_gain", size] == pytest.approx(found["accuracy", None])


def test_first_points_of_the_curves_are_the_single_run():
    found = {(name, at): e for name, at, e in estimates(population(), key=1)}
    for name in ("accuracy", "loss", "brier", "ece", "disagreement"):
        single, first = found[name, None], found[f"ensemble_{name}", 1]
        assert (first.value, first.low, first.high) == pytest.approx((single.value, single.low, single.high), rel=1e-12)


@pytest.mark.parametrize("around_half", [False, True])
def test_interval_of_the_sampling_error_is_the_image_of_the_accuracys(around_half):
    mixed = population()
    if around_half:
        labels = mixed.predicted_labels[0].astype(np.int64)
        mixed = with_arrays(mixed, labels=np.where(np.arange(40) < 30, labels, (labels + 1) % 4))
    found = {name: e for name, _, e in estimates(mixed, names=["accuracy", "accuracy_sampling_se"], key=0)}
    assert (found["accuracy"].low < 0.5 < found["accuracy"].high) == around_half
    accuracy = np.linspace(found["accuracy"].low, found["accuracy"].high, 10_001)
    image = np.sqrt(accuracy * (1 - accuracy) / 40)
    interval = (found["accuracy_sampling_se"].low, found["accuracy_sampling_se"].high)
    assert interval == pytest.approx((image.min(), image.max()), rel=1e-6)


def test_unrelated_initializations_are_the_null_of_weight_distance():
    found = {at: e for _, at, e in estimates(population(30), names=["initial_weight_distance"], key=0)}
    # 12 parameters: the distance of one pair scatters by 1/√24 around nearly 1, that of 30 runs by far less.
    assert found[None].value == pytest.approx(1.0, abs=0.05)
