"""The devices of this process."""

from __future__ import annotations

import os
from typing import Any


def prepare(*, cpu_devices: int | None = None) -> None:
    """Give the CPU one virtual device per core, so that runs can be sharded over the cores.

    Does nothing where the backend runs already or the user chose a number. The number of devices changes no bit of
    a result, only the speed.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        if jax.config.values["jax_num_cpu_devices"] == -1:
            jax.config.update("jax_num_cpu_devices", cpu_devices or len(os.sched_getaffinity(0)))
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
