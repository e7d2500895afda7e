"""On a CPU all blocks lie on one device, each in a thread of its own: JAX must run their programs at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import jax
import numpy as np


def test_two_threads_run_one_program_on_one_device_at_the_same_time():
    both = Barrier(2, timeout=30)

    def meet(x):
        both.wait()
        return x

    like = jax.ShapeDtypeStruct((), np.float32)
    program = jax.jit(lambda x: jax.pure_callback(meet, like, x)).lower(like).compile()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda x: float(program(np.float32(x))), (1, 2)))
    assert results == [1.0, 2.0]
