"""The words of the made-up document: what the study claims, what the measures mean, where it ran."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]

MEASURES: dict[str, tuple[str, str, str, str]] = {
    "accuracy": ("Test accuracy", "fraction", "higher", "Share of test examples whose label is predicted correctly."),
    "loss": ("Test loss", "nats", "lower", "Mean cross-entropy of the predicted probabilities on the test set."),
    "accuracy_sd": ("SD of test accuracy", "pp", "lower", "Standard deviation of the accuracy from run to run."),
    "accuracy_sampling_se": (
        "Sampling error of the test set",
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
        "SD of true accuracy",
        "pp",
        "none",
        "Standard deviation from run to run of the accuracy on all data of this kind.",
    ),
    "disagreement": (
        "Disagreement",
        "fraction",
        "lower",
        "Share of test examples to which two independent runs give different labels.",
    ),
    "disagreement_over_error": ("Disagreement over error", "ratio", "none", "Disagreement divided by the mean error."),
    "logit_correlation": ("Logit correlation", "correlation", "higher", "Mean correlation of the logits of two runs."),
    "weight_distance": (
        "Weight distance",
        "distance",
        "none",
        "Distance of the weights of two runs: 0 for the same weights, 1 for orthogonal ones.",
    ),
    "ensemble_accuracy": ("Ensemble accuracy", "fraction", "higher", "Accuracy of the average of M runs."),
    "ensemble_gain": ("Ensemble gain", "pp", "higher", "Accuracy of the average of M runs minus that of one run."),
    "ensemble_disagreement": (
        "Disagreement of two ensembles",
        "fraction",
        "lower",
        "Share of examples to which two disjoint averages of M runs give different labels.",
    ),
}


def measures() -> Document:
    return {
        name: {"label": label, "unit": unit, "better": better, "meaning": meaning}
        for name, (label, unit, better, meaning) in MEASURES.items()
    }


def condition(
    name: str, label: str, *, runs: int, classes: int, examples: int, diverged: int = 0, of: str | None = None
) -> Document:
    return {
        "condition": name,
        "study": "identical-pipelines",
        "label": label,
        "role": "control" if of else "population",
        "of": of,
        "description": "One recipe, every source of randomness at its own level.",
        "n_runs": runs,
        "n_diverged": diverged,
        "n_examples": examples,
        "n_classes": classes,
        "n_parameters": 15210,
        "n_train": 4000,
        "steps": 6000,
        "recipe": {"batch_size": 100, "clip": None, "lr": 0.01, "optimizer": "adam", "schedule": "constant"},
        "recipe_hash": "a91c0d44e07b",
        "design": {"kind": "together", "sources": ["init", "order"], "runs": runs},
    }


def verdict(name: str, label: str, disagreement: float | None) -> Document:
    share = 0.0 if disagreement is None else 100 * disagreement
    parts = [
        ("similar loss", True, "97 % of pairs differ by less than 0.05 nats."),
        ("predictions differ", True, f"Disagreement {share:.1f} %, against 0 (exactly) for the same levels."),
        ("weights differ", True, "Weight distance 0.831, against 0 (exactly) for the same levels."),
    ]
    return {
        "study": "identical-pipelines",
        "condition": name,
        "verdict": "supported",
        "reason": f"The losses of two {label} runs are equivalent, and they disagree on {share:.1f} % of examples.",
        "parts": [{"name": part, "holds": holds, "text": text} for part, holds, text in parts],
    }


def study() -> Document:
    return {
        "study": "identical-pipelines",
        "title": "Identical pipelines, different models",
        "claim": "Identical training pipelines give models of similar loss that are different functions.",
        "citation": "D'Amour et al. 2022, Underspecification Presents Challenges for Credibility",
        "rule": (
            "Supported if the test losses of two runs are equivalent within 0.05 nats, and the intervals of "
            "disagreement and of weight distance both lie above those of the same-levels control."
        ),
        "meaning": "A model that is retrained on the same data will change a share of its answers.",
        "limits": "It does not show that the differences matter in use, nor that larger models behave alike.",
        "identical": [
            ["Data", "the same 4,000 training and 1,000 test examples"],
            ["Model", "MLP 40-100-100-10, 15,210 parameters"],
            ["Recipe", "Adam, learning rate 0.01, batch 100, 6,000 steps"],
            ["Program", "one compiled program, width 16"],
        ],
        "varied": [["init", "initial weights"], ["order", "order of the batches"]],
    }


def manifest(names: Iterable[str]) -> Document:
    return {
        "varbench": "0.1.0",
        "command": "varbench run identical-pipelines --budget standard --out runs/identical-pipelines",
        "versions": {"python": "3.11.9", "jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.8", "numpy": "2.4.1"},
        "device": {"platform": "cpu", "kind": "x86-64", "count": 2},
        "flags": {"jax_num_cpu_devices": 2, "jax_enable_x64": False, "XLA_FLAGS": ""},
        "git": {"commit": "1ae3075c0ffee0000000000000000000000000000", "dirty": False},
        "populations": [
            {
                "name": name,
                "wall_seconds": 21.7 + 13 * i,
                "data": {"name": name.split("-")[0], "sha256": f"{i + 7:x}" * 64},
                "strategy": {"width": 16, "batching": "vmap", "convolution": "matmul", "chosen_by": "rule"},
                "fingerprint": f"{i + 11:x}" * 64,
            }
            for i, name in enumerate(names)
        ],
    }
