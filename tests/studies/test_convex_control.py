"""The judge of the convex control, and the minimum that it holds linear models against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.studies.evidence import interval
from varbench.analysis.catalogue import estimates
from varbench.analysis.population import PopulationArrays
from varbench.data import Dataset, load
from varbench.measures.scores import loss_per_run, softmax
from varbench.parameters import Leaf
from varbench.studies.claims.convex_control.minimum import centered, minimum
from varbench.studies.claims.convex_control.study import STUDY
from varbench.studies.study import Evidence, Named, PopulationPlan
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS, FEATURES, CLASSES, EXAMPLES = 8, 6, 3, 150


@dataclass(frozen=True)
class Linear:
    """A linear classifier as the judge sees networks: only what it asks for."""

    x: np.ndarray
    leaves = (Leaf("readout/bias", (CLASSES,), 0, CLASSES), Leaf("readout/kernel", (FEATURES, CLASSES), CLASSES, 21))
    symmetries = ()

    def logits(self, weights, split):
        kernels = weights[:, CLASSES:].reshape(-1, FEATURES, CLASSES)
        return (np.einsum("ef,rfk->rek", self.x, kernels) + weights[:, None, :CLASSES]).astype(np.float32)


def evidence_of(*, noise: float, flat: float, model: str = "logistic") -> dict[str, Evidence]:
    """Runs around one solution: with noise of their own, and with any amount of the flat direction."""
    random = np.random.default_rng(5)
    x = random.normal(size=(EXAMPLES, FEATURES))
    solution = random.normal(size=(CLASSES + FEATURES * CLASSES))
    shift = np.repeat(random.normal(size=(RUNS, FEATURES + 1)), CLASSES, axis=1)
    weights = (solution + noise * random.normal(size=(RUNS, solution.size)) + flat * shift).astype(np.float32)
    networks = Linear(x)
    labels = networks.logits(solution[None], "test")[0].argmax(-1)
    arrays = PopulationArrays(
        logits=networks.logits(weights, "test"),
        labels=labels,
        weights=weights,
        initial_weights=np.zeros_like(weights),
        train_loss=np.full(RUNS, 0.5, np.float32),
        networks=networks,
    )
    recipe = Recipe(data="digits", model=model, steps=10)
    plan = PopulationPlan("case", "Case", recipe, together(RUNS, sources=("init", "order")))
    names = ("accuracy", "loss", "disagreement", "weight_distance")
    found = [Named("case", m, at, e) for m, at, e in estimates(arrays, names=names, level=0.95, key=0)]
    if model != "logistic":
        found.append(Named("case", "weight_distance_aligned", None, found[-1].estimate))
    return {"case": Evidence(plan, arrays, tuple(found))}


def judged(evidence, solution=None, loss=0.5):
    experiments = {} if solution is None else {"case-minimum": {"weights": solution, "train_loss": np.float64(loss)}}
    judgement = STUDY.judge(evidence, experiments)
    return judgement.verdicts[0].verdict, {p.name: p.holds for p in judgement.verdicts[0].parts}, judgement


def solution_of(evidence):
    """The mean of the runs, as a solver would return it: without the flat direction."""
    arrays = evidence["case"].arrays
    return centered(arrays.weights, arrays).mean(0)


def test_runs_that_differ_in_the_flat_direction_alone_are_one_minimum():
    evidence = evidence_of(noise=1e-4, flat=1.0)
    verdict, parts, judgement = judged(evidence, solution_of(evidence))
    assert verdict == "supported"
    assert parts == {"one point": True, "one function": True, "the minimum": True}
    assert evidence["case"].get("weight_distance").value > 0.3
    apart = next(n.estimate for n in judgement.estimates if n.measure == "weight_distance_centered")
    assert apart.value < 1e-3


def test_linear_runs_at_different_points_contradict_the_claim():
    evidence = evidence_of(noise=1.0, flat=0.0)
    verdict, parts, _ = judged(evidence, solution_of(evidence))
    assert verdict == "contradicted"
    assert parts == {"one point": False, "one function": False, "the minimum": False}


def test_runs_that_have_not_converged_contradict_nothing():
    evidence = evidence_of(noise=1.0, flat=0.0)
    verdict, parts, judgement = judged(evidence, solution_of(evidence), loss=0.49)
    assert verdict == "inconclusive"
    assert set(parts.values()) == {None}
    assert "not converged" in judgement.verdicts[0].reason


def test_one_point_that_is_not_the_minimum_contradicts_the_claim():
    evidence = evidence_of(noise=1e-4, flat=0.0)
    verdict, parts, _ = judged(evidence, 1.5 * solution_of(evidence))
    assert verdict == "contradicted"
    assert parts == {"one point": True, "one function": True, "the minimum": False}


def test_networks_at_many_points_support_the_claim_and_at_one_point_contradict_it():
    assert judged(evidence_of(noise=1.0, flat=0.0, model="mlp"))[0] == "supported"
    verdict, parts, _ = judged(evidence_of(noise=1e-4, flat=0.0, model="mlp"))
    assert verdict == "contradicted"
    assert not any(parts.values())


def test_the_table_has_the_number_that_decided_with_what_was_claimed():
    evidence = evidence_of(noise=1e-4, flat=0.0)
    number = judged(evidence, 1.5 * solution_of(evidence))[2].number
    assert " away from the minimum (Case)" in number
    assert number.endswith("claimed: below 0.01")


def test_a_distance_just_beyond_its_threshold_is_not_sure_among_the_numbers_of_the_study(monkeypatch):
    evidence = evidence_of(noise=1e-4, flat=0.0)

    def at(value):
        estimate = interval(value, 0.001, runs=RUNS)
        monkeypatch.setattr("varbench.studies.claims.convex_control.study._apart", lambda weights: estimate)
        return judged(evidence, solution_of(evidence))[:2]

    assert at(0.0111) == ("inconclusive", {"one point": None, "one function": True, "the minimum": True})
    assert at(0.0150) == ("contradicted", {"one point": False, "one function": True, "the minimum": True})


def test_a_distance_on_both_sides_of_the_threshold_decides_nothing():
    evidence = evidence_of(noise=0.0125, flat=0.0)
    verdict, parts, _ = judged(evidence)
    assert parts["one point"] is None
    assert verdict == "inconclusive"


def test_without_networks_there_is_no_centered_distance_and_a_reason():
    evidence = evidence_of(noise=1e-4, flat=0.0)
    arrays = evidence["case"].arrays
    bare = PopulationArrays(logits=arrays.logits, labels=arrays.labels, weights=arrays.weights)
    case = Evidence(evidence["case"].plan, bare, evidence["case"].estimates)
    verdict, parts, judgement = judged({"case": case})
    assert (verdict, parts["one point"]) == ("inconclusive", None)
    assert judgement.estimates[0].estimate.reason


def test_centering_keeps_the_predictions_and_takes_the_flat_direction_away():
    arrays = evidence_of(noise=0.5, flat=2.0)["case"].arrays
    moved = centered(arrays.weights, arrays)
    kept = softmax(arrays.networks.logits(moved.astype(np.float32), "test"))
    np.testing.assert_allclose(kept, softmax(arrays.logits), atol=1e-5)
    np.testing.assert_allclose(moved.reshape(RUNS, -1, CLASSES).sum(-1), 0.0, atol=1e-12)


def test_the_minimum_is_the_one_that_scikit_learn_finds():
    from sklearn.linear_model import LogisticRegression

    data, penalty = load("digits"), 1e-2
    small = Dataset("few", data.x_train[:300], data.y_train[:300], data.x_test, data.y_test, 10, "image")
    x = small.x_train.reshape(300, -1)
    with_ones = np.concatenate([np.ones((300, 1)), x], axis=1)
    peer = LogisticRegression(C=1.0 / (300 * penalty), fit_intercept=False, tol=1e-10, max_iter=10_000)
    peer.fit(with_ones, small.y_train)
    found = minimum(small, penalty=penalty)[0].reshape(65, 10)
    np.testing.assert_allclose(found, peer.coef_.T, atol=1e-4)


def test_the_minimum_of_mnist1d_is_the_known_one():
    """Test accuracy 32.40 % and loss 1.6650, as every training of the convex control ends."""
    from varbench.data.dataset import standardize

    data = load("mnist1d")
    weights = minimum(data, penalty=0.0)[0].reshape(-1, 10)
    x = standardize(data.x_test, data.mean, data.std).reshape(len(data.y_test), -1)
    logits = (x @ weights[1:] + weights[0])[None].astype(np.float32)
    assert loss_per_run(logits, data.y_test)[0] == pytest.approx(1.66505, abs=2e-5)
    assert (logits[0].argmax(-1) == data.y_test).mean() == pytest.approx(0.3240, abs=1e-9)


@pytest.mark.parametrize(("budget", "count"), [("smoke", 1), ("standard", 2), ("full", 2)])
def test_every_budget_has_as_many_convex_problems_with_a_solver_as_networks(budget, count):
    cases = STUDY.cases(budget)
    linear = [c for c in cases if c.recipe.model == "logistic"]
    assert len(linear) == count
    assert len(cases) == 2 * count
    names = [e.name for e in STUDY.experiments(cases, budget, None)]
    assert names == [f"{c.name}-minimum" for c in linear]


def test_recipes_whose_runs_minimize_another_function_have_no_solver():
    case = STUDY.cases("smoke")[0]
    for change in ({"optimizer": "adamw"}, {"resample": "bootstrap"}, {"label_smoothing": 0.1}, {"model": "mlp"}):
        changed = type(case)(case.name, case.label, case.recipe.replace(**change))
        assert STUDY.experiments([changed], "smoke", None) == ()
