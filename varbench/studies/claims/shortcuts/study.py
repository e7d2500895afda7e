"""Models exploit any statistical shortcut that lowers the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.analysis.document import LEVEL
from varbench.data.plants import PLANTS, Plant
from varbench.stats.independent import independent_sd_estimate
from varbench.stats.mean import mean_estimate
from varbench.studies.claims.shortcuts.measured import (
    Measured,
    added,
    imperfect,
    loss_gain,
    measured,
    over_chance,
    paired,
    sd,
)
from varbench.studies.labels import label_of
from varbench.studies.parting import NOISE_REMOVED, parting
from varbench.studies.planted import chance_of, planted_population, small_cases
from varbench.studies.rules import HOLM, below, decided, deciding, percent, told, weigh
from varbench.studies.study import (
    Arrays,
    Case,
    Evidence,
    Judgement,
    Named,
    Part,
    PopulationPlan,
    Study,
    Verdict,
)
from varbench.studies.weighed import Weighed

AMOUNTS = {"smoke": (0.8, 1.0), "standard": (0.5, 0.8, 0.95, 1.0), "full": (0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 1.0)}
"""Chances of the typical value, beside the one at which the plant says nothing; those below that are left out."""

LEAST = 0.01
"""Accuracy that a shortcut must move to count as exploited."""

WORDS = {"patch": "background pixel", "group": "group by its proxies", "scanner": "trace of the scanner"}


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        for plant in PLANTS:
            chance = chance_of(case, plant)
            amounts = [a for a in AMOUNTS[budget] if a > chance]
            plans += [planted_population(case, plant, amount, budget, runs) for amount in (chance, *amounts)]
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    found = measured(evidence)
    verdicts = decided({base: _parts(_label(plants), plants) for base, plants in found.items()})
    return Judgement(
        verdicts,
        _headline(found, verdicts),
        number=deciding(verdicts),
        estimates=tuple(_estimates(found)),
        charts=(_reliance_chart(found), _spread_chart(found)),
    )


def _label(plants: Mapping[Plant, Sequence[Measured]]) -> str:
    """Data set and model of everything that was planted in one data set."""
    return label_of(*(m.evidence.plan.recipe for populations in plants.values() for m in populations))


def _parts(label: str, plants: Mapping[Plant, Sequence[Measured]]) -> list[Part]:
    rules = (_exploited, _graded, _underspecified)
    return [rule(label, plant, populations) for plant, populations in plants.items() for rule in rules]


def _exploited(label: str, plant: Plant, populations: Sequence[Measured]) -> Part:
    name = f"{plant.name}: exploited"
    lowering = [m for m in populations[1:] if below(loss_gain(populations, m), 0.0)]
    if not lowering:
        text = f"The {WORDS[plant.name]} does not clearly lower the training loss at any chance."
        return Part(name, None, text)
    found = [(m.amount, over_chance(populations, m)) for m in lowering]
    amount, least = min(found, key=lambda row: np.inf if row[1].value is None else row[1].value)
    text = (
        f"Where the {WORDS[plant.name]} lowers the training loss (right with chance "
        f"{', '.join(f'{a:g}' for a, _ in found)}), accuracy depends on it by "
        f"{told(least, scale=100, unit='pp')} or more beyond chance (least at {amount:g})."
    )
    weighed = [
        Weighed(
            e,
            "above",
            LEAST,
            f"{told(e, scale=100, unit='pp')} of the accuracy hang on the {plant.name} ({100 * a:g} %, {label})",
            f"{100 * LEAST:g} pp",
        )
        for a, e in found
    ]
    return weigh(name, weighed, text)


def _graded(label: str, plant: Plant, populations: Sequence[Measured]) -> Part:
    name = f"{plant.name}: the more predictive, the more relied on"
    if len(populations) < 3:
        return Part(name, None, "Fewer than two chances above the one that says nothing were tried.")
    weakest, strongest = populations[1], populations[-1]
    gap = paired(weakest.reliance, strongest.reliance, strongest.evidence.arrays.n_examples)
    moved = told(gap, scale=100, unit="pp")
    text = (
        f"Reliance on the {WORDS[plant.name]} changes by {moved} "
        f"from chance {weakest.amount:g} to {strongest.amount:g}."
    )
    return weigh(
        name, Weighed(gap, "above", 0.0, f"reliance on the {plant.name} grows by {moved} ({label})", "0 pp"), text
    )


def _underspecified(label: str, plant: Plant, populations: Sequence[Measured]) -> Part:
    name = f"{plant.name}: runs part out of distribution"
    m = imperfect(populations)
    if m is None:
        return Part(name, None, "No chance below 1 was tried.")
    n = m.evidence.arrays.n_examples
    before, after = (percent(mean_estimate(m.at(a), level=LEVEL, n_examples=n)) for a in (m.inside, m.wrong))
    return parting(
        name,
        *m.correct,
        words=f"turning the {plant.name} against the class",
        label=f"{label}, {100 * m.amount:g} %",
        text=(
            f"by turning the {WORDS[plant.name]} against the class (chance {m.amount:g}), which takes accuracy from "
            f"{before} to {after}"
        ),
    )


def _estimates(found: Mapping[str, Mapping[Plant, Sequence[Measured]]]) -> list[Named]:
    rows = []
    for plants in found.values():
        for populations in plants.values():
            for m in populations:
                e, n = m.evidence.plan.name, m.evidence.arrays.n_examples
                reliance, wrong = m.at(m.reliance), m.at(m.wrong)
                rows += [
                    Named(e, "reliance", None, mean_estimate(reliance, level=LEVEL, n_examples=n)),
                    Named(e, "reliance_sd", None, sd(reliance, n, least=-1.0)),
                    Named(e, "accuracy_turned", None, mean_estimate(wrong, level=LEVEL, n_examples=n)),
                    Named(e, "accuracy_turned_sd", None, sd(wrong, n)),
                    Named(e, "spread_added_turned", None, added(m)),
                ]
                if m is not populations[0]:
                    rows.append(Named(e, "reliance_over_chance", None, over_chance(populations, m)))
                    rows.append(Named(e, "train_loss_change", None, loss_gain(populations, m)))
    return rows


def _headline(found: Mapping[str, Mapping[Plant, Sequence[Measured]]], verdicts: Sequence[Verdict]) -> str:
    lines = []
    for plants in found.values():
        told_of = [
            f"{told(over_chance(p, p[-1]), scale=100, digits=0, unit='pp')} on the {WORDS[plant.name]}"
            for plant, p in plants.items()
            if len(p) > 1
        ]
        lines.append(f"{_label(plants)}: {', '.join(told_of)}")
    taken, parted = (
        [part.holds for v in verdicts for part in v.parts if part.name.endswith(end)]
        for end in ("exploited", "out of distribution")
    )
    closer = [w for v in verdicts for p in v.parts for w in p.weighed if w.gated]
    less_room = f" ({len(closer)} more where accuracies have less room, which tells nothing)" if closer else ""
    further, together = (sum(h is wanted for h in parted) for wanted in (True, False))
    return (
        f"{sum(h is True for h in taken)} of {len(taken)} planted shortcuts are exploited where they lower the loss. "
        f"Accuracy, beyond chance, that hangs on one that was always right: {'; '.join(lines)}. Runs lie clearly "
        f"further apart with the plant turned than in distribution in {further} of {len(parted)} cases, and clearly "
        f"closer together in {together}{less_room}."
    )


def _reliance_chart(found: Mapping[str, Mapping[Plant, Sequence[Measured]]]) -> Chart:
    lines = []
    for plants in found.values():
        for plant, populations in plants.items():
            n = populations[0].evidence.arrays.n_examples
            points = [(m.amount, mean_estimate(m.at(m.reliance), level=LEVEL, n_examples=n)) for m in populations]
            lines.append(series(f"{plant.name}, {_label(plants)}", points))
    ends = [s.y[-1] for s in lines if s.y[-1] is not None]
    caption = (
        f"Accuracy with the plant right minus accuracy on the same examples with it wrong: {100 * min(ends):.0f} to "
        f"{100 * max(ends):.0f} pp where the plant was always right in training. The first point of each line is the "
        "chance at which the plant says nothing. For the group it is the gap in accuracy between its typical and its "
        "untypical members."
        if ends
        else ""
    )
    return Chart(
        name="reliance",
        title="Reliance on a planted shortcut",
        x_label="share of the training examples in which the plant is right",
        y_label="accuracy that hangs on the plant",
        unit="pp",
        series=tuple(lines[:6]),
        reference=0.0,
        reference_label="ignored",
        caption=caption,
    )


def _spread_chart(found: Mapping[str, Mapping[Plant, Sequence[Measured]]]) -> Chart:
    inside, turned, independent, grown = [], [], [], []
    for plants in found.values():
        for plant, populations in plants.items():
            m = imperfect(populations)
            if m is None:
                continue
            row, n = f"{_label(plants)}, {plant.name} {100 * m.amount:.3g} %", m.evidence.arrays.n_examples
            inside.append((row, sd(m.at(m.inside), n)))
            turned.append((row, sd(m.at(m.wrong), n)))
            independent.append((row, independent_sd_estimate(m.correct[1], level=LEVEL)))
            grown.append(f"{row} {told(added(m), scale=100, digits=2, unit='pp')}")
    caption = (
        "The third mark is the spread that the same errors would give if runs made them on examples independently. "
        f"With that taken out, turning the plant adds: {'; '.join(grown)}."
        if grown
        else ""
    )
    return Chart(
        name="spread",
        title="How far runs lie apart, in and out of distribution",
        x_label="",
        y_label="SD over runs of the accuracy",
        unit="pp",
        kind="rows",
        series=(
            series("in distribution", inside),
            series("plant turned", turned),
            series("plant turned, examples independent", independent),
        ),
        caption=caption,
    )


STUDY = Study(
    name="shortcuts",
    title="Shortcuts are taken",
    claim=(
        "Models exploit any statistical shortcut that lowers the loss; runs that cannot be told apart in distribution "
        "part outside it."
    ),
    citation=(
        "Geirhos et al. 2020, arXiv 2004.07780 (shortcut learning); D'Amour et al. 2022, arXiv 2011.03395 "
        "(underspecification)"
    ),
    rule=(
        "Three shortcuts are planted: a background pixel that says a class, inputs that stand for a group which is "
        "typical of half of the classes, and the faint trace of a scanner that is used for a class. Reliance of a run "
        "is its accuracy on the test examples with the typical value planted in all, minus that on the same examples "
        "with another value. For each recipe and plant: (1) at every chance at which the training loss lies below that "
        "of the same levels trained with a plant that says nothing (whole 95 % interval), reliance must exceed theirs "
        f"by more than {100 * LEAST:g} pp; where no chance lowers the loss nothing can be told; (2) reliance must grow "
        "from the lowest to the highest chance; (3) at the highest chance below 1, accuracies with the plant turned "
        f"must spread further over runs than in distribution. {NOISE_REMOVED} Each with its whole 95 % interval over "
        "runs (differences over runs matched by their levels); an interval wholly on the other side contradicts. "
        f"{HOLM}"
    ),
    meaning=(
        "A test set from the same source as the training set cannot show what a model relies on: pixel, group and "
        "scanner raise its score. Plant or remove the suspected factor in test examples and look at the difference, "
        "run by run, because runs that score alike rely on it to different degrees."
    ),
    limits=(
        "Planted shortcuts are cleaner than real ones, and these are small networks trained briefly. (3) was revised "
        "after its first results: it took the ratio of the SDs as they are, which contradicted the claim where a plant "
        "on which all runs rely wholly drives them into the same errors, with an accuracy near 0, and took the noise "
        "of the test set for a spread of the runs. It treats the same runs in and out of distribution as independent, "
        "which makes its interval too wide if anything; that accuracies near 100 % leave less room to spread than "
        "those in the middle is part of what it finds. The group's proxies replace five inputs, the pixel as "
        "many inputs as there are classes, also where they say nothing."
    ),
    revised=True,
    cases=small_cases,
    plan=_plan,
    judge=_judge,
    measures={
        "reliance": Described(
            "Reliance on the plant", "pp", "lower", "Accuracy with the plant right minus accuracy with it wrong."
        ),
        "reliance_sd": Described(
            "SD of the reliance",
            "pp",
            "lower",
            "Spread over runs of the reliance on the plant, of group gaps too.",
        ),
        "reliance_over_chance": Described(
            "Reliance beyond chance",
            "pp",
            "lower",
            "Reliance minus that of the same levels trained with a plant that says nothing.",
        ),
        "train_loss_change": Described(
            "Training loss against chance",
            "nats",
            "none",
            "Training loss minus that of the same levels trained with a plant that says nothing.",
        ),
        "accuracy_turned": Described(
            "Accuracy, plant turned", "fraction", "higher", "Accuracy on the test set with the plant wrong everywhere."
        ),
        "accuracy_turned_sd": Described(
            "SD of the accuracy, plant turned", "pp", "lower", "Its spread over runs, out of distribution."
        ),
        "spread_added_turned": Described(
            "Spread added, plant turned",
            "pp",
            "none",
            "Signed root of the change in the variance over runs of the true accuracy, against in distribution.",
        ),
    },
)
