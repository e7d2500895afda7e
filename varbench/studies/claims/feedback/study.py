"""Feedback loops: models retrained on what models predicted drift and lose diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from varbench.analysis.described import Described
from varbench.data import load
from varbench.stats.estimate import Estimate
from varbench.studies.claims.feedback.charts import (
    accuracy_chart,
    diversity_chart,
    drift_charts,
    headline,
    truth_chart,
)
from varbench.studies.claims.feedback.loop import TEACHERS, chains
from varbench.studies.claims.feedback.numbers import Lineages, lineages_of
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import (
    Arrays,
    Case,
    Evidence,
    Experiment,
    Judgement,
    Named,
    Part,
    PopulationPlan,
    Study,
)
from varbench.studies.weighed import Weighed
from varbench.training.design import together
from varbench.training.recipe import Recipe

LINEAGES = {"smoke": 4, "standard": 8, "full": 64}
GENERATIONS = {"smoke": 3, "standard": 7, "full": 7}
STEPS = {"smoke": 100, "standard": 300, "full": 2000}

SMALL = Recipe(model="mlp", optimizer="adam", lr=3e-3, batch_size=50)

MEASURES = {
    "feedback_accuracy": Described(
        "Accuracy of a generation", "fraction", "higher", "On the true test labels, mean over lineages."
    ),
    "feedback_classes": Described(
        "Classes in use",
        "none",
        "higher",
        "exp of the entropy of the labels that a model predicts on the test examples.",
    ),
    "feedback_confidence": Described(
        "Confidence", "fraction", "none", "Mean of the largest predicted probability on the test examples."
    ),
    "feedback_churn": Described(
        "Churn between generations", "fraction", "lower", "Test predictions that differ from the generation before."
    ),
    "feedback_disagreement": Described(
        "Disagreement of lineages", "fraction", "lower", "Test predictions that differ between two lineages."
    ),
    "feedback_truth": Described(
        "True training labels", "fraction", "higher", "Share of the labels that a generation was trained on."
    ),
    "feedback_accuracy_change": Described(
        "Accuracy, own labels less true ones", "pp", "higher", "Last generation of the same lineages."
    ),
    "feedback_classes_change": Described(
        "Classes in use, own labels less true ones", "none", "higher", "Last generation of the same lineages."
    ),
    "feedback_disagreement_ratio": Described(
        "Disagreement of lineages, own over true labels", "ratio", "lower", "Last generation of the same lineages."
    ),
    "feedback_moved": Described(
        "Moved since generation 0", "fraction", "lower", "Test predictions of the last generation that differ from it."
    ),
    "feedback_moved_excess": Described(
        "Moved since generation 0, own labels less true ones", "pp", "lower", "The same lineages, from the same start."
    ),
}


def _cases(budget: str) -> tuple[Case, ...]:
    small = SMALL.replace(steps=STEPS[budget])
    digits = Case("digits", "Digits · MLP 32", small.replace(data="digits", hidden=(32,)))
    curves = Case("mnist1d", "MNIST-1D · MLP 64", small.replace(data="mnist1d", hidden=(64,)))
    return (digits,) if budget == "smoke" else (digits, curves)


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    """The reference: the same recipe on all true training labels at once."""
    return tuple(
        PopulationPlan(
            f"feedback-{case.name}",
            case.label,
            case.recipe,
            together(LINEAGES[budget] if runs is None else runs, sources=case.recipe.active_sources()),
            description="all true training labels at once",
            measures=("accuracy", "disagreement"),
            plots=False,
        )
        for case in cases
    )


def _experiments(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[Experiment, ...]:
    return tuple(_experiment(case, LINEAGES[budget] if runs is None else runs, GENERATIONS[budget]) for case in cases)


def _experiment(case: Case, lineages: int, generations: int) -> Experiment:
    data = load(case.recipe.data)
    return Experiment(
        f"feedback-{case.name}-generations",
        f"{case.label}, generations",
        lambda listen: chains(case.recipe, data, lineages=lineages, generations=generations, listen=listen),
        {
            "data": data.checksum(),
            "recipe": case.recipe.as_dict(),
            "teachers": list(TEACHERS),
            "lineages": lineages,
            "generations": generations,
        },
    )


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    found = {
        e.plan.label: (e, lineages_of(experiments[f"{name}-generations"], classes=e.arrays.n_classes))
        for name, e in evidence.items()
    }
    effects = {label: lineages.effects() for label, (_, lineages) in found.items()}
    verdicts = decided({label: _parts(label, lineages, effects[label]) for label, (_, lineages) in found.items()})
    estimates = []
    for label, (e, lineages) in found.items():
        estimates += [Named(e.plan.name, measure, None, estimate) for measure, estimate in effects[label].items()]
        estimates += [
            Named(e.plan.name, measure, f"{teacher}, generation {generation}", estimate)
            for (measure, teacher), row in lineages.along().items()
            for generation, estimate in row
        ]
    along = {label: lineages.along() for label, (_, lineages) in found.items()}
    references = {label: e.get("accuracy") for label, (e, _) in found.items()}
    moving = {label: lineages.moving() for label, (_, lineages) in found.items()}
    charts = (
        accuracy_chart(along),
        diversity_chart(along),
        *drift_charts(along, moving),
        truth_chart(along, references),
    )
    return Judgement(
        verdicts,
        headline(along),
        deciding(verdicts),
        tuple(estimates),
        tuple(chart for chart in charts if any(y is not None for s in chart.series for y in s.y)),
    )


def _parts(label: str, lineages: Lineages, effects: Mapping[str, Estimate]) -> list[Part]:
    last = lineages.generations
    along = {key: dict(row) for key, row in lineages.along().items()}
    accuracy, classes, churn, apart, moved = (
        {teacher: along[f"feedback_{what}", teacher] for teacher in TEACHERS}
        for what in ("accuracy", "classes", "churn", "disagreement", "moved")
    )
    lost = lineages.lost
    few = f" {lost} of {lineages.lineages + lost} lineages diverged and are left out." if lost else ""
    fell, narrowed, ratio, further = (
        effects[f"feedback_{name}"]
        for name in ("accuracy_change", "classes_change", "disagreement_ratio", "moved_excess")
    )
    fewer, more = told(narrowed, digits=2), told(further, scale=100, unit="pp")
    instead = f"on own labels instead of true ones ({label})"
    return [
        weigh(
            "accuracy falls",
            Weighed(fell, "below", 0.0, f"accuracy changes by {told(fell, scale=100, unit='pp')} {instead}", "0 pp"),
            f"Generation {last} is right on {percent(accuracy['own'][last])} of the test examples with own labels, on "
            f"{percent(accuracy['true'][last])} with true ones: a change of {told(fell, scale=100, unit='pp')}.{few}",
        ),
        weigh(
            "diversity falls",
            Weighed(narrowed, "below", 0.0, f"the number of classes in use changes by {fewer} {instead}", "0"),
            f"Its predictions use {told(classes['own'][last], digits=2)} classes with own labels, "
            f"{told(classes['true'][last], digits=2)} with true ones: a change of {fewer}.",
        ),
        weigh(
            "lineages drift apart",
            Weighed(
                ratio,
                "above",
                1.0,
                f"lineages disagree {told(ratio, digits=2)} times as much {instead}",
                "1",
                ratio=True,
            ),
            f"Two lineages disagree in generation {last} on {percent(apart['own'][last])} with own labels, on "
            f"{percent(apart['true'][last])} with true ones: {told(ratio, digits=2)} times as much (generation 0: "
            f"{percent(apart['own'][0])}).",
        ),
        weigh(
            "each drifts from its start",
            Weighed(
                further,
                "above",
                0.0,
                f"the share of predictions moved since generation 0 changes by {more} {instead}",
                "0 pp",
            ),
            f"Since generation 0, {percent(moved['own'][last])} of the predictions have changed with own labels, "
            f"{percent(moved['true'][last])} with true ones: a difference of {more}. The last retraining alone changes "
            f"{percent(churn['own'][last])} and {percent(churn['true'][last])}.",
        ),
    ]


STUDY = Study(
    name="feedback",
    title="Models trained on what models predicted",
    claim=(
        "Feedback loops change what is learned: models that are retrained on their own predictions drift and lose "
        "diversity."
    ),
    citation=(
        "Taori and Hashimoto 2022, arXiv 2209.03942; Shumailov et al. 2023, arXiv 2305.17493; Alemohammad et al. 2023, "
        "arXiv 2307.01850"
    ),
    rule=(
        "Lineages of models: generation 0 is trained on true labels of one chunk of the training inputs; each later "
        "generation, initialized anew, on a chunk never used before, with the labels that the model before it finds "
        "most probable; as a control with the true ones, on the same inputs, initializations and orders. For each "
        "recipe, with 95 % intervals over matched lineages: (1) the last generation has lower accuracy on true test "
        "labels than the control (difference below 0); (2) its predictions use fewer classes, by exp of the entropy of "
        "the distribution of predicted labels, than the control's (difference below 0); (3) two lineages disagree more "
        "in the last generation than two of the control's (ratio above 1); (4) more predictions have changed since "
        "generation 0, which both share bit for bit, than in the control (difference above 0): retraining on new "
        "inputs changes predictions by itself, with true labels too. All four: supported; one with its whole interval "
        f"on the other side: contradicted; otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "A pipeline that is fed what it has said inherits its errors, and adds those of the next training; nothing in "
        "its own loss shows it, so hold true labels out for every generation. The charts show beside it what labels "
        "drawn from the probabilities do, and how much true labels for half of the inputs repair."
    ),
    limits=(
        "Small networks and chunks, an eighth of the training set each at the standard budget, so that generation 0 "
        "errs often; a better start errs less and drifts more slowly. Every generation sees labels of the one before "
        "and nothing older: data that pile up drift less (Gerstgrasser et al. 2024, arXiv 2404.01413). Only labels are "
        "fed back, no inputs are generated. Taori and Hashimoto find labels drawn from the probabilities more stable "
        "where models are calibrated; ours are trained to fit their labels and not calibrated, and that comparison is "
        "shown, not judged. Disagreement of lineages contains that their chunks differ. (3) and (4) were revised after "
        "their first results: they held the last generation against generation 0, and the churn of the last retraining "
        "against half of that of the first, without the control; in that form MNIST-1D contradicted the claim. Churn "
        "from one generation to the next is shown, and not judged: a model that is taught by the one before copies it, "
        "also where both are far from the truth. (4) has the same limit: where retraining on true labels changes most "
        "answers, as on MNIST-1D, imitation alone moves less. Three lineages of three short "
        "generations on digits were seen before the rule was written, to try the program."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    experiments=_experiments,
    measures=MEASURES,
)
