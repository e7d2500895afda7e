"""A made-up `analysis.json` that looks like the real thing: populations with controls, anchors, curves, examples."""

from __future__ import annotations

from typing import Any

import numpy as np

Document = dict[str, Any]

MEASURES: dict[str, tuple[str, str, str, str]] = {
    "accuracy": (
        "Accuracy",
        "fraction",
        "higher",
        "Share of test examples whose label is predicted correctly.",
    ),
    "loss": ("Loss", "nats", "lower", "Mean cross-entropy of the predicted probabilities on the test set."),
    "accuracy_sd": ("SD of accuracy", "pp", "lower", "Standard deviation of the accuracy from run to run."),
    "accuracy_sampling_se": (
        "Test-set resolution",
        "pp",
        "none",
        "Standard error of an accuracy on a test set of this size: what it can resolve at all.",
    ),
    "accuracy_sd_independent": (
        "SD if examples failed independently",
        "pp",
        "none",
        "What the SD of the accuracy would be if each example failed on its own.",
    ),
    "accuracy_sd_distribution": (
        "SD of the true accuracy",
        "pp",
        "none",
        "Standard deviation from run to run of the accuracy on all data of this kind, not only on this test set.",
    ),
    "disagreement": (
        "Disagreement",
        "fraction",
        "lower",
        "Share of test examples to which two independent runs give different labels.",
    ),
    "disagreement_over_error": (
        "Disagreement / error",
        "ratio",
        "none",
        "Disagreement divided by the mean error.",
    ),
    "logit_correlation": (
        "Logit correlation",
        "correlation",
        "higher",
        "Mean correlation of the logits of two runs.",
    ),
    "instability": (
        "Instability",
        "fraction",
        "lower",
        "Probability that two runs give one example different labels.",
    ),
    "weight_distance": (
        "Weight distance",
        "distance",
        "none",
        "Distance of the weights of two runs: 0 for the same weights, 1 for orthogonal ones.",
    ),
    "ensemble_accuracy": ("Ensemble accuracy", "fraction", "higher", "Accuracy of the average of M runs."),
    "ensemble_gain": (
        "Ensemble gain",
        "pp",
        "higher",
        "Accuracy of the average of M runs minus that of one run.",
    ),
    "ensemble_disagreement": (
        "Ensemble disagreement",
        "fraction",
        "lower",
        "Share of examples to which two disjoint averages of M runs give different labels.",
    ),
}

POPULATIONS = (
    # condition, label, classes, examples, skill, shared, own, shape, published accuracy
    ("mnist1d-mlp", "MNIST-1D · MLP", 10, 1000, 2.6, 1.6, 0.9, (40,), 0.68),
    ("mnist1d-cnn", "MNIST-1D · CNN", 10, 1000, 5.2, 1.2, 0.75, (40,), 0.94),
    ("digits-mlp", "Digits · MLP", 10, 360, 7.5, 1.2, 0.55, (8, 8, 1), None),
)


def build(*, runs: int = 64, examples: int | None = None, checkpoints: int = 24, diverged: int = 0) -> Document:
    """The document; `diverged` runs of the first population did not finish."""
    document: Document = {
        "schema": 1,
        "id": "4f1d0c7a9be2386d",
        "name": "identical-pipelines",
        "title": "Identical pipelines, different models",
        "budget": "standard",
        "studies": [_study()],
        "conditions": [],
        "estimates": [],
        "verdicts": [],
        "anchors": [],
        "plots": {},
        "measures": {
            name: {"label": label, "unit": unit, "better": better, "meaning": meaning}
            for name, (label, unit, better, meaning) in MEASURES.items()
        },
        "manifest": _manifest(),
    }
    for index, population in enumerate(POPULATIONS):
        add_population(document, index, *population, runs=runs, examples=examples, checkpoints=checkpoints,
                       diverged=diverged if index == 0 else 0)  # fmt: skip
    first = {e["measure"]: e for e in document["estimates"] if e["condition"] == "mnist1d-mlp" and e["at"] is None}
    spread, apart = (100 * (first[name]["value"] or 0) for name in ("loss_sd", "disagreement"))
    document["headline"] = (
        f"{runs} trainings of one MLP on MNIST-1D, identical but for their random seeds, reach nearly the same test "
        f"loss (SD {spread / 100:.3f} nats), yet two of them disagree on {apart:.1f} % of the test examples."
    )
    return document


