"""Comparisons of conditions: against SciPy's tests of the runs, against reports of them, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.analysis.sides import population, side, without_runs
from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.churn import matched_rows
from varbench.analysis.comparing.document import comparison_document
from varbench.analysis.comparing.environment import environment_differences, flattened
from varbench.analysis.comparing.matching import matches
from varbench.analysis.comparing.per_run import PER_RUN
from varbench.analysis.comparing.rows import adjusted, comparison_rows
from varbench.errors import InputError
from varbench.measures.predictions import disagreement, vote_counts
from varbench.stats.multiple import holm

BETTER = {name: measure.better for name, measure in MEASURES.items()}


def rows_of(first, second, *, measures=None, runs=True):
    arms = [side("x", p=arrays).arms["p"] for arrays in (first, second)]
    partners = matched_rows(first, second) if runs else None
    arms = arms if runs else [without_runs(arm) for arm in arms]
    settings = {"better": BETTER, "partners": partners, "measures": measures, "level": 0.95}
    rows = comparison_rows(*arms, population="p", a="A", b="B", **settings)
    return {(row.measure, row.at): row for row in rows}


def test_values_of_the_runs_average_to_the_estimates_of_the_catalogue():
    arrays = replace(
        population(0),
        finished=np.arange(8) != 3,
        train_loss=np.linspace(0.1, 0.8, 8).astype(np.float32),
        train_accuracy=np.linspace(0.5, 0.9, 8).astype(np.float32),
    )
    found = {name: estimate for name, _, estimate in estimates(arrays, names=list(PER_RUN), key=0)}
    for name, values in PER_RUN.items():
        of_runs = values(arrays)
        assert of_runs.shape == (8,)
        assert np.nanmean(of_runs) == pytest.approx(found[name].value, rel=1e-6)
        assert np.count_nonzero(np.isfinite(of_runs)) == found[name].n_runs


def test_runs_of_the_same_levels_are_paired_wherever_they_stand():
    of_run = np.random.default_rng(1).normal(size=8)
    first, second = population(1, of_run=of_run), population(2, skill=2.5, of_run=of_run)
    backwards = replace(second, logits=second.logits[::-1], levels={s: v[::-1] for s, v in second.levels.items()})
    for other in (second, backwards):
        row = rows_of(first, other, measures=["loss"])["loss", None]
        assert row.paired
        assert row.p == pytest.approx(stats.ttest_rel(second.loss, first.loss).pvalue, rel=1e-6)
        assert row.improvement.value == np.mean(first.loss < second.loss)  # the smaller loss is the better
    assert row.value_b - row.value_a == pytest.approx(row.difference.value)


def test_runs_without_common_levels_are_independent():
    first, second = population(1), population(2, n_runs=5, skill=2.5, levels=False)
    rows = rows_of(first, second)
    accuracy = rows["accuracy", None]
    assert not accuracy.paired
    assert accuracy.p == pytest.approx(stats.ttest_ind(second.accuracy, first.accuracy, equal_var=False).pvalue)
    u = stats.mannwhitneyu(first.accuracy, second.accuracy).statistic
    assert accuracy.improvement.value == pytest.approx(u / 40)
    assert rows["disagreement", None].improvement is None


def test_disagreement_of_matched_runs_leaves_out_a_run_of_both():
    of_run = np.random.default_rng(3).normal(size=8)
    first, second = population(3, of_run=of_run, skill=1.0), population(4, of_run=of_run, skill=1.0)

    def gap(kept):
        return np.subtract(*(disagreement(vote_counts(p.predicted_labels[kept], n_classes=3)) for p in (second, first)))

    row = rows_of(first, second, measures=["disagreement"])["disagreement", None]
    left_out = np.array([gap(np.arange(8) != r) for r in range(8)])
    error = np.sqrt(7 / 8 * np.square(left_out - left_out.mean()).sum())
    assert row.difference.value == pytest.approx(gap(np.arange(8)))
    half = stats.t.ppf(0.975, 7) * error
    assert (row.difference.low, row.difference.high) == pytest.approx(
        (row.difference.value - half, row.difference.value + half)
    )
    assert row.p == pytest.approx(2 * stats.t.sf(abs(row.difference.value) / error, 7))


def test_reports_alone_give_what_independent_runs_give():
    first, second = population(1, skill=1.5), population(2, n_runs=6, levels=False, skill=1.2)
    whole, reported = rows_of(first, second), rows_of(first, second, runs=False)
    for name in ("loss", "accuracy"):
        a, b = whole[name, None].difference, reported[name, None].difference
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), rel=1e-9)
        assert whole[name, None].p == pytest.approx(reported[name, None].p)
        assert reported[name, None].improvement is None
    assert "combined" in reported["loss", None].difference.method


def test_a_condition_is_no_different_from_itself():
    rows = rows_of(population(1), population(1))
    for name in PER_RUN:
        if (name, None) in rows:
            row = rows[name, None]
            assert (row.difference.value, row.difference.low, row.p, row.improvement.value) == (0.0, 0.0, 1.0, 0.5)


def test_intervals_of_other_levels_are_not_combined():
    arms = [side("x", p=population(seed)).arms["p"] for seed in (1, 2)]
    other = replace(without_runs(arms[1]), estimates={k: replace(e, level=0.9) for k, e in arms[1].estimates.items()})
    settings = {"better": BETTER, "partners": None, "measures": ["loss"], "level": 0.95}
    (row,) = comparison_rows(without_runs(arms[0]), other, population="p", a="A", b="B", **settings)
    assert (row.difference.value, row.p, row.p_reason) == (None, None, "their intervals have the levels 0.95 and 0.9")


def test_holm_adjusts_over_all_measures_without_a_position():
    rows = list(rows_of(population(1), population(2, skill=2.3)).values())
    told = adjusted(rows)
    assert all(row.p_holm is None for row in told if row.at is not None)
    expected = holm([row.p for row in rows if row.at is None])
    assert [row.p_holm for row in told if row.at is None] == expected


def test_populations_are_matched_by_name_or_by_being_the_only_one():
    p, q = population(1), population(2)
    both = side("ours", mlp=p, cnn=q)
    assert [m.name for m in matches([both, side("others", cnn=q, mlp=p)])] == ["mlp", "cnn"]
    assert [m.name for m in matches([both, side("others", cnn=q, more=p)])] == ["cnn"]
    assert [m.name for m in matches([both, side("others", cnn=p)])] == ["cnn"]
    assert matches([side("x", one=p), side("y", another=q)])[0].arms[1].name == "another"
    (match,) = matches([both, side("theirs", results=q)], population="mlp")
    assert [arm.name for arm in match.arms] == ["mlp", "results"]


def test_populations_that_cannot_be_matched_are_refused():
    p = population(1)
    with pytest.raises(InputError, match=r"no population is in all of them \(ours has mlp, cnn; theirs has results\)"):
        matches([side("ours", mlp=p, cnn=p), side("theirs", results=p)])
    with pytest.raises(InputError, match="ours has no population 'rnn'; it has mlp, cnn"):
        matches([side("ours", mlp=p, cnn=p), side("theirs", results=p)], population="rnn")


def test_other_test_sets_are_refused_by_size_label_or_name():
    labels = np.arange(40) % 3
    with pytest.raises(InputError, match="tested on 40 and 39 examples"):
        matches([side("x", p=population(1)), side("y", p=population(1, labels=labels[:-1]))])
    labels = np.where(np.arange(40) == 7, (labels + 1) % 3, labels)
    with pytest.raises(InputError, match="other labels: of example 7 they say 1 and 2"):
        matches([side("x", p=population(1)), side("y", p=population(1, labels=labels))])
    arms = [without_runs(side("x", p=population(1)).arms["p"]) for _ in range(2)]
    named = [replace(arm, environment={"data.name": name}) for arm, name in zip(arms, ("a", "b"), strict=True)]
    with pytest.raises(InputError, match="tested on a and b"):
        matches([replace(side("x", p=population(1)), arms={"p": arm}) for arm in named])


def test_the_environment_tells_what_differs_and_only_that():
    parts = {"recipe": {"lr": 0.1, "hidden": [8, 8]}, "versions": {"jax": "1"}, "device": {"cores": 2}}
    arm = side("x", p=population(1)).arms["p"]
    other = {**parts, "recipe": {"lr": 0.2, "hidden": [8, 8]}, "device": {"cores": 4}, "flags": {"x64": True}}
    arms = [replace(arm, environment=flattened(p)) for p in (parts, other, {})]
    assert environment_differences(arms) == [{"what": "recipe.lr", "values": [0.1, 0.2, None]}]
    assert environment_differences(arms[:1] * 2) == []


def document(*sides, **settings):
    given = {"population": None, "measures": None, "level": 0.95, "headline": lambda _: "", "provenance": {}}
    return comparison_document(sides, **{**given, **settings})


def test_the_document_holds_every_comparison_with_the_first_condition():
    found = document(*(side(name, p=population(seed)) for seed, name in enumerate(("x", "y", "z"))))
    pairs = {(row["a"], row["b"]) for row in found["comparisons"]}
    assert pairs == {("A", "B"), ("A", "C")}
    roles = {c["condition"]: c["role"] for c in found["conditions"]}
    assert roles == {
        "A": "population",
        "B": "population",
        "C": "population",
        "A → B": "comparison",
        "A → C": "comparison",
    }
    churned = {row["condition"] for row in found["estimates"] if row["measure"] == "churn"}
    assert churned == {"A → B", "A → C"}
    row = next(r for r in found["comparisons"] if r["measure"] == "accuracy")
    assert row["unit"] == "pp"
    assert set(row["probability_of_improvement"]) >= {"value", "low", "high", "method"}


def test_measures_named_beforehand_are_adjusted_over_themselves_alone():
    sides = side("x", p=population(1)), side("y", p=population(2, skill=2.2))
    found = document(*sides, measures=["loss", "accuracy"])
    rows = {row["measure"]: row for row in found["comparisons"]}
    assert set(rows) == {"loss", "accuracy"}
    assert [rows[n]["p_holm"] for n in ("loss", "accuracy")] == holm([rows[n]["p"] for n in ("loss", "accuracy")])
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        document(*sides, measures=["acuracy"])


@pytest.mark.parametrize("n_sides", [1, 9])
def test_a_comparison_needs_two_conditions_and_not_too_many(n_sides):
    with pytest.raises(InputError, match="2 to 8 conditions"):
        document(*[side("x", p=population(1))] * n_sides)


@pytest.mark.parametrize(
    "arrays",
    [
        population(1, n_runs=1),
        replace(population(1), logits=np.repeat(population(1).logits[:1], 8, axis=0)),
        replace(population(1), finished=np.zeros(8, bool)),
        population(1, skill=50.0),
    ],
    ids=["one run", "all equal", "all diverged", "perfect"],
)
def test_degenerate_conditions_have_numbers_or_reasons(arrays):
    for first, second in ((arrays, population(2)), (population(2), arrays), (arrays, arrays)):
        found = document(side("x", p=first), side("y", p=second))
        for row in found["comparisons"]:
            assert row["difference"] is not None or row["reason"]
            assert row["p"] is not None or row["p_reason"]
