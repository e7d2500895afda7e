"""The devices of this process."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

REPEATABLE = ("--xla_gpu_deterministic_ops=true", "--xla_gpu_autotune_level=0")
"""Flags without which a GPU's bits do not come back. XLA times a few kernels for every product when it compiles and
takes the fastest, and no two kernels round alike: of ten populations that were trained again on an H100 in another
process without these flags, five had other bits in every run, and up to 19 % of a run's predictions flipped.
With them every run of the ten came back bit for bit on an H200."""

GPU_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")


def cores() -> int:
    """Cores that this process may use; all of them where the system does not say which."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(*, cpu_devices: int | None = None) -> None:
    """Have a GPU give the same bits again, and give the CPU one virtual device per core to shard runs over.

    What the user set in XLA_FLAGS stays as it is. Does nothing where the backend runs already. The number of devices
    changes no bit of a result, only the speed.
    """
    import jax

    flags = os.environ.get("XLA_FLAGS", "")
    if any(find_spec(plugin) for plugin in GPU_PLUGINS):
        missing = [flag for flag in REPEATABLE if flag.split("=")[0] not in flags]
        os.environ["XLA_FLAGS"] = " ".join([flags, *missing]).strip()

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        if jax.config.values["jax_num_cpu_devices"] == -1:
            jax.config.update("jax_num_cpu_devices", cpu_devices or cores())
    except RuntimeError:
        return


def device_facts() -> dict[str, Any]:
    """Platform, kind and number of the local devices, and of the processor, for manifests."""
    import platform

    import jax

    devices = jax.local_devices()
    return {
        "platform": devices[0].platform,
        "kind": devices[0].device_kind,
        "count": len(devices),
        "processor": _processor() or platform.machine(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""
