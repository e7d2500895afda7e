"""What a model builder is told: the data's shape and the few options that recipes have for models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from varbench.errors import InputError


@dataclass(frozen=True)
class Options:
    """Arguments of every model builder.

    Attributes:
        model: The model's name, for messages.
        shape: Shape of one example.
        classes: Number of classes.
        hidden: Sizes of hidden layers or channels of stages; None takes the model's own default.
        blocks: Residual blocks per stage; None takes the default.
        norm: "group", "batch" or None for the default.
        dropout: Rate in [0, 1).
        convolution: "native", "matmul" or "winograd": how convolutions are computed, not what they compute.
        dtype: Type of the arithmetic; parameters stay float32.
    """

    model: str
    shape: tuple[int, ...]
    classes: int
    hidden: tuple[int, ...] | None = None
    blocks: int | None = None
    norm: str | None = None
    dropout: float = 0.0
    convolution: str = "native"
    dtype: Any = None

    @property
    def inputs(self) -> int:
        """Number of values in one example."""
        return math.prod(self.shape)

    def sizes(self, *, default: tuple[int, ...], count: int | None = None) -> tuple[int, ...]:
        """`hidden`, or the default, checked to have `count` entries where a count is given."""
        sizes = self.hidden if self.hidden is not None else default
        if count is not None and len(sizes) != count:
            raise InputError(
                f"recipe.hidden = {list(sizes)}: {self.model} takes {count} size(s), not {len(sizes)}; "
                f"its default is {list(default)}"
            )
        return sizes

    def refuse(self, *names: str) -> None:
        """Raise `InputError` if an option that this model does not have was set."""
        for name in names:
            if getattr(self, name):
                raise InputError(f"recipe.{name} = {getattr(self, name)!r}: the model {self.model} has no such option")

    def require_image(self) -> tuple[int, int, int]:
        """The shape as (height, width, channels), or `InputError` if the data are not images."""
        if len(self.shape) != 3:
            raise InputError(
                f"the model {self.model} needs images of shape (height, width, channels), "
                f"but an example here has shape {self.shape}: use an mlp, or data with images"
            )
        return self.shape[0], self.shape[1], self.shape[2]
