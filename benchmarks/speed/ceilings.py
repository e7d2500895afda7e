"""What the machine can do: the rate of a large matrix product and of a large copy, measured again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.speed.children import answered
from varbench.training.devices import cores

SIZE = {"cpu": 2048, "gpu": 8192}
COPY = {"cpu": 2**28, "gpu": 2**31}
"""Bytes."""


def ceilings(platform: str) -> dict[str, float]:
    """Floating-point operations per second of a matrix product in each precision, and bytes per second of a copy.

    On a CPU the better of NumPy's product over all cores and XLA's on one device per core at a time.
    """
    words = [sys.executable, "-m", "benchmarks.speed.ceilings", platform]
    return json.loads(answered(words, stderr=subprocess.PIPE).splitlines()[-1])


def best(*measured: dict[str, float]) -> dict[str, float]:
    """The highest of each rate: what a machine did once it can do, and what it did not do says nothing."""
    names = dict.fromkeys(name for rates in measured for name in rates)
    return {name: max(rates[name] for rates in measured if name in rates) for name in names}


def _measured(platform: str) -> dict[str, float]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    from varbench.training.devices import prepare

    prepare()
    n, found = SIZE[platform], {}
    random = np.random.default_rng(0)
    devices = jax.local_devices()
    for name, dtype in (("float32", jnp.float32), ("bfloat16", jnp.bfloat16)):
        if platform == "cpu" and name == "bfloat16":
            continue
        host = random.standard_normal((n, n), dtype=np.float32)
        placed = [jax.device_put(jnp.asarray(host, dtype), device) for device in devices]
        product = jax.jit(lambda a: a @ a)
        pool = ThreadPoolExecutor(len(devices))

        def together(placed: list[Any] = placed, product: Any = product, pool: Any = pool) -> None:
            list(pool.map(lambda a: product(a).block_until_ready(), placed))

        found[name] = len(devices) * 2.0 * n**3 / _fastest(together)
        if platform == "cpu":
            found[name] = max(found[name], 2.0 * n**3 / _fastest(lambda host=host: host @ host))
    length = COPY[platform] // 4
    if platform == "cpu":
        source, target = np.ones(length, np.float32), np.empty(length, np.float32)
        many = cores()
        parts = [slice(i * length // many, (i + 1) * length // many) for i in range(many)]
        pool = ThreadPoolExecutor(many)

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))

    else:
        large, plus = jnp.ones(length, jnp.float32), jax.jit(lambda a: a + 1)

        def copy() -> None:
            plus(large).block_until_ready()

    found["bytes"] = 2.0 * COPY[platform] / _fastest(copy)
    return found


def _fastest(call: Callable[[], Any], *, times: int = 7) -> float:
    call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1])))