def add_population(
    document: Document, index: int, name: str, label: str, classes: int, n_examples: int, skill: float, shared: float,
    own: float, shape: tuple[int, ...], published: float | None, *, runs: int, examples: int | None = None,
    checkpoints: int = 24, diverged: int = 0,
) -> None:  # fmt: skip
    """Simulated logits (a shared part, a part of each run), and everything the document says about them."""
    rng = np.random.default_rng([index, runs])
    n_examples = n_examples if examples is None else examples
    labels = rng.integers(classes, size=n_examples)
    truth = np.eye(classes)[labels]
    hardness = rng.gamma(2.0, 0.5, size=(n_examples, 1))
    common = skill * truth + hardness * shared * rng.normal(size=(n_examples, classes))
    logits = common + own * hardness * rng.normal(size=(runs, n_examples, classes))
    logits += 0.25 * own * rng.normal(size=(runs, 1, classes))
    predicted = logits.argmax(-1)
    finished = np.arange(runs) >= diverged
    predicted[~finished] = -1
    probabilities = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    accuracy = (predicted == labels).mean(1)
    loss = -np.log(np.maximum(np.take_along_axis(probabilities, labels[None, :, None], -1)[..., 0], 1e-3)).mean(1)
    disagreement = (predicted[:, None] != predicted[None]).mean(-1) if runs * runs * n_examples < 3e7 else None
    if disagreement is None:
        disagreement = 0.2 + 0.02 * _symmetric(rng, runs)
    counts = np.stack([(predicted == c).sum(0) for c in range(classes)], -1)
    instability = 1 - (counts * (counts - 1)).sum(-1) / max(runs * (runs - 1), 1)
    distance = 0.83 + 0.012 * _symmetric(rng, runs)
    np.fill_diagonal(distance, 0.0)

    def add(measure: str, value: float | None, half: float | None, unit: str, *, at: float | None = None,
            condition: str = name, method: str = "jackknife", reason: str = "") -> None:  # fmt: skip
        spread = value is not None and half is not None
        document["estimates"].append(
            {
                "study": "identical-pipelines", "condition": condition, "measure": measure, "at": at,
                "value": None if value is None else float(value),
                "low": float(value - half) if spread else None, "high": float(value + half) if spread else None,
                "level": 0.95, "method": method if spread else "none", "resampled": "runs" if spread else "none",
                "unit": unit, "n_runs": int(finished.sum()), "n_examples": n_examples, "reason": reason,
            }
        )  # fmt: skip

    root = np.sqrt(runs)
    kept = finished.nonzero()[0]
    pairs = disagreement[np.triu_indices(runs, 1)]
    mean_disagreement = float(pairs.mean()) if len(pairs) else None
    few = "" if len(kept) > 1 else "a spread needs at least two finished runs"
    sd = float(accuracy[kept].std(ddof=1)) if len(kept) > 1 else None
    loss_sd = float(loss[kept].std(ddof=1)) if len(kept) > 1 else None
    error = 1 - float(accuracy[kept].mean())
    add("accuracy", accuracy[kept].mean(), sd and 2 * sd / root, "fraction", method="Student t", reason=few)
    add("loss", loss[kept].mean(), loss_sd and 2 * loss_sd / root, "nats", method="Student t", reason=few)
    add("accuracy_sd", sd, sd and 1.4 * sd / root, "pp", method="bootstrap", reason=few)
    add("loss_sd", loss_sd, loss_sd and 1.4 * loss_sd / root, "nats", method="bootstrap", reason=few)
    add("accuracy_sampling_se", np.sqrt(error * (1 - error) / n_examples), None, "pp")
    add("accuracy_sd_independent", sd and 0.86 * sd, sd and 0.2 * sd / root, "pp", reason=few)
    add("accuracy_sd_distribution", sd and 0.5 * sd, sd and 2.5 * sd / root, "pp", reason=few)
    add("disagreement", mean_disagreement, (few == "" and 0.05 / root) or None, "fraction", reason=few)
    add(
        "disagreement_over_error",
        mean_disagreement and mean_disagreement / max(error, 1e-9),
        0.02,
        "ratio",
        reason=few,
    )
    add("logit_correlation", 0.83, 0.004, "correlation")
    add("weight_distance", 0.831, 0.0021, "distance")
    alone = float(accuracy[kept].mean())
    for size in (1, 2, 4, 8, 16, 32):
        if size <= len(kept) / 2:
            member = [probabilities[rng.choice(kept, size, replace=False)].mean(0).argmax(-1) for _ in range(12)]
            reached = float(np.mean([(m == labels).mean() for m in member]))
            apart = float(np.mean([(a != b).mean() for a, b in zip(member, member[1:], strict=False)]))
            add("ensemble_accuracy", reached, 0.006, "fraction", at=size)
            add("ensemble_disagreement", apart, 0.006, "fraction", at=size)
            add("ensemble_gain", reached - alone, 0.004, "pp", at=size)
    for kind, what, off in (
        ("again", "same levels, trained again", 0.0),
        ("width", "same levels, width 4", (0.021, 0.0012, 4e-5)[index % 3]),
    ):
        control = f"{name}/{kind}"
        document["conditions"].append(_condition(control, what, "control", name, 16, classes, n_examples, 0))
        add("disagreement", 0.4 * off, 0.1 * off or None, "fraction", condition=control)
        add("weight_distance", off, 0.1 * off or None, "distance", condition=control)
    document["conditions"].append(_condition(name, label, "population", None, runs, classes, n_examples, diverged))
    document["verdicts"].append(_verdict(name, label, mean_disagreement))
    if published is not None:
        document["anchors"].append(
            {
                "study": "identical-pipelines", "condition": name, "measure": "accuracy", "ours": alone,
                "low": alone - 0.004, "high": alone + 0.004, "published": published, "tolerance": 0.03,
                "published_note": "test accuracy after 6,000 steps", "source": "Greydanus & Kobak 2024",
                "within": bool(abs(alone - published) < 0.03),
            }
        )  # fmt: skip
    steps = np.linspace(0, 6000, checkpoints).round()
    document["plots"][name] = {
        "runs": {"accuracy": accuracy.tolist(), "loss": [float(x) if ok else None for x, ok in zip(loss, finished, strict=True)],
                 "finished": finished.tolist()},
        "matrices": {"disagreement": disagreement.tolist(), "weight_distance": distance.tolist()},
        "order": np.argsort(disagreement[0], kind="stable").tolist(),
        "instability": np.sort(instability)[::-1].tolist(),
        "flips": [_flip(rng, int(i), int(labels[i]), float(instability[i]), counts[i], shape)
                  for i in np.argsort(-instability, kind="stable")[:12]],
        "curves": _curves(rng, steps, alone, runs, diverged),
    }  # fmt: skip


