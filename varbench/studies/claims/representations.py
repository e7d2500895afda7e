"""The same performance from many internal representations, and explanations that differ with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from varbench.analysis.catalogue.equivalence import MARGIN, margin_for
from varbench.analysis.charts import Chart, Place, series
from varbench.stats.estimate import Estimate
from varbench.studies.common import main_cases, main_population
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Part, PopulationPlan, Study
from varbench.studies.weighed import Side, Weighed

ALIKE = 0.9
"""CKA from which two representations count as one."""

UNEXPLAINED = 0.1
"""Share of a representation that the best rotation of another one may miss, if the two count as one."""

SHARED = 0.5
"""Share of the inputs that matter most which two explanations have in common, if the two count as one."""

OUTPUT = "logits"

MEASURES = (
    "accuracy",
    "accuracy_sd",
    "disagreement",
    "equivalent_loss",
    "cka",
    "cka_untrained",
    "procrustes_distance",
    "procrustes_distance_untrained",
    "attribution_cosine",
    "attribution_cosine_untrained",
    "attribution_topk_overlap",
    "attribution_topk_overlap_untrained",
)


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    return tuple(main_population(case, budget, runs, measures=MEASURES) for case in cases)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    mains = list(evidence.values())
    verdicts = decided({e.plan.name: _parts(e) for e in mains})
    charts = [chart for chart in (_layers(mains), _explanations(mains)) if any(s.x for s in chart.series)]
    return Judgement(verdicts, _headline(mains), number=deciding(verdicts), charts=tuple(charts))


def _parts(e: Evidence) -> tuple[Part, ...]:
    loss, margin = e.get("equivalent_loss"), margin_for(e.arrays.n_classes)
    overlap, label = e.get("attribution_topk_overlap"), e.plan.label
    return (
        weigh(
            "same performance",
            Weighed(
                loss,
                "below",
                margin,
                f"test loss differs by {told(loss, digits=3, unit='nats')} ({label})",
                f"{margin:.3f} nats",
            ),
            f"Two runs differ in test loss by {told(loss, digits=3, unit='nats')} (root mean square; the margin is "
            f"{margin:.3f}) at {percent(e.get('accuracy'))} accuracy.",
        ),
        _inside(e, "cka", f"CKA below {ALIKE:g}", ALIKE, side="below"),
        _inside(e, "procrustes_distance", f"rotation misses {UNEXPLAINED:.0%}", UNEXPLAINED**0.5, side="above"),
        weigh(
            "explanations differ",
            Weighed(
                overlap,
                "below",
                SHARED,
                f"{percent(overlap)} of the inputs that matter most are shared ({label})",
                f"{100 * SHARED:g} %",
            ),
            f"Of the tenth of the inputs that matter most to a run, {percent(overlap)} matter most to another one too "
            f"(untrained networks: {percent(e.get('attribution_topk_overlap_untrained'))}).",
        ),
    )


def _inside(e: Evidence, measure: str, name: str, threshold: float, *, side: Side) -> Part:
    """Whether the last hidden layer differs between runs."""
    found = hidden(e, measure)
    words = {"cka": "CKA", "procrustes_distance": "the Procrustes distance"}[measure]
    if not found:
        return Part(name, None, f"The network does not tell its layers, so that {words} is not known.")
    layer, estimate = found[-1]
    short = f"{words.removeprefix('the ')} {told(estimate, digits=2)} in the last hidden layer ({e.plan.label})"
    weighed = Weighed(estimate, side, threshold, short[0].upper() + short[1:], f"{threshold:.2g}")
    return weigh(
        name, weighed, f"In the last hidden layer ({layer}) {words} of two runs is {told(estimate, digits=3)}."
    )


def hidden(e: Evidence, measure: str) -> list[tuple[str, Estimate]]:
    """The estimates of the layers before the output, from input to output."""
    found = [(n.at, n.estimate) for n in e.estimates if n.measure == measure and isinstance(n.at, str)]
    return [(str(at), estimate) for at, estimate in found if at != OUTPUT]


def _every(e: Evidence, measure: str) -> list[tuple[Place, Estimate]]:
    return [(f"{e.plan.label}, {n.at}", n.estimate) for n in e.estimates if n.measure == measure and n.at is not None]


def _layers(mains: Sequence[Evidence]) -> Chart:
    told_of = [(e, hidden(e, "cka")[-1][1]) for e in mains if hidden(e, "cka")]
    found = ", ".join(f"{told(estimate, digits=2)} ({e.plan.label})" for e, estimate in told_of)
    return Chart(
        name="layers",
        title="Likeness of two runs, layer by layer",
        x_label="layer, from input to output",
        y_label="CKA of two runs of the same pipeline",
        unit="index",
        kind="rows",
        series=(
            series("trained", [point for e in mains for point in _every(e, "cka")]),
            series("untrained", [point for e in mains for point in _every(e, "cka_untrained")]),
        ),
        reference=1.0,
        reference_label="the same but for rotation and scale",
        caption=f"In the last hidden layer the CKA of two runs is {found}. 1 is the same representation but for "
        "rotation and scale: what two runs with the same levels have in every layer.",
    )


def _explanations(mains: Sequence[Evidence]) -> Chart:
    def points(measure: str) -> list[tuple[Place, Estimate]]:
        return [(e.plan.label, e.get(measure)) for e in mains]

    found = ", ".join(f"{percent(e.get('attribution_topk_overlap'))} ({e.plan.label})" for e in mains)
    return Chart(
        name="explanations",
        title="Explanations of the same example by two runs",
        x_label="",
        y_label="overlap of the tenth of the inputs that matter most",
        unit="fraction",
        kind="rows",
        series=(
            series("trained", points("attribution_topk_overlap")),
            series("untrained", points("attribution_topk_overlap_untrained")),
        ),
        reference=0.1,
        reference_label="chance",
        caption=f"Two runs share {found} of the inputs that their gradients call most important; a tenth would be "
        "shared by chance, all of it by two runs with the same levels.",
    )


def _headline(mains: Sequence[Evidence]) -> str:
    lines = []
    for e in mains:
        cka = hidden(e, "cka")
        overlap = e.get("attribution_topk_overlap")
        if cka and cka[-1][1].value is not None and overlap.value is not None:
            lines.append(
                f"CKA {cka[-1][1].value:.2f} in the last hidden layer and {100 * overlap.value:.0f} % of the "
                f"important inputs shared ({e.plan.label})"
            )
    if not lines:
        return "No population tells its layers."
    return f"Two runs of one pipeline, compared inside: {'; '.join(lines)}; the same network would have 1 and 100 %."


STUDY = Study(
    name="representations",
    title="Same performance, other representations",
    claim=(
        "Many internal representations give the same performance, so that what a network computes inside, and how it "
        "explains an answer, is not determined by the pipeline."
    ),
    citation=(
        "Kornblith et al. 2019, arXiv 1905.00414; D'Amour et al. 2022, arXiv 2011.03395; Adebayo et al. 2018, arXiv "
        "1810.03292"
    ),
    rule=(
        "For each recipe: (1) the root-mean-square difference in test loss between two runs lies below "
        f"{MARGIN:.0%} of ln K with its whole 90 % interval; in the last hidden layer (2) the debiased linear CKA of "
        f"two runs lies below {ALIKE:g} and (3) the orthogonal Procrustes distance above √{UNEXPLAINED:g}, that is the "
        f"best rotation misses more than {UNEXPLAINED:.0%}; (4) two runs share less than {SHARED:.0%} of the tenth of "
        "the inputs that matter most by the gradient of the right class; (2)–(4) with whole 95 % intervals over runs. "
        "All four: supported. One wholly on the other side: contradicted. Otherwise inconclusive. "
        f"{HOLM} The claim is supported if every recipe supports it, and contradicted if one contradicts it."
    ),
    meaning=(
        "What was read from the inside of one trained network (a direction, a unit, a map of important inputs) is a "
        "finding about that run. Before it is called a property of the task or of the pipeline, repeat it on several "
        "runs; an explanation that another run of the same score does not give is no reason to give a customer."
    ),
    limits=(
        "CKA and Procrustes distance pass over rotations, so that what they find is more than relabeled neurons; other "
        "measures forgive more (any invertible map) or less. The thresholds were fixed before any run and are "
        "conventions: the charts show the values. Input gradients are one explanation among many, and noisier than "
        "most; smoothed ones may agree better. Examples are looked at on 256 evenly spaced test examples, "
        "Procrustes distances on 8 runs."
    ),
    cases=main_cases,
    plan=_plan,
    judge=_judge,
)
