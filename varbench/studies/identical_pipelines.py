"""Retraining the very same pipeline gives different models with similar loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from varbench.studies.study import Answer, Anchor, Case, Evidence, Part, PopulationPlan, Study, Verdict
from varbench.training.design import Design, together
from varbench.training.recipe import Recipe

MARGIN = 0.05
"""Losses are called similar within this fraction of ln K, the loss of guessing: 0.115 nats for ten classes."""

RUNS = {"smoke": 8, "standard": 64, "full": 256}
AGAIN = {"smoke": 4, "standard": 16, "full": 32}
REFERENCE = {"smoke": 4, "standard": 16, "full": 32}
ALONE = {"smoke": 2, "standard": 8, "full": 16}

_GREYDANUS = "Greydanus and Kobak 2024, arXiv 2011.14439"


def _cases(budget: str) -> tuple[Case, ...]:
    curve = Recipe(data="mnist1d", optimizer="adam", lr=1e-2, batch_size=100)
    steps = {"smoke": (120, 80, 150, 150), "standard": (3000, 2000, 1000, 4000), "full": (6000, 6000, 4000, 20000)}
    mlp, cnn, digits, logistic = steps[budget]
    return (
        Case("mnist1d-mlp", "MNIST-1D · MLP", curve.replace(model="mnist1d-mlp", steps=mlp)),
        Case("mnist1d-cnn", "MNIST-1D · CNN", curve.replace(model="mnist1d-cnn", steps=cnn)),
        Case("digits-mlp", "Digits · MLP", Recipe(data="digits", model="mlp", lr=1e-3, batch_size=50, steps=digits)),
        Case("mnist1d-logistic", "MNIST-1D · logistic", curve.replace(model="logistic", steps=logistic), judged=False),
    )


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        if not case.judged:
            design = together(REFERENCE[budget], sources=case.recipe.active_sources())
            description = "convex reference, not part of the claim"
            plans.append(
                PopulationPlan(case.name, case.label, case.recipe, design, role="reference", description=description)
            )
            continue
        design = together(runs or RUNS[budget], sources=case.recipe.active_sources())
        plans.append(
            PopulationPlan(
                case.name, case.label, case.recipe, design, description="every source of randomness varies with the run"
            )
        )
        again = tuple(reversed(design.levels[: AGAIN[budget]]))
        plans.append(
            PopulationPlan(
                f"{case.name}-again",
                f"{case.label}, same levels again",
                case.recipe,
                Design(design.kind, design.sources, again),
                role="control",
                of=case.name,
                description="the same levels, trained again from a fresh compilation and in reverse order",
            )
        )
        alone = tuple({**levels, "width": 1} for levels in design.levels[: ALONE[budget]])
        plans.append(
            PopulationPlan(
                f"{case.name}-width",
                f"{case.label}, other width",
                case.recipe,
                Design(design.kind, design.sources, alone),
                role="control",
                of=case.name,
                description="the same levels, each run alone in its program (width 1)",
            )
        )
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence]) -> tuple[Verdict, ...]:
    mains = [e for e in evidence.values() if e.plan.role == "population"]
    verdicts = [_verdict(main, evidence.get(f"{main.plan.name}-again")) for main in mains]
    answers = {v.verdict for v in verdicts}
    overall: Answer = "inconclusive"
    if answers == {"supported"}:
        overall = "supported"
    elif "contradicted" in answers:
        overall = "contradicted"
    counts = ", ".join(
        f"{sum(v.verdict == a for v in verdicts)} {a}"
        for a in ("supported", "contradicted", "inconclusive")
        if a in answers
    )
    return (*verdicts, Verdict(None, overall, f"Of {len(verdicts)} recipes: {counts}."))


def _verdict(main: Evidence, again: Evidence | None) -> Verdict:
    margin = MARGIN * math.log(main.arrays.logits.shape[2])
    parts = (
        _same_bits(again),
        _similar_loss(main, margin),
        _away_from_control(main, again, "disagreement", "predictions differ"),
        _away_from_control(main, again, "weight_distance", "weights differ"),
    )
    control, loss, *different = parts
    answer: Answer = "inconclusive"
    if control.holds and all(part.holds for part in (loss, *different)):
        answer = "supported"
    elif control.holds and any(part.holds is False for part in (loss, *different)):
        answer = "contradicted"
    failing = [part.text for part in parts if not part.holds]
    reason = " ".join(failing) if failing else " ".join(part.text for part in (loss, *different))
    return Verdict(main.plan.name, answer, reason, parts)


def _same_bits(again: Evidence | None) -> Part:
    if again is None:
        return Part("same levels, same bits", None, "The control population is missing.")
    share = again.get("bitwise_equal").value
    n = again.get("bitwise_equal").n_runs
    text = f"{round((share or 0) * n)} of {n} runs trained again with the same levels came back bit for bit."
    return Part("same levels, same bits", None if share is None else share == 1.0, text)


def _similar_loss(main: Evidence, margin: float) -> Part:
    gap = main.get("loss_gap")
    if gap.value is None or gap.high is None or gap.low is None:
        return Part("similar loss", None, f"The loss gap between runs cannot be told: {gap.reason}.")
    holds = True if gap.high < margin else False if gap.low > margin else None
    relation = {True: "below", False: "above", None: "not clearly on one side of"}[holds]
    text = (
        f"Two runs differ in test loss by {gap.value:.3f} nats on average [{gap.low:.3f}, {gap.high:.3f}], "
        f"{relation} the margin of {margin:.3f}."
    )
    return Part("similar loss", holds, text)


def _away_from_control(main: Evidence, again: Evidence | None, measure: str, name: str) -> Part:
    ours = main.get(measure)
    control = again.get(measure).value if again is not None else None
    if ours.value is None or ours.low is None or ours.high is None or control is None:
        return Part(name, None, f"The {measure.replace('_', ' ')} cannot be told: {ours.reason or 'no control'}.")
    holds = True if ours.low > control else False if ours.high <= control else None
    if measure == "disagreement":
        value, interval = f"{100 * ours.value:.1f} %", f"[{100 * ours.low:.1f}, {100 * ours.high:.1f}]"
        text = f"They disagree on {value} {interval} of the test examples, against {100 * control:.3g} % in the control."
    else:
        text = (
            f"Their weights lie {ours.value:.3f} [{ours.low:.3f}, {ours.high:.3f}] apart "
            f"(0 identical, 1 orthogonal), against {control:.3g} in the control."
        )
    return Part(name, holds, text)


def _headline(evidence: Mapping[str, Evidence], verdicts: Sequence[Verdict]) -> str:
    sentences = []
    for e in evidence.values():
        if e.plan.role != "population" or len(sentences) == 3:
            continue
        accuracy, disagreement, distance = (
            e.get(m) for m in ("accuracy", "disagreement", "weight_distance")
        )
        if None in (accuracy.value, disagreement.value, distance.value):
            continue
        sd = e.get("accuracy_sd").value
        spread = f" ± SD {100 * sd:.2g} pp" if sd is not None else ""
        sentences.append(
            f"{e.plan.label}: {e.arrays.logits.shape[0]} runs, test accuracy {100 * accuracy.value:.1f} %{spread}, "
            f"yet any two disagree on {100 * disagreement.value:.1f} % of the test examples "
            f"and their weights lie {distance.value:.2f} apart (1 is orthogonal)"
        )
    return "The same pipeline, trained again, is another model. " + "; ".join(sentences) + "."


STUDY = Study(
    name="identical-pipelines",
    title="Identical pipelines, different models",
    claim="Retraining the very same pipeline produces different models: very different parameters, similar loss.",
    citation="D'Amour et al. 2022, arXiv 2011.03395; Summers and Dinneen 2021, arXiv 2103.04514",
    rule=(
        "For each recipe, with 95 % intervals over runs: (1) the same levels trained again must return the same bits, "
        "or nothing can be told; (2) the mean absolute difference in test loss between two runs must lie below "
        f"{MARGIN:.0%} of ln K (0.115 nats for ten classes), its whole interval; (3) disagreement and (4) weight "
        "distance must lie above the same-levels control, their whole intervals. All four: supported. One of (2)–(4) "
        "with its whole interval on the other side: contradicted. Otherwise inconclusive. The claim is supported if "
        "every recipe supports it, and contradicted if one contradicts it."
    ),
    meaning=(
        "Before an accuracy is compared, a model replaced or a prediction acted upon, ask what the next retraining "
        "would have said: the disagreement is the share of predictions that flip although nothing was changed. "
        "An ensemble of several runs brings it down; its curve shows by how much."
    ),
    limits=(
        "These are small models on small data. Weight distance counts relabeled neurons as different, so it bounds "
        "the difference between functions from above and not from below. The interval generalizes to new runs on "
        "this test set, not to new test examples."
    ),
    cases=_cases,
    plan=_plan,
    judge=_judge,
    headline=_headline,
    anchors=(
        Anchor("mnist1d", "logistic", "accuracy", 0.32, 0.03, _GREYDANUS, "paper's table 32 %, notebook 31.5 %"),
        Anchor("mnist1d", "mnist1d-mlp", "accuracy", 0.651, 0.03, _GREYDANUS, "notebook; the paper's table has 68 %"),
        Anchor("mnist1d", "mnist1d-cnn", "accuracy", 0.923, 0.03, _GREYDANUS, "notebook; the paper's table has 94 %"),
    ),
)
