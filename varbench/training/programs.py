"""Compiled programs: one for each form of recipe, shared by all recipes of that form in a process."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
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
from varbench.training.run import Arrays, Carry, Fixed, Outcome, Score, make_run
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


QUICK = ("init", "nudge", "draw", "start")
"""What runs once before the first step, and is slow to optimize: level 1 compiles it several times faster."""


class Program:
    """One function of a run, batched over the lanes of a block and compiled when it is first called.

    Attributes:
        traces: How often it was traced: once for each shape of its arguments, or something is wrong.
    """

    def __init__(self, form: Form, name: str, *, lanes: int, donate: tuple[int, ...] = ()):
        """`lanes`: so many of the first arguments are per run; `donate`: arguments whose memory may be used again."""
        self.traces = 0
        self._compiling = Lock()
        run = make_run(form, lambda: _model(form), evaluation_block=EVALUATION_BLOCK, curve_examples=CURVE_EXAMPLES)
        function = getattr(run, name)

        def batched(*args: Any) -> Any:
            self.traces += 1
            mine, shared = args[:lanes], args[lanes:]
            if form.strategy.batching == "map":
                return lax.map(lambda lane: function(*lane, *shared), mine)
            return jax.vmap(lambda *lane: function(*lane, *shared))(*mine)

        options = {"xla_backend_optimization_level": 1} if name in QUICK and form.platform == "cpu" else None
        self.call = jax.jit(batched, donate_argnums=donate, compiler_options=options)

    def __call__(self, *args: Any) -> Any:
        """The function of every lane."""
        return self.call(*args)

    def prepare(self, *shapes: Any) -> None:
        """Compile for arguments of these shapes, unless that was done before, or another thread is at it: once."""
        with self._compiling:
            self.call.lower(*shapes).compile()


class Programs:
    """The functions of one run, each compiled once for all recipes that do not differ in what it reads.

    Attributes:
        model: The network.
        begin, advance: What a run consists of, out of several programs.
    """

    def __init__(self, form: Form, *, fresh: bool = False):
        """`fresh`: compile them anew, whatever was compiled before."""
        self.form = form
        self.model = _model(form)
        self._draws = form.recipe.resample != "none" or form.recipe.label_noise
        self._per_epoch = form.recipe.steps_per_epoch(form.n_train)
        self._nudging = Lock()
        get = _program if fresh else _shared_program
        self.parts = {
            name: get(form.read_by(name), name, lanes, donate)
            for name, lanes, donate in (
                ("init", 1, ()),
                ("nudge", 3, ()),
                ("draw", 1, ()),
                ("start", 1, ()),
                ("order", 1, ()),
                ("advance", 4, (0,)),
                ("score", 3, ()),
                ("finish", 3, ()),
                ("snapshot", 1, ()),
            )
        }

    @property
    def traces(self) -> Counter[str]:
        """How often each program was traced: once for each shape of data, or something is wrong."""
        return Counter({name: part.traces for name, part in self.parts.items() if part.traces})

    @functools.cached_property
    def parameters(self) -> tuple[Leaf, ...]:
        """Table of the flat weight vector."""
        return parameters_of(self.form)

    def begin(self, levels: Any, arrays: Arrays, settings: Any) -> tuple[Carry, Fixed, Any]:
        """Runs before their first step: `(carry, fixed, initial weights [lanes, P])`."""
        params, state, initial = self.parts["init"](levels)
        if np.any(np.asarray(levels["ulp"])):
            with self._nudging:  # compiled at the first call, and not by two threads
                params, initial = self.parts["nudge"](levels, params, state, arrays, settings)
        fixed = self.parts["draw"](levels, arrays) if self._draws else Fixed(None, None)
        optimizer = self.parts["start"](params, settings)
        return Carry(params, state, optimizer, jnp.zeros(self.form.strategy.width)), fixed, initial

    def advance(
        self, carry: Carry, fixed: Fixed, levels: Any, arrays: Arrays, settings: Any, start: int, stop: int, orders: Any
    ) -> Carry:
        """Runs after steps start … stop − 1, one epoch after the other.

        Args:
            carry, fixed, levels, arrays, settings: As in `Run.advance`; the memory of `carry` is used again.
            start, stop: Steps.
            orders: A dict that keeps the order of the running epoch from one call to the next.
        """
        while start < stop:
            epoch = start // self._per_epoch
            if epoch not in orders:
                orders.clear()
                orders[epoch] = self.parts["order"](levels, np.int32(epoch))
            until = min(stop, (epoch + 1) * self._per_epoch)
            carry = self.parts["advance"](
                carry, orders[epoch], fixed, levels, arrays, settings, np.int32(start), np.int32(until)
            )
            start = until
        return carry

    def score(self, carry: Carry, loss: Any, arrays: Arrays, settings: Any, steps: int) -> Score:
        """A point of the curves; `loss` [lanes] is a sum over so many steps."""
        return self.parts["score"](carry.params, carry.state, loss, arrays, settings, np.int32(steps))

    def finish(self, carry: Carry, fixed: Fixed, arrays: Arrays, settings: Any) -> Outcome:
        """What is left of the runs."""
        return self.parts["finish"](carry.params, carry.state, fixed, arrays, settings)

    def snapshot(self, carry: Carry) -> Any:
        """Weights [lanes, P] of the moment."""
        return self.parts["snapshot"](carry.params)

    def prepare(self, levels: Any, arrays: Any, settings: Any, *, devices: Sequence[Any], snapshots: bool) -> None:
        """Trace every program once and compile it for every device, all at the same time.

        The threads of the devices find everything ready. What was prepared before is not compiled again.

        Args:
            levels, arrays, settings: What the programs will be given, or its shapes.
            devices: Where they will run.
            snapshots: Whether weights along the way will be asked for.
        """
        calls = self._calls(levels, arrays, settings, snapshots=snapshots)
        with ThreadPoolExecutor(thread_name_prefix="compile") as pool:
            made = [
                pool.submit(self.parts[name].prepare, *_placed(there, device), *here)
                for device in devices
                for name, there, here in calls
            ]
            for one in made:
                one.result()

    def _calls(
        self, levels: Any, arrays: Any, settings: Any, *, snapshots: bool
    ) -> list[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
        """What every program is called with: its name, what lies on the device, and what comes from the host."""

        def shapes(name: str, *args: Any) -> Any:
            return self.parts[name].call.eval_shape(*args)

        step = np.int32(0)
        loss: Any = jax.ShapeDtypeStruct((self.form.strategy.width,), jnp.float32)
        params, state, _ = shapes("init", levels)
        carry = Carry(params, state, shapes("start", params, settings), loss)
        fixed = shapes("draw", levels, arrays) if self._draws else Fixed(None, None)
        order = shapes("order", levels, step)
        calls: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = [
            ("advance", (carry, order, fixed, levels, arrays), (settings, step, step)),
            ("order", (levels,), (step,)),
            ("init", (levels,), ()),
            ("start", (params,), (settings,)),
            ("score", (params, state, loss, arrays), (settings, step)),
            ("finish", (params, state, fixed, arrays), (settings,)),
        ]
        calls += [("draw", (levels, arrays), ())] if self._draws else []
        return [*calls, *([("snapshot", (params,), ())] if snapshots else [])]


@functools.lru_cache(maxsize=KEPT)
def _network(form: Form) -> Model:
    return model_for(form.recipe, shape=form.shape, classes=form.classes, convolution=form.strategy.convolution)


def _model(form: Form) -> Model:
    return _network(form.network())


def parameters_of(form: Form) -> tuple[Leaf, ...]:
    """`parameter_table` of the network of a form, made once for all forms that have it."""
    return _parameters_of(form.network())


@functools.lru_cache(maxsize=KEPT)
def _parameters_of(form: Form) -> tuple[Leaf, ...]:
    return parameter_table(_network(form))


def _placed(tree: Any, device: Any) -> Any:
    """Shapes of arrays that lie on a device."""
    on = SingleDeviceSharding(device)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=on), tree)


def _program(form: Form, name: str, lanes: int, donate: tuple[int, ...]) -> Program:
    return Program(form, name, lanes=lanes, donate=donate)


_shared_program = functools.lru_cache(maxsize=8 * KEPT)(_program)


@functools.lru_cache(maxsize=KEPT)
def shared_programs(form: Form) -> Programs:
    """The programs of a form: the same object for equal forms, compiled once in a process."""
    return Programs(form)
