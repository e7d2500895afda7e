"""The judge of the flagship study, on populations built to support, contradict and leave open the claim."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from varbench.analysis.catalogue import estimates
from varbench.analysis.catalogue.equivalence import margin_for
from varbench.analysis.controls import control_estimates
from varbench.analysis.population import PopulationArrays
from varbench.studies.claims.identical_pipelines import STUDY
from varbench.studies.study import Evidence, Named, PopulationPlan
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS, EXAMPLES, CLASSES, PARAMETERS = 12, 200, 4, 30


def population(*, function_noise: float, weight_noise: float, confidence_noise: float, key: int) -> PopulationArrays:
    """Runs that share a signal; each adds noise of its own to logits, weights and the scale of its logits."""
    random = np.random.default_rng(key)
    labels = random.integers(0, CLASSES, EXAMPLES)
    signal = 2.0 * np.eye(CLASSES)[labels] + random.normal(size=(EXAMPLES, CLASSES))
    scale = np.exp(confidence_noise * random.normal(size=(RUNS, 1, 1)))
    logits = scale * (signal + function_noise * random.normal(size=(RUNS, EXAMPLES, CLASSES)))
    shared = random.normal(size=PARAMETERS)
    weights = shared + weight_noise * random.normal(size=(RUNS, PARAMETERS))
    return PopulationArrays(
        logits=logits.astype(np.float32),
        labels=labels,
        finished=np.ones(RUNS, bool),
        weights=weights.astype(np.float32),
        initial_weights=np.zeros((RUNS, PARAMETERS), np.float32),
    )


def evidence_of(arrays: PopulationArrays, *, again_equal: bool = True) -> dict[str, Evidence]:
    recipe = Recipe(data="digits", model="mlp", steps=10)
    design = together(RUNS, sources=("init", "order"))
    main = PopulationPlan("case", "Case", recipe, design)
    again = PopulationPlan("case-again", "Case again", recipe, design, role="control", of="case")
    found = [Named("case", m, at, e) for m, at, e in estimates(arrays, level=0.95, key=0)]
    controls = control_estimates(arrays, arrays, rows=range(RUNS), bitwise_equal=np.full(RUNS, again_equal), level=0.95)
    control = [Named("case-again", m, at, e) for m, at, e in controls]
    return {
        "case": Evidence(main, arrays, tuple(found)),
        "case-again": Evidence(again, arrays, tuple(control)),
    }


def answer(evidence: dict[str, Evidence]) -> tuple[str, dict[str, bool | None]]:
    verdict, overall = STUDY.judge(evidence, {}).verdicts
    assert overall.verdict == verdict.verdict
    return verdict.verdict, {part.name: part.holds for part in verdict.parts}


def test_different_functions_and_weights_at_similar_loss_support_the_claim() -> None:
    arrays = population(function_noise=0.4, weight_noise=1.0, confidence_noise=0.0, key=1)
    verdict, parts = answer(evidence_of(arrays))
    assert verdict == "supported"
    assert all(parts.values())


def test_runs_that_are_all_the_same_contradict_the_claim() -> None:
    arrays = population(function_noise=0.0, weight_noise=0.0, confidence_noise=0.0, key=2)
    verdict, parts = answer(evidence_of(arrays))
    assert verdict == "contradicted"
    assert parts == {
        "same levels, same bits": True,
        "similar loss": True,
        "predictions differ": False,
        "weights differ": False,
    }


def test_losses_far_apart_contradict_the_claim() -> None:
    arrays = population(function_noise=0.4, weight_noise=1.0, confidence_noise=1.5, key=3)
    loss = arrays.loss
    assert np.sqrt(2) * loss.std(ddof=1) > 2 * margin_for(CLASSES)
    verdict, parts = answer(evidence_of(arrays))
    assert verdict == "contradicted"
    assert parts["similar loss"] is False


@pytest.mark.parametrize("function_noise", [0.0, 0.4])
def test_nothing_is_decided_when_the_control_is_not_bitwise(function_noise: float) -> None:
    arrays = population(function_noise=function_noise, weight_noise=1.0, confidence_noise=0.0, key=4)
    verdict, parts = answer(evidence_of(arrays, again_equal=False))
    assert verdict == "inconclusive"
    assert parts == {
        "same levels, same bits": False,
        "similar loss": None,
        "predictions differ": None,
        "weights differ": None,
    }


def test_the_table_has_the_number_that_decided_with_what_was_claimed() -> None:
    same = population(function_noise=0.0, weight_noise=0.0, confidence_noise=0.0, key=2)
    number = STUDY.judge(evidence_of(same), {}).number
    assert number == "0.0 % [0.0, 0.0] of the predictions flip (Case); claimed: above 0 %"


def test_a_missing_control_decides_nothing() -> None:
    evidence = evidence_of(population(function_noise=0.4, weight_noise=1.0, confidence_noise=0.0, key=5))
    del evidence["case-again"]
    assert answer(evidence)[0] == "inconclusive"


def test_one_contradicting_recipe_contradicts_the_whole() -> None:
    good = evidence_of(population(function_noise=0.4, weight_noise=1.0, confidence_noise=0.0, key=6))
    bad = evidence_of(population(function_noise=0.0, weight_noise=0.0, confidence_noise=0.0, key=7))
    other = {
        name.replace("case", "other"): Evidence(
            PopulationPlan(
                e.plan.name.replace("case", "other"),
                "Other",
                e.plan.recipe,
                e.plan.design,
                role=e.plan.role,
                of="other" if e.plan.of else None,
            ),
            e.arrays,
            e.estimates,
        )
        for name, e in bad.items()
    }
    verdicts = STUDY.judge({**good, **other}, {}).verdicts
    assert [v.verdict for v in verdicts] == ["supported", "contradicted", "contradicted"]


def test_the_headline_carries_the_numbers_of_the_estimates() -> None:
    evidence = evidence_of(population(function_noise=0.4, weight_noise=1.0, confidence_noise=0.0, key=8))
    headline = STUDY.judge(evidence, {}).headline
    disagreement = evidence["case"].get("disagreement").value
    accuracy = evidence["case"].get("accuracy").value
    assert disagreement is not None
    assert accuracy is not None
    assert f"{100 * disagreement:.1f} %" in headline
    assert f"{100 * accuracy:.1f} %" in headline


@pytest.mark.parametrize("budget", ["smoke", "standard", "full"])
def test_every_budget_plans_controls_with_the_levels_of_their_population(budget: str) -> None:
    plans = {p.name: p for p in STUDY.plan(STUDY.cases(budget), budget, None)}
    mains = [p for p in plans.values() if p.role == "population"]
    assert {p.recipe.data for p in mains} == ({"digits"} if budget == "smoke" else {"mnist1d", "digits"})
    if budget == "standard":
        assert all(len(p.design) >= 64 for p in mains)
    for control in (p for p in plans.values() if p.role == "control"):
        main = plans[control.of or ""]
        assert control.recipe == main.recipe
        ours = [{**levels, "width": 0} for levels in main.design.levels]
        assert all({**levels, "width": 0} in ours for levels in control.design.levels)
        assert set(control.design.column("width")) == ({1} if control.name.endswith("-width") else {0})


@pytest.mark.parametrize(
    ("low", "value", "high", "holds"),
    [
        (0.5, 0.9, 0.99, True),
        (0.5, 0.9, 1.2, None),
        (0.8, 1.1, 1.2, None),
        (1.01, 1.1, 1.2, None),
        (1.2, 1.4, 1.6, False),
    ],
)
def test_similar_loss_needs_the_whole_interval_on_one_side_of_the_margin(low, value, high, holds) -> None:
    """An interval that just begins above the margin fails by itself, and not among the three numbers of the study."""
    arrays = population(function_noise=0.4, weight_noise=1.0, confidence_noise=0.0, key=1)
    evidence, margin = evidence_of(arrays), margin_for(CLASSES)

    def moved(named: Named) -> Named:
        if named.measure != "equivalent_loss":
            return named
        ends = {"value": value * margin, "low": low * margin, "high": high * margin}
        return dataclasses.replace(named, estimate=dataclasses.replace(named.estimate, **ends))

    main = evidence["case"]
    evidence["case"] = dataclasses.replace(main, estimates=tuple(map(moved, main.estimates)))
    verdict, parts = answer(evidence)
    assert parts["similar loss"] is holds
    assert verdict == {True: "supported", None: "inconclusive", False: "contradicted"}[holds]
