"""The models by name. A new built-in model: a builder in a file here, one entry below, one case in the tests."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from varbench.errors import InputError

if TYPE_CHECKING:
    from varbench.models.model import Model
    from varbench.models.options import Options


@dataclass(frozen=True)
class ModelInfo:
    """A model as `varbench list` shows it; `build` imports flax when it is called, not before."""

    name: str
    meaning: str
    build: Callable[[Options], Model]


def _lazy(module: str, function: str) -> Callable[[Options], Model]:
    def build(options: Options) -> Model:
        import importlib

        return getattr(importlib.import_module(f"varbench.models.{module}"), function)(options)

    return build


MODELS: dict[str, ModelInfo] = {
    info.name: info
    for info in (
        ModelInfo("logistic", "multinomial logistic regression (convex)", _lazy("dense", "logistic")),
        ModelInfo("mlp", "multilayer perceptron, rectified units", _lazy("dense", "mlp")),
        ModelInfo("mnist1d-mlp", "the MNIST-1D paper's residual MLP", _lazy("dense", "mnist1d_mlp")),
        ModelInfo("mnist1d-cnn", "the MNIST-1D paper's 1-D CNN", _lazy("convolutional", "mnist1d_cnn")),
        ModelInfo("cnn", "2-D CNN: 3×3 convolutions, average pooling", _lazy("convolutional", "cnn")),
        ModelInfo(
            "resnet", "CIFAR-size residual network, group or batch normalization", _lazy("convolutional", "resnet")
        ),
    )
}


def register(name: str, build: Callable[[Options], Model], *, meaning: str = "registered by the user") -> None:
    """Make a model of your own known by a name that recipes can use.

    Args:
        name: The name.
        build: From `Options` (shape, classes, hidden, dropout, …) to a `Model`; see `varbench.models.from_nnx`,
            `from_linen` and `from_functions`. The rate of dropout is `Options.dropout`: with one of its own a
            network drops units too, but the source `dropout` never varies.
        meaning: One phrase for `varbench list`.

    Raises:
        InputError: If the name is taken by a built-in model.
    """
    if name in MODELS and MODELS[name].meaning != meaning:
        raise InputError(f"a model named {name!r} exists already: choose another name")
    MODELS[name] = ModelInfo(name, meaning, build)


def build(options: Options) -> Model:
    """The model that `options.model` names.

    Raises:
        InputError: If no model has that name, or an option does not fit.
    """
    if options.model not in MODELS:
        near = difflib.get_close_matches(options.model, MODELS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown model {options.model!r}: {hint}known are {', '.join(MODELS)}")
    return MODELS[options.model].build(options)
