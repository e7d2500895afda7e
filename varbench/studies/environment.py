"""What a result may depend on besides recipe and levels: versions, device, flags, source code."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from varbench.version import __version__

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "scikit-learn", "zarr")


def versions() -> dict[str, str]:
    """Versions of Python, of the packages that numbers come from, and of varbench."""
    found = {"python": platform.python_version(), "varbench": __version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def flags() -> dict[str, str]:
    """Settings of the compiler and of the numerics that differ between machines."""
    import jax

    return {
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        "jax_default_matmul_precision": str(jax.config.values["jax_default_matmul_precision"]),
        "jax_enable_x64": str(jax.config.values["jax_enable_x64"]),
        "jax_threefry_partitionable": str(jax.config.values["jax_threefry_partitionable"]),
    }


def git() -> dict[str, Any]:
    """Commit of the varbench source and whether it was changed since; None where there is no repository."""
    root = Path(__file__).resolve().parents[2]
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no", "--", "varbench"))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(root: Path, *command: str) -> str:
    if not (root / ".git").exists():
        raise OSError("not a repository")
    done = subprocess.run(["git", "-C", str(root), *command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def environment() -> dict[str, Any]:
    """All of it, for manifests."""
    from varbench.training.devices import device_facts

    return {"versions": versions(), "device": device_facts(), "flags": flags(), "git": git()}
