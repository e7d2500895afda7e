"""Wrong labels are fitted as right ones are, because both lower the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.data import load
from varbench.measures.scores import loss_per_run
from varbench.stats.estimate import Estimate
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.sweeps import change, over_runs
from varbench.studies.weighed import Weighed
from varbench.training.batches import noisy_labels
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 4, "standard": 8, "full": 64}
STEPS = {
    "smoke": {"digits": 600},
    "standard": {"digits": 4000, "mnist1d": 5000},
    "full": {"digits": 40000, "mnist1d": 40000},
}

NOISE = {"true": 0.0, "part": 0.4, "wrong": 1.0}
"""Share of the training labels that are another class."""

LABELS = {"true": "true labels", "part": "40 % wrong labels", "wrong": "wrong labels only"}

FITTED = 0.5
"""Of the wrong labels, more than this share is fitted."""

MARGIN = 0.02
"""Test accuracy above chance by less than 2 points is none."""

SNAPSHOTS = 13

FITTING = Recipe(model="mlp", optimizer="adam", lr=3e-3, schedule="constant", batch_size=100)

SHARED = FITTING.replace(hidden=(32,), batch_size=50)
"""At the smoke budget, whose studies share what is compiled."""

MEASURES = {
    "overfitting_fitted": Described(
        "Training accuracy", "fraction", "none", "Share of the labels that the run was trained on, right or wrong."
    ),
    "overfitting_right": Described("Test accuracy", "fraction", "higher", "On the true labels, of runs that finished."),
    "overfitting_train_loss": Described("Training loss", "nats", "none", "Cross-entropy on the labels trained on."),
    "overfitting_test_loss": Described("Test loss", "nats", "lower", "Cross-entropy on the true test labels."),
    "overfitting_excess": Described(
        "Rise of the test loss", "nats", "lower", "Test loss at the end minus where other runs have their lowest mean."
    ),
    "overfitting_gain": Described(
        "Change of the training loss", "nats", "none", "Over the steps in which the test loss rises."
    ),
}


def _cases(budget: str) -> tuple[Case, ...]:
    steps = STEPS[budget]
    if budget == "smoke":
        return (Case("digits", "Digits · MLP 32", SHARED.replace(data="digits", steps=steps["digits"])),)
    digits = Case("digits", "Digits · MLP 64", FITTING.replace(data="digits", hidden=(64,), steps=steps["digits"]))
    curves = Case("mnist1d", "MNIST-1D · MLP 128", FITTING.replace(hidden=(128,), steps=steps["mnist1d"]))
    return (digits, curves)


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans = []
    for case in cases:
        for word, noise in NOISE.items():
            recipe = case.recipe.replace(label_noise=noise)
            plans.append(
                PopulationPlan(
                    f"overfitting-{case.name}-{word}",
                    f"{case.label}, {LABELS[word]}",
                    recipe,
                    together(RUNS[budget] if runs is None else runs, sources=recipe.active_sources()).in_one_program(),
                    description=LABELS[word],
                    snapshots=SNAPSHOTS if word == "part" else 0,
                    measures=("accuracy", "loss", "train_accuracy", "train_loss"),
                    plots=False,
                )
            )
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    estimates: list[Named] = []
    parts: dict[str, list[Part]] = {}
    ends: dict[str, dict[str, dict[str, Estimate]]] = {}
    along: dict[str, dict[str, list[tuple[float, Estimate]]]] = {}
    cases = [name.removesuffix("-true") for name in evidence if name.endswith("-true")]
    for case in cases:
        group = {word: evidence[f"{case}-{word}"] for word in NOISE}
        label = group["true"].plan.label.rpartition(", ")[0]
        ends[label] = {word: _ends(e) for word, e in group.items()}
        curves = _curves(group["part"])
        if curves is not None:
            ends[label]["part"] |= _effects(curves)
            steps = group["part"].arrays.snapshot_steps
            assert steps is not None
            along[label] = {m: _along(values, steps) for m, values in curves.items()}
            found = [(m, step, q) for m, row in along[label].items() for step, q in row]
            estimates += [Named(group["part"].plan.name, m, step, q) for m, step, q in found]
        estimates += [Named(group[word].plan.name, m, None, q) for word in NOISE for m, q in ends[label][word].items()]
        parts[case] = _parts(label, ends[label], chance=1.0 / group["wrong"].arrays.n_classes)
    verdicts, charts = decided(parts), (*_accuracies(ends), *_losses(along))
    return Judgement(verdicts, _headline(ends), deciding(verdicts), tuple(estimates), charts)


def _ends(e: Evidence) -> dict[str, Estimate]:
    """Accuracy after the last step on the labels trained on and on the test examples, over runs that finished."""
    arrays = e.arrays
    assert arrays.train_accuracy is not None
    return {
        "overfitting_fitted": over_runs(
            np.where(arrays.usable, arrays.train_accuracy.astype(np.float64), np.nan), bounds=(0.0, 1.0)
        ),
        "overfitting_right": over_runs(arrays.accuracy[arrays.usable], n_examples=arrays.n_examples, bounds=(0.0, 1.0)),
    }


def labels_trained_on(e: Evidence) -> Int[np.ndarray, "R N"]:
    """The labels of the training examples as every run saw them."""
    data, fraction = load(e.plan.recipe.data), e.plan.recipe.label_noise
    right = jnp.asarray(data.y_train)
    rows = [
        noisy_labels(jnp.asarray(level, jnp.int32), right, classes=data.classes, fraction=fraction)
        for level in e.arrays.levels["label_noise"]
    ]
    return np.stack([np.asarray(row) for row in rows])


def _curves(e: Evidence) -> dict[str, Float[np.ndarray, "R S"]] | None:
    """Both losses of every run at every snapshot, NaN where the run diverged; None where no weights were kept."""
    arrays = e.arrays
    if arrays.snapshots is None or arrays.networks is None:
        return None
    labels = labels_trained_on(e)
    found = {name: np.full(arrays.snapshots.shape[:2], np.nan) for name in MEASURES if name.endswith("_loss")}
    for run in np.flatnonzero(arrays.usable_snapshots):
        weights = arrays.snapshots[run]
        found["overfitting_train_loss"][run] = loss_per_run(arrays.networks.logits(weights, "train"), labels[run])
        found["overfitting_test_loss"][run] = arrays.networks.scores(weights, "test")[0]
    return found


def turning(loss: Float[np.ndarray, "R S"]) -> Int[np.ndarray, " R"]:
    """For each run the moment at which the mean loss of the other runs is lowest; −1 for NaN and where there are none.

    A run's own lowest loss lies below its last one even if the loss only fluctuates; the others know nothing of its
    fluctuations.
    """
    rows = np.isfinite(loss).all(axis=1)
    found = np.full(len(loss), -1)
    if rows.sum() > 1:
        found[rows] = (loss[rows].sum(axis=0) - loss[rows]).argmin(axis=1)
    return found


def _effects(curves: Mapping[str, Float[np.ndarray, "R S"]]) -> dict[str, Estimate]:
    """What happens to the losses from the lowest test loss to the end."""
    best = turning(curves["overfitting_test_loss"])

    def change_of(name: str) -> Estimate:
        loss = curves[name]
        return change(np.where(best < 0, np.nan, loss[np.arange(len(loss)), best]), loss[:, -1])

    return {
        "overfitting_excess": change_of("overfitting_test_loss"),
        "overfitting_gain": change_of("overfitting_train_loss"),
    }


def _along(values: Float[np.ndarray, "R S"], steps: Int[np.ndarray, " S"]) -> list[tuple[float, Estimate]]:
    return [(float(step), over_runs(values[:, i])) for i, step in enumerate(steps) if step > 0]


def _parts(label: str, ends: Mapping[str, Mapping[str, Estimate]], *, chance: float) -> list[Part]:
    fitted, right = ends["wrong"]["overfitting_fitted"], ends["wrong"]["overfitting_right"]
    limit = chance + MARGIN
    parts = [
        weigh(
            "wrong labels are fitted",
            Weighed(
                fitted,
                "above",
                FITTED,
                f"{percent(fitted)} of labels that are all wrong are fitted ({label})",
                f"{100 * FITTED:g} %",
            ),
            f"Trained on wrong labels only, runs answer with {percent(fitted)} of them (chance is {chance:.0%}).",
        ),
        weigh(
            "what is fitted does not generalize",
            Weighed(
                right,
                "below",
                limit,
                f"trained on wrong labels only, runs are right on {percent(right)} of the test examples ({label})",
                f"{100 * limit:g} %",
            ),
            f"Runs trained on wrong labels are right for {percent(right)} of the test examples (less than "
            f"{100 * limit:g} % is no better than chance).",
        ),
    ]
    name = "fitting goes on after it stops helping"
    if "overfitting_excess" not in ends["part"]:
        return [*parts, Part(name, None, "The weights along the training were not kept.")]
    excess, gain = ends["part"]["overfitting_excess"], ends["part"]["overfitting_gain"]
    rise = told(excess, digits=2, unit="nats")
    text = (
        f"With {LABELS['part']}, from its lowest point to the end the test loss rises by {rise}; the training loss "
        f"changes by {told(gain, digits=2, unit='nats')}."
    )
    words = f"test loss rises by {rise} with {LABELS['part']} ({label})"
    return [*parts, weigh(name, Weighed(excess, "above", 0.0, words, "0"), text)]


def _accuracies(ends: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> list[Chart]:
    shown = [
        (f"{label}, {what}", [(noise, found[word][measure]) for word, noise in NOISE.items()])
        for label, found in list(ends.items())[:3]
        for what, measure in (("training", "overfitting_fitted"), ("test", "overfitting_right"))
    ]
    last = "; ".join(f"{label} {percent(row[-1][1])}" for label, row in shown)
    if not shown:
        return []
    return [
        Chart(
            name="accuracy",
            title="Right and wrong labels are fitted",
            x_label="share of wrong training labels",
            y_label="accuracy",
            unit="fraction",
            series=tuple(series(label, row) for label, row in shown),
            caption=f"Training accuracy is on the labels trained on, test accuracy on true ones. All wrong: {last}.",
        )
    ]


def _losses(along: Mapping[str, Mapping[str, Sequence[tuple[float, Estimate]]]]) -> list[Chart]:
    shown = [
        (f"{label}, {what}", row[measure])
        for label, row in list(along.items())[:3]
        for what, measure in (("training", "overfitting_train_loss"), ("test", "overfitting_test_loss"))
    ]
    last = "; ".join(f"{label} {told(row[-1][1], digits=2)}" for label, row in shown)
    if not shown:
        return []
    return [
        Chart(
            name="loss",
            title=f"Loss along training with {LABELS['part']}",
            x_label="optimizer steps",
            y_label="loss",
            unit="nats",
            series=tuple(series(label, row) for label, row in shown),
            log_x=True,
            caption=f"Training loss is on the labels trained on. After the last step, in nats: {last}.",
        )
    ]


def _headline(ends: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> str:
    if not ends:
        return "No recipe could be measured."
    lines = []
    for label, found in ends.items():
        fitted, right = (
            [percent(found[word][f"overfitting_{what}"]) for word in ("wrong", "true")] for what in ("fitted", "right")
        )
        lines.append(
            f"{label}: {fitted[0]} of wrong training labels are fitted, against {fitted[1]} of true ones, with "
            f"{right[0]} against {right[1]} right on the test"
        )
    return f"What lowers the loss is fitted, true or not. {'; '.join(lines)}."


STUDY = Study(
    name="overfitting",
    title="Overfitting",
    claim="Overfitting is a consequence of the optimization: noise is fitted because that lowers the loss.",
    citation="Zhang et al. 2017, arXiv 1611.03530",
    rule=(
        "The same pipeline is trained on true labels, with 40 % of them replaced by another class, and with all of "
        "them replaced. For each recipe, with 95 % intervals over runs: (1) trained on wrong labels only, training "
        f"accuracy on those labels is above {FITTED:.0%}; (2) test accuracy on the true labels is then below chance "
        f"(one over the number of classes) plus {100 * MARGIN:g} pp; (3) with 40 % wrong labels, the test loss at the "
        "end is above that at the snapshot at which it was lowest, on average over the other runs. All three: "
        f"supported; one with its whole interval on the other side: contradicted; otherwise inconclusive. {HOLM}"
    ),
    meaning=(
        "Training accuracy says that the loss was lowered, not that there was anything to learn. Hold examples out, "
        "watch their loss along the training, and do not expect the pipeline to notice wrong labels by itself."
    ),
    limits=(
        "Small networks at a constant rate, without regularization; at the standard budget they fit many of the wrong "
        "labels and not all. Labels that are all wrong are not random: they still say what an example is not (uniform "
        "labels, as in the paper, would leave one in K right), and a test accuracy below chance shows that this was "
        "learned; it counts as no generalization here. Training on true labels is shown, not judged. The lowest test "
        "loss is looked for among a dozen snapshots on the test examples themselves: it is no stopping rule."
    ),
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures=MEASURES,
)
