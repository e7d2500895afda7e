"""What is set before the first computation: flags that make a GPU's bits come back."""

from __future__ import annotations

import os

import pytest

from varbench.training import devices


@pytest.mark.parametrize(
    ("gpu", "said", "found"),
    [
        (False, "", ""),
        (True, "", "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"),
        (True, "--xla_a=1", "--xla_a=1 --xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"),
        (True, "--xla_gpu_autotune_level=4", "--xla_gpu_autotune_level=4 --xla_gpu_deterministic_ops=true"),
        (True, " ".join(devices.REPEATABLE), " ".join(devices.REPEATABLE)),
    ],
)
def test_a_gpu_chooses_no_kernel_by_timing_unless_it_is_told_to(monkeypatch, gpu, said, found):
    monkeypatch.setattr(devices, "find_spec", lambda name: (gpu and name == "jax_cuda13_plugin") or None)
    monkeypatch.setenv("XLA_FLAGS", said)
    devices.prepare()
    assert os.environ["XLA_FLAGS"] == found


def test_xla_knows_the_flags(monkeypatch):
    """XLA ends a process whose flags it does not know."""
    import subprocess
    import sys

    flags = " ".join(devices.REPEATABLE)
    code = "import jax; print(jax.numpy.ones(3).sum())"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "3.0\n")


def test_cores_are_counted_where_the_system_does_not_say_which_may_be_used(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert devices.cores() == 12
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert devices.cores() == 3
