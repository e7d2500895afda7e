"""Training in other processes, each with settings of its own for the compiler and the device.

Such settings are read once, when JAX starts: a process that runs already cannot try others. `python -m` this module is
what the other process does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from varbench.errors import InputError

if TYPE_CHECKING:
    from varbench.data import Dataset
    from varbench.training.design import Levels
    from varbench.training.engine import Engine

PAUSE = 0.05
"""Seconds between two looks at the processes."""

FORCED_DEVICES = "xla_force_host_platform_device_count"
"""The older way to set the number of CPU devices; it would win over ours."""


class Task(NamedTuple):
    """Runs to train.

    Attributes:
        recipe: Fields by name.
        dataset: The data set itself, which the other process need not know by name.
        strategy: Fields by name.
        groups: Levels of the runs, a group for each device: a process that uses fewer devices trains the first groups.
    """

    recipe: Mapping[str, Any]
    dataset: Dataset
    strategy: Mapping[str, Any]
    groups: Sequence[Sequence[Levels]]


@dataclass(frozen=True)
class Setting:
    """How another process is to be different.

    Attributes:
        devices: How many devices it uses, each for one block of runs at a time.
        flags: Added to XLA_FLAGS.
        variables: Environment variables besides.
    """

    devices: int = 1
    flags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, platform: str) -> dict[str, str]:
        """The variables of the process, on top of those of this one."""
        here = dict(os.environ)
        flags = [flag for flag in here.get("XLA_FLAGS", "").split() if FORCED_DEVICES not in flag]
        root = str(Path(__file__).resolve().parents[2])
        found = {
            **here,
            "XLA_FLAGS": " ".join([*flags, *self.flags]),
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "PYTHONPATH": os.pathsep.join([root, *filter(None, [here.get("PYTHONPATH")])]),
            **self.variables,
        }
        return {**found, "JAX_NUM_CPU_DEVICES": str(self.devices)} if platform == "cpu" else found


class Trained(NamedTuple):
    """Final weights [R, P] and test logits [R, E, K] of runs, one group after the other."""

    weights: Float[np.ndarray, "R P"]
    logits: Float[np.ndarray, "R E K"]


def train_elsewhere(
    tasks: Sequence[Task],
    settings: Mapping[str, Setting],
    *,
    platform: str,
    at_once: int,
    optional: Sequence[str] = (),
    listen: Callable[[int], None] = lambda done: None,
) -> dict[str, tuple[Trained, ...] | str]:
    """Train the same tasks in one new process for each setting; the processes end with this call, however it ends.

    Args:
        tasks: What the processes train.
        settings: By name.
        platform: The kind of device that the processes must find: "cpu", "gpu" or "tpu".
        at_once: Processes that run side by side.
        optional: Settings that a machine need not know; what went wrong is then handed back in place of the runs.
        listen: Called all along with the number of processes that have ended; what it raises ends them.

    Raises:
        InputError: If a process of a setting that is not optional fails, with its own last words.
    """
    found: dict[str, tuple[Trained, ...] | str] = {}
    waiting = list(settings)
    running: dict[str, subprocess.Popen[bytes]] = {}
    with tempfile.TemporaryDirectory(prefix="varbench-") as name:
        folder = Path(name)
        _write(folder, tasks)
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    one = waiting.pop(0)
                    running[one] = _start(folder, one, settings[one], platform)
                for one in [one for one, child in running.items() if child.poll() is not None]:
                    code = running.pop(one).returncode
                    found[one] = _result(folder, one, code, len(tasks))
                    if isinstance(found[one], str) and one not in optional:
                        raise InputError(f"training in another process ({one}) failed: {found[one]}")
                listen(len(found))
                time.sleep(PAUSE)
        finally:
            for child in running.values():
                child.kill()
            for child in running.values():
                child.wait()
    return {name: found[name] for name in settings}


def _write(folder: Path, tasks: Sequence[Task]) -> None:
    plain: list[dict[str, Any]] = [
        {"recipe": dict(t.recipe), "strategy": dict(t.strategy), "groups": [list(group) for group in t.groups]}
        for t in tasks
    ]
    for i, task in enumerate(tasks):
        data = task.dataset
        plain[i]["data"] = {"name": data.name, "classes": data.classes, "kind": data.kind}
        arrays = {name: getattr(data, name) for name in ("x_train", "y_train", "x_test", "y_test", "mean", "std")}
        np.savez(folder / f"data-{i}.npz", **arrays)
    (folder / "tasks.json").write_text(json.dumps(plain), encoding="utf-8")


def _start(folder: Path, name: str, setting: Setting, platform: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __name__, str(folder), name, str(setting.devices), platform]
    with open(folder / f"{name}.txt", "wb") as words:
        return subprocess.Popen(
            command, env=setting.environment(platform), stdin=subprocess.DEVNULL, stdout=words, stderr=words
        )


def _result(folder: Path, name: str, code: int, count: int) -> tuple[Trained, ...] | str:
    if code == 0:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            return tuple(Trained(file[f"weights-{i}"], file[f"logits-{i}"]) for i in range(count))
    lines = (folder / f"{name}.txt").read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    fatal = [line for line in said if re.match(r"F\d{4}|\w*Error\b", line)]
    return f"{(fatal or said or ['it said nothing'])[-1][:300]} (exit code {code})"


def _main(folder: Path, name: str, devices: int, platform: str) -> int:
    import jax

    from varbench.data import Dataset
    from varbench.training.engine import Engine
    from varbench.training.recipe import recipe_from_dict
    from varbench.training.strategy import Strategy

    local = jax.local_devices()
    if local[0].platform != platform or len(local) < devices:
        print(f"Error: {devices} devices of kind {platform} were expected, and there are {len(local)} {local[0]}")
        return 1
    found: dict[str, Any] = {}
    for i, task in enumerate(json.loads((folder / "tasks.json").read_text(encoding="utf-8"))):
        with np.load(folder / f"data-{i}.npz", allow_pickle=False) as file:
            dataset = Dataset(**task["data"], **{key: file[key] for key in file.files})
        recipe = recipe_from_dict(task["recipe"], where="the task")
        strategy = Strategy(**task["strategy"])
        engines = [Engine(recipe, dataset, strategy, devices=(device,)) for device in local[:devices]]
        groups = zip(engines, task["groups"], strict=False)
        trained = [train_here(engine, group) for engine, group in groups]
        found |= {f"weights-{i}": np.concatenate([t.weights for t in trained])}
        found |= {f"logits-{i}": np.concatenate([t.logits for t in trained])}
    np.savez(folder / f"{name}.npz", **found)
    return 0


def train_here(engine: Engine, rows: Sequence[Levels]) -> Trained:
    """Train in this process."""
    trained = list(engine.train(list(enumerate(engine.blocks_of(rows)))))
    return Trained(np.concatenate([b.weights for b in trained]), np.concatenate([b.logits for b in trained]))


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
