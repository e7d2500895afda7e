"""Compiled programs: one for each form of recipe, shared by all recipes of that form in a process."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import SingleDeviceSharding

from varbench.models import Model, Options, build
from varbench.parameters import Leaf
from varbench.training.evaluation import EVALUATION_BLOCK
from varbench.training.recipe import Recipe
from varbench.training.run import make_run
from varbench.training.settings import Form
from varbench.trees import table

CURVE_EXAMPLES = 2_000

KEPT = 32
"""So many forms keep their programs; the one that was used longest ago goes first."""


def model_for(recipe: Recipe, *, shape: tuple[int, ...], classes: int, convolution: str) -> Model:
    """The recipe's model for examples of a shape."""
    return build(
        Options(
            model=recipe.model,
            shape=shape,
            classes=classes,
            hidden=recipe.hidden,
            blocks=recipe.blocks,
            norm=recipe.norm,
            dropout=recipe.dropout,
            convolution=convolution,
            dtype=jnp.bfloat16 if recipe.precision == "bfloat16" else None,
        )
    )


def parameter_table(model: Model) -> tuple[Leaf, ...]:
    """Paths, shapes and slices of a model's parameters in its flat weight vector."""
    return table(jax.eval_shape(model.init, jax.random.key(0))[0])


class Programs:
    """The functions of one run, batched over the lanes of a block and compiled when they are first called.

    Attributes:
        traces: How often each program was traced: once for each shape of data, or something is wrong.
    """

    def __init__(self, form: Form):
        self.form = form
        self.traces: Counter[str] = Counter()
        self.model = model_for(
            form.recipe, shape=form.shape, classes=form.classes, convolution=form.strategy.convolution
        )
        run = make_run(form, self.model, evaluation_block=EVALUATION_BLOCK, curve_examples=CURVE_EXAMPLES)
        self.begin = self._compiled("begin", run.begin, lanes=1)
        self.advance = self._compiled("advance", run.advance, lanes=3, donate=(0,))
        self.score = self._compiled("score", run.score, lanes=1)
        self.finish = self._compiled("finish", run.finish, lanes=2)
        self.snapshot = self._compiled("snapshot", run.snapshot, lanes=1)

    @functools.cached_property
    def parameters(self) -> tuple[Leaf, ...]:
        """Table of the flat weight vector."""
        return parameter_table(self.model)

    def prepare(self, levels: Any, arrays: Any, settings: Any, *, devices: Sequence[Any], snapshots: bool) -> None:
        """Trace every program once and compile it for every device, all at the same time.

        The threads of the devices find everything ready. What was prepared before is not compiled again.

        Args:
            levels, arrays, settings: What the programs will be given, or its shapes.
            devices: Where they will run.
            snapshots: Whether weights along the way will be asked for.
        """
        carry, fixed, _ = self.begin.eval_shape(levels, arrays, settings)
        step = np.int32(0)
        calls: list[tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = [
            (self.begin, (levels, arrays), (settings,)),
            (self.advance, (carry, fixed, levels, arrays), (settings, step, step)),
            (self.score, (carry, arrays), (settings, step)),
            (self.finish, (carry, fixed, arrays), (settings,)),
        ]
        if snapshots:
            calls.append((self.snapshot, (carry,), ()))
        lowered = [
            program.lower(*_placed(there, device), *here) for device in devices for program, there, here in calls
        ]
        with ThreadPoolExecutor(thread_name_prefix="compile") as pool:
            list(pool.map(lambda one: one.compile(), lowered))

    def _compiled(self, name: str, function: Callable[..., Any], *, lanes: int, donate: tuple[int, ...] = ()) -> Any:
        """One run's function over the lanes of a block; the first `lanes` arguments are per run."""

        def batched(*args: Any) -> Any:
            self.traces[name] += 1
            mine, shared = args[:lanes], args[lanes:]
            if self.form.strategy.batching == "map":
                return lax.map(lambda lane: function(*lane, *shared), mine)
            return jax.vmap(lambda *lane: function(*lane, *shared))(*mine)

        # The random initialization runs once, but is slow to optimize: level 1 compiles it six times faster.
        quick = name == "begin" and self.form.platform == "cpu"
        options = {"xla_backend_optimization_level": 1} if quick else None
        return jax.jit(batched, donate_argnums=donate, compiler_options=options)


def _placed(tree: Any, device: Any) -> Any:
    """Shapes of arrays that lie on a device."""
    on = SingleDeviceSharding(device)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=on), tree)


@functools.lru_cache(maxsize=KEPT)
def shared_programs(form: Form) -> Programs:
    """The programs of a form: the same object for equal forms, compiled once in a process."""
    return Programs(form)
