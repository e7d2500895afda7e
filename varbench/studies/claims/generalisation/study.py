"""Training accuracy says little about test accuracy: noise is memorized, what prevents it helps, and so does less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float

from varbench.analysis.charts import Chart, cloud, series
from varbench.analysis.described import Described
from varbench.analysis.document import LEVEL
from varbench.stats.concordance import kendall_estimate
from varbench.stats.difference import paired_difference
from varbench.stats.estimate import Estimate
from varbench.studies.claims.generalisation.recipes import NOISE, NONE, REGULARIZERS, cases, plan
from varbench.studies.rules import HOLM, decided, deciding, percent, significant, told, weigh
from varbench.studies.study import Arrays, Evidence, Judgement, Named, Part, Study
from varbench.studies.sweeps import change, over_runs
from varbench.studies.weighed import Weighed

MEMORIZED, GAP = 0.99, 0.10
"""Training accuracy above this is memory of the labels; test accuracy lower by more than the gap is clearly lower."""

UNSEEN = 0.01
"""Training accuracy that rises by less than a point shows no gain."""

RANKED = 0.5
"""Rank correlation of a signal that orders three of four pairs of recipes rightly."""

MEASURES = {
    "generalisation_fitted": Described(
        "Training accuracy", "fraction", "none", "Share of the labels that the run was trained on, right or wrong."
    ),
    "generalisation_right": Described("Test accuracy", "fraction", "higher", "On true labels, of runs that finished."),
    "generalisation_gap": Described(
        "Generalization gap", "pp", "lower", "Training accuracy on the noisy labels minus test accuracy on true ones."
    ),
    "generalisation_help": Described(
        "Gain in test accuracy", "pp", "higher", "Test accuracy minus that of the base, runs matched by level."
    ),
    "generalisation_cost": Described(
        "Change of training accuracy", "pp", "none", "Training accuracy minus that of the base, runs matched by level."
    ),
    "generalisation_smaller": Described(
        "Narrower minus widest", "pp", "none", "Test accuracy minus that of the widest network, intervals at once."
    ),
    "generalisation_rank": Described(
        "Rank correlation", "none", "none", "Kendall's correlation of training and test accuracy over recipes."
    ),
}

Group = Mapping[str, Evidence]


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    groups: dict[str, dict[str, Evidence]] = {
        name.removesuffix("base"): {} for name in evidence if name.endswith("-base")
    }
    for start, group in groups.items():
        group.update({n.removeprefix(start): e for n, e in evidence.items() if n.startswith(start)})
    shown = {group["base"].plan.label.rpartition(" ")[0]: group for group in groups.values()}
    verdicts = decided({group["base"].plan.name: _parts(group["base"].plan.label, group) for group in shown.values()})
    estimates = [named for group in shown.values() for named in _estimates(group)]
    charts = (_cloud(shown), _widths(shown), _effects(shown)) if shown else ()
    return Judgement(verdicts, _headline(shown), deciding(verdicts), tuple(estimates), charts)


def _parts(label: str, group: Group) -> list[Part]:
    return [_memory(label, group), *_regularized(label, group), _smaller(label, group), _ranks(label, group)]


def fitted(e: Evidence) -> Float[np.ndarray, " R"]:
    """Training accuracy on the labels trained on; NaN for a run that diverged."""
    assert e.arrays.train_accuracy is not None
    return np.where(e.arrays.usable, e.arrays.train_accuracy.astype(np.float64), np.nan)


def right(e: Evidence) -> Float[np.ndarray, " R"]:
    """Test accuracy on true labels; NaN for a run that diverged."""
    return np.where(e.arrays.usable, e.arrays.accuracy, np.nan)


def _by_width(group: Group) -> list[Evidence]:
    """The base and the networks of other widths, from the narrowest to the widest."""
    found = [e for word, e in group.items() if word == "base" or word.startswith("units-")]
    return sorted(found, key=lambda e: sum(e.plan.recipe.hidden or ()))


def _gap(e: Evidence) -> Estimate:
    return change(right(e), fitted(e), n_examples=e.arrays.n_examples, bounds=(-1.0, 1.0))


def _memory(label: str, group: Group) -> Part:
    wide = _by_width(group)[-1]
    memory, gap = over_runs(fitted(wide), bounds=(0.0, 1.0)), _gap(wide)
    fitted_share = percent(memory, beside=MEMORIZED)
    text = (
        f"With {wide.plan.description}, training accuracy on the noisy labels is {fitted_share}; test accuracy is "
        f"{told(gap, scale=100, unit='pp')} lower."
    )
    words = f"test accuracy lies {told(gap, scale=100, unit='pp')} below training accuracy ({label})"
    numbers = (
        Weighed(
            memory, "above", MEMORIZED, f"{fitted_share} of noisy labels fitted ({label})", f"{100 * MEMORIZED:g} %"
        ),
        Weighed(gap, "above", GAP, words, f"{100 * GAP:g} pp"),
    )
    return weigh("noise is memorized", numbers, text)


def effects(group: Group, word: str) -> tuple[Estimate, Estimate]:
    """Change of test and of training accuracy from the base to another recipe, runs matched by level."""
    pair = (group["base"], group[word])
    help_ = change(*map(right, pair), n_examples=pair[0].arrays.n_examples, bounds=(-1.0, 1.0))
    return help_, change(*map(fitted, pair), bounds=(-1.0, 1.0))


def _regularized(label: str, group: Group) -> Iterator[Part]:
    for word, meaning in REGULARIZERS.items():
        gain, cost = effects(group, word)
        text = (
            f"With {meaning}, test accuracy changes by {told(gain, scale=100, unit='pp')} and training accuracy by "
            f"{told(cost, scale=100, unit='pp')}."
        )
        helped, seen = (
            f"{meaning} changes {what} accuracy by {told(e, scale=100, unit='pp')} ({label})"
            for what, e in (("test", gain), ("training", cost))
        )
        numbers = (
            Weighed(gain, "above", 0.0, helped, "0 pp"),
            Weighed(cost, "below", UNSEEN, seen, f"{100 * UNSEEN:g} pp"),
        )
        yield weigh(f"{word} helps, unseen in training", numbers, text)


def narrower(group: Group) -> list[tuple[Evidence, Estimate]]:
    """Test accuracy of every narrower network minus that of the widest, with intervals that hold at once."""
    *others, wide = _by_width(group)
    rows = []
    for e in others:
        first, second = right(wide), right(e)
        both = np.isfinite(first) & np.isfinite(second)
        level = 1.0 - (1.0 - LEVEL) / len(others)
        found = paired_difference(first[both], second[both], level=level, n_examples=e.arrays.n_examples)
        rows.append((e, found.estimate))
    return rows


def _smaller(label: str, group: Group) -> Part:
    """The narrower network with the most to show decides: above 0 with its interval it wins, below 0 none does."""
    rows, wide = narrower(group), _by_width(group)[-1].plan.description
    listed = "; ".join(f"{told(q, scale=100, unit='pp')} with {e.plan.description}" for e, q in rows)
    text = f"With fewer units than {wide}, test accuracy changes by {listed or 'an unknown amount'}."
    weighed = [
        Weighed(
            q,
            "above",
            0.0,
            f"{e.plan.description}, not {wide}: test accuracy changes by {told(q, scale=100, unit='pp')} ({label})",
            "0 pp",
        )
        for e, q in rows
    ]
    if not weighed:
        return Part("a smaller model wins", None, text)
    return weigh("a smaller model wins", min(weighed, key=lambda w: w.clearness), text)


def ranking(group: Group) -> tuple[list[Evidence], Estimate]:
    """The recipes with a finished run, and Kendall's correlation of their mean training and test accuracies."""
    there = [e for e in group.values() if np.isfinite(fitted(e)).any()]
    means = [np.array([np.nanmean(values(e)) for e in there]) for values in (fitted, right)]
    return there, kendall_estimate(*means, level=LEVEL, units="recipes")


