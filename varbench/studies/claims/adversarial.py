"""Tiny changes along the gradient of the loss flip predictions, and work on runs they were not made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.analysis.document import LEVEL
from varbench.stats.difference import paired_difference
from varbench.stats.estimate import Estimate, missing
from varbench.stats.jackknife import jackknife_estimate, off_diagonal_row_sums, pair_mean, pair_mean_left_out
from varbench.stats.jackknife import pair_mean_estimate as over_pairs
from varbench.stats.mean import mean_estimate
from varbench.studies.common import main_cases, main_population
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import Arrays, Case, Evidence, Judgement, Named, Part, PopulationPlan, Study
from varbench.studies.weighed import Weighed

RUNS = 8
"""Runs attacked, the first usable ones."""

EXAMPLES = 256
"""Test examples, evenly spaced."""

RADII = (0.03125, 0.0625, 0.125, 0.25, 0.5)
"""Largest change of one input, in SDs of the training inputs."""

DECIDING = 0.25
"""The radius at which the rule decides."""

PGD_STEPS = 10
NOISES = 4
BROKEN = 0.5
HARMLESS = 0.1

KINDS = {
    "noise_accuracy": "random noise of the same size",
    "transfer_accuracy": "made for another run",
    "fgsm_accuracy": "one gradient step",
    "adversarial_accuracy": "ten gradient steps",
}

NOT_MEASURED = "it takes 2 finished runs with stored weights"


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    return tuple(main_population(case, budget, runs, measures=("accuracy",)) for case in cases)


class Attacked:
    """Accuracies of every run without change, under each attack by radius, and on what was made for another run."""

    def __init__(self, e: Evidence):
        arrays, networks = e.arrays, e.arrays.networks
        chosen = np.flatnonzero(arrays.usable_weights)[:RUNS]
        self.n_examples = min(arrays.n_examples, EXAMPLES)
        self.known = networks is not None and arrays.weights is not None and len(chosen) > 1
        if not self.known:
            return
        assert networks is not None
        assert arrays.weights is not None
        weights = arrays.weights[chosen]
        rows = np.arange(self.n_examples) * arrays.n_examples // self.n_examples
        labels, radii = arrays.labels[rows], np.array(RADII)

        def right(x: np.ndarray) -> Float[np.ndarray, "r q"]:
            """Accuracy of every run on examples [q, e, *shape]."""
            logits = networks.logits_on(weights, x.reshape(-1, *x.shape[2:]))
            found = logits.argmax(-1).reshape(len(weights), len(x), -1)
            return np.asarray((found == labels).mean(-1), float)

        self.clean = right(networks.noisy(examples=rows, radii=np.zeros(1), key=0))[:, 0]
        noises = [right(networks.noisy(examples=rows, radii=radii, key=key)) for key in range(NOISES)]
        self.noise = np.mean(noises, axis=0)
        self.crossed = {}
        for name, steps in (("fgsm_accuracy", 1), ("adversarial_accuracy", PGD_STEPS)):
            made = networks.adversarial(weights, examples=rows, radii=radii, steps=steps)
            self.crossed[name] = np.stack([right(x) for x in made])  # made for run i, read by run j, radius

    def accuracy(self, kind: str, q: int) -> Estimate:
        """Mean accuracy over runs (pairs of runs for transfer) at a radius."""
        if not self.known:
            return missing(NOT_MEASURED, level=LEVEL, n_runs=0, n_examples=self.n_examples)
        if kind == "transfer_accuracy":
            sums = off_diagonal_row_sums(self._transfer(q))
            return over_pairs(sums, level=LEVEL, n_examples=self.n_examples, bounds=(0.0, 1.0))
        return mean_estimate(self._values(kind, q), level=LEVEL, n_examples=self.n_examples, bounds=(0.0, 1.0))

    def lost(self, kind: str, q: int) -> Estimate:
        """Accuracy lost over accuracy without change, the mean over runs of the ratio."""
        if not self.known or (self.clean == 0).any():
            return missing(NOT_MEASURED, level=LEVEL, n_runs=0, n_examples=self.n_examples)
        values = (self.clean - self._values(kind, q)) / self.clean
        return mean_estimate(values, level=LEVEL, n_examples=self.n_examples)

    def transferred(self, q: int) -> Estimate:
        """Accuracy under noise minus that on examples of other runs: a mean over pairs, jackknife over runs."""
        if not self.known:
            return missing(NOT_MEASURED, level=LEVEL, n_runs=0, n_examples=self.n_examples)
        sums, noise = off_diagonal_row_sums(self._transfer(q)), self.noise[:, q]
        left_out = (noise.sum() - noise) / (len(noise) - 1) - pair_mean_left_out(sums)
        return jackknife_estimate(
            float(noise.mean()) - pair_mean(sums), left_out, level=LEVEL, n_examples=self.n_examples
        )

    def beyond_noise(self, q: int) -> Estimate:
        """Accuracy under noise minus that under attack, paired by run."""
        if not self.known:
            return missing(NOT_MEASURED, level=LEVEL, n_runs=0, n_examples=self.n_examples)
        attacked = self._values("adversarial_accuracy", q)
        return paired_difference(attacked, self.noise[:, q], level=LEVEL, n_examples=self.n_examples).estimate

    def _transfer(self, q: int) -> Float[np.ndarray, "r r"]:
        one_way = self.crossed["adversarial_accuracy"][:, :, q]
        return (one_way + one_way.T) / 2.0

    def _values(self, kind: str, q: int) -> Float[np.ndarray, " r"]:
        return self.noise[:, q] if kind == "noise_accuracy" else np.diagonal(self.crossed[kind][:, :, q])


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    found = [(e, Attacked(e)) for e in evidence.values()]
    verdicts = decided({e.plan.name: _parts(e.plan.label, attacked) for e, attacked in found})
    estimates = [
        Named(e.plan.name, kind, radius, attacked.accuracy(kind, q))
        for e, attacked in found
        for kind in KINDS
        for q, radius in enumerate(RADII)
    ]
    q = RADII.index(DECIDING)
    estimates += [Named(e.plan.name, "adversarial_gap", DECIDING, a.beyond_noise(q)) for e, a in found]
    estimates += [Named(e.plan.name, "transfer_gap", DECIDING, a.transferred(q)) for e, a in found]
    known = [(e, a) for e, a in found if a.known]
    return Judgement(
        verdicts,
        _headline(known),
        number=deciding(verdicts),
        estimates=tuple(estimates),
        charts=tuple(_chart(e, a) for e, a in reversed(known)),
    )


def _parts(label: str, attacked: Attacked) -> tuple[Part, ...]:
    q = RADII.index(DECIDING)
    attack, noise = attacked.lost("adversarial_accuracy", q), attacked.lost("noise_accuracy", q)
    transferred = attacked.transferred(q)
    beyond = told(transferred, scale=100, unit="pp")
    return (
        weigh(
            "the gradient finds errors",
            Weighed(
                attack,
                "above",
                BROKEN,
                f"{percent(attack)} of the accuracy is lost along the gradient ({label})",
                f"{100 * BROKEN:g} %",
            ),
            f"A change of at most {DECIDING:g} SDs along the gradient takes {percent(attack)} of the accuracy.",
        ),
        weigh(
            "noise does not",
            Weighed(
                noise,
                "below",
                HARMLESS,
                f"{percent(noise)} of the accuracy is lost to noise of that size ({label})",
                f"{100 * HARMLESS:g} %",
            ),
            f"Random noise of the same size takes {percent(noise)} of the accuracy.",
        ),
        weigh(
            "they transfer",
            Weighed(
                transferred,
                "above",
                0.0,
                f"{beyond} more lost to another run's examples than to noise ({label})",
                "0",
            ),
            f"Examples made for another run cost {beyond} more than random noise.",
        ),
    )


def _chart(e: Evidence, attacked: Attacked) -> Chart:
    q = RADII.index(DECIDING)
    values = {kind: percent(attacked.accuracy(kind, q)) for kind in KINDS}
    lines = [
        series(words, [(radius, attacked.accuracy(kind, i)) for i, radius in enumerate(RADII)])
        for kind, words in KINDS.items()
    ]
    return Chart(
        name=f"attack-{e.plan.name}",
        title=f"Attacked: {e.plan.label}",
        x_label="largest change of an input (SDs of the training inputs)",
        y_label="accuracy",
        unit="fraction",
        series=tuple(lines),
        log_x=True,
        reference=float(attacked.clean.mean()),
        reference_label="unchanged examples",
        caption=(
            f"At {DECIDING:g} SDs accuracy is {values['noise_accuracy']} under random noise, "
            f"{values['transfer_accuracy']} on adversarial examples made for another run, and "
            f"{values['adversarial_accuracy']} on those made for the run itself "
            f"({len(attacked.clean)} runs, {attacked.n_examples} test examples)."
        ),
    )


def _headline(known: Sequence[tuple[Evidence, Attacked]]) -> str:
    q = RADII.index(DECIDING)
    lines = [
        f"{100 * a.clean.mean():.0f} % to {percent(a.accuracy('adversarial_accuracy', q), digits=0)} "
        f"({e.plan.label}; random noise of that size: {percent(a.accuracy('noise_accuracy', q), digits=0)}, examples "
        f"made for another run: {percent(a.accuracy('transfer_accuracy', q), digits=0)})"
        for e, a in known
    ]
    if not lines:
        return "No population could be attacked."
    return f"A change of each input by at most {DECIDING:g} SDs takes accuracy from {' and from '.join(lines)}."


def _described(label: str, meaning: str) -> Described:
    return Described(label=label, unit="fraction", better="higher", meaning=meaning)


STUDY = Study(
    name="adversarial",
    title="Adversarial examples and their transfer",
    claim=(
        "Adversarial examples are a consequence of the optimization: a change along the gradient of the loss, too "
        "small to matter as noise, flips most predictions, and does so in other runs of the pipeline too."
    ),
    citation=(
        "Szegedy et al. 2014, arXiv 1312.6199; Goodfellow et al. 2015, arXiv 1412.6572; Madry et al. 2018, arXiv "
        "1706.06083; Ilyas et al. 2019, arXiv 1905.02175"
    ),
    rule=(
        f"For each recipe, {RUNS} runs and changes of at most {DECIDING:g} SDs of the training inputs in each input: "
        f"(1) ten steps of projected gradient descent take more than {BROKEN:.0%} of the accuracy on unchanged "
        f"examples; (2) random noise of the same size takes less than {HARMLESS:.0%} of it; (3) examples made for "
        "another run cost more accuracy than random noise; each with the whole 95 % interval over runs. All three: "
        f"supported. One wholly on the other side: contradicted. Otherwise inconclusive. {HOLM} The claim is supported "
        "if every recipe supports it, and contradicted if one contradicts it."
    ),
    meaning=(
        "Accuracy on test examples says nothing about accuracy next to them: the loss was lowered on the examples "
        "alone. Whoever has the pipeline, or any model of it, can make inputs that fool yours; retraining "
        "protects in part at best. Where inputs may be chosen by others, measure accuracy under attack, and train for "
        "it."
    ),
    limits=(
        "Attacks give an upper limit: stronger ones may find more errors. The size of a change is bounded in each "
        "input (L∞) and within the range of the training inputs; whether a person would see it is not measured. On 64 "
        "pixels or 40 points a change must be larger than on photographs to do the same. That training against the "
        "attack helps is not shown here, nor that other pipelines have no such examples."
    ),
    cases=lambda budget: main_cases(budget, ("mnist1d-mlp", "digits-mlp")),
    plan=_plan,
    judge=_judge,
    measures={
        "noise_accuracy": _described("Accuracy under noise", "Accuracy on examples with random noise of that size."),
        "transfer_accuracy": _described(
            "Accuracy under transferred attack", "Accuracy on adversarial examples that were made for another run."
        ),
        "fgsm_accuracy": _described("Accuracy under one gradient step", "Accuracy on examples moved by one sign step."),
        "adversarial_accuracy": _described(
            "Accuracy under attack", "Accuracy on examples moved by ten steps of projected gradient descent."
        ),
        "adversarial_gap": Described(
            label="Accuracy under noise minus under attack",
            unit="pp",
            better="lower",
            meaning="What the direction of the gradient costs beyond the size of the change.",
        ),
        "transfer_gap": Described(
            label="Accuracy under noise minus under transferred attack",
            unit="pp",
            better="lower",
            meaning="What examples made for another run cost beyond the size of the change.",
        ),
    },
)
