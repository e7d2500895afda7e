"""How runs are laid side by side: chosen in one place, recorded, and reused.

The bits of a result depend on width, batching and convolution form, so the default is a deterministic rule of the
model's size and the kind of device: never of a timing, of the number of runs or of the number of devices. The
number of devices changes no bit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from varbench.errors import InputError


@dataclass(frozen=True)
class Strategy:
    """Width, batching and convolution form of the compiled program, and how they came about.

    Attributes:
        width: Runs side by side in one program on one device.
        batching: "vmap": as one batched program, in which a lane without a run costs as much as one with a run; "map":
            one after the other inside the program.
        convolution: "matmul" (slices and one matrix product), "winograd" (fewer multiplications where the windows are
            3 × 3) or "native".
        microbatch: A step takes so many examples through the network at a time and adds up their gradients, and so
            many are evaluated at a time; None: all of a batch, and as many as `evaluation` says.
        chosen_by: "rule", "flag" or "probe".
    """

    width: int
    batching: Literal["vmap", "map"] = "vmap"
    convolution: Literal["matmul", "winograd", "native"] = "matmul"
    chosen_by: Literal["rule", "flag", "probe"] = "rule"
    microbatch: int | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise InputError(f"strategy.width = {self.width}: at least 1 was expected")
        if self.microbatch is not None and self.microbatch < 1:
            raise InputError(f"strategy.microbatch = {self.microbatch}: at least 1 was expected")
        for name, choices in (("batching", ("vmap", "map")), ("convolution", ("matmul", "winograd", "native"))):
            if getattr(self, name) not in choices:
                raise InputError(f"strategy.{name} = {getattr(self, name)!r}: one of {choices} was expected")

    def as_dict(self) -> dict[str, Any]:
        """Field names and values, without those that are None."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def at_width(self, level: int) -> Strategy:
        """The strategy at a level of the source `width`: 0 is its own, k is k runs in one batched program."""
        return self if level == 0 else replace(self, width=level, batching="vmap")


CPU_BATCHED_PARAMETERS = 2048
"""On a CPU only networks with fewer parameters gain by being batched, for of a step of theirs the most is spent on
calling the kernels. Those of others multiply matrices, which batching makes no faster, and some slower: the
convolutions of the MNIST-1D network by a factor of two. One run after the other, the weights of one stay in the cache,
and a block that is not full costs no more than its runs."""

CPU_ALONE_PARAMETERS = 2**17
"""From so many parameters on a block is one run: taking turns would copy its weights and moments at every call. It is
no batch of one either: with 512 units a step under `vmap` over one lane took a fifth longer than the run's own."""

CPU_MICROBATCH_VALUES = 400_000
"""On a CPU a network of images takes so many examples at a time that their activations after a first convolution are
about so many values: patches, transforms and gradients of all layers are then some ten times that and stay in the
cache, where with whole batches two cores that train a run each wait for the memory that they share."""

CPU_FEWEST_EXAMPLES = 8
"""With fewer examples at a time the matrix products become too small."""

GPU_LANE_BYTES = 2 * 2**30
"""What the lanes of one GPU program may touch in a step: memory is the limit."""

GPU_LANES = 256
"""Most lanes of one GPU program, but for networks so small that with these a GPU waits for kernels to start."""

GPU_BUSY_BYTES, GPU_MOST_LANES = 128 * 2**20, 1024
"""Lanes that touch so much in a step keep a GPU busy, and small networks get so many lanes, up to a limit: dozens of
runs should not pay for thousands of lanes that stay empty. On an H100 a step of an MLP of two hidden layers with 128
units took 0.74 µs a run with 256 and with 1,024 lanes alike; with 32 units 4,096 runs took 3.9 s with 256 lanes and
1.1 s with all in one program."""


@dataclass(frozen=True)
class ImageWork:
    """What the rule has to know of a network that convolves images.

    Attributes:
        values: Pixels of an example times the outputs of the first kernel of a convolution in the table of the
            parameters: about the activations after one.
        batch_size: Examples of a step.
        examplewise: Whether a batch may be taken in parts (see `Model`).
    """

    values: int
    batch_size: int
    examplewise: bool

    @property
    def microbatch(self) -> int | None:
        """The largest of equal parts of a batch that stays in the cache, or the smallest; None: the whole."""
        divisors = [n for n in range(CPU_FEWEST_EXAMPLES, self.batch_size) if self.batch_size % n == 0]
        most = CPU_MICROBATCH_VALUES // self.values
        if not self.examplewise or self.batch_size <= most or not divisors:
            return None
        return max((n for n in divisors if n <= most), default=divisors[0])


def default_strategy(*, parameters: int, platform: str, images: ImageWork | None = None) -> Strategy:
    """The rule.

    CPU: 4 runs, one after the other; 16 in one batched program where a network has fewer than `CPU_BATCHED_PARAMETERS`,
    and one alone from `CPU_ALONE_PARAMETERS` on. A network that convolves images is alone too, for a step takes long
    enough and a few runs are to keep every core busy; it uses Winograd's algorithm, and takes a batch in parts that
    stay in the cache.
    GPU and others: 1 to `GPU_LANES` with weights, gradients and two optimizer moments (16 bytes a parameter) within
    `GPU_LANE_BYTES`, batched, and up to `GPU_MOST_LANES` within `GPU_BUSY_BYTES`. Convolutions are matrix products
    there: a GPU takes 1.8 times as long for the native form under `vmap`.

    Args:
        parameters: Parameters of one model.
        platform: "cpu", "gpu" or "tpu".
        images: What a network does that convolves images; None for the others.
    """
    if platform == "cpu":
        if images:
            return Strategy(1, "map", "winograd", microbatch=images.microbatch)
        if parameters < CPU_BATCHED_PARAMETERS:
            return Strategy(16)
        return Strategy(4 if parameters < CPU_ALONE_PARAMETERS else 1, "map")
    each = 16 * max(parameters, 1)
    lanes = max(min(GPU_LANES, GPU_LANE_BYTES // each), min(GPU_MOST_LANES, GPU_BUSY_BYTES // each))
    return Strategy(width=_power(max(1, lanes)))


def _power(lanes: int) -> int:
    """The largest power of two that is not above."""
    return 1 << (lanes.bit_length() - 1)
