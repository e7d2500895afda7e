"""More compute lowers the loss; it does not bring the model closer to what the loss leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.data import load
from varbench.data.variants import with_patch
from varbench.errors import InputError
from varbench.measures.predictions import predicted_labels
from varbench.stats.estimate import Estimate
from varbench.studies.rules import HOLM, decided, deciding, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.sweeps import change, disagreement, earlier_moment, over_runs
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

MARGIN = 0.05
"""Reliance or accuracy that moves by less than 5 points is no better."""

NOISE = "noise:0.5"
"""The shift: noise of half the SD of the inputs on the test inputs."""

SNAPSHOTS = 13

PLANTED = Recipe(model="mlp", hidden=(16,), optimizer="adam", lr=1e-3, schedule="constant", batch_size=100)

SHARED = PLANTED.replace(hidden=(4,), batch_size=50)
"""At the smoke budget, whose studies share what is compiled."""

WORDS = ("narrow", "wide")

MEASURES = {
    "compute_train_loss": Described("Training loss", "nats", "lower", "Cross-entropy on the training examples."),
    "compute_test_loss": Described("Test loss", "nats", "lower", "Cross-entropy on test examples with the same plant."),
    "compute_reliance": Described(
        "Reliance on the shortcut", "pp", "lower", "Accuracy where the plant says the right class minus where it lies."
    ),
    "compute_shifted": Described("Accuracy under noise", "fraction", "higher", "Accuracy on noisy test inputs."),
    "compute_disagreement": Described("Disagreement", "fraction", "lower", "Labels that differ between two runs."),
}

Curves = Mapping[str, Float[np.ndarray, "R S"]]


def _cases(budget: str) -> tuple[Case, ...]:
    names, recipe = {"digits": "Digits", "mnist1d": "MNIST-1D"}, SHARED if budget == "smoke" else PLANTED
    return tuple(
        Case(name, f"{names[name]} · MLP", recipe.replace(data=f"{name}+patch:0.9", steps=steps))
        for name, steps in STEPS[budget].items()
    )


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        hidden = case.recipe.hidden
        if hidden is None:
            raise InputError(f"the study of compute widens the hidden layers of {case.label}: give recipe.hidden")
        for word, factor in zip(WORDS, (1, FACTOR), strict=True):
            wide = tuple(factor * units for units in hidden)
            plans.append(
                PopulationPlan(
                    f"compute-{case.name}-{word}",
                    f"{case.label} {'-'.join(map(str, wide))}",
                    case.recipe.replace(hidden=wide),
                    together(
                        RUNS[budget] if runs is None else runs, sources=case.recipe.active_sources()
                    ).in_one_program(),
                    description="a shortcut is planted that is right for nine examples in ten",
                    snapshots=SNAPSHOTS,
                    measures=("accuracy", "loss", "disagreement"),
                    plots=False,
                )
            )
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    parts: dict[str, list[Part]] = {}
    estimates, shown, ends = [], {}, {}
    narrow = [name for name in evidence if name.endswith("-narrow") and name[: -len("narrow")] + "wide" in evidence]
    for name in narrow:
        pair = [evidence[name], evidence[name[: -len("narrow")] + "wide"]]
        if any(e.arrays.snapshots is None or e.arrays.networks is None for e in pair):
            parts[pair[1].plan.name] = [Part("everything measured", None, "The weights were not kept.")]
            continue
        curves = [_curves(e) for e in pair]
        steps = pair[0].arrays.snapshot_steps
        assert steps is not None
        effects = _effects(curves, steps)
        ends[pair[1].plan.label] = effects
        parts[pair[1].plan.name] = _parts(pair[1].plan.label, effects)
        for e, found in zip(pair, curves, strict=True):
            along = _along(e, found, steps)
            shown[e.plan.label] = along
            estimates += [Named(e.plan.name, m, step, q) for m, row in along.items() for step, q in row]
    charts = tuple(_charts(shown)) if shown else ()
    verdicts = decided(parts)
    return Judgement(verdicts, _headline(ends), deciding(verdicts), tuple(estimates), charts)


def _curves(e: Evidence) -> Curves:
    """Every quantity of every run at every snapshot; NaN where the run diverged."""
    arrays = e.arrays
    assert arrays.snapshots is not None
    assert arrays.networks is not None
    data = load(e.plan.recipe.data)
    shifted = load(f"{e.plan.recipe.data}+{NOISE}")
    runs, moments, size = arrays.snapshots.shape
    weights, y = arrays.snapshots.reshape(-1, size), data.y_test
    lies = (y + 1 + np.arange(len(y)) % (data.classes - 1)) % data.classes
    inputs = {"right": with_patch(data, data.x_test, y), "wrong": with_patch(data, data.x_test, lies)}
    inputs["shifted"] = shifted.x_test

    def accuracy(x: np.ndarray) -> Any:
        logits = arrays.networks.logits_on(weights, x)  # type: ignore[union-attr]
        return (predicted_labels(logits) == y).mean(axis=1)

    found = {name: accuracy(x) for name, x in inputs.items()}
    rows = {
        "compute_train_loss": arrays.networks.scores(weights, "train")[0],
        "compute_test_loss": arrays.networks.scores(weights, "test")[0],
        "compute_reliance": found["right"] - found["wrong"],
        "compute_shifted": found["shifted"],
    }
    kept = arrays.usable_snapshots[:, None]
    return {name: np.where(kept, values.reshape(runs, moments), np.nan) for name, values in rows.items()}


def _effects(curves: Sequence[Curves], steps: Int[np.ndarray, " S"]) -> dict[str, Estimate]:
    """What more steps (of the wide model) and more width do to each quantity."""
    early = earlier_moment(steps, factor=FACTOR)
    thin, wide = curves
    found = {}
    for name in thin:
        found[f"{name} steps"] = change(wide[name][:, early], wide[name][:, -1])
        place = early if name == "compute_train_loss" else -1
        found[f"{name} width"] = change(thin[name][:, place], wide[name][:, place])
    return found


def _parts(label: str, effects: Mapping[str, Estimate]) -> list[Part]:
    parts = []
    for what, words in {"steps": f"{FACTOR} times the steps", "width": f"{FACTOR} times the width"}.items():
        loss, reliance, shifted = (effects[f"compute_{m} {what}"] for m in ("train_loss", "reliance", "shifted"))
        lower, relied, better = (
            told(loss, digits=3, unit="nats"),
            *(told(e, scale=100, unit="pp") for e in (reliance, shifted)),
        )
        parts += [
            weigh(
                f"{what}: lower training loss",
                Weighed(loss, "below", 0.0, f"training loss changes by {lower} with {words} ({label})", "0 nats"),
                f"With {words}, training loss changes by {lower}.",
            ),
            weigh(
                f"{what}: no less reliance",
                Weighed(
                    reliance,
                    "above",
                    -MARGIN,
                    f"reliance on a shortcut changes by {relied} with {words} ({label})",
                    f"−{100 * MARGIN:g} pp",
                ),
                f"With {words}, reliance on the shortcut changes by {relied}.",
            ),
            weigh(
                f"{what}: no better under shift",
                Weighed(
                    shifted,
                    "below",
                    MARGIN,
                    f"accuracy under noise changes by {better} with {words} ({label})",
                    f"{100 * MARGIN:g} pp",
                ),
                f"With {words}, accuracy under noise changes by {better}.",
            ),
        ]
    return parts


def _along(e: Evidence, curves: Curves, steps: Int[np.ndarray, " S"]) -> dict[str, list[tuple[float, Estimate]]]:
    """Means over runs at every step after the first."""
    assert e.arrays.snapshots is not None
    assert e.arrays.networks is not None
    found: dict[str, list[tuple[float, Estimate]]] = {name: [] for name in MEASURES}
    for i, step in enumerate(steps):
        if step == 0:
            continue
        for name, values in curves.items():
            found[name].append((float(step), over_runs(values[:, i])))
        rows = e.arrays.snapshots[e.arrays.usable_snapshots, i]
        if len(rows):
            labels = predicted_labels(e.arrays.networks.logits(rows, "test"))
            found["compute_disagreement"].append((float(step), disagreement(labels, classes=e.arrays.n_classes)))
    return found


def _charts(shown: Mapping[str, Mapping[str, Sequence[tuple[float, Estimate]]]]) -> list[Chart]:
    charts = []
    for name in ("compute_reliance", "compute_train_loss", "compute_shifted"):
        last = "; ".join(
            f"{label} {told(row[name][-1][1], scale=1 if 'loss' in name else 100, digits=2 if 'loss' in name else 1)}"
            for label, row in shown.items()
        )
        charts.append(
            Chart(
                name=name.removeprefix("compute_").replace("_", "-"),
                title=f"{MEASURES[name].label} against compute",
                x_label="optimizer steps",
                y_label=MEASURES[name].label.lower(),
                unit="fraction" if MEASURES[name].unit == "pp" else MEASURES[name].unit,
                series=tuple(series(label, row[name]) for label, row in list(shown.items())[:6]),
                log_x=True,
                caption=f"{MEASURES[name].meaning} After the last step ({'nats' if 'loss' in name else '%'}): {last}.",
            )
        )
    return charts


def _headline(ends: Mapping[str, Mapping[str, Estimate]]) -> str:
    if not ends:
        return "No recipe could be measured."
    lines = [
        f"{label}: training loss {told(e['compute_train_loss steps'], digits=2, unit='nats')}, reliance on a planted "
        f"shortcut {told(e['compute_reliance steps'], scale=100, unit='pp')}, accuracy under noise "
        f"{told(e['compute_shifted steps'], scale=100, unit='pp')}"
        for label, e in ends.items()
    ]
    return f"What {FACTOR} times the steps change. {'; '.join(lines)}."


STUDY = Study(
    name="compute",
    title="What more compute brings",
    claim="More steps and wider models converge faster, and bring no better alignment with reality.",
    citation="Geirhos et al. 2020, arXiv 2004.07780 (shortcuts); D'Amour et al. 2022, arXiv 2011.03395",
    rule=(
        "One input says the class, rightly in 90 % of training and test examples. For each recipe, with 95 % intervals "
        f"over matched runs: {FACTOR} times the steps (of the wide model, from the snapshot nearest to an eighth of "
        f"them to the end) and {FACTOR} times the width (at the early snapshot) lower the training loss; and neither "
        f"lowers reliance on the plant, the accuracy where it says the right class minus where it says another, by "
        f"{100 * MARGIN:g} pp or more, or raises the accuracy under noise of half the inputs' SD by as much, both "
        "after the last step for width. All six: supported; one with its whole interval on the other side: "
        f"contradicted; otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "Compute serves the loss. Whether what is wanted follows cannot be read from the training loss, whichever way "
        "it went here: look at what the model relies on before buying more of it."
    ),
    limits=(
        "One shortcut in small data, one optimizer at a constant rate, two widths. The shortcut is wrong for a tenth "
        "of the training examples, so the loss itself rewards learning the rest in the end; with a plant that never "
        "lies it would not. Reliance is measured by intervening on the plant: inputs in which it lies are rarer in "
        "training. Accuracy in the first eighth of the training is not judged."
    ),
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures=MEASURES,
)
