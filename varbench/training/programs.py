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
from jax.sharding import SingleDeviceSharding

from varbench.parameters import Leaf
from varbench.training.networks import network_of, parameters_of
from varbench.training.program import Program
from varbench.training.run import Arrays, Carry, Fixed, Outcome, Score
from varbench.training.settings import Form

KEPT = 32
"""So many forms keep their programs; the one that was used longest ago goes first."""


class Programs:
    """The functions of one run, each compiled once for all recipes that do not differ in what it reads.

    Attributes:
        model: The network.
        begin, advance: What a run consists of, out of several programs.
    """

    def __init__(self, form: Form, *, fresh: bool = False):
        """`fresh`: compile them anew, whatever was compiled before."""
        self.form = form
        self.model = network_of(form)
        self._draws = form.recipe.resample != "none" or form.recipe.label_noise
        self._nudging, self._prepared = Lock(), set[Any]()
        get = _program if fresh else _shared_program
        self.parts = {
            name: get(form.read_by(name), name, lanes, donate)
            for name, lanes, donate in (
                ("init", 1, False),
                ("nudge", 3, False),
                ("draw", 1, False),
                ("start", 2, False),
                ("advance", 4, True),
                ("score", 3, False),
                ("finish", 3, False),
                ("snapshot", 1, False),
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

    def no_loss(self) -> np.ndarray:
        """Zeros [lanes]: the sum of the losses before the first step."""
        return np.zeros(self.form.strategy.width, np.float32)

    def begin(self, runs: int, levels: Any, arrays: Arrays, settings: Any) -> tuple[Carry, Fixed, Any]:
        """Runs before their first step: `(carry, fixed, initial weights [lanes, P])`.

        Args:
            runs: So many of the lanes hold runs, the first ones: the others need not be computed, here and below.
            levels: Of every lane.
            arrays, settings: As in `Run.advance`.
        """
        params, state, initial = self.parts["init"](runs, levels)
        if np.any(np.asarray(levels["ulp"])):
            with self._nudging:  # compiled at the first call, and not by two threads
                params, initial = self.parts["nudge"](runs, levels, params, state, arrays, settings)
        fixed = self.parts["draw"](runs, levels, arrays) if self._draws else Fixed(None, None)
        return self.parts["start"](runs, params, state, settings), fixed, initial

    def advance(
        self,
        runs: int,
        carry: Carry,
        loss: Any,
        fixed: Fixed,
        levels: Any,
        arrays: Arrays,
        settings: Any,
        start: int,
        stop: int,
    ) -> tuple[Carry, Any]:
        """Runs after steps start … stop − 1, and `loss` [lanes] with theirs added; the memory of `carry` is reused."""
        return self.parts["advance"](
            runs, carry, loss, fixed, levels, arrays, settings, np.int32(start), np.int32(stop)
        )

    def score(self, runs: int, carry: Carry, loss: Any, arrays: Arrays, settings: Any, steps: int) -> Score:
        """A point of the curves; `loss` [lanes] is a sum over so many steps."""
        return self.parts["score"](runs, carry.params, carry.state, loss, arrays, settings, np.int32(steps))

    def finish(self, runs: int, carry: Carry, fixed: Fixed, arrays: Arrays, settings: Any) -> Outcome:
        """What is left of the runs."""
        return self.parts["finish"](runs, carry.params, carry.state, fixed, arrays, settings)

    def snapshot(self, runs: int, carry: Carry) -> Any:
        """Weights [lanes, P] of the moment."""
        return self.parts["snapshot"](runs, carry.params)

    def prepare(self, levels: Any, arrays: Any, settings: Any, *, devices: Sequence[Any], snapshots: bool) -> None:
        """Trace every program once and compile it for every device, all at the same time.

        The threads of the devices find everything ready. What was prepared before is not compiled again.

        Args:
            levels, arrays, settings: What the programs will be given, or its shapes.
            devices: Where they will run.
            snapshots: Whether weights along the way will be asked for.
        """
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves((levels, arrays, settings)))
        asked = (shapes, tuple(devices), snapshots)
        if asked in self._prepared:
            return
        calls = self._calls(levels, arrays, settings, snapshots=snapshots)
        with ThreadPoolExecutor(thread_name_prefix="compile") as pool:
            made = [
                pool.submit(self.parts[name].prepare, *_placed(there, device), *here)
                for device in devices
                for name, there, here in calls
            ]
            for one in made:
                one.result()
        self._prepared.add(asked)

    def _calls(
        self, levels: Any, arrays: Any, settings: Any, *, snapshots: bool
    ) -> list[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
        """What every program is called with: its name, what lies on the device, and what comes from the host."""
        count = np.int32(0)

        def shapes(name: str, *args: Any) -> Any:
            return self.parts[name].call.eval_shape(count, *args)

        params, state, _ = shapes("init", levels)
        carry = shapes("start", params, state, settings)
        fixed = shapes("draw", levels, arrays) if self._draws else Fixed(None, None)
        loss = jax.ShapeDtypeStruct((self.form.strategy.width,), jnp.float32)
        calls: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = [
            ("advance", (carry, loss, fixed, levels, arrays, settings), (count, count)),
            ("init", (levels,), ()),
            ("start", (params, state, settings), ()),
            ("score", (params, state, loss, arrays, settings), (count,)),
            ("finish", (params, state, fixed, arrays, settings), ()),
        ]
        calls += [("draw", (levels, arrays), ())] if self._draws else []
        return [*calls, *([("snapshot", (params,), ())] if snapshots else [])]


def _placed(tree: Any, device: Any) -> Any:
    """Shapes of arrays that lie on a device."""
    on = SingleDeviceSharding(device)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=on), tree)


def _program(form: Form, name: str, lanes: int, donate: bool) -> Program:
    return Program(form, name, lanes=lanes, donate=donate)


_shared_program = functools.lru_cache(maxsize=8 * KEPT)(_program)


@functools.lru_cache(maxsize=KEPT)
def shared_programs(form: Form) -> Programs:
    """The programs of a form: the same object for equal forms, compiled once in a process."""
    return Programs(form)
