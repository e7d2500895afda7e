"""Where the objective is misaligned, more compute optimizes the wrong thing faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.data import load
from varbench.data.proxies import proxy_labels
from varbench.errors import InputError
from varbench.measures.predictions import predicted_labels
from varbench.stats.estimate import Estimate
from varbench.studies.claims.overfitting import turning
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.sweeps import change, earlier_moment, over_runs
from varbench.studies.weighed import Weighed
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 4, "standard": 12, "full": 64}
STEPS = {
    "smoke": {"digits": 120},
    "standard": {"digits": 2000, "mnist1d": 4000},
    "full": {"digits": 20000, "mnist1d": 40000},
}
FACTOR = 8
"""More steps, and a wider layer, by this much."""

AGREEMENT = 0.8
"""Share of the training examples of which the proxy says the true class."""

MARGIN = 0.01
"""What moves by less than a point in the control does not move."""

SNAPSHOTS = 13

OPTIMIZED = Recipe(model="mlp", hidden=(16,), optimizer="adam", lr=1e-3, schedule="constant", batch_size=100)

SHARED = OPTIMIZED.replace(hidden=(4,), batch_size=50)
"""At the smoke budget, whose studies share what is compiled."""

LABELS = {"narrow": "proxy labels, narrow", "wide": "proxy labels, wide", "control": "true labels, wide"}

MEASURES = {
    "misaligned_proxy": Described(
        "Proxy score", "fraction", "none", "Test accuracy on the labels that the proxy gives: what training optimizes."
    ),
    "misaligned_true": Described(
        "True score", "fraction", "higher", "Test accuracy on the true labels: what is wanted."
    ),
    "misaligned_gap": Described("Gap", "pp", "lower", "Proxy score minus true score."),
    "misaligned_proxy_change": Described("Change of the proxy score", "pp", "none", f"With {FACTOR} times the steps."),
    "misaligned_true_change": Described("Change of the true score", "pp", "higher", f"With {FACTOR} times the steps."),
    "misaligned_gap_change": Described("Change of the gap", "pp", "lower", f"With {FACTOR} times the steps."),
    "misaligned_excess": Described(
        "Change of the gap beyond the control", "pp", "lower", "Minus that of the same levels on true labels."
    ),
    "misaligned_fall": Described(
        "Fall of the true score",
        "pp",
        "none",
        "True score at the end minus where other runs have their best mean.",
    ),
    "misaligned_width_early": Described(
        "Gap with width, early", "pp", "none", f"With {FACTOR} times the width, at an eighth of the steps."
    ),
    "misaligned_width_late": Described(
        "Gap with width, at the end", "pp", "none", f"With {FACTOR} times the width, after the last step."
    ),
}


@dataclass(frozen=True)
class Scores:
    """Both scores of every run of a population at every snapshot [R, S]; NaN where the run diverged."""

    proxy: Float[np.ndarray, "R S"]
    true: Float[np.ndarray, "R S"]
    steps: Int[np.ndarray, " S"]

    @property
    def gap(self) -> Float[np.ndarray, "R S"]:
        """How much better the proxy is served than the truth."""
        return self.proxy - self.true

    @property
    def early(self) -> int:
        """The snapshot nearest to an eighth of the steps."""
        return earlier_moment(self.steps, factor=FACTOR)


def _cases(budget: str) -> tuple[Case, ...]:
    names, recipe = {"digits": "Digits", "mnist1d": "MNIST-1D"}, SHARED if budget == "smoke" else OPTIMIZED
    return tuple(
        Case(name, f"{names[name]} · MLP", recipe.replace(data=name, steps=steps))
        for name, steps in STEPS[budget].items()
    )


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        hidden = case.recipe.hidden
        if hidden is None:
            raise InputError(
                f"the study of misaligned objectives widens the hidden layers of {case.label}: give recipe.hidden"
            )
        wide = tuple(FACTOR * units for units in hidden)
        misled = case.recipe.replace(data=f"{case.recipe.data}+proxy:{AGREEMENT:g}")
        recipes = {"narrow": misled, "wide": misled.replace(hidden=wide), "control": case.recipe.replace(hidden=wide)}
        for word, recipe in recipes.items():
            plans.append(
                PopulationPlan(
                    f"misaligned-{case.name}-{word}",
                    f"{case.label} {'-'.join(map(str, recipe.hidden or ()))}, {LABELS[word]}",
                    recipe,
                    together(RUNS[budget] if runs is None else runs, sources=recipe.active_sources()).in_one_program(),
                    description=LABELS[word],
                    snapshots=SNAPSHOTS,
                    measures=("accuracy", "train_loss"),
                    plots=False,
                )
            )
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    parts: dict[str, list[Part]] = {}
    estimates: list[Named] = []
    curves: dict[str, dict[str, Scores]] = {}
    effects: dict[str, dict[str, Estimate]] = {}
    for case in [name.removesuffix("-control") for name in evidence if name.endswith("-control")]:
        three = {word: evidence[f"{case}-{word}"] for word in LABELS}
        name, label = case.removeprefix("misaligned-"), three["wide"].plan.label.removesuffix(f", {LABELS['wide']}")
        found = {word: _scores(e, base=three["control"].plan.recipe.data) for word, e in three.items()}
        scores = {word: s for word, s in found.items() if s is not None}
        if len(scores) < len(found):
            parts[name] = [Part("everything measured", None, "The weights were not kept.")]
            continue
        curves[label], effects[label] = scores, _effects(scores)
        parts[name] = _parts(label, effects[label])
        for word, s in scores.items():
            estimates += _named(three[word].plan.name, s)
        estimates += [Named(three[w].plan.name, m, None, e) for (w, m), e in _own(effects[label]).items()]
    charts = (_scores_chart(curves), _gap_chart(curves)) if curves else ()
    verdicts = decided(parts)
    return Judgement(verdicts, _headline(effects), deciding(verdicts), tuple(estimates), charts)


def _scores(e: Evidence, *, base: str) -> Scores | None:
    """Proxy and true score on the test examples; None where no weights were kept."""
    arrays = e.arrays
    if arrays.snapshots is None or arrays.networks is None or arrays.snapshot_steps is None:
        return None
    data = load(base)
    wanted = {"proxy": proxy_labels(data, data.x_test, data.y_test, agreement=AGREEMENT), "true": data.y_test}
    found = {name: np.full(arrays.snapshots.shape[:2], np.nan) for name in wanted}
    for run in np.flatnonzero(arrays.usable_snapshots):
        answers = predicted_labels(arrays.networks.logits(arrays.snapshots[run], "test"))
        for name, labels in wanted.items():
            found[name][run] = (answers == labels).mean(axis=1)
    return Scores(found["proxy"], found["true"], arrays.snapshot_steps)


def _effects(scores: Mapping[str, Scores]) -> dict[str, Estimate]:
    """What more steps do to the scores of wide networks on either labels, and more width to the gap."""
    found = {}
    for word in ("wide", "control"):
        s = scores[word]
        for what, values in {"proxy": s.proxy, "true": s.true, "gap": s.gap}.items():
            found[f"{word} {what}"] = change(values[:, s.early], values[:, -1])
        best = turning(-s.true)
        peak = np.where(best < 0, np.nan, s.true[np.arange(len(best)), best])
        found[f"{word} fall"] = change(peak, s.true[:, -1])
    wide, narrow, control = scores["wide"], scores["narrow"], scores["control"]
    grown = [s.gap[:, -1] - s.gap[:, s.early] for s in (control, wide)]
    found["excess"] = change(*grown)
    found["width early"] = change(narrow.gap[:, narrow.early], wide.gap[:, wide.early])
    found["width late"] = change(narrow.gap[:, -1], wide.gap[:, -1])
    return found


def _parts(label: str, effects: Mapping[str, Estimate]) -> list[Part]:
    more = f"with {FACTOR} times the steps"
    rise, gap, fall = (effects[f"wide {what}"] for what in ("proxy", "gap", "fall"))
    control = (effects["control gap"], effects["control fall"])
    return [
        weigh(
            "the proxy score rises",
            Weighed(rise, "above", 0.0, f"the proxy score changes by {_pp(rise)} {more} ({label})", "0 pp"),
            f"Trained on the proxy, its score changes by {_pp(rise)} {more}.",
        ),
        weigh(
            "the truth falls behind",
            Weighed(
                gap,
                "above",
                0.0,
                f"the gap between proxy and true score changes by {_pp(gap)} {more} ({label})",
                "0 pp",
            ),
            f"The gap between proxy and true score changes by {_pp(gap)} {more}; "
            f"from its best to the end the true score changes by {_pp(fall)}.",
        ),
        weigh(
            "not with true labels",
            (
                Weighed(
                    control[0],
                    "below",
                    MARGIN,
                    f"trained on true labels, the same gap changes by {_pp(control[0])} ({label})",
                    f"{100 * MARGIN:g} pp",
                ),
                Weighed(
                    control[1],
                    "above",
                    -MARGIN,
                    f"trained on true labels, the true score changes by {_pp(control[1])} from its best ({label})",
                    f"−{100 * MARGIN:g} pp",
                ),
            ),
            f"Trained on true labels, the gap changes by {_pp(control[0])}, {_pp(effects['excess'])} less than on the "
            f"proxy's, and the true score from its best by {_pp(control[1])}.",
        ),
    ]


def _pp(estimate: Estimate) -> str:
    return told(estimate, scale=100, unit="pp")


def _own(effects: Mapping[str, Estimate]) -> dict[tuple[str, str], Estimate]:
    """Population and measure of each effect."""
    found: dict[tuple[str, str], Estimate] = {}
    for word in ("wide", "control"):
        found |= {(word, f"misaligned_{w}_change"): effects[f"{word} {w}"] for w in ("proxy", "true", "gap")}
        found[word, "misaligned_fall"] = effects[f"{word} fall"]
    found["wide", "misaligned_excess"] = effects["excess"]
    return found | {("wide", f"misaligned_width_{when}"): effects[f"width {when}"] for when in ("early", "late")}


def _named(condition: str, s: Scores) -> list[Named]:
    rows = {"misaligned_proxy": s.proxy, "misaligned_true": s.true, "misaligned_gap": s.gap}
    return [Named(condition, m, step, q) for m, values in rows.items() for step, q in _along(values, s)]


def _along(values: Float[np.ndarray, "R S"], s: Scores) -> list[tuple[float, Estimate]]:
    """Means over runs at every step after the first."""
    return [(float(step), over_runs(values[:, i])) for i, step in enumerate(s.steps) if step > 0]


def _scores_chart(curves: Mapping[str, Mapping[str, Scores]]) -> Chart:
    lines, ends = [], []
    for label, scores in list(curves.items())[:2]:
        data = label.partition(" · ")[0]
        wide, control = scores["wide"], scores["control"]
        rows = {"proxy score": (wide.proxy, wide), "true score": (wide.true, wide)}
        rows["true score, trained on it"] = (control.true, control)
        lines += [series(f"{data}, {what}", _along(values, s)) for what, (values, s) in rows.items()]
        last = [percent(over_runs(values[:, -1])) for values, _ in rows.values()]
        ends.append(f"{data} {last[0]} against {last[1]}, and {last[2]} where training was on true labels")
    return Chart(
        name="scores",
        title="What is optimized and what is wanted",
        x_label="optimizer steps",
        y_label="test accuracy",
        unit="fraction",
        series=tuple(lines),
        log_x=True,
        caption=f"Wide networks. After the last step, proxy score against true score: {'; '.join(ends)}.",
    )


def _gap_chart(curves: Mapping[str, Mapping[str, Scores]]) -> Chart:
    lines, ends = [], []
    for label, scores in list(curves.items())[:2]:
        data = label.partition(" · ")[0]
        lines += [series(f"{data}, {LABELS[word]}", _along(s.gap, s)) for word, s in scores.items()]
        last = {word: _pp(over_runs(s.gap[:, -1])) for word, s in scores.items()}
        ends.append(f"{data} {last['wide']}, trained on true labels {last['control']}")
    return Chart(
        name="gap",
        title="Proxy score minus true score",
        x_label="optimizer steps",
        y_label="gap",
        unit="pp",
        series=tuple(lines),
        log_x=True,
        reference=0.0,
        reference_label="both served alike",
        caption=(
            f"The whole of what the proxy gets wrong is {1 - AGREEMENT:.0%} of the training examples. Gap of wide "
            f"networks after the last step: {'; '.join(ends)}."
        ),
    )


def _headline(effects: Mapping[str, Mapping[str, Estimate]]) -> str:
    if not effects:
        return "No recipe could be measured."
    lines = [
        f"{label}: proxy score {_pp(e['wide proxy'])}, true score {_pp(e['wide true'])} ({_pp(e['wide fall'])} from "
        f"its best), and {_pp(e['control true'])} when trained on true labels"
        for label, e in effects.items()
    ]
    return (
        f"Labels that are wrong by a rule for {1 - AGREEMENT:.0%} of the training examples; what {FACTOR} times the "
        f"steps change. {'. '.join(lines)}."
    )


STUDY = Study(
    name="misaligned-objective",
    title="A misaligned objective",
    claim="If the loss is misaligned with what is wanted, more compute optimizes the wrong objective faster.",
    citation=(
        "Gao et al. 2022, arXiv 2210.10760 (overoptimization of a proxy); Krakovna et al. 2020 (specification gaming)"
    ),
    rule=(
        f"Training labels are a proxy: true for {AGREEMENT:.0%} of the examples of each class, the next class for "
        "those of most energy (sum of squared inputs), so that the error can be learned. Test examples are scored on "
        "the proxy's labels and on the true ones. For each recipe and its wide networks, with 95 % intervals over runs "
        f"matched by their levels, {FACTOR} times the steps being those from the snapshot nearest to an eighth of them "
        "to the end: (1) the proxy score rises; (2) the gap, proxy minus true score, grows; (3) trained on true "
        f"labels the same gap grows by less than {100 * MARGIN:g} pp and the true score falls by less. All three: "
        "supported; one with its whole interval on the other side: contradicted; otherwise inconclusive. "
        f"{HOLM}"
    ),
    meaning=(
        "A rising score shows that the score is optimized. Whether the goal is served has to be measured by something "
        "that the training does not see, and again whenever there is more compute. The true score can rise first and "
        "fall later, under one and the same training, as Gao et al. report of policies optimized against a learned "
        "reward (other data and models): stop by the goal, not by the proxy."
    ),
    limits=(
        "The proxy errs by one simple rule on a fixed share of small data, so that the largest possible harm is known; "
        "misspecified rewards in practice err where nobody looked. The gap "
        "falls while true classes are learned and rises when the exceptions are, so that both at once can hide in it; "
        "its change beyond that of the control is shown for that. The rule was revised: it first asked besides for a "
        "larger gap of wide networks at an eighth of the steps, where the exceptions are not learned yet; there it was "
        "smaller by about a point on both recipes, and the claim in that form was contradicted. For a while it took a "
        "fall of the true score from its best in place of the gap, which supported the claim; that fall is now shown, "
        "and so is width. Supervised learning at a "
        "constant rate is no reinforcement learning: the data do not change with what was learned."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures=MEASURES,
)
