"""The arms: what a user would otherwise run, in the ways that are fast somewhere, and varbench."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Job:
    """What a worker is told, as plain JSON values.

    Attributes:
        arm: Name of the arm.
        platform: "cpu" or "gpu".
        task: The task's fields.
        runs: Runs to train in one call.
        first: The first run's number: its seed; workers side by side get different ones.
        threads: Threads that the arm may use.
        arrays: Path of an `.npz` with x_train, y_train, x_test, y_test, standardized as float32.
    """

    arm: str
    platform: str
    task: dict[str, Any]
    runs: int
    first: int
    threads: int
    arrays: str

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The data of the task."""
        with np.load(self.arrays) as file:
            return file["x_train"], file["y_train"], file["x_test"], file["y_test"]


class Trained(NamedTuple):
    """What is told of one run.

    Attributes:
        accuracy: On the test set.
        distance: From the initialization, ‖w_T − w_0‖₂ over all parameters.
    """

    accuracy: float
    distance: float


@dataclass(frozen=True)
class Arm:
    """One way of training many runs.

    Attributes:
        label: What tables call it.
        make: "module:function" that takes a `Job` and gives a function which trains it and returns a `Trained` for
            each run.
        peer: Whether varbench is held against it.
        one_by_one: Trains one run after another: a few are timed and the rest is scaled.
        process_per_core: Workers side by side share the runs, as many as this process may use cores.
        conv_only, dense_only: Makes sense for convolutional networks alone, or for others alone.
        images: Makes sense for images alone.
        least_runs: From so many runs on it makes sense.
        most_conv_runs: On a CPU it is raced with so many runs of `mnist1d-cnn` at most, and on no larger convolutional
            network: convolutions inside a loop of the program take XLA's naive path there, minutes for a race.
        environment: Variables of its processes.
    """

    label: str
    make: str
    peer: bool = True
    one_by_one: bool = False
    process_per_core: bool = False
    conv_only: bool = False
    dense_only: bool = False
    images: bool = False
    least_runs: int = 1
    most_conv_runs: int | None = None
    gpu: bool = True
    environment: dict[str, str] = field(default_factory=dict)


TORCH, JAX = "benchmarks.speed.torch_arms", "benchmarks.speed.jax_arms"


def _per_core(label: str, make: str, *, one_by_one: bool = True, least_runs: int = 2, **more: bool) -> Arm:
    """An arm with a process per core of a CPU."""
    return Arm(label, make, one_by_one=one_by_one, process_per_core=True, least_runs=least_runs, gpu=False, **more)


ARMS = {
    "torch": Arm("PyTorch, one run after another", f"{TORCH}:loop", one_by_one=True),
    "torch-compile": Arm("PyTorch, torch.compile", f"{TORCH}:compiled", one_by_one=True),
    "torch-channels-last": Arm(
        "PyTorch, channels last", f"{TORCH}:channels_last", one_by_one=True, conv_only=True, images=True
    ),
    "torch-processes": _per_core("PyTorch, a process per core", f"{TORCH}:loop"),
    "torch-compile-processes": _per_core(
        "PyTorch, torch.compile, a process per core", f"{TORCH}:compiled", conv_only=True
    ),
    "torch-channels-last-processes": _per_core(
        "PyTorch, channels last, a process per core", f"{TORCH}:channels_last", conv_only=True, images=True
    ),
    "torch-func": Arm("PyTorch, torch.func vmap", f"{TORCH}:stacked", least_runs=8),
    "jax": Arm("plain JAX, one run after another", f"{JAX}:loop", one_by_one=True, most_conv_runs=64),
    "jax-step": Arm("plain JAX, a compiled step in a loop", f"{JAX}:stepped", one_by_one=True),
    "jax-processes": _per_core("plain JAX, a process per core", f"{JAX}:loop", dense_only=True),
    "jax-step-processes": _per_core(
        "plain JAX, a step in a loop, a process per core", f"{JAX}:stepped", conv_only=True
    ),
    "jax-vmap": Arm("plain JAX, jit(vmap)", f"{JAX}:vmapped", least_runs=8, most_conv_runs=8),
    "jax-vmap-processes": _per_core(
        "plain JAX, jit(vmap), a process per core", f"{JAX}:vmapped", one_by_one=False, least_runs=8, dense_only=True
    ),
    "varbench-wide": Arm("varbench, all runs in one program", f"{JAX}:wide", peer=False, least_runs=1024),
    "varbench": Arm("varbench", f"{JAX}:varbench", peer=False),
}
