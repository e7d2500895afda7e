"""What is raced: networks, data and lengths, and how much arithmetic and memory traffic one step costs at least."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from varbench.data import Dataset, load
from varbench.training.recipe import Recipe

MOMENTS = 2
"""Arrays of Adam's beside the weights."""


@dataclass(frozen=True)
class Task:
    """A network on a data set, trained for so many steps with Adam at a constant rate.

    Attributes:
        name: How it is asked for and filed.
        model, hidden: The network of varbench; the peers write the same one.
        data: "digits", "mnist1d", or "digits32": the digits blown up to 32 × 32 pixels of three channels.
        steps: Optimizer steps of a run.
        runs: Numbers of runs that are raced on a CPU.
        sample: So many runs of an arm that trains one run after another are timed; the rest is scaled.
        gpu_runs: Numbers of runs that are raced on a GPU.
        gpu_steps: Optimizer steps there.
        precision: Arithmetic of the network.
        spread: Standard deviation of the test accuracy over runs, about: .008 was measured for the perceptrons, .035
            for the MNIST-1D CNN, and .1 to .2 for the large convolutional networks in so few steps.
    """

    name: str
    model: str
    hidden: tuple[int, ...]
    data: str
    steps: int
    runs: tuple[int, ...]
    sample: int
    gpu_runs: tuple[int, ...] = ()
    gpu_steps: int = 300
    precision: Literal["float32", "bfloat16"] = "float32"
    lr: float = 2e-3
    batch_size: int = 100
    spread: float = 0.01

    def on(self, platform: str) -> Task:
        """The task as it is raced on a platform."""
        return self if platform == "cpu" else replace(self, runs=self.gpu_runs, steps=self.gpu_steps)

    @property
    def recipe(self) -> Recipe:
        """The recipe of varbench."""
        return Recipe(
            data="digits" if self.data == "digits32" else self.data,
            model=self.model,
            hidden=self.hidden,
            optimizer="adam",
            lr=self.lr,
            schedule="constant",
            batch_size=self.batch_size,
            steps=self.steps,
            precision=self.precision,
        )

    def dataset(self) -> Dataset:
        """The data, the same for every arm."""
        if self.data != "digits32":
            return load(self.data)
        digits = load("digits")
        return replace(
            digits,
            name="digits32",
            x_train=_blown_up(digits.x_train),
            x_test=_blown_up(digits.x_test[:100]),
            y_test=digits.y_test[:100],
            kind="image",
        )


def _blown_up(x: np.ndarray) -> np.ndarray:
    large = np.kron(x.reshape(len(x), 8, 8), np.ones((1, 4, 4), x.dtype))
    return np.repeat(large[..., None], 3, axis=-1)


MLPS = tuple(
    Task(f"mlp-{h}", "mlp", (h, h), "digits", steps, runs, sample, (64, 1024, 4096), gpu_steps)
    for h, steps, runs, sample, gpu_steps in (
        (32, 500, (1, 8, 64, 256), 4, 1000),
        (128, 200, (8, 64), 4, 600),
        (512, 200, (1, 64), 4, 200),
    )
)
NETS = (
    Task("mnist1d-cnn", "mnist1d-cnn", (25,), "mnist1d", 100, (1, 8, 64), 4, (64, 1024), 300, lr=1e-2, spread=0.05),
    Task("cnn", "cnn", (16, 32, 64), "digits32", 100, (1, 8), 2, (16, 64), 100, spread=0.15),
    Task("resnet", "resnet", (16, 32, 64), "digits32", 50, (1, 4), 2, (16,), 50, spread=0.15),
    Task("cnn-bf16", "cnn", (64, 128, 256), "digits32", 100, (), 1, (16, 64), 100, precision="bfloat16", spread=0.15),
    Task("mlp-512-bf16", "mlp", (512, 512), "digits", 50, (), 4, (64, 1024, 4096), 200, precision="bfloat16"),
)
# The smaller hidden layers of 128 come last: what comes last is left out where time is short.
TASKS = {task.name: task for task in (MLPS[0], NETS[0], MLPS[2], *NETS[1:], MLPS[1])}


def counted(runs: int) -> str:
    """`1 run`, `1,024 runs`."""
    return f"{runs:,} run{'' if runs == 1 else 's'}"


@lru_cache
def step_flops(task: Task) -> int:
    """Floating-point operations of the matrix products of one step of one run: forward, and back to every weight.

    Counted in the program of the gradient; what is elementwise is left out, and so is a gradient towards the input.
    A convolution is counted as a direct sum, whatever algorithm computes it.
    """
    import jax
    import jax.numpy as jnp

    from varbench.training.engine import model_of

    dataset = task.dataset()
    model = model_of(task.recipe, dataset, convolution="matmul")
    params, state = model.init(jax.random.key(0))
    x = jnp.zeros((task.batch_size, *dataset.shape), jnp.float32)

    def loss(params: Any) -> jax.Array:
        return model.apply(params, state, x, jax.random.key(0), True)[0].sum()

    return _flops(jax.make_jaxpr(jax.grad(loss))(params).jaxpr)


@lru_cache
def step_bytes(task: Task) -> int:
    """Least bytes of one step of one run: weights and both moments, read once and written once."""
    from varbench.training.engine import model_of
    from varbench.training.networks import parameter_table

    leaves = parameter_table(model_of(task.recipe, task.dataset(), convolution="matmul"))
    return leaves[-1].stop * 4 * 2 * (1 + MOMENTS)


def _flops(jaxpr: Any) -> int:
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            total += 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(shape[axis] for axis in contracted)
        for parameter in equation.params.values():
            inner = getattr(parameter, "jaxpr", None)
            if inner is not None:
                total += _flops(inner if hasattr(inner, "eqns") else inner.jaxpr)
    return total
