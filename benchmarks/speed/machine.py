"""The machine: its processor, cores, device, and the versions of what runs on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.speed.children import answered
from varbench.errors import InputError
from varbench.training.devices import cores
from varbench.version import __version__


def machine(platform: str) -> dict[str, Any]:
    """Processor, cores, device and versions.

    Args:
        platform: "cpu" or "gpu".

    Raises:
        InputError: If there is no such device.
    """
    code = "import json; from varbench.training.devices import device_facts; print(json.dumps(device_facts()))"
    environment = dict(os.environ) | ({"JAX_PLATFORMS": "cpu"} if platform == "cpu" else {})
    try:
        told = answered([sys.executable, "-c", code], environment=environment, stderr=subprocess.PIPE)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise InputError(f"--platform {platform}: JAX finds no device ({last})") from None
    facts = json.loads(told.splitlines()[-1])
    if facts["platform"] != platform:
        raise InputError(
            f"--platform {platform}: JAX finds no {platform.upper()} here, but a {facts['platform'].upper()}; "
            "install varbench with the extra that fits its driver (cuda12 or cuda13), or give --platform cpu"
        )
    return {
        "platform": platform,
        "kind": facts["kind"],
        "processor": facts["processor"],
        "cores": cores(),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {"varbench": __version__}
    for name in ("jax", "flax", "optax", "torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
