"""What the machine can do: the rate of a large matrix product and of a large copy, measured beside every race."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SIZE = {"cpu": 2048, "gpu": 8192}
COPY = {"cpu": 2**28, "gpu": 2**31}
"""Bytes."""


def ceilings(platform: str) -> dict[str, float]:
    """Floating-point operations per second of a matrix product in each precision, and bytes per second of a copy.

    On a CPU the better of NumPy's product over all cores and XLA's on one device per core at a time.
    """
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.ceilings", platform], capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout.splitlines()[-1])


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
        halves = [slice(i * length // 2, (i + 1) * length // 2) for i in (0, 1)]
        pool = ThreadPoolExecutor(2)

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(target[part], source[part]), halves))

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
