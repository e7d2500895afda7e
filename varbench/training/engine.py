"""The engine: many runs side by side in compiled programs, on every local device.

A *block* is `width` runs: the lanes of one program on one device. Each device takes the next block when it has
finished one. The programs are written for one run and batched over the lanes. They are compiled for a single device
and not sharded over a mesh: a program that is partitioned for two devices rounds differently from the same program
on one, whereas here a block's bits depend neither on the other blocks nor on the number of devices.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import jax
import numpy as np

from varbench.data import Dataset
from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.models import Model
from varbench.parameters import Leaf
from varbench.training.design import Levels
from varbench.training.moments import snapshot_steps
from varbench.training.networks import model_for, network_of, parameters_of
from varbench.training.optimizer import optimizer_of
from varbench.training.program import CURVE_EXAMPLES
from varbench.training.programs import Programs, shared_programs
from varbench.training.recipe import Recipe
from varbench.training.run import Arrays, Score
from varbench.training.settings import Form, Settings, form_of, settings_of
from varbench.training.strategy import ImageWork, Strategy, default_strategy
from varbench.training.watch import Listener, Told, Watch

CURVE_POINTS, FEWEST_POINTS = 20, 5
CURVE_SHARE = 0.1
"""Curves have fewer points, but no fewer than five, where these would take more than a tenth of the arithmetic of the
training, for which an example counts three times: forward, and back to the weights and to what came before."""

SEGMENTS, SHORTEST = 40, 50
"""A block goes back to the host at least so many times, for progress and interruption, but for fewer steps only where
the curves have a point: a call costs as much as several steps of a small network."""


@dataclass(frozen=True, eq=False)
class Block:
    """The results of one block, run axis first, padding already cut off."""

    index: int
    levels: tuple[Levels, ...]
    logits: np.ndarray
    weights: np.ndarray
    initial_weights: np.ndarray
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    curves: dict[str, np.ndarray]
    finished: np.ndarray
    snapshots: np.ndarray | None = None
    """Weights [R, S, P] at the steps in `Engine.snapshot_steps`, where any were asked for."""


def model_of(recipe: Recipe, dataset: Dataset, *, convolution: str) -> Model:
    """The recipe's model for a data set."""
    return model_for(recipe, shape=dataset.shape, classes=dataset.classes, convolution=convolution)


def strategy_for(recipe: Recipe, dataset: Dataset) -> Strategy:
    """The default strategy of a recipe on the devices at hand."""
    form = form_of(recipe, dataset, Strategy(1), platform="")
    leaves = parameters_of(form)
    images = None
    kernels = [leaf.shape for leaf in leaves if len(leaf.shape) == 4]
    if kernels and len(dataset.shape) == 3:
        values = math.prod(dataset.shape[:2]) * kernels[0][-1]
        images = ImageWork(values, recipe.batch_size, network_of(form).examplewise)
    return default_strategy(parameters=leaves[-1].stop, platform=jax.default_backend(), images=images)


def _refuse_parts(form: Form) -> None:
    """Of a batch, where these are not equal or more than rounding would differ."""
    part, whole = form.strategy.microbatch, form.recipe.batch_size
    if part is None or part == whole:
        return
    if whole % part:
        raise InputError(f"strategy.microbatch = {part}: a batch has {whole} examples, which is no multiple")
    if not network_of(form).examplewise:
        raise InputError(
            f"strategy.microbatch = {part}: with batch normalization or dropout, and for a model that does not say "
            "that it is examplewise (see varbench.models.Model), a batch is taken as a whole; leave the option out"
        )


