"""What measures may ask of the trained networks themselves, beyond the arrays that were stored."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import numpy as np
from jaxtyping import Float, Int, Shaped

from varbench.measures.curvature import Curvature
from varbench.measures.gradient_noise import GradientNoise
from varbench.parameters import Leaf, PermutationGroup

Split: TypeAlias = Literal["train", "test"]


class Networks(Protocol):
    """The network of a population as functions of flat weights [n, P], on the data it was trained and tested on.

    Weights need not be those of a run: averages, permutations and points between runs are as welcome. What a network
    keeps beside its weights (batch statistics) is made anew from the training examples for the weights given.
    """

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Path, shape and slice of every parameter in the flat vector."""
        ...

    @property
    def symmetries(self) -> tuple[PermutationGroup, ...]:
        """Relabelings of hidden units that leave the function as it is; empty where none are known."""
        ...

    @property
    def epsilon(self) -> float:
        """Relative rounding error of the arithmetic of a forward pass: 1.2e-7 in float32, 7.8e-3 in bfloat16."""
        ...

    def logits(self, weights: Float[np.ndarray, "n P"], split: Split) -> Float[np.ndarray, "n E K"]:
        """Logits, float32, on all examples of a split."""
        ...

    def logits_on(
        self, weights: Float[np.ndarray, "n P"], x: Shaped[np.ndarray, "m ..."]
    ) -> Float[np.ndarray, "n m K"]:
        """Logits, float32, on any examples, given as the data set stores them [m, *shape]."""
        ...

    def scores(
        self, weights: Float[np.ndarray, "n P"], split: Split
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Cross-entropy in nats and error as a fraction, on all examples of a split."""
        ...

    def curvature(self, weights: Float[np.ndarray, "n P"], *, key: int) -> Curvature:
        """Hessian of the training loss; `key` draws the probes, the same for all weights."""
        ...

    def gradient_noise(self, weights: Float[np.ndarray, "n P"]) -> GradientNoise:
        """Moments of the gradients of single training examples, over the whole training set."""
        ...

    @property
    def activation_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape [*space, units] of every layer's activations of one example, in order; empty if the model is mute."""
        ...

    def activations(
        self, weights: Float[np.ndarray, "n P"], *, examples: Int[np.ndarray, " e"]
    ) -> dict[str, Float[np.ndarray, "n e ..."]]:
        """Activations [n, e, *space, units], float32, of every layer for rows of the test set."""
        ...

    def activations_on(
        self, weights: Float[np.ndarray, "n P"], x: Shaped[np.ndarray, "e ..."]
    ) -> dict[str, Float[np.ndarray, "n e ..."]]:
        """Activations [n, e, *space, units], float32, of every layer for any examples, as stored [e, *shape]."""
        ...

    def input_gradients(
        self, weights: Float[np.ndarray, "n P"], *, examples: Int[np.ndarray, " e"]
    ) -> Float[np.ndarray, "n e D"]:
        """Gradient of the logit of the right class by the inputs, float32, for rows of the test set."""
        ...

    def adversarial(
        self,
        weights: Float[np.ndarray, "n P"],
        *,
        examples: Int[np.ndarray, " e"],
        radii: Float[np.ndarray, " q"],
        steps: int,
    ) -> Shaped[np.ndarray, "n q e ..."]:
        """Rows of the test set, as stored, moved by up to a radius (in SDs of the training inputs) to raise the loss.

        One step is the fast gradient sign method, more are projected gradient descent; every network has its own.
        """
        ...

    def noisy(
        self, *, examples: Int[np.ndarray, " e"], radii: Float[np.ndarray, " q"], key: int
    ) -> Shaped[np.ndarray, "q e ..."]:
        """The same rows moved by as much in every input, up or down at random: the control."""
        ...

    def test_inputs(self, examples: Int[np.ndarray, " e"]) -> Float[np.ndarray, "e ..."]:
        """Rows of the test set as they are stored [e, *shape], as float32."""
        ...
