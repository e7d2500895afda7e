"""Which source of randomness matters: each one alone against all together, and init crossed with order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int

from varbench.analysis.charts import Chart, Series, series
from varbench.analysis.described import Described
from varbench.analysis.document import LEVEL
from varbench.measures.effects import effect_energies, one_hot_blocks
from varbench.measures.predictions import paired_disagreement, predicted_labels
from varbench.stats.component_shares import variance_shares
from varbench.stats.crossing import Crossing, OneAtATime
from varbench.stats.difference import difference_of_estimates
from varbench.stats.estimate import Estimate, missing
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.sweeps import disagreement, disagreement_share, disagreement_sums, share_of_pairs
from varbench.studies.weighed import Weighed
from varbench.training.design import Design, crossed, one_at_a_time, together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 5, "standard": 12, "full": 64}
SIDE = {"smoke": 4, "standard": 8, "full": 24}
"""Levels of init, and of order, that are crossed."""

EPOCHS = {"smoke": 4, "standard": 40, "full": 256}
SHORT = 16
"""The short training is the first sixteenth of the long one, as the 4 epochs are of the 64 in Jordan 2023."""

HALF = 0.5
"""What a source alone must bring of the disagreement, and the interaction of its variance."""

SNAPSHOTS = 13

NARROW = 4
"""Runs that are trained again at another width: so many side by side in one program."""

FIRST_CROSSED = 1000
"""Lowest level of the crossed runs: they have no run in common with the others."""

PLAIN = Recipe(model="mlp", optimizer="adam", lr=3e-3, schedule="constant")

SHARE, INTERACTION = "disagreement_share_by_source", "interaction_share"

PUBLISHED = {"init": 10.7, "order": 10.7, "augment": 10.7, "ulp": 10.6}
"""Disagreement in percent where one source varies; 10.7 where all do. CIFAR-10, ResNet-14, 500 epochs."""

PUBLISHED_ALL = 10.7
PUBLISHED_LABEL = "Summers & Dinneen: CIFAR-10, ResNet-14"

WORDS = {
    "init": "init alone",
    "order": "order alone",
    "augment": "augmentation alone",
    "dropout": "dropout alone",
    "data": "data alone",
    "label_noise": "label noise alone",
    "ulp": "one ULP alone",
    "width": "width alone",
}


@dataclass(frozen=True)
class Found:
    """What was measured of one recipe.

    Attributes:
        label: Of the recipe.
        whole: Disagreement where all sources vary.
        shares: Disagreement where one source varies over that, by source, after the last step.
        curves: Disagreement by source, "all" among them, at each step of a snapshot.
        components: Shares of init, order and their interaction at each step.
        short: The step that stands for a short training, 0 where no snapshots were kept.
        parts: The conditions of the rule.
    """

    label: str
    whole: Estimate
    shares: Mapping[str, Estimate]
    curves: Mapping[str, list[tuple[float, Estimate]]]
    components: Mapping[str, list[tuple[float, Estimate]]]
    short: int
    parts: list[Part] = field(default_factory=list)

    @property
    def interaction(self) -> list[tuple[float, Estimate]]:
        """Share of what init and order bring only together, at each step."""
        return list(self.components.values())[-1] if self.components else []


def _cases(budget: str) -> tuple[Case, ...]:
    plain = PLAIN.replace(epochs=EPOCHS[budget])
    digits = plain.replace(data="digits", hidden=(32,), batch_size=50, dropout=0.1, resample="bootstrap")
    curves = plain.replace(data="mnist1d", hidden=(64,), batch_size=100, shift=2)
    cases = (Case("digits", "Digits · MLP 32", digits), Case("mnist1d", "MNIST-1D · MLP 64", curves))
    return cases[:1] if budget == "smoke" else cases


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        count, sources = RUNS[budget] if runs is None else runs, case.recipe.active_sources()
        all_together = together(count, sources=sources)
        narrow = tuple({**levels, "width": NARROW} for levels in all_together.levels[:NARROW])
        grid = crossed(dict.fromkeys(("init", "order"), min(count, SIDE[budget])))
        shifted = tuple({**lv, **{s: FIRST_CROSSED + lv[s] for s in grid.sources}} for lv in grid.levels)
        rows = (
            ("", "all sources", all_together, ("accuracy", "loss", "accuracy_sd", "loss_sd", "disagreement")),
            (
                "-alone",
                "one source at a time",
                one_at_a_time(count, sources=(*sources, "ulp")),
                ("disagreement_by_source", "accuracy_sd_by_source", "loss_sd_by_source"),
            ),
            (
                "-crossed",
                "init × order",
                Design("crossed", grid.sources, shifted),
                ("prediction_variance_component", "prediction_variance_share", "accuracy_variance_share"),
            ),
        )
        name = f"sources-{case.name}"
        plans += [
            PopulationPlan(
                f"{name}{ending}",
                f"{case.label}, {words}",
                case.recipe,
                design,
                description=f"what varies: {words}",
                snapshots=SNAPSHOTS,
                measures=measures,
                plots=False,
            )
            for ending, words, design, measures in rows
        ]
        plans.append(
            PopulationPlan(
                f"{name}-width",
                f"{case.label}, other width",
                case.recipe,
                Design(all_together.kind, all_together.sources, narrow),
                role="control",
                of=name,
                description=f"the first levels of all sources again, in a program of {NARROW} runs",
            )
        )
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    found: dict[str, Found] = {}
    estimates: list[Named] = []
    for name in evidence:
        group = [evidence.get(f"{name}{ending}") for ending in ("", "-alone", "-crossed", "-width")]
        if any(e is None for e in group):
            continue
        one = _found(*(e for e in group if e is not None))
        found[name] = one
        estimates += [Named(name, SHARE, source, share) for source, share in one.shares.items()]
        estimates += [Named(f"{name}-crossed", INTERACTION, step, share) for step, share in one.interaction]
    verdicts, every = decided({name: one.parts for name, one in found.items()}), list(found.values())
    charts = (_shares(every), *map(_along, every), _components(every)) if every else ()
    return Judgement(verdicts, _headline(every), deciding(verdicts), tuple(estimates), charts)


def _found(free: Evidence, alone: Evidence, cross: Evidence, width: Evidence) -> Found:
    classes = free.arrays.n_classes
    design = alone.arrays.one_at_a_time
    rows = design.rows if isinstance(design, OneAtATime) else {}
    ends = {source: alone.arrays.predicted_labels[chosen] for source, chosen in rows.items()}
    every = free.arrays.predicted_labels
    shares = {source: disagreement_share(labels, every, classes=classes) for source, labels in ends.items()}
    narrow = width.arrays.predicted_labels
    like = every[: len(narrow)]
    sums = disagreement_sums(like, classes=classes)
    shares["width"] = share_of_pairs(paired_disagreement(narrow, like), sums, n_examples=like.shape[1])
    steps, moments = _moments(free), [_labels(e) for e in (free, alone, cross)]
    curves: dict[str, list[tuple[float, Estimate]]] = {}
    components: dict[str, list[tuple[float, Estimate]]] = {}
    for place, step in enumerate(steps):
        together_then, alone_then, cross_then = (labels[place] for labels in moments)
        curves.setdefault("all", []).append((float(step), disagreement(together_then, classes=classes)))
        for source, chosen in rows.items():
            curves.setdefault(source, []).append((float(step), disagreement(alone_then[chosen], classes=classes)))
        for term, share in _crossed_shares(cross, cross_then).items():
            components.setdefault(term, []).append((float(step), share))
    short = int(steps[np.abs(np.log(steps * SHORT / steps[-1])).argmin()]) if len(steps) else 0
    one = Found(free.plan.label.rpartition(", ")[0], free.get("disagreement"), shares, curves, components, short)
    enough = all(e.arrays.finished.sum() >= 2 for e in (free, alone, cross))
    one.parts.extend(_parts(one) if enough else [Part("runs that finished", None, "Fewer than two runs did.")])
    return one


def _moments(e: Evidence) -> Int[np.ndarray, " s"]:
    """Steps of the snapshots after the first one, where there are weights and networks to look at them."""
    steps, networks = e.arrays.snapshot_steps, e.arrays.networks
    return np.zeros(0, int) if steps is None or networks is None else np.asarray(steps)[1:]


def _labels(e: Evidence) -> list[Int[np.ndarray, "R E"]]:
    """Predicted labels at the steps of `_moments`; those after the last one are the run's own, −1 is no prediction."""
    count = len(_moments(e))
    if not count:
        return []
    assert e.arrays.snapshots is not None
    assert e.arrays.networks is not None
    kept = e.arrays.snapshots[:, 1:]
    found = [predicted_labels(e.arrays.networks.logits(kept[:, place], "test")) for place in range(count - 1)]
    return [*found, e.arrays.predicted_labels]


