"""Training is unstable where the step is large against the curvature; what one ULP becomes depends on the step, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from varbench.analysis.document import LEVEL
from varbench.stats.estimate import Estimate
from varbench.stats.improvement import paired_improvement_estimate
from varbench.studies.claims.instability.charts import (
    KINDS,
    Group,
    grown_chart,
    limits_chart,
    separation_chart,
    shares_chart,
)
from varbench.studies.claims.instability.numbers import (
    ALIKE,
    FACTOR,
    GROWN,
    MEASURES,
    NEAR,
    Measured,
    factor_told,
    headline,
)
from varbench.studies.claims.instability.runs import critical_rates, failed, separations, stable_rates
from varbench.studies.rules import HOLM, decided, deciding, every, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.sweeps import exponential, over_runs, ratio, share
from varbench.studies.weighed import Side, Weighed
from varbench.training.design import Design, together, ulp_pairs
from varbench.training.recipe import Recipe

RUNS = {"smoke": 4, "standard": 12, "full": 64}
BASES = {"smoke": 4, "standard": 16, "full": 32}
STEPS = {"smoke": 120, "standard": 400, "full": 4000}

RATES = 9
"""Learning rates of a sweep."""

WIDTH, SNAPSHOTS = 6, 12
"""Runs side by side in the program, and moments at which the weights of one-ULP pairs are kept."""

SCALE = "scale:4"

BELOW: Side = "below"
ABOVE: Side = "above"

RARE, MOST = 0.25, 0.75
"""At the smallest rate fewer runs than the first share fail, at the largest more than the second."""

SGD = Recipe(model="mlp", optimizer="sgd", momentum=0.9, schedule="constant", lr=0.02, batch_size=50)


def _cases(budget: str) -> tuple[Case, ...]:
    sgd = SGD.replace(steps=STEPS[budget])
    digits = Case("digits", "Digits · MLP 32", sgd.replace(data="digits", hidden=(32,)))
    curves = Case("mnist1d", "MNIST-1D · MLP 64", sgd.replace(data="mnist1d", hidden=(64,)))
    return (digits,) if budget == "smoke" else (digits, curves)


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        sources = case.recipe.active_sources()
        each = together(RUNS[budget] if runs is None else runs, sources=sources)
        sweep = Design(each.kind, each.sources, tuple({**levels, "width": WIDTH} for levels in each.levels))
        pairs = ulp_pairs(BASES[budget] if runs is None else runs, sources=sources, width=WIDTH)
        for kind, meaning in KINDS.items():
            for i in NEAR if kind == "ulp" else range(RATES):
                recipe = case.recipe.replace(lr=case.recipe.lr * FACTOR**i)
                if kind == "scaled":
                    recipe = recipe.replace(data=f"{recipe.data}+{SCALE}")
                plans.append(
                    PopulationPlan(
                        f"instability-{case.name}-{kind}-{recipe.lr:g}",
                        f"{case.label}, {meaning}, learning rate {recipe.lr:g}",
                        recipe,
                        pairs if kind == "ulp" else sweep,
                        description=f"{meaning}, learning rate {recipe.lr:g}",
                        snapshots=SNAPSHOTS if kind == "ulp" else 0,
                        measures=("accuracy", "train_loss", *ULP) if kind == "ulp" else ("accuracy", "train_loss"),
                        plots=False,
                    )
                )
    return tuple(plans)


ULP = ("separation", "separation_rate", "separation_disagreement", "ulp_one_word", "ulp_duplicate_equal")


def _groups(evidence: Mapping[str, Evidence]) -> list[Group]:
    found: dict[str, dict[str, list[Evidence]]] = {}
    for e in sorted(evidence.values(), key=lambda e: e.plan.recipe.lr):
        kind = next(kind for kind in KINDS if f"-{kind}-" in e.plan.name)
        found.setdefault(e.plan.label.split(", ")[0], {}).setdefault(kind, []).append(e)
    return [Group(label, *(tuple(kinds.get(kind, ())) for kind in KINDS)) for label, kinds in found.items()]


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    groups = _groups(evidence)
    measured = {group.label: _measured(group) for group in groups}
    verdicts = decided({group.label: _parts(group, measured[group.label]) for group in groups})
    estimates = [
        Named(e.plan.name, "instability_failed", None, share(failed(e)))
        for group in groups
        for e in (*group.plain, *group.scaled, *group.ulp)
    ]
    for group in groups:
        for (measure, kind), estimate in measured[group.label].items():
            place = group.ulp[list(NEAR).index(int(kind))] if kind.isdigit() else getattr(group, kind)[0]
            estimates.append(Named(place.plan.name, measure, None, estimate))
    charts = (
        shares_chart(groups),
        *limits_chart(groups, measured),
        *((grown_chart(groups, measured),) if groups else ()),
        *separation_chart(groups),
    )
    return Judgement(verdicts, headline(measured), deciding(verdicts), tuple(estimates), charts)


def _measured(group: Group) -> Measured:
    """(measure, the populations that it is of) → estimate; runs of equal levels are matched."""
    found: dict[tuple[str, str], Estimate] = {}
    critical = {kind: critical_rates(getattr(group, kind), factor=FACTOR) for kind in ("plain", "scaled")}
    units = {kind: critical[kind] / stable_rates(getattr(group, kind)[0]) for kind in critical}
    for kind in critical:
        found["instability_critical", kind] = exponential(over_runs(np.log(critical[kind])))
        found["instability_units", kind] = exponential(over_runs(np.log(units[kind])))
    found["instability_critical_ratio", "scaled"] = ratio(critical["plain"], critical["scaled"])
    found["instability_curvature_ratio", "scaled"] = ratio(units["plain"], units["scaled"])
    ends = [separations(e) for e in group.ulp]
    for i, (first, last) in zip(NEAR, ends, strict=True):
        stayed = np.isfinite(first) & np.isfinite(last)
        found["instability_growth", str(i)] = ratio(first, last)
        found["instability_grown", str(i)] = share(last[stayed] > GROWN * first[stayed])
        found["instability_merged", str(i)] = share(last[stayed] == 0)
    small, large = ends[0][1], ends[-1][1]
    both = np.isfinite(small) & np.isfinite(large)
    found["instability_separation_ratio", str(NEAR[-1])] = ratio(small, large)
    found["instability_parted", str(NEAR[-1])] = paired_improvement_estimate(
        large[both], small[both], level=LEVEL, n_examples=None
    )
    return found


def _parts(group: Group, measured: Measured) -> list[Part]:
    lowest, highest = ([share(failed(sweep[i])) for sweep in (group.plain, group.scaled)] for i in (0, -1))
    rates = [e.plan.recipe.lr for e in group.plain]
    lower = paired_improvement_estimate(
        critical_rates(group.plain, factor=FACTOR),
        critical_rates(group.scaled, factor=FACTOR),
        level=LEVEL,
        n_examples=None,
    )
    size, match = measured["instability_critical_ratio", "scaled"], measured["instability_curvature_ratio", "scaled"]
    parted, apart = (measured[f"instability_{m}", str(NEAR[-1])] for m in ("parted", "separation_ratio"))
    grown, growth, merged = (measured[f"instability_{m}", str(NEAR[1])] for m in ("grown", "growth", "merged"))
    gone = round((merged.value or 0) * merged.n_runs)
    same = [e.get("ulp_duplicate_equal") for e in group.ulp]
    near, label, half = [e.plan.recipe.lr for e in group.ulp], group.label, "50 %"
    fails = [
        Weighed(q, side, limit, f"{percent(q, digits=0)} of runs fail at {rate:g} ({label}{what})", f"{limit:.0%}")
        for shares, rate, side, limit in ((lowest, rates[0], BELOW, RARE), (highest, rates[-1], ABOVE, MOST))
        for q, what in zip(shares, ("", ", half of the inputs × 4"), strict=True)
    ]
    product = f"× {told(match, digits=2)}: critical rate × curvature, half of the inputs × 4 ({label})"
    return [
        weigh(
            "the step decides",
            fails,
            f"At a learning rate of {rates[0]:g}, {_both(lowest)} of the runs fail. At {rates[-1]:g}, {_both(highest)} "
            "fail. (The first number is for the data as they are, the second for half of the inputs × 4.)",
        ),
        weigh(
            "conditioning decides",
            Weighed(lower, "above", 0.5, f"{percent(lower)} fail earlier, half of the inputs × 4 ({label})", half),
            f"With half of the inputs × 4, {percent(lower)} of the runs fail at a lower learning rate than with the "
            f"data as they are (a tie counts half). The critical rate becomes {told(size, digits=3)} times as large.",
        ),
        weigh(
            "curvature says where",
            [
                Weighed(match, "above", 1.0 / ALIKE, product, f"1/{ALIKE:g}", ratio=True),
                Weighed(match, "below", ALIKE, product, f"{ALIKE:g}", ratio=True),
            ],
            "With half of the inputs × 4, the critical rate times the curvature at initialization becomes "
            f"{told(match, digits=2)} times what it was (1 if the curvature says it all).",
        ),
        weigh(
            "larger steps part faster",
            Weighed(parted, "above", 0.5, f"{percent(parted)} of pairs end farther apart, large steps ({label})", half),
            f"Of the pairs that do not fail, {percent(parted)} end farther apart at a learning rate of {near[-1]:g} "
            f"than at {near[0]:g} (a tie counts half). Where a pair ends apart at both, the distance at {near[-1]:g} "
            f"is {factor_told(apart)} times that at {near[0]:g}.",
        ),
        weigh(
            "one ULP grows at a stable rate",
            Weighed(
                grown, "above", 0.5, f"one ULP grows {GROWN:,.0f}-fold in {percent(grown)} of pairs ({label})", half
            ),
            f"At a learning rate of {near[1]:g}, {grown.n_runs} of {len(group.ulp[1].plan.design) // 3} pairs do not "
            f"fail. In {percent(grown)} of them one ULP grows more than {GROWN:,.0f}-fold; {gone} end identical. Pairs "
            f"that end apart are {factor_told(growth)} times as far apart as they began.",
        ),
        Part(
            "the machine repeats itself",
            every([None if q.value is None else q.value == 1.0 for q in same]),
            f"At the learning rates {', '.join(f'{rate:g}' for rate in near)}, "
            f"{', '.join('an unknown share' if q.value is None else f'{q.value:.0%}' for q in same)} of the untouched "
            "duplicates end with the bits of the run that they repeat.",
        ),
    ]


def _both(shares: Sequence[Estimate]) -> str:
    return " and ".join(percent(q, digits=0) for q in shares)


STUDY = Study(
    name="instability",
    title="Where training becomes unstable",
    claim=(
        "Instability of training is a consequence of the optimization, of the step size against curvature and "
        "conditioning, and not a bug; and even at a rate far below those at which it fails, training amplifies one "
        "rounding error a thousandfold."
    ),
    citation=(
        "Cohen et al. 2021, arXiv 2103.00065; Lewkowycz et al. 2020, arXiv 2003.02218; Summers and Dinneen 2021, "
        "arXiv 2103.04514"
    ),
    rule=(
        f"SGD with momentum at {RATES} constant learning rates, each {FACTOR:g} times the one before. The data are "
        "taken as they are, and with every second input multiplied by 4. A run fails if it does not stay finite, or if "
        "its training loss ends at or above the entropy of the training labels, which the best constant answer "
        f"reaches. Its critical rate is the lowest at which it fails, and {FACTOR:g} times the largest if it fails at "
        "none. A one-ULP pair is one run twice, with one initial weight moved by one unit in the last place. All "
        "numbers have 95 % intervals, over runs or pairs (mid-p binomial for shares). For each recipe: (1) at the "
        f"smallest rate fewer than {RARE:.0%} of the runs fail, and at the largest more than {MOST:.0%}, on both data. "
        "(2) Where inputs are multiplied, more than half of the runs fail at a lower rate than their like with the "
        "same levels. (3) The critical rate times λ_max of the training loss at initialization then changes by less "
        f"than a factor of {ALIKE:g}. (4) Of the pairs that do not fail, more than half end farther apart at 16 times "
        "the smallest rate than at the smallest, ties counted half. (5) At 4 times the smallest rate, one ULP grows "
        f"more than {GROWN:,.0f}-fold from the first weights to the last in more than half of them; a pair that ends "
        "identical is one in which it does not. (6) Untouched duplicates end with the same bits. All of them: "
        f"supported. One with its whole interval on the other side: contradicted. Otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "A run that diverges says that the step is too large for the curvature: lower the learning rate, warm it up, "
        "or bring the inputs to one scale. It is no reason to look for a fault in the hardware, for the same bits come "
        "back. How far rounding alone sends two runs apart depends on the step as well. The chart of the pairs shows "
        "from which rate on one ULP grows a thousandfold; compare it with the rates at which runs fail. From there on, "
        "compare two machines by the spread over runs and not by their weights. (In ResNet-14 on CIFAR-10, another "
        "model, other data and a long training, one bit ends as far apart as another initialization: Summers and "
        "Dinneen 2021.)"
    ),
    limits=(
        "Two small networks with rectified units, trained by SGD with momentum 0.9, without warm-up, clipping or "
        "normalization. The critical rate is known on a grid of factors of 2; its interval does not say so. The limit "
        "2(1 + β)/λ is that of full-batch descent on a quadratic. Here λ_max moves during training (up to that limit: "
        "Cohen et al.) and batches are small, so that only the change is judged. The rates were chosen from λ_max at "
        "initialization, before any run was trained at them. A run that fails may be alive and learn later. "
        "Multiplying inputs raises the condition number of their covariance and λ_max together. What was changed after "
        "the first results: the claim now speaks of stable training and of its thousandfold, as the rule did before. "
        "(4) and (5) judged geometric means, in which a pair that ends identical has no place; now they judge shares "
        "of pairs, which count it. And there are 16 pairs instead of 8, because none of 8 is too few to contradict "
        "after the correction."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures=MEASURES,
)
