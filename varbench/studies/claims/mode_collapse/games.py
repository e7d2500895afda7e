"""Many generators of one mixture of Gaussians, trained side by side and watched for the modes that they reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from varbench.keys import source_key
from varbench.measures.modes import NEAR, QUALITY, mode_counts, spacing
from varbench.studies.claims.mode_collapse import generators
from varbench.studies.claims.mode_collapse.generators import Modes, Players, Setting

WIDTH = 8
"""Runs side by side in one program: fixed, so that neither their number nor that of the devices changes a bit."""

CHECKS = 10
"""How often along training samples are drawn, the end included."""

SAMPLES = 2500
"""How many are drawn, as Srivastava et al. 2017 do."""

SHOWN = (3, 150)
"""Runs whose samples are kept, and how many of each."""

MOST_MODES = 25


@dataclass(frozen=True)
class Mixture:
    """Gaussians in the plane of one SD and of equal shares, at most `MOST_MODES`."""

    centers: tuple[tuple[float, float], ...]
    sd: float


@partial(jax.jit, static_argnames="setting")
def _begin(levels: Any, modes: Modes, setting: Setting) -> Players:
    return jax.vmap(lambda level: generators.begin(level, modes, setting))(levels)


@partial(jax.jit, static_argnames="setting")
def _advance(players: Players, levels: Any, modes: Modes, start: Any, setting: Setting) -> tuple[Players, Any]:
    """The steps between two checks; with the mean losses [WIDTH, 3]."""

    def one(players: Players, level: Any) -> tuple[Players, Any]:
        key = source_key("order", level)

        def body(players: Players, step: Any) -> tuple[Players, Any]:
            return generators.step(players, jax.random.fold_in(key, step), modes, setting)

        players, losses = jax.lax.scan(body, players, start + jnp.arange(setting.steps // CHECKS))
        return players, losses.mean(axis=0)

    return jax.vmap(one)(players, levels)


@partial(jax.jit, static_argnames="setting")
def _draw(players: Players, levels: Any, check: Any, setting: Setting) -> Any:
    """Samples [WIDTH, 2, SAMPLES, 2]; another `check` draws others."""
    return jax.vmap(lambda p, level: generators.draw(p, source_key("data", level, check), SAMPLES, setting))(
        players, levels
    )


def train_generators(
    mixture: Mixture, setting: Setting, *, runs: int, listen: Callable[[float], None] = lambda share: None
) -> Mapping[str, np.ndarray]:
    """Train a generator, its discriminator and a density model in each run; run r has level r of every source.

    Args:
        mixture: The data.
        setting: What is held identical.
        runs: How many runs.
        listen: Called with the share done.

    Returns:
        `counts` [R, C, 2, K]: samples that belong to each mode at every check, of generator and density model. `again`
        [R, 2, K]: the same at the end for other samples. `sharp` [R, 2, K]: those of high quality at the end. `losses`
        [R, C, 3]: means since the check before, of discriminator, generator and density model. `steps` [C].
        `samples` [r, 2, n, 2]: some of the last samples of the first runs. `n_samples`. `finished` [R]: whether all
        that was computed is finite.
    """
    devices: SimpleQueue[Any] = SimpleQueue()
    blocks = [np.arange(i, min(i + WIDTH, runs)) for i in range(0, runs, WIDTH)]
    at_once = jax.local_devices()[: len(blocks)]
    for device in at_once:
        devices.put(device)
    lock, done = Lock(), [0]

    def told() -> None:
        with lock:
            done[0] += 1
            listen(done[0] / (CHECKS * len(blocks)))

    def block(members: np.ndarray) -> dict[str, np.ndarray]:
        device = devices.get()
        try:
            return _train_block(mixture, setting, members, device, told)
        finally:
            devices.put(device)

    with ThreadPoolExecutor(len(at_once), thread_name_prefix="varbench") as pool:
        found = list(pool.map(block, blocks))
    arrays = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    arrays["samples"] = arrays["samples"][: SHOWN[0]]
    steps = setting.steps // CHECKS * np.arange(1, CHECKS + 1)
    return {**arrays, "steps": steps, "n_samples": np.asarray(SAMPLES)}


def _train_block(
    mixture: Mixture, setting: Setting, members: np.ndarray, device: Any, told: Callable[[], None]
) -> dict[str, np.ndarray]:
    padded = np.concatenate([members, np.full(WIDTH - len(members), members[0])]).astype(np.uint32)
    centers = np.array(mixture.centers, np.float32)
    room = np.zeros((MOST_MODES - len(centers), 2), np.float32)
    modes = Modes(jnp.concatenate([centers, room]), np.int32(len(centers)), np.float32(mixture.sd))
    levels, modes = jax.device_put((padded, modes), device)
    players = _begin(levels, modes, setting)
    near = NEAR * spacing(centers)
    counts, losses, finite = [], [], np.ones(WIDTH, bool)

    def samples_at(check: int) -> Float[np.ndarray, "w 2 n 2"]:
        return np.asarray(_draw(players, levels, np.int32(check), setting))

    for check in range(CHECKS):
        players, loss = _advance(players, levels, modes, np.int32(check * (setting.steps // CHECKS)), setting)
        samples = samples_at(check)
        counts.append(mode_counts(samples, centers, radius=near))
        losses.append(np.asarray(loss))
        finite &= np.isfinite(samples).all(axis=(1, 2, 3)) & np.isfinite(losses[-1]).all(axis=1)
        told()
    rows = slice(0, len(members))
    return {
        "counts": np.stack(counts, axis=1)[rows],
        "again": mode_counts(samples_at(CHECKS), centers, radius=near)[rows],
        "sharp": mode_counts(samples, centers, radius=QUALITY * mixture.sd)[rows],
        "losses": np.stack(losses, axis=1)[rows],
        "samples": samples[rows, :, : SHOWN[1]],
        "finished": finite[rows],
    }