def _crossed_shares(e: Evidence, labels: Int[np.ndarray, "R E"]) -> dict[str, Estimate]:
    """Share of init, of order and of their interaction in the disagreement of unrelated runs."""
    design = e.arrays.crossing
    if not isinstance(design, Crossing):
        return {}
    energies = effect_energies(one_hot_blocks(labels, n_classes=e.arrays.n_classes), design.cells)
    found = variance_shares(
        energies, design.cells.shape, level=LEVEL, n_examples=labels.shape[1], resampled="levels of init and order"
    )
    return {" × ".join(design.sources[axis] for axis in term): share for term, share in found.items()}


def _parts(one: Found) -> list[Part]:
    parts, half = [], f"{100 * HALF:g} %"
    for source, share in one.shares.items():
        if source != "width":
            words = (
                f"{WORDS[source]} flips {told(share, digits=2)} times as many predictions as all sources ({one.label})"
            )
            text = f"With {WORDS[source]}, two runs disagree {told(share, digits=2)} times as much as with all sources."
            if share.value == 0.0:
                text = f"{text} None of the {share.n_runs} runs predicts otherwise; the upper end is what that allows."
            weighed = Weighed(share, "above", HALF, words, f"{HALF:g} times", unit="ratio")
            parts.append(weigh(WORDS[source], weighed, text))
    at = dict(one.interaction)
    if not at:
        return [*parts, Part("interaction", None, "Init and order were not crossed, or no weights kept.")]
    early, late = at[float(one.short)], at[max(at)]
    text = f"After the last step {percent(late)} of the disagreement comes from init and order acting together."
    words = f"{percent(late)} of the disagreement comes from init and order acting together ({one.label})"
    parts.append(weigh("interaction dominates", Weighed(late, "above", HALF, words, half), text))
    change = difference_of_estimates(early, late).estimate
    text = (
        f"From step {one.short} to step {max(at):.0f} the share of the interaction changes by "
        f"{told(change, scale=100, unit='pp')}, from {percent(early)}."
    )
    words = (
        f"the share of init and order acting together changes by {told(change, scale=100, unit='pp')} from step "
        f"{one.short} to the last ({one.label})"
    )
    return [*parts, weigh("main effects fade", Weighed(change, "above", 0.0, words, "0 pp"), text)]


