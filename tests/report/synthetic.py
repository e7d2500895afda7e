"""A made-up `analysis.json` that looks like the real thing: populations with controls, anchors, curves, examples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from . import synthetic_charts, synthetic_comparison, synthetic_landscape, synthetic_networks, synthetic_weights
from . import synthetic_text as text
from .synthetic_text import Document


@dataclass(frozen=True)
class Population:
    """How to make one up: `skill` pulls all logits to the truth, `shared` and `own` push them away from it."""

    name: str
    label: str
    skill: float
    shared: float
    own: float
    shape: tuple[int, ...] = (40,)
    classes: int = 10
    examples: int = 1000
    published: float | None = None


POPULATIONS = (
    Population("mnist1d-mlp", "MNIST-1D · MLP", 2.6, 1.6, 0.9, published=0.68),
    Population("mnist1d-cnn", "MNIST-1D · CNN", 5.2, 1.2, 0.75, published=0.94),
    Population("digits-mlp", "Digits · MLP", 7.5, 1.2, 0.55, shape=(8, 8, 1), examples=360),
)
CONTROLS = (("again", "same levels again", (0.0, 0.0, 0.0)), ("width", "other width", (0.021, 0.0012, 4e-5)))


def build(
    *,
    populations: tuple[Population, ...] = POPULATIONS,
    runs: int = 64,
    examples: int | None = None,
    checkpoints: int = 24,
    diverged: int = 0,
) -> Document:
    """The document; `diverged` runs of the first population did not finish."""
    document: Document = {
        "schema": 1,
        "id": "4f1d0c7a9be2386d",
        "name": "identical-pipelines",
        "title": "Identical pipelines, different models",
        "headline": "",
        "budget": "standard",
        "studies": [text.study()],
        "conditions": [],
        "estimates": [],
        "verdicts": [],
        "charts": synthetic_charts.charts(text.study()["study"]),
        "anchors": [],
        "plots": {},
        "measures": text.measures(),
        "manifest": text.manifest(p.name for p in populations),
    }
    for index, population in enumerate(populations):
        lost = diverged if index == 0 else 0
        _Maker(document, population, index, runs, examples or population.examples, lost).add(checkpoints)
    first = {e["measure"]: e for e in document["estimates"] if e["condition"] == populations[0].name}
    apart = 100 * (first["disagreement"]["value"] or 0)
    document["headline"] = (
        f"{runs} trainings of one MLP, identical but for their random seeds, reach nearly the same test loss, yet two "
        f"of them disagree on {apart:.1f} % of the test examples."
    )
    synthetic_comparison.add(document)
    return document


class _Maker:
    """Simulated logits of one population (a shared part, a part of each run), and what the document says of them."""

    def __init__(
        self, document: Document, population: Population, index: int, runs: int, examples: int, diverged: int
    ) -> None:
        self.document, self.population, self.index = document, population, index
        self.runs, self.examples, self.diverged = runs, examples, diverged
        self.rng = rng = np.random.default_rng([index, runs])
        classes = population.classes
        self.labels = rng.integers(classes, size=examples)
        hard = rng.gamma(2.0, 0.5, size=(examples, 1))
        common = population.skill * np.eye(classes)[self.labels]
        common = common + hard * population.shared * rng.normal(size=(examples, classes))
        logits = common + population.own * hard * rng.normal(size=(runs, examples, classes))
        logits += 0.25 * population.own * rng.normal(size=(runs, 1, classes))
        self.finished = np.arange(runs) >= diverged
        self.kept = self.finished.nonzero()[0]
        self.predicted = np.where(self.finished[:, None], logits.argmax(-1), -1)
        exponentials = np.exp(logits - logits.max(-1, keepdims=True))
        self.probabilities = exponentials / exponentials.sum(-1, keepdims=True)

    def add(self, checkpoints: int) -> None:
        name, label = self.population.name, self.population.label
        sizes = {"classes": self.population.classes, "examples": self.examples}
        accuracy = (self.predicted == self.labels).mean(1)
        likelihood = np.take_along_axis(self.probabilities, self.labels[None, :, None], -1)[..., 0]
        loss = -np.log(np.maximum(likelihood, 1e-3)).mean(1)
        disagreement = np.stack([(row != self.predicted).mean(-1) for row in self.predicted])
        pairs = disagreement[np.triu_indices(self.runs, 1)]
        mean_disagreement = float(pairs.mean()) if len(pairs) else None
        self._level(accuracy[self.kept], loss[self.kept], mean_disagreement)
        self._ensembles(float(accuracy[self.kept].mean()))
        self._sources()
        condition = text.condition(name, label, runs=self.runs, diverged=self.diverged, **sizes)
        self.document["conditions"].append(condition)
        for kind, what, distances in CONTROLS:
            control, off = f"{name}-{kind}", distances[self.index % 3]
            self._estimate("disagreement", 0.4 * off, 0.1 * off or None, "fraction", condition=control)
            self._estimate("weight_distance", off, 0.1 * off or None, "distance", condition=control)
            self.document["conditions"].append(text.condition(control, f"{label}, {what}", runs=16, of=name, **sizes))
        self.document["verdicts"].append(text.verdict(name, label, mean_disagreement))
        self._anchor(float(accuracy[self.kept].mean()))
        self._plots(accuracy, loss, disagreement, checkpoints)

    def _estimate(
        self,
        measure: str,
        value: float | None,
        half: float | None,
        unit: str,
        *,
        at: float | str | None = None,
        condition: str = "",
        method: str = "jackknife over runs",
        reason: str = "",
    ) -> None:
        spread = value is not None and half is not None
        self.document["estimates"].append(
            {
                "study": "identical-pipelines",
                "condition": condition or self.population.name,
                "measure": measure,
                "at": at,
                "value": None if value is None else float(value),
                "low": float(value - half) if spread else None,
                "high": float(value + half) if spread else None,
                "level": 0.95,
                "method": method if spread else "none",
                "resampled": "runs" if spread else "none",
                "unit": unit,
                "n_runs": len(self.kept),
                "n_examples": self.examples,
                "reason": reason,
            }
        )

    def _level(self, accuracy: np.ndarray, loss: np.ndarray, disagreement: float | None) -> None:
        root, enough = np.sqrt(self.runs), len(self.kept) > 1
        few = "" if enough else "a spread needs at least two finished runs"
        sd, loss_sd = (float(x.std(ddof=1)) if enough else None for x in (accuracy, loss))
        error = 1 - float(accuracy.mean())
        self._estimate("accuracy", accuracy.mean(), sd and 2 * sd / root, "fraction", method="t", reason=few)
        self._estimate("loss", loss.mean(), loss_sd and 2 * loss_sd / root, "nats", method="t", reason=few)
        self._estimate("accuracy_sd", sd, sd and 1.4 * sd / root, "pp", method="bootstrap", reason=few)
        self._estimate("accuracy_sampling_se", np.sqrt(error * (1 - error) / self.examples), None, "pp")
        self._estimate("accuracy_sd_independent", sd and 0.86 * sd, sd and 0.2 * sd / root, "pp", reason=few)
        self._estimate("accuracy_sd_distribution", sd and 0.5 * sd, sd and 2.5 * sd / root, "pp", reason=few)
        self._estimate("disagreement", disagreement, 0.05 / root if enough else None, "fraction", reason=few)
        ratio = disagreement and disagreement / max(error, 1e-9)
        self._estimate("disagreement_over_error", ratio, 0.02 if enough else None, "ratio", reason=few)
        self._estimate("logit_correlation", 0.83, 0.004, "correlation")
        self._estimate("weight_distance", 0.831, 0.0021, "distance")

    def _ensembles(self, alone: float) -> None:
        for size in (1, 2, 4, 8, 16, 32):
            if size <= len(self.kept) / 2:
                chosen = [self.rng.choice(self.kept, size, replace=False) for _ in range(12)]
                votes = [self.probabilities[members].mean(0).argmax(-1) for members in chosen]
                reached = float(np.mean([(vote == self.labels).mean() for vote in votes]))
                apart = float(np.mean([(a != b).mean() for a, b in pairwise(votes)]))
                self._estimate("ensemble_accuracy", reached, 0.006, "fraction", at=size)
                self._estimate("ensemble_disagreement", apart, 0.006, "fraction", at=size)
                self._estimate("ensemble_gain", reached - alone, 0.004, "pp", at=size)

    def _sources(self) -> None:
        """A crossed design at convergence: all in the interaction, one main effect below 0."""
        for at, share in (("init", 0.05), ("order", -0.01), ("init × order + residual", 0.96), ("total", 1.0)):
            for name, total, unit in (("prediction", 0.3, "fraction"), ("accuracy", 4e-5, "none")):
                half = 0.04 + 0.1 * abs(share)
                self._estimate(f"{name}_variance_component", share * total, half * total, unit, at=at)
                if at != "total":
                    self._estimate(f"{name}_variance_share", share, half, "fraction", at=at)
        for at, sd in (("init", 0.006), ("order", 0.005), ("dropout", 0.004)):
            self._estimate("accuracy_sd_by_source", sd, 0.001, "pp", at=at)

    def _anchor(self, ours: float) -> None:
        published = self.population.published
        if published is not None:
            self.document["anchors"].append(
                {
                    "study": "identical-pipelines",
                    "condition": self.population.name,
                    "measure": "accuracy",
                    "ours": ours,
                    "low": ours - 0.004,
                    "high": ours + 0.004,
                    "published": published,
                    "tolerance": 0.03,
                    "published_note": "test accuracy after 6,000 steps",
                    "source": "Greydanus and Kobak 2024",
                    "within": bool(abs(ours - published) < 0.03),
                }
            )

    def _plots(self, accuracy: np.ndarray, loss: np.ndarray, disagreement: np.ndarray, checkpoints: int) -> None:
        runs, classes = self.runs, self.population.classes
        counts = np.stack([(self.predicted == c).sum(0) for c in range(classes)], -1)
        instability = 1 - (counts * (counts - 1)).sum(-1) / (runs * (runs - 1)) if runs > 1 else np.zeros(self.examples)
        noise = self.rng.normal(size=(runs, runs))
        distance = np.abs(0.83 + 0.012 * (noise + noise.T) / 2)
        np.fill_diagonal(distance, 0.0)
        most = np.argsort(-instability, kind="stable")[:12]
        landscape = synthetic_landscape.plots(np.random.default_rng(self.index))
        synthetic_landscape.estimates(self._estimate, landscape)
        between = synthetic_weights.plots(np.random.default_rng(self.index), runs=runs)
        alone, sizes = float(accuracy[self.kept].mean()), tuple(m for m in (2, 4) if 2 * m <= len(self.kept))
        synthetic_weights.estimates(self._estimate, between, alone=alone, sizes=sizes)
        synthetic_networks.estimates(self._estimate)
        networks = synthetic_networks.plots(np.random.default_rng(self.index), self.population.shape)
        self.document["plots"][self.population.name] = {
            **landscape,
            **between,
            **networks,
            "runs": {
                "accuracy": accuracy.tolist(),
                "loss": [float(x) if ok else None for x, ok in zip(loss, self.finished, strict=True)],
                "finished": self.finished.tolist(),
            },
            "matrices": {"disagreement": disagreement.tolist(), "weight_distance": distance.round(6).tolist()},
            "order": np.argsort(disagreement[0], kind="stable").tolist(),
            "instability": np.sort(instability)[::-1].tolist(),
            "flips": [
                {
                    "example": int(i),
                    "label": int(self.labels[i]),
                    "instability": float(instability[i]),
                    "votes": counts[i].tolist(),
                    "x": self._example().round(4).tolist(),
                    "shape": list(self.population.shape),
                }
                for i in most
            ],
            "curves": self._curves(np.linspace(0, 6000, checkpoints).round(), float(accuracy[self.kept].mean())),
        }

    def _example(self) -> np.ndarray:
        """A bump on a wavy line, or a blurred ring that is sometimes open."""
        rng, shape = self.rng, self.population.shape
        if len(shape) == 1:
            x = np.convolve(rng.normal(size=shape[0] + 8), np.hanning(9) / 4, mode="valid")
            return x + 2.5 * np.exp(-(((np.arange(shape[0]) - rng.uniform(8, 30)) / 4) ** 2))
        u, v = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:2]))
        ring = np.exp(-12 * (np.hypot(u - 0.2 * rng.normal(), v) - 0.55) ** 2)
        ring = ring if rng.uniform() < 0.5 else ring * (v > -0.4)
        return (ring[..., None].repeat(shape[2], -1) + 0.08 * rng.uniform(size=shape)).ravel()

    def _curves(self, steps: np.ndarray, end: float) -> Document:
        rng, runs = self.rng, self.runs
        time = steps / max(steps.max(), 1)
        rise = 1 - np.exp(-5 * time * (1 + 0.2 * rng.normal(size=(runs, 1))))
        noise = rng.normal(size=rise.shape)
        curves = {
            "train_loss": 2.3 * np.exp(-7 * time * (1 + 0.1 * rng.normal(size=(runs, 1)))) * np.exp(0.1 * noise),
            "test_loss": 2.3 * (1 - 0.75 * rise) + 0.7 * time**2 + 0.03 * noise,
            "test_accuracy": 0.1 + (end - 0.1) * rise + 0.008 * noise,
        }
        lost = ~self.finished[:, None] & (time > 0.3)
        rounded = {name: np.where(lost, np.nan, values.round(5)).tolist() for name, values in curves.items()}
        return {"step": steps.astype(int).tolist(), **rounded}
