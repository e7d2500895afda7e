"""Generations of models, each trained on labels that the one before has given to inputs never used before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from varbench.data import Dataset
from varbench.keys import SOURCES, source_key
from varbench.training.programs import shared_programs
from varbench.training.recipe import Recipe
from varbench.training.run import Arrays, Fixed
from varbench.training.settings import form_of, settings_of
from varbench.training.strategy import Strategy

TEACHERS = ("own", "drawn", "half", "true")
"""Who labels the inputs of the next generation: the model, by its most probable class; the model, by a class drawn from
its probabilities; nature for half of the inputs and the model, by its most probable class, for the other half; nature.
"""

Arrayed = dict[str, np.ndarray]


def chains(
    recipe: Recipe,
    dataset: Dataset,
    *,
    lineages: int,
    generations: int,
    listen: Callable[[float], None] = lambda share: None,
) -> Arrayed:
    """Lineages of models under every teacher; generation 0 is trained on true labels.

    The training inputs are cut into `generations` + 1 chunks of one size, in an order of each lineage's own: generation
    g sees chunk g and no other. Every model has an initialization and orders of its own. Teachers share all of that, so
    that a lineage can be compared with itself under another teacher: in generation 0 they give the same bits.

    Args:
        recipe: How each model is trained; label noise and resampling are left out.
        dataset: Its training labels are used for generation 0 and by teachers that know the truth.
        lineages: L, independent of one another.
        generations: G, trainings after the first.
        listen: Told the share that is done, after each generation.

    Returns:
        `predictions` [G + 1, T, L, E] on the test examples, −1 once a lineage has diverged; `confidence` [G + 1, T, L],
        mean of the largest probability on them; `truth` [G + 1, T, L], share of the training labels that are right;
        `labels` [E], the true test labels. T runs over `TEACHERS`.

    Raises:
        InputError: If a batch is larger than a chunk.
    """
    recipe = recipe.replace(resample="none", label_noise=0.0)
    n_train, n_test, lanes = len(dataset.y_train), len(dataset.y_test), len(TEACHERS) * lineages
    chunk = n_train // (generations + 1)
    recipe.steps_per_epoch(chunk)
    seen = dataclasses.replace(dataset, x_train=dataset.x_train[:chunk], y_train=dataset.y_train[:chunk])
    programs = shared_programs(form_of(recipe, seen, Strategy(lanes), platform=jax.default_backend()))
    settings, steps = settings_of(recipe, dataset), recipe.total_steps(chunk)
    arrays = jax.device_put(
        Arrays(
            jnp.asarray(dataset.x_train),
            jnp.asarray(dataset.y_train),
            jnp.asarray(np.concatenate([dataset.x_test, dataset.x_train])),
            jnp.asarray(np.concatenate([dataset.y_test, dataset.y_train])),
        )
    )
    order = _orders(lineages, n_train)
    known = _first_half(order, chunk)
    labels = np.tile(dataset.y_train, (lanes, 1))
    alive = np.ones(lanes, dtype=bool)
    found: dict[str, list[np.ndarray]] = {"predictions": [], "confidence": [], "truth": []}
    for generation in range(generations + 1):
        numbers = generation * lineages + np.arange(lineages)
        levels = {source: np.tile(numbers, len(TEACHERS)).astype(np.uint32) for source in SOURCES}
        levels["ulp"] = np.zeros(lanes, np.uint32)
        rows = np.tile(order[:, generation * chunk : (generation + 1) * chunk], (len(TEACHERS), 1))
        fixed = Fixed(jnp.asarray(rows, jnp.int32), jnp.asarray(labels, jnp.int32))
        carry, _, _ = programs.begin(lanes, levels, arrays, settings)
        carry, _ = programs.advance(lanes, carry, programs.no_loss(), fixed, levels, arrays, settings, 0, steps)
        logits = np.asarray(programs.finish(lanes, carry, fixed, arrays, settings).logits)
        alive &= np.isfinite(logits).all(axis=(1, 2))
        here = logits[:, :n_test]
        found["predictions"].append(np.where(alive[:, None], here.argmax(axis=2), -1).astype(np.int16))
        found["confidence"].append(np.where(alive, _largest(here).mean(axis=1), np.nan))
        taught, true = np.take_along_axis(labels, rows, axis=1), dataset.y_train[rows]
        found["truth"].append((taught == true).mean(axis=1))
        labels = _labels(logits[:, n_test:], dataset.y_train, known, numbers)
        listen((generation + 1) / (generations + 1))
    shaped = {name: np.stack(v).reshape(-1, len(TEACHERS), lineages, *v[0].shape[1:]) for name, v in found.items()}
    return {**shaped, "labels": np.asarray(dataset.y_test)}


def _orders(lineages: int, examples: int) -> Int[np.ndarray, "L N"]:
    """In which order each lineage uses up the training inputs."""
    levels = jnp.arange(lineages, dtype=jnp.uint32)
    return np.asarray(jax.vmap(lambda level: jax.random.permutation(source_key("data", level), examples))(levels))


def _first_half(order: Int[np.ndarray, "L N"], chunk: int) -> np.ndarray:
    """True [L, N] for the training inputs in the first half of a chunk."""
    half = np.empty(order.shape, dtype=bool)
    np.put_along_axis(half, order, np.broadcast_to(np.arange(order.shape[1]) % chunk < chunk // 2, order.shape), axis=1)
    return half


def _labels(
    logits: Float[np.ndarray, "lanes N K"],
    truth: Int[np.ndarray, " N"],
    known: np.ndarray,
    numbers: Int[np.ndarray, " L"],
) -> Int[np.ndarray, "lanes N"]:
    """What every teacher says of all training inputs, lanes in the order of `TEACHERS`."""
    own, drawn, half, _ = np.split(logits, len(TEACHERS))
    keys = jax.vmap(lambda level: source_key("label_noise", level))(jnp.asarray(numbers, jnp.uint32))
    sampled = jax.vmap(jax.random.categorical)(keys, jnp.asarray(drawn))
    right = np.broadcast_to(truth, known.shape)
    return np.concatenate(
        [own.argmax(axis=2), np.asarray(sampled), np.where(known, right, half.argmax(axis=2)), right]
    ).astype(np.int32)


def _largest(logits: Float[np.ndarray, "lanes E K"]) -> Float[np.ndarray, "lanes E"]:
    """The largest probability of the softmax: 1 / Σ exp(z − max z)."""
    shifted = logits.astype(np.float64) - logits.max(axis=2, keepdims=True)
    return 1.0 / np.exp(shifted).sum(axis=2)


def classes_in_use(predictions: Int[np.ndarray, "... E"], *, classes: int) -> Float[np.ndarray, " ..."]:
    """Effective number of classes among predicted labels: exp of the entropy of their distribution, in [1, K].

    K where all classes are predicted equally often, 1 where one is predicted always. NaN where a label is −1.
    """
    counts = (predictions[..., None] == np.arange(classes)).mean(axis=-2)
    entropy = -np.sum(counts * np.log(np.where(counts > 0, counts, 1.0)), axis=-1)
    return np.where((predictions < 0).any(axis=-1), np.nan, np.exp(entropy))