def _shares(found: Sequence[Found]) -> Chart:
    rows = [source for source in WORDS if any(source in one.shares for one in found)]
    unmeasured = missing("not a source of this recipe", level=LEVEL, n_runs=0, n_examples=None)
    lines = [series(one.label, [(WORDS[s], one.shares.get(s, unmeasured)) for s in rows]) for one in found[:5]]
    shown = [(WORDS[s], PUBLISHED[s] / PUBLISHED_ALL) for s in rows if s in PUBLISHED]
    lines.append(Series(PUBLISHED_LABEL, tuple(row for row, _ in shown), tuple(value for _, value in shown)))
    finding = "; ".join(
        f"{one.label}: " + ", ".join(f"{WORDS[s]} {told(share, digits=2)}" for s, share in one.shares.items())
        for one in found
    )
    return Chart(
        name="alone",
        title="One source alone against all together",
        x_label="",
        y_label="flips with one source ÷ flips with all",
        unit="ratio",
        kind="rows",
        series=tuple(lines),
        reference=HALF,
        reference_label="half as many",
        caption=(
            f"How many times as many predictions flip as with all sources. {finding}. The published numbers are of "
            "other data and another model."
        ),
    )


def _along(one: Found) -> Chart:
    last = "; ".join(f"{WORDS.get(source, 'all')} {percent(row[-1][1])}" for source, row in one.curves.items())
    return Chart(
        name="along-" + re.sub(r"\W+", "-", one.label.lower()).strip("-"),
        title=f"Along training: {one.label}",
        x_label="optimizer steps",
        y_label="disagreement of two runs",
        unit="fraction",
        series=tuple(series(WORDS.get(source, "all together"), row) for source, row in list(one.curves.items())[:6]),
        log_x=True,
        caption=f"After the last step: {last}.",
    )


