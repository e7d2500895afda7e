"""One compiled program: a function of a run, for the lanes of a block."""

from __future__ import annotations

from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from varbench.training.compiling import evaluation_options, quick_options
from varbench.training.networks import network_of, parameters_of
from varbench.training.run import make_run
from varbench.training.settings import Form

CURVE_EXAMPLES = 2_000

STEPS, EVALUATIONS = "advance", ("score", "finish")
"""The program that trains and those that evaluate: all others are compiled quickly."""


class Program:
    """One function of a run, batched over the lanes of a block and compiled when it is first called.

    Attributes:
        traces: How often it was traced: once for each shape of its arguments, or something is wrong.
    """

    def __init__(self, form: Form, name: str, *, lanes: int, donate: bool = False):
        """`lanes`: so many of the first arguments are per run; `donate`: the memory of the first may be used again."""
        self.traces = 0
        self._compiling = Lock()
        run = make_run(form, lambda: network_of(form), curve_examples=CURVE_EXAMPLES)
        function = getattr(run, name)

        def batched(runs: Any, *args: Any) -> Any:
            self.traces += 1
            mine, shared = args[:lanes], args[lanes:]
            if form.strategy.batching == "map":
                return one_after_another(lambda *lane: function(*lane, *shared), runs, mine)
            return jax.vmap(lambda *lane: function(*lane, *shared))(*mine)

        options = _options(form, name)
        self.call = jax.jit(batched, donate_argnums=(1,) if donate else (), compiler_options=options)

    def __call__(self, runs: int, *args: Any) -> Any:
        """The function of every lane, or at least of the first `runs`."""
        return self.call(np.int32(runs), *args)

    def prepare(self, *shapes: Any) -> None:
        """Compile for arguments of these shapes, unless that was done before, or another thread is at it: once."""
        with self._compiling:
            self.call.lower(np.int32(0), *shapes).compile()


def _options(form: Form, name: str) -> dict[str, bool | int] | None:
    if name == STEPS:
        return None
    if name in EVALUATIONS:
        return evaluation_options(form.platform, (leaf.shape for leaf in parameters_of(form)))
    return quick_options(form.platform)


def one_after_another(function: Any, runs: Any, lanes: Any) -> Any:
    """What a function makes of each of the first `runs` lanes, in turn; zeros for the other lanes.

    How many they are is no part of the program, so that a block that is not full neither works for empty lanes nor
    needs a program of its own. Of a single lane nothing is copied.
    """

    def lane(i: Any) -> Any:
        return jax.tree.map(lambda all_of: lax.dynamic_index_in_dim(all_of, i, keepdims=False), lanes)

    def put(i: Any, found: Any) -> Any:
        return jax.tree.map(
            lambda all_of, one: lax.dynamic_update_index_in_dim(all_of, one, i, 0), found, function(*lane(i))
        )

    width = jax.tree.leaves(lanes)[0].shape[0]
    if width == 1:
        return jax.tree.map(lambda one: one[None], function(*jax.tree.map(lambda all_of: all_of[0], lanes)))
    each = jax.eval_shape(lambda: function(*lane(0)))
    return lax.fori_loop(0, runs, put, jax.tree.map(lambda one: jnp.zeros((width, *one.shape), one.dtype), each))
