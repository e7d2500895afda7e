"""The trained networks of a population, as functions of their flat weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from threading import RLock
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float, Int, Shaped

from varbench.data import Dataset
from varbench.measures.curvature import Curvature
from varbench.measures.gradient_noise import GradientNoise
from varbench.parameters import Leaf, PermutationGroup
from varbench.probes import activations, attacks, attributions
from varbench.probes.gradient_noise import gradient_noise_of
from varbench.probes.hessian import curvature_of
from varbench.training.batches import epoch_order
from varbench.training.compiling import evaluation_options
from varbench.training.engine import model_of
from varbench.training.evaluation import blockwise, loss_and_accuracy
from varbench.training.networks import parameter_table
from varbench.training.recipe import Recipe
from varbench.trees import unravel

Split = Literal["train", "test"]

LANES = 16
"""Weight vectors of one call of a compiled program; the last call is padded."""

STATE_EXAMPLES = 10_000
"""Batch statistics are averaged over so many training examples at most."""


class TrainedNetworks:
    """The network of a recipe on its data set, for any weights; everything compiles when it is first used.

    Evaluation is that of training: standardized inputs, no dropout, no augmentation, the labels of the data set.
    Running averages of batch statistics, which are no weights, are made anew for the weights given: the means over
    batches of training examples of the very quantities that training averages.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, *, convolution: str = "matmul"):
        self.recipe, self.dataset = recipe, dataset
        self.model = model_of(recipe, dataset, convolution=convolution)
        self.params_like, self.state_like = jax.eval_shape(lambda: self.model.init(jax.random.key(0)))
        self._compiling, self._compiled, self._called = RLock(), dict[Any, Any](), set[Any]()

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Path, shape and slice of every parameter in the flat vector."""
        return parameter_table(self.model)

    @property
    def symmetries(self) -> tuple[PermutationGroup, ...]:
        """Relabelings of hidden units that leave the function as it is."""
        return self.model.permutations

    @property
    def epsilon(self) -> float:
        """Relative rounding error of the arithmetic of a forward pass."""
        return float(jnp.finfo(jnp.bfloat16 if self.recipe.precision == "bfloat16" else jnp.float32).eps)

    def logits(self, weights: Float[np.ndarray, "n P"], split: Split) -> Float[np.ndarray, "n E K"]:
        """Logits, float32, on all examples of a split."""
        return self.mapped(self._logits, weights, self.examples(split)[0])

    def logits_on(
        self, weights: Float[np.ndarray, "n P"], x: Shaped[np.ndarray, "m ..."]
    ) -> Float[np.ndarray, "n m K"]:
        """Logits, float32, on any examples, given as the data set stores them [m, *shape]."""
        return self.mapped(self._logits, weights, np.asarray(x, self.dataset.x_test.dtype))

    def scores(
        self, weights: Float[np.ndarray, "n P"], split: Split
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Cross-entropy in nats and error as a fraction, on all examples of a split."""
        loss, accuracy = self.mapped(self._scores, weights, *self.examples(split))
        return loss.astype(np.float64), 1.0 - accuracy.astype(np.float64)

    def curvature(self, weights: Float[np.ndarray, "n P"], *, key: int) -> Curvature:
        """Hessian of the loss on the first training examples (see `probes.hessian`)."""
        return self.mapped(self._curvature, weights, *self.examples("train"), np.uint32(key))

    def gradient_noise(self, weights: Float[np.ndarray, "n P"]) -> GradientNoise:
        """Moments of the gradients of single training examples (see `probes.gradient_noise`)."""
        return self.mapped(self._gradient_noise, weights, *self.examples("train"))

    @property
    def activation_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape [*space, units] of every layer's activations of one example, in order; empty if the model is mute."""
        return activations.activation_shapes(self)

    def activations(
        self, weights: Float[np.ndarray, "n P"], *, examples: Int[np.ndarray, " e"]
    ) -> dict[str, Float[np.ndarray, "n e ..."]]:
        """Activations [n, e, *space, units], float32, of every layer for rows of the test set."""
        return self.activations_on(weights, self.dataset.x_test[examples])

    def activations_on(
        self, weights: Float[np.ndarray, "n P"], x: Shaped[np.ndarray, "e ..."]
    ) -> dict[str, Float[np.ndarray, "n e ..."]]:
        """Activations [n, e, *space, units], float32, of every layer for any examples, as stored [e, *shape]."""
        return activations.activations(self, weights, np.asarray(x, self.dataset.x_test.dtype))

    def input_gradients(
        self, weights: Float[np.ndarray, "n P"], *, examples: Int[np.ndarray, " e"]
    ) -> Float[np.ndarray, "n e D"]:
        """Gradient of the logit of the right class by the inputs, float32, for rows of the test set."""
        return attributions.input_gradients(self, weights, examples)

    def adversarial(
        self,
        weights: Float[np.ndarray, "n P"],
        *,
        examples: Int[np.ndarray, " e"],
        radii: Float[np.ndarray, " q"],
        steps: int,
    ) -> Shaped[np.ndarray, "n q e ..."]:
        """Rows of the test set moved by up to a radius (in SDs of the training inputs) so that the loss rises most."""
        return attacks.adversarial(self, weights, examples, radii, steps=steps)

    def noisy(
        self, *, examples: Int[np.ndarray, " e"], radii: Float[np.ndarray, " q"], key: int
    ) -> Shaped[np.ndarray, "q e ..."]:
        """The same rows moved by as much at random."""
        return attacks.noisy(self, examples, radii, key=key)

    def test_inputs(self, examples: Int[np.ndarray, " e"]) -> Float[np.ndarray, "e ..."]:
        """Rows of the test set as they are stored [e, *shape], as float32."""
        return np.asarray(self.dataset.x_test[examples], np.float32)

    def examples(self, split: Split) -> tuple[jax.Array, jax.Array]:
        """Inputs [n, *shape] as they are stored and labels [n] of a split, on the device."""
        return self._data[split]

    def inputs(self, x: jax.Array) -> jax.Array:
        """What the model sees of stored examples."""
        mean, std = (jnp.asarray(v, jnp.float32) for v in (self.dataset.mean, self.dataset.std))
        return (x.astype(jnp.float32) - mean) / std

    def forward(self, weights: jax.Array, state: Any, x: jax.Array) -> jax.Array:
        """Logits [B, K] of one network [P] in evaluation, for stored examples [B, *shape]."""
        return self.model.apply(unravel(weights, self.params_like), state, self.inputs(x), jax.random.key(0), False)[0]

    def state_of(self, weights: jax.Array) -> Any:
        """The batch statistics of one network [P]; nothing to do for a model without.

        A running average moves from s to m s + (1 − m) b in a step of training, b being the batch's own value. Started
        from zeros and from ones, one step shows m and b, whatever the layer calls them.
        """
        if not jax.tree.leaves(self.state_like):
            return self.state_like
        params, key = unravel(weights, self.params_like), jax.random.key(0)
        x, size = self.examples("train")[0], self.recipe.batch_size
        n = max(1, min(len(x), STATE_EXAMPLES) // size)
        rows = epoch_order(jnp.uint32(0), jnp.int32(0), examples=len(x))[: n * size].reshape(n, size)

        def after(value: float, batch: jax.Array) -> Any:
            start = jax.tree.map(lambda leaf: jnp.full(leaf.shape, value, leaf.dtype), self.state_like)
            return self.model.apply(params, start, batch, key, True)[1]

        def of_batch(chosen: jax.Array) -> Any:
            batch = self.inputs(x[chosen])
            return jax.tree.map(lambda zero, one: zero / (1.0 - (one - zero)), after(0.0, batch), after(1.0, batch))

        return jax.tree.map(lambda values: values.mean(0), lax.map(of_batch, rows))

    def mapped(
        self, function: Callable[..., Any], weights: Float[np.ndarray, "n P"], *shared: Any, most: int = LANES
    ) -> Any:
        """`function(weights [P], *shared)` of every row, one after the other in one compiled program: arrays [n, …].

        Args:
            function: A method of this object or of one that lives as long; it is traced once.
            weights: Rows.
            *shared: Arrays that all rows share.
            most: Rows of one call of the program at most, where what it returns is large.
        """
        lanes, parts = min(LANES, most), []
        for start in range(0, len(weights), lanes):
            rows = np.asarray(weights[start : start + lanes], np.float32)
            padded = np.concatenate([rows, np.repeat(rows[:1], lanes - len(rows), axis=0)])
            parts.append(_first(len(rows), self._call(function, padded, *shared)))
        return jax.tree.map(lambda *pieces: np.concatenate(pieces), *parts)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """The compiled program of a function; of several threads one compiles it, and the others wait."""
        known = (function, *(jax.typeof(leaf) for leaf in jax.tree.leaves(args)))
        with self._compiling:
            program = self._compiled.setdefault(
                function,
                jax.jit(
                    lambda rows, *rest: lax.map(lambda row: function(row, *rest), rows),
                    compiler_options=evaluation_options(
                        jax.default_backend(), (leaf.shape for leaf in jax.tree.leaves(self.params_like))
                    ),
                ),
            )
            if known not in self._called:
                self._called.add(known)
                return program(*args)
        return program(*args)

    def _logits(self, weights: jax.Array, x: jax.Array) -> jax.Array:
        state = self.state_of(weights)
        return blockwise(lambda block: self.forward(weights, state, block), x)

    def _scores(self, weights: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        return loss_and_accuracy(self._logits(weights, x), y, classes=self.dataset.classes)

    def _curvature(self, weights: jax.Array, x: jax.Array, y: jax.Array, key: jax.Array) -> Curvature:
        return curvature_of(self, weights, x, y, jax.random.key(key))

    def _gradient_noise(self, weights: jax.Array, x: jax.Array, y: jax.Array) -> GradientNoise:
        return gradient_noise_of(self, weights, x, y)

    @cached_property
    def _data(self) -> dict[str, tuple[jax.Array, jax.Array]]:
        data = self.dataset
        pairs = {"train": (data.x_train, data.y_train), "test": (data.x_test, data.y_test)}
        with jax.ensure_compile_time_eval():  # constants, even if first asked for while a function is traced
            return {split: (jnp.asarray(x), jnp.asarray(y)) for split, (x, y) in pairs.items()}


def _first(count: int, tree: Any) -> Any:
    return jax.tree.map(lambda array: np.asarray(array)[:count], tree)