def _components(found: Sequence[Found]) -> Chart:
    lines = [(f"{term}, {one.label}", row) for one in found for term, row in one.components.items()]
    finding = "; ".join(f"{label} {percent(row[-1][1], digits=0)}" for label, row in lines)
    return Chart(
        name="components",
        title="What init and order bring alone, and together",
        x_label="optimizer steps",
        y_label="share of the disagreement",
        unit="fraction",
        series=tuple(series(label, row) for label, row in lines[:6]),
        log_x=True,
        reference=HALF,
        reference_label="half",
        caption=f"Variance components of the predictions of crossed runs. After the last step: {finding}.",
    )


def _headline(found: Sequence[Found]) -> str:
    lines = []
    for one in found:
        shares = {WORDS[s].removesuffix(" alone"): share.value for s, share in one.shares.items()}
        alone = ", ".join(f"{name} {value:.2f}" for name, value in shares.items() if value is not None)
        lines.append(
            f"{one.label}: {percent(one.whole)} of the predictions flip between two runs when all sources vary. "
            f"One source alone flips this many times as many: {alone or 'none was measured'}."
        )
    return " ".join(lines) or "No recipe could be measured."


STUDY = Study(
    name="sources",
    title="Which randomness matters",
    claim=(
        "Which source of randomness varies hardly matters: each one alone, down to one unit in the last place of one "
        "weight, makes runs differ about as much as all of them together."
    ),
    citation=(
        "Summers and Dinneen 2021, arXiv 2103.04514; Bouthillier et al. 2021, arXiv 2103.03098; Jordan 2023, arXiv "
        "2304.01910, appendix D (interaction)"
    ),
    rule=(
        "For each recipe, after the last step, with 95 % intervals: (1) runs that differ in one source alone, for each "
        "source that the recipe has, and (2) runs that differ in one ULP of one initial weight alone, disagree at "
        f"least {HALF:g} times as much as runs that differ in all sources (jackknife over matched runs of the ratio; "
        "where no prediction differs, the upper end for none of half as many pairs as runs, by Clopper and Pearson); "
        "(3) init crossed with order, their interaction brings more than half of the disagreement of unrelated runs "
        "(variance components of the predictions); and (4) its share has grown since the snapshot nearest to a "
        f"{SHORT}th of the steps. Each with its whole interval: supported. One wholly on the other side: contradicted. "
        "Otherwise inconclusive. Another width of the program, rounding alone once more, is shown and not judged. "
        f"{HOLM}"
    ),
    meaning=(
        "Where one source alone brings as much as all, fixing the seed of another buys no repeatability, and a study "
        "that varies only one of them sees the whole variability. Where one ULP brings less, the training is not yet "
        "unstable enough for rounding to matter: there seeds do pin the model down, near enough."
    ),
    limits=(
        "Small networks, Adam at a constant rate; the short training is a moment of the long one, which under a "
        "constant rate is the same as stopping there. The interval where no prediction differs was revised after the "
        "first results: it had no width, as the jackknife of runs that are all alike has none; it takes two runs that "
        "one source sets apart to differ as much as any two at most. Runs that differ in one source alone share one "
        "level of each other source, so their intervals speak of that level; the crossed runs, of other levels, do not "
        "have this limit. The interval of the change in (4) takes both ends as independent, which makes it too wide. "
        "Dropout and "
        "resampled data are sources of these recipes that the published experiment did not have; its numbers are of "
        "other data and a far larger model, trained longer."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures={
        SHARE: Described(
            "Disagreement by source, over that of all",
            "ratio",
            "none",
            "Disagreement of runs that one source alone sets apart, over that of runs of which all sources vary.",
        ),
        INTERACTION: Described(
            "Share of init × order",
            "fraction",
            "none",
            "Share of the disagreement of unrelated runs that initialization and batch order bring only together.",
        ),
    },
)
