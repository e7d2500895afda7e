"""Averaging the predictions of several runs steadies them; averaging their weights does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from varbench.analysis.charts import Chart, Place, series
from varbench.analysis.described import Described
from varbench.analysis.document import LEVEL
from varbench.stats.difference import difference_of_estimates
from varbench.stats.estimate import Estimate, missing
from varbench.studies.common import main_cases, main_population
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.weighed import Weighed

MEMBERS = 8
"""Runs in the ensembles that the rule decides about; fewer where there is no interval for so many."""

LOST = 0.005
"""Accuracy that an ensemble may lose against its members and still count as no worse."""

MEASURES = (
    "accuracy",
    "disagreement",
    "ensemble_accuracy",
    "ensemble_disagreement",
    "ensemble_gain",
    "ensemble_loss",
    "soup_accuracy",
    "soup_accuracy_aligned",
)

DECIDING = ("ensemble_disagreement", "ensemble_gain", "soup_accuracy")

CALMED = "ensemble_disagreement_change"
AVERAGED = "soup_accuracy_change"

POINTS = (-1.0, 1.0)
"""Range of a difference of fractions."""


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    return tuple(replace(main_population(case, budget, runs, measures=MEASURES), plots=False) for case in cases)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    mains = list(evidence.values())
    verdicts = decided({e.plan.name: _parts(e) for e in mains})
    estimates = [
        Named(e.plan.name, name, members(e), change(e))
        for e in mains
        for name, change in ((CALMED, calmed), (AVERAGED, averaged))
    ]
    charts = (_disagreement(mains), _accuracy(mains), _remedies(mains))
    return Judgement(
        verdicts,
        _headline(mains),
        number=deciding(verdicts),
        estimates=tuple(estimates),
        charts=tuple(chart for chart in charts if any(v is not None for s in chart.series for v in s.y)),
    )


def _parts(e: Evidence) -> tuple[Part, ...]:
    size = members(e)
    change, gain, average = calmed(e), of_size(e, "ensemble_gain", size), averaged(e)
    disagree = f"ensembles of {size} instead of single runs change disagreement by {_points(change)} ({e.plan.label})"
    lost = f"averaging the weights of {size} runs changes accuracy by {_points(average)} ({e.plan.label})"
    return (
        weigh(
            "ensembles disagree less",
            Weighed(change, "below", 0.0, disagree, "0 pp"),
            f"Two single runs disagree on {percent(e.get('disagreement'))} of the test examples. Two ensembles of "
            f"{size} runs each, none in both, disagree on {percent(of_size(e, 'ensemble_disagreement', size))}. That "
            f"is a change of {_points(change)}.",
        ),
        weigh(
            "no less accurate",
            Weighed(
                gain,
                "above",
                -LOST,
                f"ensembles of {size} change accuracy by {_points(gain)} ({e.plan.label})",
                f"−{100 * LOST:g} pp",
            ),
            f"The accuracy of an ensemble of {size} differs from the mean accuracy of its members by {_points(gain)}.",
        ),
        weigh(
            "weights do not average",
            Weighed(average, "below", 0.0, lost, "0 pp"),
            f"One network with the average of the weights of {size} runs is right on "
            f"{percent(of_size(e, 'soup_accuracy', size))} of the test examples, single runs on "
            f"{percent(e.get('accuracy'))}. That is a change of {_points(average)}.",
        ),
    )


def members(e: Evidence) -> int:
    """The number of members that decides: the largest up to `MEMBERS` at which what can be decided has intervals."""
    largest = [max(sizes) for measure in DECIDING if (sizes := _decidable(e, measure))]
    return min(largest, default=MEMBERS)


def _decidable(e: Evidence, measure: str) -> list[int]:
    return [
        int(n.at)
        for n in e.estimates
        if n.measure == measure
        and isinstance(n.at, int | float)
        and 2 <= n.at <= MEMBERS
        and n.estimate.low is not None
    ]


def of_size(e: Evidence, measure: str, size: int) -> Estimate:
    """The estimate for averages of so many runs; without one, why there is none."""
    found = {n.at: n.estimate for n in e.estimates if n.measure == measure}
    nothing = missing(f"there are too few runs for averages of {size}", level=LEVEL, n_runs=0, n_examples=None)
    return found.get(size, found.get(None, nothing))


def calmed(e: Evidence) -> Estimate:
    """Disagreement of two ensembles minus that of two single runs, as if the two came from other runs.

    Conservative where both go with the same runs: leaving out one run at a time they correlate by .2 to .4 (64 runs,
    M = 8, each of the main recipes).
    """
    return difference_of_estimates(
        e.get("disagreement"), of_size(e, "ensemble_disagreement", members(e)), bounds=POINTS
    ).estimate


def averaged(e: Evidence) -> Estimate:
    """Accuracy of the average of the weights minus that of single runs."""
    return difference_of_estimates(e.get("accuracy"), of_size(e, "soup_accuracy", members(e)), bounds=POINTS).estimate


def _points(estimate: Estimate) -> str:
    return told(estimate, scale=100.0, unit="pp")


def _curve(e: Evidence, measure: str) -> list[tuple[Place, Estimate]]:
    return [(n.at, n.estimate) for n in e.estimates if n.measure == measure and isinstance(n.at, int | float)]


def _disagreement(mains: Sequence[Evidence]) -> Chart:
    found = "; ".join(
        f"{percent(e.get('disagreement'))} for single runs, "
        f"{percent(of_size(e, 'ensemble_disagreement', members(e)))} for ensembles of {members(e)} ({e.plan.label})"
        for e in mains
    )
    return Chart(
        name="disagreement",
        title="Disagreement of two ensembles",
        x_label="runs in each ensemble",
        y_label="test examples on which two ensembles differ",
        unit="fraction",
        series=tuple(series(e.plan.label, _curve(e, "ensemble_disagreement")) for e in mains),
        log_x=True,
        reference=0.0,
        caption=f"Test examples on which two ensembles without a run in common predict different labels: {found}.",
    )


def _accuracy(mains: Sequence[Evidence]) -> Chart:
    found = "; ".join(
        f"{_points(of_size(e, 'ensemble_gain', members(e)))} for ensembles of {members(e)}, with the loss going from "
        f"{told(of_size(e, 'ensemble_loss', 1), digits=3, unit='nats')} to "
        f"{told(of_size(e, 'ensemble_loss', members(e)), digits=3, unit='nats')} ({e.plan.label})"
        for e in mains
    )
    return Chart(
        name="accuracy",
        title="Accuracy of ensembles",
        x_label="runs in the ensemble",
        y_label="test accuracy of the averaged probabilities",
        unit="fraction",
        series=tuple(series(e.plan.label, _curve(e, "ensemble_accuracy")) for e in mains),
        log_x=True,
        caption=f"Accuracy above that of the members: {found}.",
    )


def _remedies(mains: Sequence[Evidence]) -> Chart:
    def row(e: Evidence) -> str:
        return f"{e.plan.label}, {members(e)} runs"

    def of(measure: str) -> list[tuple[Place, Estimate]]:
        return [(row(e), of_size(e, measure, members(e))) for e in mains]

    found = "; ".join(
        f"{percent(of_size(e, 'soup_accuracy', members(e)))} as they are, "
        f"{percent(of_size(e, 'soup_accuracy_aligned', members(e)))} aligned ({e.plan.label})"
        for e in mains
    )
    classes = {e.arrays.n_classes for e in mains}
    chance = 1.0 / classes.pop() if len(classes) == 1 else None
    return Chart(
        name="weights",
        title="Averages of predictions and of weights",
        x_label="",
        y_label="test accuracy",
        unit="fraction",
        kind="rows",
        series=(
            series("single run", [(row(e), e.get("accuracy")) for e in mains]),
            series("predictions averaged", of("ensemble_accuracy")),
            series("weights averaged", of("soup_accuracy")),
            series("weights aligned and averaged", of("soup_accuracy_aligned")),
        ),
        reference=chance,
        reference_label="" if chance is None else "chance",
        caption=f"Accuracy of one network with the average of the weights: {found}. Aligned runs are relabeled first, "
        f"which changes no prediction of any of them.{' The tick of each row is chance.' if chance else ''}",
    )


def _headline(mains: Sequence[Evidence]) -> str:
    def fell(first: str, measure: str, digits: int) -> list[str]:
        found = [(e, e.get(first).value, of_size(e, measure, members(e)).value) for e in mains]
        return [
            f"from {100 * old:.{digits}f} to {100 * new:.{digits}f} % ({e.plan.label}, {members(e)} runs)"
            for e, old, new in found
            if old is not None and new is not None
        ]

    calm, average = fell("disagreement", "ensemble_disagreement", 1), fell("accuracy", "soup_accuracy", 0)
    if not calm:
        return "No population has runs enough to compare ensembles."
    text = f"Averaging the predictions of several runs takes the disagreement of two trainings {', '.join(calm)}."
    return f"{text} Averaging their weights takes the accuracy {', '.join(average)}." if average else text


STUDY = Study(
    name="ensembles",
    title="Ensembles, and averages of weights",
    claim=(
        "Ensemble methods improve stability: the averaged predictions of several runs change less from one training "
        "to the next than those of one run, at no cost in accuracy. Averaging the runs' weights is no such remedy."
    ),
    citation=(
        "Lakshminarayanan et al. 2017, arXiv 1612.01474; Summers and Dinneen 2021, arXiv 2103.04514; Ainsworth et al. "
        "2022, arXiv 2209.04836; Wortsman et al. 2022, arXiv 2203.05482"
    ),
    rule=(
        f"It looks at averages of M = {MEMBERS} runs (or the largest smaller power of 2 for which there are "
        "intervals). For each recipe, with whole 95 % intervals over runs: (1) Two ensembles without a run in common "
        "disagree less than two single runs: the difference lies below 0. (2) An ensemble is no less accurate than its "
        f"members on average: the difference lies above −{100 * LOST:g} pp. (3) One network with the average of the "
        "runs' weights, as they are, is less accurate than single runs: the difference lies below 0. All three: "
        "supported. One wholly on the other side: contradicted. Otherwise inconclusive. The claim is supported if "
        f"every recipe supports it, and contradicted if one contradicts it. {HOLM}"
    ),
    meaning=(
        "Where predictions must not flip at the next retraining, average the predictions of several runs. The price is "
        "M trainings and M forward passes. Disagreement falls with M and does not reach 0, so measure what is left. Do "
        "not average the weights of runs that were trained apart."
    ),
    limits=(
        "The differences (1) and (3) are between single runs and averages of the same runs, but their two intervals "
        "are combined as if they came from other runs. That makes the interval too wide where both rise and fall "
        "together, as two disagreements do. Stability means here: against retraining on the same task, not against "
        "other data. "
        "The weights that are averaged come from other initializations. Runs that start from the same trained network "
        "can often be averaged (model soups). Alignment of the units before averaging is shown beside and decides "
        "nothing. Averages of weights are made of groups that share no run, of which there are few: their intervals "
        "are wide."
    ),
    cases=main_cases,
    plan=_plan,
    judge=_judge,
    measures={
        CALMED: Described(
            label="Disagreement of two ensembles minus that of two runs",
            unit="pp",
            better="lower",
            meaning="By how much averaging predictions changes the share of test examples on which retraining differs.",
        ),
        AVERAGED: Described(
            label="Accuracy of a weight average minus that of a run",
            unit="pp",
            better="higher",
            meaning="What one network with the averaged weights of M runs gains, or loses, against single runs.",
        ),
    },
)
