"""Options of the compiler."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import jax

QUICK = {
    "xla_backend_optimization_level": 1,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""On a CPU what is called a few times a run compiles two to four times as fast with these, and runs as fast: the
default level unrolls and vectorizes what is short, the default emitters are a compiler of their own, and a program cut
in 32 pieces is no quicker where several are compiled at once. A training step gains a seventh by the defaults, and
the evaluation of a convolutional network a third, whose patches are cut by loops."""


@functools.cache
def quick_options(platform: str) -> dict[str, bool | int] | None:
    """The options of `QUICK` that this version of XLA knows; None for its defaults, on anything but a CPU."""
    if platform != "cpu":
        return None
    return {name: value for name, value in QUICK.items() if _is_known(name, value)}


def evaluation_options(platform: str, shapes: Iterable[tuple[int, ...]]) -> dict[str, bool | int] | None:
    """`quick_options` for evaluating a network, but the defaults for a convolutional one.

    Args:
        platform: "cpu", "gpu" or "tpu".
        shapes: Of the parameters; the kernel of a convolution has more than two axes.
    """
    return None if any(len(shape) > 2 for shape in shapes) else quick_options(platform)


def _is_known(name: str, value: bool | int) -> bool:
    nothing = jax.jit(lambda: 0, compiler_options={name: value})
    try:
        nothing.lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True