def _symmetric(rng: np.random.Generator, runs: int) -> np.ndarray:
    noise = rng.normal(size=(runs, runs))
    block = np.equal.outer(np.arange(runs) % 3, np.arange(runs) % 3)
    return (noise + noise.T) / 2 - 1.2 * block


def _flip(rng: np.random.Generator, example: int, label: int, instability: float, votes: np.ndarray,
          shape: tuple[int, ...]) -> Document:  # fmt: skip
    if len(shape) == 1:
        x = np.convolve(rng.normal(size=shape[0] + 8), np.hanning(9) / 4, mode="valid")
        x += 2.5 * np.exp(-(((np.arange(shape[0]) - rng.uniform(8, 30)) / 4) ** 2))
    else:
        u, v = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:2]))
        x = np.exp(-12 * (np.hypot(u - 0.2 * rng.normal(), v) - 0.55) ** 2)
        x = np.where(rng.uniform() < 0.5, x, x * (v > -0.4))[..., None].repeat(shape[2], -1)
        x = x + 0.08 * rng.uniform(size=shape)
    return {"example": example, "label": label, "instability": instability, "votes": votes.tolist(),
            "x": x.ravel().tolist(), "shape": list(shape)}  # fmt: skip


def _curves(rng: np.random.Generator, steps: np.ndarray, end: float, runs: int, diverged: int) -> Document:
    time = steps / max(steps.max(), 1)
    rise = 1 - np.exp(-5 * time * (1 + 0.2 * rng.normal(size=(runs, 1))))
    accuracy = 0.1 + (end - 0.1) * rise + 0.008 * rng.normal(size=(runs, len(steps)))
    train = (
        2.3 * np.exp(-7 * time * (1 + 0.1 * rng.normal(size=(runs, 1)))) * np.exp(0.1 * rng.normal(size=accuracy.shape))
    )
    test = 2.3 * (1 - 0.75 * rise) + 0.7 * time**2 + 0.03 * rng.normal(size=accuracy.shape)
    curves = {"train_loss": train, "test_loss": test, "test_accuracy": accuracy}
    lost = np.zeros((runs, 1), bool)
    lost[:diverged] = True
    return {"step": steps.astype(int).tolist(),
            **{name: np.where(lost & (time > 0.3), np.nan, values).tolist() for name, values in curves.items()}}  # fmt: skip


