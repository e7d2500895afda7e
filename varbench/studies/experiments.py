"""Experiments in a run directory: arrays beside the record of what they depend on, made once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from varbench.errors import InputError
from varbench.store import read_record, write_record
from varbench.store.files import sha256, write_atomically
from varbench.studies.study import Experiment

EXPERIMENT_SECONDS = 20.0
"""What an experiment is expected to take; only the printed estimate uses it."""


def make_experiment(
    out: Path,
    experiment: Experiment,
    listen: Callable[[float], None] = lambda share: None,
    *,
    where: Mapping[str, Any] | None = None,
) -> None:
    """Do an experiment and keep its arrays in a run directory, unless they are there.

    Args:
        out: The run directory.
        experiment: What to do.
        listen: Called with the share done.
        where: Versions, device and flags, for the record.

    Raises:
        InputError: If the directory holds an experiment of that name with other facts, or its files were edited.
    """
    record, arrays = _files(out, experiment.name)
    if is_made(out, experiment):
        read_experiment(out, experiment)
        listen(1.0)
        return
    listen(0.0)
    buffer = io.BytesIO()
    made: dict[str, Any] = {name: np.asarray(array) for name, array in experiment.make(listen).items()}
    np.savez_compressed(buffer, **made)
    content = buffer.getvalue()
    write_atomically(arrays, content)
    write_record(record, {"facts": dict(experiment.facts), "arrays": sha256(content), "environment": dict(where or {})})
    listen(1.0)


def read_experiment(out: Path, experiment: Experiment) -> Mapping[str, np.ndarray]:
    """The arrays of an experiment.

    Raises:
        InputError: If it was not made yet, was made with other facts, or its files were edited.
    """
    record, arrays = _files(out, experiment.name)
    try:
        found, content = read_record(record), arrays.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{out} lacks the experiment {experiment.name!r}: finish it with `varbench run`") from None
    if found["facts"] != json.loads(json.dumps(experiment.facts)):
        raise InputError(f"{out} holds the experiment {experiment.name!r} with other settings: give another --out")
    if found["arrays"] != sha256(content):
        raise InputError(f"{arrays} is not as it was written: delete it and {record.name}, and run again")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def is_made(out: Path, experiment: Experiment) -> bool:
    """Whether it was made: its record is written last."""
    return _files(out, experiment.name)[0].exists()


def broken_files(out: Path, experiment: Experiment) -> tuple[str, ...]:
    """The arrays' file, from the run directory, where its bytes are not those that the record tells of."""
    record, arrays = _files(out, experiment.name)
    sound = arrays.exists() and read_record(record)["arrays"] == sha256(arrays.read_bytes())
    return () if sound else (str(arrays.relative_to(out)),)


def made_where(out: Path, experiment: Experiment) -> Mapping[str, Any]:
    """Versions, device and flags with which an experiment was done; empty where they were not recorded."""
    return read_record(_files(out, experiment.name)[0]).get("environment") or {}


def _files(out: Path, name: str) -> tuple[Path, Path]:
    folder = out / "experiments"
    return folder / f"{name}.json", folder / f"{name}.npz"
