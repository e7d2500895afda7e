"""The direction of the imports, what is loaded when, and the size of the files."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "varbench"

ORDER = [
    "errors",
    "refusals",
    "version",
    "keys",
    "parameters",
    "trees",
    "types",
    "data",
    "models",
    "measures",
    "stats",
    "training",
    "probes",
    "store",
    "analysis",
    "studies",
    "report",
    "foreign",
    "api",
    "cli",
    "__main__",
]
"""Packages and modules at the top; each may import those before it.

`varbench/__init__.py` hands on names of them all when they are asked for; a fresh interpreter is the test of that.
"""

FORBIDDEN = {
    "measures": {"jax", "flax", "optax", "zarr", "varbench.data", "varbench.models"},
    "stats": {"jax", "flax", "optax", "zarr", "varbench.data", "varbench.models"},
    "report": {
        "jax",
        "flax",
        "optax",
        "zarr",
        "varbench.models",
        "varbench.training",
        "varbench.probes",
        "varbench.store",
        "varbench.studies",
    },
    "analysis": {
        "jax",
        "flax",
        "optax",
        "zarr",
        "varbench.models",
        "varbench.training",
        "varbench.probes",
        "varbench.store",
    },
    "studies": {"matplotlib", "seaborn", "varbench.report"},
}
"""What a package must not import although it comes later in the order, or is no part of varbench."""

HEAVY = {"jax", "flax", "optax", "matplotlib", "seaborn", "pandas", "scipy", "sklearn", "zarr", "xarray", "pooch"}


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    """`varbench.data.npz`, and `varbench.data` for an `__init__`."""
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, functions and type checking included, by its full name."""
    modules = {name_of(other) for other in files()}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield deeper if deeper in modules else str(node.module)


def within(module: str, parents: set[str]) -> bool:
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def test_the_order_names_everything_at_the_top():
    assert {package_of(path) for path in files()} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("path", [path for path in files() if path != ROOT / "__init__.py"], ids=name_of)
def test_imports_point_one_way(path):
    package = package_of(path)
    earlier = {f"varbench.{name}" for name in (*ORDER[: ORDER.index(package)], package)}
    for module in imports_of(path):
        if module.split(".")[0] == "varbench" and module != "varbench":
            assert within(module, earlier), f"{name_of(path)} imports {module}, which comes later"
        assert not within(module, FORBIDDEN.get(package, set())), f"{name_of(path)} must not import {module}"


def test_flax_is_imported_by_models_alone():
    importers = {package_of(path) for path in files() if within_any(path, {"flax"})}
    assert importers == {"models"}


def within_any(path: Path, parents: set[str]) -> bool:
    return any(within(module, parents) for module in imports_of(path))


def test_a_run_knows_nothing_of_batching_over_runs():
    assert not within_any(ROOT / "training" / "run.py", {"varbench.training.engine", "varbench.training.strategy"})
    assert "vmap" not in (ROOT / "training" / "run.py").read_text()


def test_the_engine_knows_nothing_of_any_model():
    contract = {"varbench.models", "varbench.models.model", "varbench.models.options"}
    of_models = {
        module for module in imports_of(ROOT / "training" / "engine.py") if within(module, {"varbench.models"})
    }
    assert of_models <= contract


@pytest.mark.parametrize("path", [path for path in files() if path.name == "__init__.py"], ids=name_of)
def test_a_package_hands_on_names_and_runs_nothing_heavy(path):
    top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in top:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
        assert not {name.split(".")[0] for name in names} & HEAVY


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after a statement."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_answers_before_anything_heavy_is_loaded():
    loaded = loaded_by("import varbench\nimport varbench.cli")
    assert "varbench" in loaded
    assert not loaded & (HEAVY | {"numpy"})


def test_the_page_of_help_needs_no_parser_and_no_command():
    loaded = loaded_by("from varbench.cli import main\nmain(['--help'])")
    assert "varbench" in loaded
    assert not loaded & (HEAVY | {"numpy", "tyro", "rich", "dataclasses", "typing"})


def test_what_needs_no_jax_loads_none():
    light = (
        "keys",
        "parameters",
        "data",
        "models",
        "measures",
        "stats",
        "analysis",
        "report",
        "training.recipe",
        "training.design",
    )
    loaded = loaded_by("\n".join(f"import varbench.{name}" for name in light))
    assert not loaded & {"jax", "flax", "optax", "matplotlib", "seaborn", "pandas", "sklearn", "zarr"}


def test_files_are_short():
    lines = {name_of(path): len(path.read_text().splitlines()) for path in files()}
    assert max(lines.values()) <= 400, max(lines, key=lines.__getitem__)
    longer = sorted(name for name, count in lines.items() if count > 250)
    assert len(longer) <= len(lines) // 10, f"over 250 lines: {longer}"