def _condition(name: str, label: str, role: str, of: str | None, runs: int, classes: int, examples: int,
               diverged: int) -> Document:  # fmt: skip
    return {
        "condition": name, "study": "identical-pipelines", "label": label, "role": role, "of": of,
        "description": "One recipe, every source of randomness at its own level.", "n_runs": runs,
        "n_diverged": diverged, "n_examples": examples, "n_classes": classes, "n_parameters": 15210, "n_train": 4000,
        "steps": 6000, "recipe": {"batch_size": 100, "lr": 0.01, "optimizer": "adam", "schedule": "constant"},
        "recipe_hash": "a91c0d44e07b",
        "design": {"kind": "together", "sources": ["init", "order"], "runs": runs},
    }  # fmt: skip


def _verdict(name: str, label: str, disagreement: float | None) -> Document:
    share = 0.0 if disagreement is None else 100 * disagreement
    return {
        "study": "identical-pipelines", "condition": name, "verdict": "supported",
        "reason": f"The losses of two {label} runs differ by less than the margin, and they disagree on {share:.1f} % of examples.",
        "parts": [
            {"name": "Loss is equivalent", "holds": True, "text": "97 % of pairs differ by less than 0.05 nats (margin stated beforehand)."},
            {"name": "Predictions differ", "holds": True, "text": f"Disagreement {share:.1f} %, against 0 (exactly) for the same levels."},
            {"name": "Weights differ", "holds": True, "text": "Weight distance 0.831, against 0 (exactly) for the same levels."},
        ],
    }  # fmt: skip


def _study() -> Document:
    return {
        "study": "identical-pipelines", "title": "Identical pipelines, different models",
        "claim": "Identical training pipelines that differ only in their random seeds give models of similar loss that are different functions.",
        "citation": "D'Amour et al. 2022, Underspecification Presents Challenges for Credibility in Modern Machine Learning",
        "rule": "Supported if the test losses of two runs are equivalent within 0.05 nats, and the intervals of disagreement and of weight distance both lie above those of the same-levels control.",
        "meaning": "A model that is retrained on the same data will change a share of its answers although its loss does not change.",
        "limits": "It does not show that the differences matter in use, nor that larger models behave alike.",
        "identical": [["Data", "the same 4,000 training and 1,000 test examples"], ["Model", "MLP 40-100-100-10, 15,210 parameters"],
                      ["Recipe", "Adam, learning rate 0.01, batch 100, 6,000 steps"], ["Program", "one compiled program, width 16"]],
        "varied": [["init", "initial weights"], ["order", "order of the batches"]],
    }  # fmt: skip


def _manifest() -> Document:
    return {
        "varbench": "0.1.0",
        "command": "varbench run identical-pipelines --budget standard --out runs/identical-pipelines",
        "versions": {"python": "3.11.9", "jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.8", "numpy": "2.4.1"},
        "device": {"platform": "cpu", "kind": "x86-64", "count": 2},
        "flags": {"jax_num_cpu_devices": 2, "jax_default_matmul_precision": "highest", "XLA_FLAGS": ""},
        "git": {"commit": "1ae3075c0ffee0000000000000000000000000000", "dirty": False},
        "populations": [
            {
                "name": name, "wall_seconds": 21.7 + 13 * i, "data": {"name": name.split("-")[0], "sha256": f"{i + 7:x}" * 64},
                "strategy": {"width": 16, "batching": "vmap", "convolution": "matmul", "devices": 2, "chosen_by": "rule"},
                "fingerprint": f"{i + 11:x}" * 64,
            }
            for i, (name, *_) in enumerate(POPULATIONS)
        ],
    }  # fmt: skip