def _ranks(label: str, group: Group) -> Part:
    there, tau = ranking(group)
    text = (
        f"Over {len(there)} recipes, Kendall's rank correlation of training and test accuracy is {told(tau, digits=2)}."
    )
    words = f"over recipes, training and test accuracy have a rank correlation of {told(tau, digits=2)} ({label})"
    return weigh("training accuracy ranks recipes badly", Weighed(tau, "below", RANKED, words, f"{RANKED:g}"), text)


def _estimates(group: Group) -> list[Named]:
    rows: list[Named] = []
    for e in group.values():
        rows.append(Named(e.plan.name, "generalisation_fitted", None, over_runs(fitted(e), bounds=(0.0, 1.0))))
        test = over_runs(right(e), n_examples=e.arrays.n_examples, bounds=(0.0, 1.0))
        rows.append(Named(e.plan.name, "generalisation_right", None, test))
    for word in REGULARIZERS:
        for measure, estimate in zip(("generalisation_help", "generalisation_cost"), effects(group, word), strict=True):
            rows.append(Named(group[word].plan.name, measure, None, estimate))
    rows += [Named(e.plan.name, "generalisation_smaller", None, estimate) for e, estimate in narrower(group)]
    wide = _by_width(group)[-1]
    rows.append(Named(wide.plan.name, "generalisation_gap", None, _gap(wide)))
    return [*rows, Named(group["base"].plan.name, "generalisation_rank", None, ranking(group)[1])]


def _cloud(shown: Mapping[str, Group]) -> Chart:
    told_ = "; ".join(f"{label} {told(ranking(group)[1], digits=2)}" for label, group in shown.items())
    return Chart(
        name="signal",
        title="Training and test accuracy of recipes",
        x_label="training accuracy on noisy labels",
        y_label="test accuracy",
        unit="fraction",
        kind="points",
        series=tuple(
            cloud(label, *([np.nanmean(v(e)) for e in ranking(group)[0]] for v in (fitted, right)))
            for label, group in list(shown.items())[:6]
        ),
        caption=f"One point for each recipe, mean over runs. Kendall's rank correlation: {told_}.",
    )