@dataclass(frozen=True, eq=False)
class Engine:
    """Trains blocks of runs of one recipe.

    Attributes:
        recipe: What is held identical.
        dataset: The data.
        strategy: Width, batching, convolution form.
        devices: The devices to use; all local ones if None.
        snapshots: How many moments of the training the weights are kept at; none if 0. Every other bit of a run is
            the same with snapshots as without.
        fresh: Compile programs of its own in place of those that recipes of the same form share.
    """

    recipe: Recipe
    dataset: Dataset
    strategy: Strategy
    devices: tuple[Any, ...] | None = None
    snapshots: int = 0
    fresh: bool = False

    def on_devices(self, most: int) -> Engine:
        """The same engine on at most so many devices: more than there are blocks would only repeat work."""
        return replace(self, devices=tuple(jax.local_devices()[: max(1, most)]))

    @cached_property
    def programs(self) -> Programs:
        """What is compiled; a recipe that cannot be trained is refused here.

        Raises:
            InputError: If the optimizer does not exist, its schedule does not fit, a batch is too large or cannot be
                taken in the parts that were asked for.
        """
        self.recipe.steps_per_epoch(len(self.dataset.y_train))
        optimizer_of(self.recipe, steps=self.steps)
        form = form_of(self.recipe, self.dataset, self.strategy, platform=self.at_once[0].platform)
        _refuse_parts(form)
        return Programs(form, fresh=True) if self.fresh else shared_programs(form)

    @property
    def traces(self) -> Counter[str]:
        """How often each program was traced: once for each shape of data, or something is wrong."""
        return self.programs.traces

    @property
    def model(self) -> Model:
        """The network."""
        return self.programs.model

    @property
    def steps(self) -> int:
        """Optimizer steps of a run."""
        return self.recipe.total_steps(len(self.dataset.y_train))

    @cached_property
    def parameters(self) -> tuple[Leaf, ...]:
        """Table of the flat weight vector."""
        return self.programs.parameters

    @cached_property
    def settings(self) -> Settings:
        """The numbers that the programs are given."""
        return settings_of(self.recipe, self.dataset)

    @property
    def at_once(self) -> tuple[Any, ...]:
        """The devices that are used, each for one block at a time."""
        return self.devices or tuple(jax.local_devices())

    @property
    def _homes(self) -> tuple[Any, ...]:
        """Where the block of each device lies: on a CPU, whose devices are threads of one memory, all on the first.

        One program then serves them all, at the same time, and is compiled once.
        """
        first = self.at_once[0]
        return (first,) * len(self.at_once) if first.platform == "cpu" else self.at_once

    @cached_property
    def checkpoints(self) -> tuple[int, ...]:
        """Steps at which the curves have a point: denser at the start, the last step included."""
        scored = min(CURVE_EXAMPLES, len(self.dataset.y_test))
        affordable = int(CURVE_SHARE * 3 * self.steps * self.recipe.batch_size / scored)
        points = min(CURVE_POINTS, max(FEWEST_POINTS, affordable))
        fractions = (np.arange(1, points + 1) / points) ** 2
        return tuple(int(s) for s in np.unique(np.maximum(1, np.round(self.steps * fractions))))

    @cached_property
    def snapshot_steps(self) -> tuple[int, ...]:
        """Steps whose weights are kept (see `snapshot_steps`)."""
        return snapshot_steps(self.snapshots, steps=self.steps)

    def blocks_of(self, levels: Sequence[Levels]) -> list[tuple[Levels, ...]]:
        """The runs cut into blocks of `width`; the last one may be short and is padded when it is trained."""
        width = self.strategy.width
        return [tuple(levels[i : i + width]) for i in range(0, len(levels), width)]

    def prepare(self, blocks: int) -> None:
        """Compile what the training of so many blocks needs, unless it was compiled before.

        Raises:
            InputError: If the recipe cannot be trained.
        """
        levels = self._padded((dict.fromkeys(SOURCES, 0),))
        like = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct(a.shape, jax.dtypes.canonicalize_dtype(a.dtype)), self._host_arrays()
        )
        devices = tuple(dict.fromkeys(self._homes[:blocks]))
        self.programs.prepare(levels, like, self.settings, devices=devices, snapshots=bool(self.snapshots))

    def train(
        self,
        blocks: Sequence[tuple[int, tuple[Levels, ...]]],
        *,
        listen: Listener | None = None,
        turns: AbstractContextManager[Any] | None = None,
    ) -> Iterator[Block]:
        """Train blocks, as many at once as there are devices, and yield each one's results.

        Args:
            blocks: (index, levels of up to `width` runs) each; the index is handed through.
            listen: Called a few dozen times per block, from the devices' threads, one at a time.
            turns: Held while a block trains: a semaphore that several trainings share, so that there are not more
                blocks at once than cores.

        Yields:
            A `Block` per block, in the order given.
        """
        if not blocks:
            return
        devices: SimpleQueue[Any] = SimpleQueue()
        given = {d: jax.device_put((self._host_arrays(), self.settings), d) for d in set(self._homes)}
        for device in self._homes:
            devices.put((device, *given[device]))
        self.prepare(len(blocks))
        watch = Watch(self.steps, listen)

        def task(index: int, levels: tuple[Levels, ...]) -> Block:
            device, arrays, settings = devices.get()
            try:
                with turns or nullcontext():
                    return self._train_block(index, levels, device, arrays, settings, watch)
            finally:
                devices.put((device, arrays, settings))

        pool = ThreadPoolExecutor(len(self.at_once), thread_name_prefix="varbench")
        try:
            for future in [pool.submit(task, index, levels) for index, levels in blocks]:
                block = future.result()
                watch.forget(block.index)
                yield block
        finally:
            watch.stopped = True
            pool.shutdown(wait=True, cancel_futures=True)

    def _train_block(
        self, index: int, members: tuple[Levels, ...], device: Any, arrays: Arrays, settings: Settings, watch: Watch
    ) -> Block:
        programs, steps, runs = self.programs, self.steps, len(members)
        levels = jax.device_put(self._padded(members), device)
        carry, fixed, initial = programs.begin(runs, levels, arrays, settings)
        none = jax.device_put(programs.no_loss(), device)
        points, step, since = [], 0, 0
        kept = [np.array(programs.snapshot(runs, carry))] if self.snapshots else []
        longest = max(SHORTEST, -(-steps // SEGMENTS))
        told = Told(watch, index, runs)
        for checkpoint in self.checkpoints:
            loss = none
            while step < checkpoint:
                stop = min(step + longest, checkpoint)
                pauses = [pause for pause in self.snapshot_steps if step < pause <= stop]
                for start, pause in pairwise([step, *pauses, *([] if stop in pauses else [stop])]):
                    carry, loss = programs.advance(runs, carry, loss, fixed, levels, arrays, settings, start, pause)
                    if pause in pauses:
                        kept.append(np.array(programs.snapshot(runs, carry)))
                step = stop
                told.of(step, loss, step - since)
            points.append(programs.score(runs, carry, loss, arrays, settings, step - since))
            since = step
        left = programs.finish(runs, carry, fixed, arrays, settings)
        told.last()
        outcome = jax.device_get(left)
        rows = slice(0, runs)
        finite = np.isfinite(outcome.weights).all(1) & np.isfinite(outcome.logits).all((1, 2))
        curves = {name: np.stack([getattr(p, name) for p in points], 1)[rows] for name in Score._fields}
        return Block(
            index=index,
            levels=members,
            logits=outcome.logits[rows],
            weights=outcome.weights[rows],
            initial_weights=np.asarray(initial)[rows],
            train_loss=outcome.train_loss[rows],
            train_accuracy=outcome.train_accuracy[rows],
            curves=curves,
            finished=(finite & np.isfinite(outcome.train_loss))[rows],
            snapshots=np.stack(kept, 1)[rows] if kept else None,
        )

    def _host_arrays(self) -> Arrays:
        data = self.dataset
        arrays: tuple[Any, ...] = (data.x_train, data.y_train, data.x_test, data.y_test)
        return Arrays(*arrays)

    def _padded(self, members: Sequence[Levels]) -> dict[str, np.ndarray]:
        """Levels [width] per source; a short block repeats its first run."""
        rows = [*members, *[members[0]] * (self.strategy.width - len(members))]
        return {source: np.array([row[source] for row in rows], np.uint32) for source in SOURCES}
