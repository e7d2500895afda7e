"""The judge of the study of training accuracy, on runs whose accuracies are planted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.errors import InputError
from varbench.studies.claims.generalisation.study import REGULARIZERS, STUDY, ranking
from varbench.studies.registry import study
from varbench.studies.request import Request
from varbench.studies.study import BUDGETS, Case
from varbench.training.recipe import Recipe

Y = load("digits").y_test
RUNS = 6
PARTS = (
    "noise is memorized",
    *(f"{word} helps, unseen in training" for word in REGULARIZERS),
    "a smaller model wins",
    "training accuracy ranks recipes badly",
)

BETTER = {"base": (1.0, 0.6), "units-8": (0.7, 0.8)}
"""Word → (training accuracy, test accuracy) where the claim holds; what is not named is regularized."""

REGULAR = (0.8, 0.75)


def runs_of(train: float, test: float, *, spread: float, seed: int, runs: int, diverged: bool) -> PopulationArrays:
    """Runs with given accuracies, a little different from run to run; the first one may have diverged."""
    random = np.random.default_rng(seed)
    accuracy = np.clip(train + spread * random.normal(size=runs), 0.0, 1.0)
    share = test + spread * random.normal(size=runs)
    correct = np.arange(len(Y)) < share[:, None] * len(Y)
    finished = np.ones(runs, bool)
    if diverged:
        finished[0], accuracy[0], correct[0] = False, np.nan, False
    return PopulationArrays(
        labels=Y,
        logits=np.eye(10, dtype=np.float32)[np.where(correct, Y, (Y + 1) % 10)],
        finished=finished,
        train_accuracy=accuracy.astype(np.float32),
        train_loss=np.ones(runs, np.float32),
    )


def judged(planted=None, *, spread=0.002, runs=RUNS, diverged=False, all_diverged=()):
    """Evidence of the smoke plan with one recipe's accuracies each, further ones in `planted`."""
    words, found = {**BETTER, **(planted or {})}, {}
    for seed, plan in enumerate(STUDY.plan(STUDY.cases("smoke"), "smoke", runs)):
        word = plan.name.removeprefix("generalisation-digits-")
        train, test = words.get(word, REGULAR)
        arrays = runs_of(train, test, spread=spread, seed=seed, runs=runs, diverged=diverged)
        if word in all_diverged:
            arrays.finished[:] = False
        found[plan.name] = evidence(plan, arrays)
    return STUDY.judge(found, {})


def value(judgement, measure, *, word):
    (named,) = [n for n in judgement.estimates if n.measure == measure and n.condition.endswith(f"-{word}")]
    return named.estimate.value


def test_memory_that_regularization_prevents_supports_the_claim_with_the_planted_numbers() -> None:
    judgement = judged()
    assert holds(judgement) == dict.fromkeys(PARTS, True)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    assert value(judgement, "generalisation_fitted", word="base") == pytest.approx(1.0, abs=0.005)
    assert value(judgement, "generalisation_gap", word="base") == pytest.approx(0.4, abs=0.01)
    assert value(judgement, "generalisation_help", word="decay") == pytest.approx(0.15, abs=0.01)
    assert value(judgement, "generalisation_cost", word="decay") == pytest.approx(-0.2, abs=0.01)
    assert value(judgement, "generalisation_smaller", word="units-8") == pytest.approx(0.2, abs=0.01)
    assert [chart.name for chart in judgement.charts] == ["signal", "width", "regularization"]