def _widths(shown: Mapping[str, Group]) -> Chart:
    rows = [
        (f"{label}, {what}", [(float(sum(e.plan.recipe.hidden or ())), over_runs(values(e))) for e in _by_width(group)])
        for label, group in list(shown.items())[:3]
        for what, values in (("training", fitted), ("test", right))
    ]
    steps = "; ".join(f"{label} {', '.join(percent(q) for _, q in row)}" for label, row in rows if "test" in label)
    return Chart(
        name="width",
        title="Accuracy against width",
        x_label="hidden units",
        y_label="accuracy",
        unit="fraction",
        series=tuple(series(label, row) for label, row in rows),
        log_x=True,
        caption=f"Training accuracy is on labels of which some are wrong. From narrow to wide: {steps}.",
    )


def _effects(shown: Mapping[str, Group]) -> Chart:
    rows = [
        (f"{label}, {what}", [(meaning, effects(group, word)[i]) for word, meaning in REGULARIZERS.items()])
        for label, group in list(shown.items())[:3]
        for i, what in enumerate(("test", "training"))
    ]
    best = "; ".join(
        f"{label} {', '.join(told(q, scale=100) for _, q in row)}" for label, row in rows if label.endswith("test")
    )
    return Chart(
        name="regularization",
        title="What regularization changes",
        x_label="",
        y_label="accuracy minus that of the base",
        unit="pp",
        kind="rows",
        series=tuple(series(label, row) for label, row in rows),
        reference=0.0,
        reference_label="no change",
        caption=f"Runs matched by level. Change of test accuracy in pp, in the order of the rows: {best}.",
    )


def _headline(shown: Mapping[str, Group]) -> str:
    if not shown:
        return "No recipe could be measured."
    lines = []
    for label, group in shown.items():
        wide, (_, tau) = _by_width(group)[-1], ranking(group)
        lines.append(
            f"{label}: {percent(over_runs(fitted(wide), bounds=(0.0, 1.0)))} right in training and "
            f"{percent(over_runs(right(wide), bounds=(0.0, 1.0)))} on the test with {wide.plan.description}; rank "
            f"correlation of the two over recipes {told(tau, digits=2)}"
        )
    return f"With {100 * NOISE:g} % wrong labels, what training accuracy says of test accuracy. {'. '.join(lines)}."


STUDY = Study(
    name="generalisation",
    title="What training accuracy tells",
    claim="Training accuracy is a poor signal: noise is memorized, regularization helps, simpler models sometimes win.",
    citation=(
        "Zhang et al. 2017, arXiv 1611.03530; Belkin et al. 2019, arXiv 1812.11118; Nakkiran et al. 2020, "
        "arXiv 1912.02292"
    ),
    rule=(
        f"Half of each training set, with {NOISE:.0%} of its labels wrong, the same ones in run r of every recipe. For "
        "each data set, with 95 % intervals over runs matched by level: (1) the widest network, without "
        f"regularization, has training accuracy above {MEMORIZED:.0%} on its labels, and test accuracy on true ones "
        f"more than {100 * GAP:g} pp lower; (2) weight decay, label smoothing, dropout and a tenth of the steps each "
        f"raise the test accuracy of the base (above 0) and raise its training accuracy by less than "
        f"{100 * UNSEEN:g} pp; (3) some narrower network has more test accuracy than the widest (Bonferroni over the "
        "narrower ones; contradicted if none has); (4) Kendall's rank correlation of training and test accuracy, mean "
        f"over runs, over all recipes of the data set is below {RANKED:g} (jackknife over recipes; exact where all "
        "are ordered alike): a better signal "
        "would order three of four pairs rightly. All of them: supported; one on the other side: contradicted; "
        f"otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "Choose models, stopping times and strengths of regularization by examples that were held out. Where labels "
        "may be wrong, a training accuracy near 100 % is no success: Inception reaches 100 % on random labels of "
        "CIFAR-10 (Zhang et al., table 1; another model and other data). Whether a smaller network or a larger one "
        "is better has to be tried."
    ),
    limits=(
        "Small networks, much noise, little data. With true labels training and test accuracy may well agree: this is "
        "about labels of which some are wrong. The recipes are a dozen common choices, not a sample of all recipes, "
        "though the interval over them treats them as one. Regularization has one strength each, fixed beforehand and "
        "not tuned; the early stop is a step fixed beforehand, not chosen on held-out examples. More may be possible. "
        "Equal steps for all widths: wider networks learn in fewer of them. What is called unregularized has weight "
        f"decay and label smoothing of {significant(NONE)}, as good as none."
    ),
    cases=cases,
    plan=plan,
    judge=_judge,
    measures=MEASURES,
)
