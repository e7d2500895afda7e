"""What all tests share: two CPU devices, strict JAX, shapes checked at run time, repeatable examples."""

from __future__ import annotations

import os
import shutil
import tempfile

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")

CHECKED = (
    "varbench.keys",
    "varbench.trees",
    "varbench.models",
    "varbench.measures",
    "varbench.stats",
    "varbench.training.batches",
    "varbench.training.design",
    "varbench.training.engine",
    "varbench.training.optimizer",
    "varbench.training.run",
    "varbench.training.ulp",
    "varbench.store",
    "varbench.analysis.catalogue",
)
"""Modules in which every call is held to its annotations, jaxtyping shapes included.

Not here: what takes a user's input (data sets, recipes, strategies, populations, commands), whose annotations say
what is held and whose own code refuses what was given, with a sentence.
"""

install_import_hook(CHECKED, "runtime_types.checked")  # before any of them is imported

hypothesis.settings.register_profile("varbench", deadline=None, derandomize=True)
hypothesis.settings.load_profile("varbench")

_CACHE = "JAX_COMPILATION_CACHE_DIR"


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs for this session, for its workers and for the processes that tests start.

    What is compiled once is loaded from then on, so that the same program need not be compiled for every engine.
    Tracing is not cached, and nothing outlives the session.
    """
    if not hasattr(config, "workerinput"):
        os.environ[_CACHE] = tempfile.mkdtemp(prefix="varbench-tests-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(_CACHE), ignore_errors=True))
    jax.config.update("jax_compilation_cache_dir", os.environ[_CACHE])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture(autouse=True)
def _no_data_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests must not depend on what lies in the user's data directory."""
    monkeypatch.delenv("VARBENCH_DATA", raising=False)
