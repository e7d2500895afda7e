"""The loss landscape: saddles, flat stretches, sharp minima, many minima, and what joins them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from varbench.analysis.described import Described
from varbench.data import load
from varbench.errors import InputError
from varbench.studies.claims import hyperparameters
from varbench.studies.claims.landscape.charts import charts
from varbench.studies.claims.landscape.points import (
    BAD,
    FORMS,
    SWEPT,
    WIDTHS,
    Found,
    Group,
    Shown,
    along,
    measured,
    sharpnesses,
)
from varbench.studies.rules import HOLM, below, decided, deciding, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.weighed import Weighed
from varbench.training.design import Design, together
from varbench.training.recipe import Recipe

SNAPSHOTS = {"smoke": 6, "standard": 9, "full": 16}
RUNS = {"smoke": 4, "standard": 8, "full": 32}
BATCH_STEPS = {"smoke": 40, "standard": 200, "full": 2000}
"""Steps of the full batches, and of the small ones beside them."""

LANES = 4
"""Runs side by side in one program with full batches: more of them leave the cache."""

FACTOR = 4
"""Units of the wide network over those of the base, and of the base over those of the narrow one."""

APART = 0.01
"""Two minima are not one where the loss between them rises by more than this share of ln K."""

GOOD = 0.1
"""A minimum is good, and two are joined, below this share of the loss of guessing, ln K."""

OWN = {
    "narrow": f"units ÷ {FACTOR}",
    "wide": f"units × {FACTOR}",
    "small-batch": "learning rate × 5, few steps",
    "full-batch": "learning rate × 5, few steps, full batches",
}

MEASURES = {
    "landscape_saddle": Described(
        "Negative curvature, bad minus good points",
        "pp",
        "none",
        "Share of negative curvature where the training loss is above half of its initial value, minus elsewhere.",
    ),
    "landscape_lowest": Described(
        "Lowest curvature at bad points", "none", "none", "Smallest eigenvalue of the Hessian of the training loss."
    ),
    "landscape_progress": Described(
        "Gradient against progress", "none", "none", "Kendall's correlation of gradient norm and loss lost per step."
    ),
    "landscape_between": Described(
        "Sharpness against test loss, recipes",
        "none",
        "none",
        "Kendall's correlation over recipes of means.",
    ),
    "landscape_within": Described(
        "Sharpness against test loss, runs", "none", "none", "Kendall's correlation over runs, mean over the recipes."
    ),
    "landscape_rescaled": Described(
        "Sharpness of the same function",
        "ratio",
        "none",
        "λ_max with layers scaled against each other, over that of the run.",
    ),
    "landscape_batch": Described(
        "Sharpness, full over small batch", "ratio", "none", "λ_max at equal steps, geometric mean over matched runs."
    ),
    "landscape_batch_loss": Described(
        "Test loss, full minus small batch", "nats", "none", "At equal steps, mean over matched runs."
    ),
    "landscape_raw": Described("Barrier", "nats", "lower", "Rise of the training loss between two runs."),
    "landscape_aligned": Described(
        "Barrier, aligned", "nats", "lower", "The same after hidden units were relabeled to match."
    ),
    "landscape_width": Described(
        "Aligned barrier, wide minus narrow", "nats", "none", "Mean over pairs of runs of the same levels."
    ),
}


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        swept = hyperparameters.STUDY.plan([case], budget, runs)
        for word in SWEPT:
            (plan,) = (p for p in swept if p.name == f"hyper-{case.name}-{word}")
            base, first = word == "base", case is cases[0]
            plan = dataclasses.replace(plan, snapshots=SNAPSHOTS[budget] if base else 0, plots=base and first)
            plans.append(dataclasses.replace(plan, measures=("accuracy", "loss", "train_loss")))
        for word, recipe in _own(case, budget).items():
            plans.append(
                PopulationPlan(
                    f"landscape-{case.name}-{word}",
                    f"{case.label}, {OWN[word]}",
                    recipe,
                    _design(recipe, RUNS[budget] if runs is None else runs, word),
                    description=OWN[word],
                    measures=("accuracy", "loss", "train_loss"),
                    plots=False,
                )
            )
    return tuple(plans)


def _own(case: Case, budget: str) -> dict[str, Recipe]:
    base, examples = case.recipe, len(load(case.recipe.data).y_train)
    if base.hidden is None:
        raise InputError(f"the study of the landscape varies the hidden layers of {case.label}: give recipe.hidden")
    few = min(BATCH_STEPS[budget], base.total_steps(examples))
    fast = base.replace(lr=base.lr * hyperparameters.RATE, steps=few)
    return {
        "narrow": base.replace(hidden=tuple(max(1, units // FACTOR) for units in base.hidden)),
        "wide": base.replace(hidden=tuple(FACTOR * units for units in base.hidden)),
        "small-batch": fast,
        "full-batch": fast.replace(batch_size=base.drawn_examples(examples)),
    }


def _design(recipe: Recipe, runs: int, word: str) -> Design:
    """All sources vary; the small batches, which share the program of the base, keep its lanes."""
    design = together(runs, sources=recipe.active_sources())
    if word == "full-batch":
        return design.side_by_side(LANES)
    return design if word == "small-batch" else design.in_one_program()


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    parts: dict[str, list[Part]] = {}
    estimates: list[Named] = []
    shown: dict[str, Shown] = {}
    for name, group in _groups(evidence).items():
        if any(e.arrays.weights is None or e.arrays.networks is None for e in group.values()):
            parts[name] = [Part("everything measured", None, "The weights were not kept.")]
            continue
        label = group["base"].plan.label.rpartition(", ")[0]
        points, sharp = along(group["base"]), sharpnesses(group)
        found = measured(group, points, sharp)
        parts[name] = _parts(label, group, found)
        shown[label] = Shown(group, points, sharp, found)
        estimates += [Named(name, m, None, q) for m, q in found.items() if m in MEASURES]
        for word in WIDTHS:
            estimates += [Named(group[word].plan.name, f"landscape_{f}", None, found[f"{f} {word}"]) for f in FORMS]
    verdicts = decided(parts)
    return Judgement(verdicts, _headline(shown), deciding(verdicts), tuple(estimates), charts(shown))


def _groups(evidence: Mapping[str, Evidence]) -> dict[str, dict[str, Evidence]]:
    """Name of the base → word → evidence."""
    found = {}
    for name in evidence:
        if name.startswith("hyper-") and name.endswith("-base"):
            case = name.removeprefix("hyper-").removesuffix("-base")
            group = {word: evidence.get(f"hyper-{case}-{word}") for word in SWEPT}
            group |= {word: evidence.get(f"landscape-{case}-{word}") for word in OWN}
            found[name] = {word: e for word, e in group.items() if e is not None}
    return found


def _parts(label: str, group: Group, found: Found) -> list[Part]:
    """The conditions of the rule in its order."""
    guessing = float(np.log(group["base"].arrays.n_classes))
    low, apart = GOOD * guessing, APART * guessing
    saddle, lowest, rank = (found[f"landscape_{m}"] for m in ("saddle", "lowest", "progress"))
    between, within, other = (found[f"landscape_{m}"] for m in ("between", "within", "rescaled"))
    batch, loss = found["landscape_batch"], found["landscape_batch_loss"]
    more, ranked, sharper = told(saddle, scale=100, unit="pp"), told(between, digits=2), told(batch, digits=2)
    return [
        weigh(
            "bad points curve down",
            (
                Weighed(
                    saddle,
                    "above",
                    0.0,
                    f"at high loss the share of negative curvature is {more} larger ({label})",
                    "0 pp",
                ),
                Weighed(lowest, "below", 0.0, f"λ_min {told(lowest, digits=2)} at high loss ({label})", "0"),
            ),
            "While the training loss is above half of its initial value, the share of negative curvature is "
            f"{more} larger than afterwards, and λ_min is {told(lowest, digits=2)}.",
        ),
        weigh(
            "flat stretches are slow",
            Weighed(
                rank,
                "above",
                0.0,
                f"along a run, gradient and progress correlate by {told(rank, digits=2)} ({label})",
                "0",
            ),
            f"Along a run, the rank correlation of gradient norm and loss lost per step is {told(rank, digits=2)}.",
        ),
        weigh(
            "sharper recipes generalize worse",
            Weighed(
                between, "above", 0.0, f"over recipes, sharpness and test loss correlate by {ranked} ({label})", "0"
            ),
            f"Over {between.n_runs} recipes, the rank correlation of sharpness and test loss is {ranked}; over the "
            f"runs of a recipe it is {told(within, digits=2)}. The same function with its layers scaled "
            "against each other "
            f"is {told(other)} times as sharp.",
        ),
        weigh(
            "full batches end sharper and worse",
            (
                Weighed(batch, "above", 1.0, f"full batches end {sharper} times as sharp ({label})", "1", ratio=True),
                Weighed(
                    loss,
                    "above",
                    0.0,
                    f"full batches change the test loss by {told(loss, digits=3, unit='nats')} ({label})",
                    "0 nats",
                ),
            ),
            f"At equal steps, full batches end {sharper} times as sharp as small ones, and their test loss changes by "
            f"{told(loss, digits=3, unit='nats')}.",
        ),
        *_minima(label, found, low=low, apart=apart),
    ]


def _minima(label: str, found: Found, *, low: float, apart: float) -> list[Part]:
    """What lies between wide runs, where they end at good minima; elsewhere it tells nothing of such."""
    trained, raw, aligned, width = (found[m] for m in ("train loss", "raw wide", "aligned wide", "landscape_width"))
    between, joined, change = (told(q, digits=3, unit="nats") for q in (raw, aligned, width))
    good = below(trained, low)
    ends = f"Wide runs end at a training loss of {told(trained, digits=3, unit='nats')} (good is below {low:.2f})"
    rows = (
        (
            "many good minima",
            Weighed(
                raw, "above", apart, f"the loss rises by {between} between good minima ({label})", f"{apart:.3f} nats"
            ),
            f"{ends}, with a rise of {between} between two of them (two are apart above {apart:.3f}).",
        ),
        (
            "minima are joined",
            Weighed(
                aligned, "below", low, f"the loss rises by {joined} between aligned minima ({label})", f"{low:.2f} nats"
            ),
            f"After relabeling, the rise between two wide runs is {joined} (joined is below {low:.2f}).",
        ),
        (
            "wider is better joined",
            Weighed(width, "below", 0.0, f"width changes the aligned barrier by {change} ({label})", "0 nats"),
            f"From narrow to wide, the aligned rise changes by {change}.",
        ),
    )
    if good:
        return [weigh(name, weighed, text) for name, weighed, text in rows]
    nothing = "These runs do not end at good minima, so that this tells nothing about them."
    return [weigh(name, dataclasses.replace(weighed, gated=True), f"{text} {nothing}") for name, weighed, text in rows]


def _headline(shown: Mapping[str, Shown]) -> str:
    if not shown:
        return "No recipe could be measured."
    lines = [
        f"{label}: {told(f['landscape_saddle'], scale=100, unit='pp')} more negative curvature at points of high loss, "
        f"rank correlation of sharpness and test loss {told(f['landscape_between'], digits=2)} over recipes; between "
        f"wide runs a rise of {told(f['raw wide'], digits=2, unit='nats')}, aligned {told(f['aligned wide'], digits=2)}"
        for label, (_, _, _, f) in shown.items()
    ]
    return f"What the loss surface looks like where training passes and ends. {'; '.join(lines)}."


STUDY = Study(
    name="landscape",
    title="The loss landscape",
    claim=(
        "Where the loss is high its surface curves down more than where it is low, small gradients go with slow "
        "progress, sharper recipes generalize worse, full batches among them, and many good minima are joined."
    ),
    citation=(
        "Dauphin et al. 2014, arXiv 1406.2572; Keskar et al. 2017, arXiv 1609.04836, against it Dinh et al. 2017, "
        "arXiv 1703.04933, and Andriushchenko et al. 2023, arXiv 2302.07011; Garipov et al. 2018, arXiv 1802.10026; "
        "Entezari et al. 2022, arXiv 2110.06296; Ainsworth et al. 2023, arXiv 2209.04836"
    ),
    rule=(
        "For each recipe, with 95 % intervals over runs (in (3) over recipes, in (5) to (7) over pairs of runs that "
        "share none), those of other recipes matched by level: (1) at snapshots "
        f"whose training loss is above {BAD:.0%} of the initial one, the Hessian's share of negative curvature is "
        "larger than at the others, and λ_min is below 0; (2) along a run, Kendall's correlation of the gradient's "
        "norm with the loss lost per step until the next snapshot is above 0; (3) over five recipes, learning rate "
        "and weight decay up and down, Kendall's correlation of mean λ_max with mean test loss is above 0 (where all "
        "recipes "
        "are ordered alike the interval is that of Mallows' model, and 0 is left out where the exact permutation test "
        "rejects); (4) for the recipes about which Keskar et al. say so, full batches against small ones: at "
        "equal steps full batches end with a larger λ_max than small ones (ratio above 1) and more test loss "
        "(above 0); "
        f"(5) wide networks that end below {GOOD:.0%} of the loss of guessing, ln K (others tell nothing), are apart: "
        f"the training loss rises by more than {APART:.0%} of it between two of them; (6) with hidden units relabeled "
        f"it rises by less than {GOOD:.0%} of ln K; (7) the aligned rise is smaller for wide networks than for those "
        f"with {FACTOR**2} times fewer units; where (5) tells nothing, (6) and (7) do not either. All of them: "
        f"supported; one wholly on the other side: contradicted; otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "Where (1) and (2) hold, a training that is stuck is slow rather than finished: the surface still curves down "
        "there. Where (3) differs between data sets, λ_max is no reason to prefer a model: it follows the learning "
        "rate, the training loss and the scale of the weights, and the same function can be had at any sharpness. "
        "Where (5) holds and (6) does not, weights of separate runs are not to be averaged, even with units "
        "relabeled."
    ),
    limits=(
        "Small networks of one hidden layer, SGD with momentum at a constant rate. Points on the way are no critical "
        "points, so that this does not say that bad points are saddles, as the claim first did; a share of curvature "
        "is no count of eigenvalues. Two parts were revised after their first results: (3) had an interval over runs, "
        "which five recipes do not bear, and (6) and (7) were judged where (5) was not. The claim names full batches "
        "since then, too; that the rule judges them was there before. Five recipes that are all ordered alike can bear "
        "out (3) (p = 1/120), but in reverse they cannot contradict it after Holm's correction. Narrow networks need "
        "not end at good minima. Gradient and "
        "progress both fall with time, which alone makes them agree. The five recipes are no sample of "
        "recipes, and each has "
        "its own training loss, on which λ_max depends. Few steps with full batches: they have not converged. "
        "Relabeling finds a local optimum, so that a rise that is left may not be there. Hessians are of the first "
        "512 training examples."
    ),
    revised=True,
    cases=hyperparameters.STUDY.cases,
    plan=_plan,
    judge=_judge,
    measures=MEASURES,
)
