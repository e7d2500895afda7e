"""What a model "has learned" is a correlation of its training distribution; proxies for it break when that shifts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from varbench.analysis.charts import Chart, Series, series
from varbench.analysis.described import Described
from varbench.data.plants import GROUP
from varbench.stats.estimate import Estimate
from varbench.studies.claims.shift.corruption import AMOUNTS, Corrupted, under_noise
from varbench.studies.claims.shift.group_probe import TYPICAL, group_probes
from varbench.studies.common import MAIN, main_cases, main_population
from varbench.studies.labels import label_of
from varbench.studies.parting import NOISE_REMOVED, parting
from varbench.studies.planted import SMALL, plant_of, planted_population, small_cases
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.weighed import Weighed

CLEARLY = 0.10
"""A probe that is right for so much more than the commonest value finds the factor."""

LOST = 0.05
"""A tenth of the way from certainty to chance: a probe that loses more read the class for the factor."""

GRADED = (0.0, 0.25, 0.5, 1.0)
"""Between these the disagreement must rise; beyond, accuracies come close to chance."""

JUDGED = 0.5
"""At this one the spread of the accuracies is judged."""

MEASURES = {
    "shift_probe_inside": Described(
        "Probe accuracy, in distribution", "fraction", "none", "Groups read rightly from the last hidden layer."
    ),
    "shift_probe_outside": Described(
        "Probe accuracy, group independent", "fraction", "none", "Every test example once as a member of either group."
    ),
    "shift_probe_turned": Described(
        "Probe accuracy, group turned", "fraction", "none", "Every test example as a member of the untypical group."
    ),
    "shift_probe_lost": Described(
        "Probe accuracy lost", "pp", "none", "In distribution minus with the group independent of the class."
    ),
    "shift_probe_refitted": Described(
        "Probe fitted without the correlation", "fraction", "none", "Its accuracy with the group independent."
    ),
    "shift_probe_absent": Described(
        "Probe for a factor in no input",
        "fraction",
        "none",
        "In distribution; taken apart from the class it is a coin.",
    ),
    "shift_accuracy": Described("Accuracy under noise", "fraction", "higher", "On test inputs with that much noise."),
    "shift_disagreement": Described(
        "Disagreement under noise", "fraction", "lower", "Labels that differ between two runs on the same noisy inputs."
    ),
    "shift_disagreement_ratio": Described(
        "Disagreement over that with less noise", "ratio", "none", "Against the next smaller amount of noise."
    ),
    "shift_sd": Described("SD of the accuracy under noise", "pp", "lower", "Its spread over runs."),
    "shift_sd_independent": Described(
        "SD under noise, examples independent", "pp", "none", "If runs failed on each example independently."
    ),
    "shift_sd_added": Described(
        "Spread added by noise",
        "pp",
        "none",
        "Signed root of the change in the variance over runs of the true accuracy, against no noise.",
    ),
}


def _cases(budget: str) -> tuple[Case, ...]:
    small = small_cases(budget)
    data = [case.recipe.data for case in small]
    return (*small, *(case for case in main_cases(budget, ("digits-mlp", "mnist1d-mlp")) if case.recipe.data in data))


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    """Small recipes with the group are probed and main ones corrupted; a recipe on its own is both."""
    alone = len(cases) == 1
    plans = [planted_population(c, GROUP, TYPICAL, budget, runs) for c in cases if alone or c.name in SMALL]
    measures = ("accuracy", "disagreement")
    plans += [main_population(c, budget, runs, measures=measures) for c in cases if alone or c.name in MAIN]
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    parts: dict[str, list[Part]] = {}
    estimates: list[Named] = []
    probed: dict[str, dict[str, Estimate]] = {}
    corrupted: dict[str, dict[tuple[str, float], Estimate]] = {}
    for e in evidence.values():
        networks, weights = e.arrays.networks, e.arrays.weights
        planted = "+" in e.plan.recipe.data
        base = plant_of(e.plan)[0] if planted else e.plan.recipe.data
        mine, label = parts.setdefault(base, []), label_of(e.plan.recipe)
        if networks is None or weights is None or (planted and not networks.activation_shapes):
            mine.append(Part("everything measured", None, f"The weights or layers of {e.plan.label} are not at hand."))
        elif planted:
            probe = group_probes(e, networks, weights)
            probed[label] = probe.estimates()
            mine += _probe_parts(label, probed[label], probe.commonest)
            estimates += [Named(e.plan.name, f"shift_probe_{word}", None, q) for word, q in probed[label].items()]
        else:
            answers = under_noise(e, networks, weights)
            corrupted[label] = answers.estimates()
            mine += _noise_parts(label, answers, corrupted[label])
            estimates += [Named(e.plan.name, f"shift_{word}", a, q) for (word, a), q in corrupted[label].items()]
    verdicts = decided(parts)
    charts = [*_probe_chart(probed), *_noise_charts(corrupted)]
    headline = _headline(probed, corrupted)
    return Judgement(verdicts, headline, deciding(verdicts), tuple(estimates), tuple(charts))


def _probe_parts(label: str, found: Mapping[str, Estimate], commonest: float) -> list[Part]:
    inside, outside, lost = found["inside"], found["outside"], found["lost"]
    least = commonest + CLEARLY
    words = f"a probe loses {_pp(lost)} once group and class are independent ({label})"
    return [
        weigh(
            "the probe finds the factor",
            Weighed(
                inside,
                "above",
                least,
                f"a probe for the group is right for {percent(inside)} ({label})",
                f"{100 * least:.1f} %",
            ),
            f"In distribution the probe is right for {percent(inside)} (a constant answer: {100 * commonest:.1f} %).",
        ),
        weigh(
            "it loses out of distribution",
            Weighed(lost, "above", LOST, words, f"{100 * LOST:g} pp"),
            f"With the group independent of the class it is right for {percent(outside)}, a loss of {_pp(lost)}; "
            f"fitted there, a probe of the same layer is right for {percent(found['refitted'])}.",
        ),
    ]


def _noise_parts(label: str, answers: Corrupted, found: Mapping[tuple[str, float], Estimate]) -> list[Part]:
    shares = " → ".join(percent(found["disagreement", amount]) for amount in GRADED)
    rising = [
        Weighed(
            ratio := found["disagreement_ratio", amount],
            "above",
            1.0,
            f"runs disagree {told(ratio, digits=2)} times as much with noise of {amount:g} SD, not {less:g} ({label})",
            "1",
            ratio=True,
        )
        for less, amount in itertools.pairwise(GRADED)
    ]
    clean, noisy = (answers.correct[AMOUNTS.index(amount)] for amount in (0.0, JUDGED))
    means = [percent(found["accuracy", amount]) for amount in (0.0, JUDGED)]
    return [
        weigh(
            "disagreement rises with the noise",
            rising,
            f"With noise of {_list(GRADED)} SD two runs disagree on {shares} of the test examples.",
        ),
        parting(
            "accuracy spreads further under noise",
            clean,
            noisy,
            words=f"noise of {JUDGED:g} SD",
            label=label,
            text=f"by noise of {JUDGED:g} SD, which takes accuracy from {means[0]} to {means[1]}",
        ),
    ]


def _list(amounts: Sequence[float]) -> str:
    return ", ".join(f"{amount:g}" for amount in amounts)


def _pp(estimate: Estimate) -> str:
    return told(estimate, scale=100, unit="pp")


def _probe_chart(probed: Mapping[str, Mapping[str, Estimate]]) -> list[Chart]:
    if not probed:
        return []
    words = {
        "inside": "in distribution",
        "outside": "group independent",
        "turned": "group turned",
        "refitted": "fitted and asked independent",
        "absent": "a factor in no input, in distribution",
    }
    lost = "; ".join(f"{label} {_pp(found['lost'])}" for label, found in probed.items())
    absent = "; ".join(f"{label} {percent(found['absent'])}" for label, found in probed.items())
    return [
        Chart(
            name="probe",
            title="A linear probe for a group",
            x_label="where it is asked",
            y_label="groups read rightly",
            unit="fraction",
            series=tuple(
                series(label, [(words[w], found[w]) for w in words]) for label, found in list(probed.items())[:6]
            ),
            kind="rows",
            reference=0.5,
            reference_label="a coin",
            caption=(
                f"Fitted where the group is typical of the class with chance {TYPICAL:.0%}, the probe loses with the "
                f"group independent of the class: {lost}. A probe fitted where they are independent shows what can be "
                "read from the layer. The last row is a factor that no input holds and that goes along with the class "
                f"as the group does: {absent} in distribution, and a coin once they are taken apart."
            ),
        )
    ]


def _noise_charts(corrupted: Mapping[str, Mapping[tuple[str, float], Estimate]]) -> list[Chart]:
    if not corrupted:
        return []

    def line(label: str, found: Mapping[tuple[str, float], Estimate], word: str) -> Series:
        return series(label, [(amount, found[word, amount]) for amount in AMOUNTS])

    few = list(corrupted.items())[:3]
    added = "; ".join(
        f"{label} {told(found['sd_added', JUDGED], scale=100, digits=2, unit='pp')}" for label, found in few
    )
    against = "; ".join(
        f"{label} {told(found['sd', JUDGED], scale=100, digits=2, unit='pp')} against "
        f"{told(found['sd_independent', JUDGED], scale=100, digits=2)}"
        for label, found in few
    )
    ends = "; ".join(
        f"{label} {percent(found['disagreement', 0.0])} without and {percent(found['disagreement', JUDGED])} with "
        f"noise of {JUDGED:g} SD"
        for label, found in few
    )
    noise = "SD of the noise, in SDs of the inputs"
    return [
        Chart(
            name="noise",
            title="Runs part under corruption",
            x_label=noise,
            y_label="share of the test examples",
            unit="fraction",
            series=tuple(
                line(f"{label}, {what}", found, word)
                for label, found in few
                for word, what in (("disagreement", "disagreement"), ("accuracy", "accuracy"))
            ),
            caption=f"Two runs disagree on the same test inputs: {ends}.",
        ),
        Chart(
            name="spread",
            title="Spread of the accuracy under corruption",
            x_label=noise,
            y_label="SD over runs",
            unit="pp",
            series=tuple(
                line(f"{label}, {what}", found, word)
                for label, found in few
                for word, what in (("sd", "runs"), ("sd_independent", "examples independent"))
            ),
            caption=(
                "The second line of each data set is the spread that the same errors would give if runs made them on "
                f"examples independently; with noise of {JUDGED:g} SD, runs against it: {against}. With that taken out "
                f"of both, the spread that this noise adds: {added}."
            ),
        ),
    ]


def _headline(
    probed: Mapping[str, Mapping[str, Estimate]], corrupted: Mapping[str, Mapping[tuple[str, float], Estimate]]
) -> str:
    probes = [
        f"{percent(found['inside'])} there and {percent(found['outside'])} once the two are taken apart ({label})"
        for label, found in probed.items()
    ]
    flips = [
        f"{percent(found['disagreement', 0.0])} to {percent(found['disagreement', JUDGED])} ({label})"
        for label, found in corrupted.items()
    ]
    spreads = [
        f"{told(found['sd_added', JUDGED], scale=100, digits=2, unit='pp')} ({label})"
        for label, found in corrupted.items()
    ]
    lines = []
    if probes:
        absent = ", ".join(f"{percent(found['absent'])} ({label})" for label, found in probed.items())
        lines.append(
            f"Fitted where a group goes along with the class, a probe for it is right for {'; '.join(probes)}; one for "
            f"a factor that is in no input, and goes along as well, for {absent} there."
        )
    if flips:
        lines.append(
            f"Noise of {JUDGED:g} SD takes the disagreement of two runs from {', from '.join(flips)}, and adds "
            f"{', '.join(spreads)} to the spread of their accuracies."
        )
    return " ".join(lines) or "No recipe could be measured."


STUDY = Study(
    name="shift",
    title="Out of distribution",
    claim='"The model has learned feature X" is a correlation under the training distribution; proxies break with it.',
    citation=(
        "Belinkov 2022, Computational Linguistics 48, 207–219 (probing); Hendrycks & Dietterich 2019, arXiv 1903.12261 "
        "(corruptions); D'Amour et al. 2022, arXiv 2011.03395"
    ),
    rule=(
        f"A group, told by five input proxies, is typical of the class with chance {TYPICAL:.0%}. A linear probe for "
        "the group is fitted to the last hidden layer of each run on its training examples. With 95 % intervals over "
        f"runs: (1) on the test set, with the same correlation, it is right for more than {100 * CLEARLY:g} pp above "
        "the share of the commonest group; (2) with every test example shown once in either group, so that group and "
        f"class are independent, it loses more than {100 * LOST:g} pp, a tenth of what there is to lose. Networks "
        "trained on plain data are read on test inputs with Gaussian noise: (3) disagreement between runs rises from "
        f"each of {_list(GRADED)} SDs of the inputs to the next; (4) with {JUDGED:g} SD accuracies spread further over "
        f"runs than without noise. {NOISE_REMOVED} All four on a data set: supported; one with its whole interval on "
        f"the other side: contradicted; otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "That a probe, or a test score, finds a feature says that it went along with what was read, where it was read: "
        "one that is in no input can be found too, and only the shift tells it from one that is. "
        "Ask again where the feature and what it goes along with are taken apart, and read models that agree in "
        "distribution on shifted inputs before taking one for another."
    ),
    limits=(
        "One planted factor, one linear probe with one penalty, one layer, one kind of corruption; small networks. "
        "Five inputs tell the group plainly, so that a probe can do without the class; a factor that inputs hold "
        "faintly, or not at all, leaves it nothing else. A probe that was fitted on the correlation can fail where the "
        "layer holds the factor: the probe refitted on independent groups says how much can be read there. (4) "
        "was revised after its first results: it took the ratio of the SDs as they are, which sampling widens by "
        "itself where accuracies come nearer to 50 %. It treats the same runs with and without noise as independent "
        "conditions, which makes its interval too wide if anything; that accuracies near 100 % leave less room to "
        "spread than those in the middle is part of what it finds."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures=MEASURES,
)