@pytest.mark.parametrize(
    ("planted", "broken"),
    [
        ({"base": (0.9, 0.6)}, PARTS[0]),
        ({"base": (1.0, 0.95), "decay": (0.99, 0.97)}, PARTS[0]),
        ({"decay": (0.7, 0.55)}, PARTS[1]),
        ({"base": (0.75, 0.6), "smoothing": (0.9, 0.8)}, PARTS[2]),
        ({"early": (0.7, 0.5)}, PARTS[4]),
        ({"units-8": (0.7, 0.5)}, PARTS[5]),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(planted, broken: str) -> None:
    judgement = judged(planted)
    assert holds(judgement)[broken] is False
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_one_narrow_failure_among_the_numbers_decides_nothing() -> None:
    judgement = judged({"decay": (0.8, 0.597)})
    (part,) = [part for part in judgement.verdicts[0].parts if part.name == PARTS[1]]
    assert [w.holds for w in part.weighed] == [False, True]
    assert part.holds is None
    assert judgement.verdicts[-1].verdict == "inconclusive"


def test_a_smaller_model_wins_where_any_does_and_fails_where_none_does() -> None:
    plans = STUDY.plan(STUDY.cases("full")[:1], "full", RUNS)
    words = [plan.name.removeprefix("generalisation-digits-") for plan in plans]
    narrower = [word for word in words if word.startswith("units-")]
    assert len(narrower) > 2

    def of(narrow) -> tuple[bool | None, str]:
        found = {}
        for seed, (plan, word) in enumerate(zip(plans, words, strict=True)):
            train, test = {"base": (1.0, 0.6), **narrow}.get(word, REGULAR)
            arrays = runs_of(train, test, spread=0.002, seed=seed, runs=RUNS, diverged=False)
            found[plan.name] = evidence(plan, arrays)
        (part,) = [part for part in STUDY.judge(found, {}).verdicts[0].parts if part.name == PARTS[5]]
        return part.holds, part.weighed[0].words

    widest = max(narrower, key=lambda word: int(word.removeprefix("units-")))
    worse = dict.fromkeys(narrower, (0.7, 0.5))
    best = next(word for word in narrower if word != widest)
    assert of({**worse, widest: (1.0, 0.65)})[0] is False
    holds_, words_ = of({**worse, widest: (1.0, 0.65), best: (0.7, 0.7)})
    assert holds_ is True
    assert best.removeprefix("units-") in words_
    assert of({**worse, widest: (1.0, 0.65), best: (0.7, 0.65)})[0] is None


def test_the_number_is_the_one_that_decided() -> None:
    assert "of noisy labels fitted" in judged({"base": (0.9, 0.6)}).number
    planted = {"base": (1.0, 0.95), **dict.fromkeys(REGULARIZERS, (0.98, 0.97)), "units-8": (0.7, 0.98)}
    assert "below training accuracy" in judged(planted).number
    assert "rank correlation" in judged().number


def test_a_training_accuracy_that_orders_the_recipes_as_the_test_does_contradicts_the_claim() -> None:
    words = ("decay", "smoothing", "dropout", "early", "decay-weak", "smoothing-weak", "early-third", "rate-low")
    row = {word: (0.5 + 0.03 * i, 0.3 + 0.03 * i) for i, word in enumerate(words)}
    judgement = judged({**row, "base": (0.9, 0.9), "units-8": (0.4, 0.2)})
    assert holds(judgement)[PARTS[-1]] is False
    assert value(judgement, "generalisation_rank", word="base") == pytest.approx(1.0)


@pytest.mark.parametrize("planted", [{"runs": 1}, {"spread": 0.4}, {"all_diverged": ("base",)}])
def test_one_run_a_wide_spread_or_a_base_that_diverged_decide_nothing_about_the_gain(planted) -> None:
    judgement = judged(**planted)
    assert holds(judgement)[PARTS[1]] is None
    assert all(n.estimate.value is None or np.isfinite(n.estimate.value) for n in judgement.estimates)


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_runs_that_all_diverged_are_no_answer(runs: int) -> None:
    every = [
        plan.name.removeprefix("generalisation-digits-") for plan in STUDY.plan(STUDY.cases("smoke"), "smoke", runs)
    ]
    judgement = judged(runs=runs, all_diverged=every)
    assert judgement.verdicts[-1].verdict == "inconclusive"
    assert set(holds(judgement).values()) == {None}


def test_equal_recipes_are_ranked_neither_rightly_nor_wrongly() -> None:
    words = ("base", "units-8", *REGULARIZERS, "decay-weak", "smoothing-weak", "early-third", "rate-low")
    judgement = judged(dict.fromkeys(words, (1.0, 0.5)), spread=0.0, runs=16)
    assert value(judgement, "generalisation_rank", word="base") == 0.0
    assert holds(judgement)[PARTS[1]] is False


def test_a_diverged_run_is_left_out_and_not_counted_as_wrong() -> None:
    judgement = judged(diverged=True)
    assert value(judgement, "generalisation_right", word="base") == pytest.approx(0.6, abs=0.01)
    assert holds(judgement) == dict.fromkeys(PARTS, True)


def test_a_recipe_without_a_finished_run_is_not_ranked() -> None:
    found = {}
    for plan in STUDY.plan(STUDY.cases("smoke"), "smoke", 3):
        word = plan.name.removeprefix("generalisation-digits-")
        arrays = runs_of(0.8, 0.7, spread=0.01, seed=0, runs=3, diverged=False)
        arrays.finished[:] = word != "decay"
        found[word] = evidence(plan, arrays)
    there, tau = ranking(found)
    assert len(there) == tau.n_runs == len(found) - 1


@pytest.mark.parametrize("budget", BUDGETS)
def test_all_recipes_of_a_data_set_have_the_same_wrong_labels(budget: str) -> None:
    plans = STUDY.plan(STUDY.cases(budget), budget, None)
    assert {(p.recipe.label_noise, p.recipe.resample) for p in plans} == {(0.4, "subset")}
    for source in ("init", "order", "data", "label_noise"):
        assert len({tuple(p.design.column(source)) for p in plans}) == 1


def test_a_recipe_without_layers_or_noise_is_refused_or_given_noise() -> None:
    plain = Recipe(data="digits", model="mlp", hidden=(8,), epochs=2)
    assert {p.recipe.label_noise for p in STUDY.plan([Case("own", "Own", plain)], "smoke", 2)} == {0.4}
    with pytest.raises(InputError, match=r"give recipe\.hidden"):
        STUDY.plan([Case("own", "Own", plain.replace(hidden=None))], "smoke", 2)


def test_a_small_run_end_to_end(tmp_path) -> None:
    from varbench.studies.execute import execute, jobs_of
    from varbench.studies.judge import judge

    asked = Request((study("generalisation"),), "smoke", runs=3, overrides={"steps": 30, "hidden": (8,)})
    execute(asked, jobs_of(asked, tmp_path / "run"), tmp_path / "run", command="")
    analysis = judge(tmp_path / "run")
    assert analysis["verdicts"][-1]["verdict"] in ("supported", "contradicted", "inconclusive")
    assert [chart["name"] for chart in analysis["charts"]][:3] == ["signal", "width", "regularization"]
    (rank,) = [row for row in analysis["estimates"] if row["measure"] == "generalisation_rank"]
    assert -1.0 <= rank["value"] <= 1.0
