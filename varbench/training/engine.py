"""The engine: many runs side by side in compiled programs, on every local device.

A *block* is `width` runs: the lanes of one program on one device. With several devices one launch trains one block
on each. The programs are written for one run, batched over the lanes and sharded over the devices, in that order,
so that a block's bits depend neither on the other blocks nor on the number of devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from varbench.data import Dataset
from varbench.keys import SOURCES
from varbench.models import Model, Options, build
from varbench.training.design import Levels
from varbench.training.optimizer import optimizer_of
from varbench.training.recipe import Recipe
from varbench.training.run import Arrays, Run, make_run
from varbench.training.strategy import Strategy, default_strategy
from varbench.trees import Leaf, table

EVALUATION_BLOCK = 500
CURVE_POINTS = 20
CURVE_EXAMPLES = 2_000
SEGMENTS = 40
"""A launch goes back to the host at least so many times, for progress and interruption."""


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


class Progress(NamedTuple):
    """Where a launch stands: steps done, steps in all, runs in training, their mean training loss."""

    step: int
    steps: int
    runs: int
    loss: float


Listener = Callable[[Progress], None]


def model_of(recipe: Recipe, dataset: Dataset, *, convolution: str) -> Model:
    """The recipe's model for a data set."""
    return build(
        Options(
            model=recipe.model,
            shape=dataset.shape,
            classes=dataset.classes,
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


def strategy_for(recipe: Recipe, dataset: Dataset) -> Strategy:
    """The default strategy of a recipe on the devices at hand."""
    leaves = parameter_table(model_of(recipe, dataset, convolution="matmul"))
    return default_strategy(parameters=leaves[-1].stop, platform=jax.default_backend())


@dataclass(frozen=True, eq=False)
class Engine:
    """Trains blocks of runs of one recipe.

    Attributes:
        recipe: What is held identical.
        dataset: The data.
        strategy: Width, batching, convolution form.
        devices: The devices to use; all local ones if None.
    """

    recipe: Recipe
    dataset: Dataset
    strategy: Strategy
    devices: tuple[Any, ...] | None = None

    traces: Counter[str] = field(default_factory=Counter, init=False)
    """How often each program was traced: once, or something is wrong."""

    def on_devices(self, most: int) -> Engine:
        """The same engine on at most so many devices: more than there are blocks would only repeat work."""
        return replace(self, devices=tuple(jax.local_devices()[: max(1, most)]))

    @cached_property
    def model(self) -> Model:
        """The network."""
        return model_of(self.recipe, self.dataset, convolution=self.strategy.convolution)

    @cached_property
    def parameters(self) -> tuple[Leaf, ...]:
        """Table of the flat weight vector."""
        return parameter_table(self.model)

    @cached_property
    def run(self) -> Run:
        """The pure functions of one run."""
        n_train = len(self.dataset.y_train)
        return make_run(
            self.recipe,
            self.model,
            optimizer_of(self.recipe, steps=self.recipe.total_steps(n_train)),
            n_train=n_train,
            classes=self.dataset.classes,
            mean=jnp.asarray(self.dataset.mean, jnp.float32),
            std=jnp.asarray(self.dataset.std, jnp.float32),
            evaluation_block=EVALUATION_BLOCK,
            curve_examples=CURVE_EXAMPLES,
        )

    @cached_property
    def mesh(self) -> jax.sharding.Mesh:
        """One axis, `runs`, over the devices."""
        devices = self.devices or tuple(jax.local_devices())
        return jax.make_mesh((len(devices),), ("runs",), axis_types=(AxisType.Auto,), devices=devices)

    @cached_property
    def arrays(self) -> Arrays:
        """The data set, once on every device."""
        d = self.dataset
        data = tuple(jnp.asarray(a) for a in (d.x_train, d.y_train, d.x_test, d.y_test))
        return jax.device_put(Arrays(*data), NamedSharding(self.mesh, PartitionSpec()))

    @cached_property
    def checkpoints(self) -> tuple[int, ...]:
        """Steps at which the curves have a point: denser at the start, the last step included."""
        fractions = (np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS) ** 2
        return tuple(int(s) for s in np.unique(np.maximum(1, np.round(self.run.steps * fractions))))

    @cached_property
    def _programs(self) -> dict[str, Callable[..., Any]]:
        run = self.run
        return {
            "begin": self._compiled("begin", run.begin, lanes=1),
            "advance": self._compiled("advance", run.advance, lanes=3, donate=(0,)),
            "score": self._compiled("score", run.score, lanes=1),
            "finish": self._compiled("finish", run.finish, lanes=2),
        }

    def _compiled(
        self, name: str, function: Callable[..., Any], *, lanes: int, donate: tuple[int, ...] = ()
    ) -> Callable[..., Any]:
        """One run's function over the lanes of a block and the devices; the first `lanes` arguments are per run."""

        def batched(*args: Any) -> Any:
            self.traces[name] += 1
            mine, shared = args[:lanes], args[lanes:]
            if self.strategy.batching == "map":
                return lax.map(lambda lane: function(*lane, *shared), mine)
            return jax.vmap(lambda *lane: function(*lane, *shared))(*mine)

        def sharded(*args: Any) -> Any:
            specs = tuple(PartitionSpec("runs") if i < lanes else PartitionSpec() for i in range(len(args)))
            return jax.shard_map(
                batched, mesh=self.mesh, in_specs=specs, out_specs=PartitionSpec("runs"), check_vma=False
            )(*args)

        # The random initialization runs once, but is slow to optimize: level 1 compiles it six times faster.
        quick = name == "begin" and self.mesh.devices.flat[0].platform == "cpu"
        options = {"xla_backend_optimization_level": 1} if quick else None
        return jax.jit(sharded, donate_argnums=donate, compiler_options=options)

    def blocks_of(self, levels: Sequence[Levels]) -> list[tuple[Levels, ...]]:
        """The runs cut into blocks of `width`; the last one may be short and is padded when it is trained."""
        width = self.strategy.width
        return [tuple(levels[i : i + width]) for i in range(0, len(levels), width)]

    def train(
        self, blocks: Sequence[tuple[int, tuple[Levels, ...]]], *, listen: Listener | None = None
    ) -> Iterator[Block]:
        """Train blocks, as many at once as there are devices, and yield each one's results.

        Args:
            blocks: (index, levels of up to `width` runs) each; the index is handed through.
            listen: Called a few dozen times per launch.

        Yields:
            A `Block` per block, in the order given.
        """
        at_once = self.mesh.size
        for start in range(0, len(blocks), at_once):
            yield from self._launch(blocks[start : start + at_once], listen)

    def _launch(self, blocks: Sequence[tuple[int, tuple[Levels, ...]]], listen: Listener | None) -> Iterator[Block]:
        programs, steps, arrays = self._programs, self.run.steps, self.arrays
        levels = self._padded([runs for _, runs in blocks])
        carry, fixed, initial = programs["begin"](levels, arrays)
        points, step, since = [], 0, 0
        runs = sum(len(block) for _, block in blocks)
        longest = max(1, -(-steps // SEGMENTS))
        for checkpoint in self.checkpoints:
            total = 0.0
            while step < checkpoint:
                stop = min(step + longest, checkpoint)
                carry = programs["advance"](carry, fixed, levels, arrays, step, stop)
                total = carry.loss + total
                if listen is not None:
                    mean = float(np.mean(np.asarray(carry.loss))) / (stop - step)
                    listen(Progress(stop, steps, runs, mean))
                step = stop
            points.append(programs["score"](carry._replace(loss=total), arrays, step - since))
            since = step
        outcome = jax.device_get(programs["finish"](carry, fixed, arrays))
        initial = np.asarray(initial)
        curves = {
            "train_loss": np.stack([p.train_loss for p in points], 1),
            "test_loss": np.stack([p.test_loss for p in points], 1),
            "test_accuracy": np.stack([p.test_accuracy for p in points], 1),
        }
        finite = np.isfinite(outcome.weights).all(1) & np.isfinite(outcome.logits).all((1, 2))
        finite &= np.isfinite(outcome.train_loss)
        for lane, (index, members) in enumerate(blocks):
            rows = slice(lane * self.strategy.width, lane * self.strategy.width + len(members))
            yield Block(
                index,
                members,
                outcome.logits[rows],
                outcome.weights[rows],
                initial[rows],
                outcome.train_loss[rows],
                outcome.train_accuracy[rows],
                {name: curve[rows] for name, curve in curves.items()},
                finite[rows],
            )

    def _padded(self, blocks: Sequence[tuple[Levels, ...]]) -> dict[str, jax.Array]:
        """Levels [devices × width] per source: short blocks repeat their first run, missing blocks the first block."""
        rows: list[Levels] = []
        for i in range(self.mesh.size):
            block = blocks[i] if i < len(blocks) else blocks[0]
            rows += [*block, *[block[0]] * (self.strategy.width - len(block))]
        sharding = NamedSharding(self.mesh, PartitionSpec("runs"))
        columns = {source: np.array([row[source] for row in rows], np.uint32) for source in SOURCES}
        return {source: jax.device_put(column, sharding) for source, column in columns.items()}
