"""A population on disk: labeled arrays, published block by block.

    <population>/
        manifest.json          what was held identical, with what it was run, a fingerprint of every run
        arrays.zarr/           Zarr v3; opens with xarray.open_zarr
        commits/00000.json     one per block: checksums of its chunks; a block without one does not exist

Arrays are created once at the planned size. A block's chunks are written whole, pushed to the disk, and then
published by the commit file; a kill in between leaves chunks that nobody reads and that the next attempt
overwrites.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.store import arrays
from varbench.store.budget import check_snapshots
from varbench.store.files import read_record, sha256, sha256_file, write_record
from varbench.store.sketch import SKETCH_SIZE, count_sketch
from varbench.training.design import Levels
from varbench.training.engine import Block

SCHEMA = 2
"""Of the manifest and of the arrays: from 2 on chunks are not compressed. Older populations are read as they are."""
KEPT_WEIGHTS_BYTES = 512 * 2**20
"""Final and initial weights of a population are kept whole up to this size, and as a count sketch beyond it."""


@dataclass(frozen=True)
class Plan:
    """What a population is going to hold; the same plan opens it again.

    Attributes:
        manifest: Everything that identifies the population: recipe, design, data, strategy, versions, ….
        levels: Levels of every run, in order.
        width: Runs per block.
        labels: Labels [E] of the test examples.
        classes: Number of classes.
        parameters: (path, shape, start, stop) of every parameter.
        checkpoints: Steps of the curves.
        snapshot_steps: Steps at which the weights are kept along the training; none if empty.
    """

    manifest: dict[str, Any]
    levels: tuple[Levels, ...]
    width: int
    labels: np.ndarray
    classes: int
    parameters: tuple[tuple[str, tuple[int, ...], int, int], ...]
    checkpoints: tuple[int, ...]
    snapshot_steps: tuple[int, ...] = ()


class PopulationStore:
    """One population directory, for writing blocks and for reading what was committed."""

    def __init__(self, folder: Path, manifest: dict[str, Any]):
        self.folder = folder
        self.manifest = manifest
        self.commits = self._read_commits()

    @classmethod
    def create(cls, folder: Path, plan: Plan) -> PopulationStore:
        """Make an empty population, or open the one that is there and make room for more runs.

        Raises:
            InputError: If the runs that are there are not the first ones of the plan, its snapshots are others or take
                too much room, or files were edited.
        """
        check_snapshots(len(plan.levels), plan.snapshot_steps, plan.parameters[-1][3])
        if (folder / "manifest.json").exists():
            store = cls.open(folder)
            if store.manifest["schema"] < SCHEMA and (
                store.missing() or len(plan.levels) > len(store.manifest["levels"])
            ):
                raise InputError(
                    f"{folder} was written by an earlier version of varbench, which can be read but not continued: "
                    "give another --out"
                )
            store._grow(plan)
            return store
        if any((folder / "commits").glob("[0-9]*.json")):
            raise InputError(f"{folder} has finished runs, but no manifest.json: restore it, or give another --out")
        weight_bytes = 2 * 4 * len(plan.levels) * plan.parameters[-1][3]
        kept = {"kept": "whole"} if weight_bytes <= KEPT_WEIGHTS_BYTES else {"kept": "sketch", "size": SKETCH_SIZE}
        parameters = plan.parameters[-1][3] if kept["kept"] == "whole" else SKETCH_SIZE
        sizes = {
            "run": len(plan.levels),
            "example": len(plan.labels),
            "class": plan.classes,
            "parameter": parameters,
            "step": len(plan.checkpoints),
        }
        folder.mkdir(parents=True, exist_ok=True)
        arrays.create(
            folder,
            sizes=sizes,
            width=plan.width,
            labels=plan.labels,
            steps=np.asarray(plan.checkpoints),
            snapshot_steps=plan.snapshot_steps,
        )
        static = arrays.static_files(snapshots=bool(plan.snapshot_steps))
        manifest = {
            **plan.manifest,
            "schema": SCHEMA,
            "width": plan.width,
            "levels": [dict(row) for row in plan.levels],
            "parameters": [list(row) for row in plan.parameters],
            "weights": kept,
            **({"snapshot_steps": list(plan.snapshot_steps)} if plan.snapshot_steps else {}),
            "checksums": {name: sha256_file(folder / name) for name in static},
        }
        store = cls(folder, manifest)
        store.publish()
        return store

    @classmethod
    def open(cls, folder: Path) -> PopulationStore:
        """Open a population.

        Raises:
            InputError: If there is none, or its schema is newer than this version knows.
        """
        try:
            manifest = read_record(folder / "manifest.json")
        except FileNotFoundError:
            raise InputError(f"{folder} holds no population: there is no manifest.json") from None
        if manifest.get("schema", 0) > SCHEMA:
            raise InputError(
                f"{folder} was written with schema {manifest['schema']}, but this version of varbench reads up to "
                f"{SCHEMA}: upgrade varbench"
            )
        return cls(folder, manifest)

    @property
    def snapshot_steps(self) -> tuple[int, ...]:
        """Steps at which the weights are kept along the training; none if empty."""
        return tuple(self.manifest.get("snapshot_steps", ()))

    def blocks(self) -> list[tuple[int, tuple[Levels, ...]]]:
        """Every planned block: index and levels."""
        width, levels = self.manifest["width"], self.manifest["levels"]
        return [(i, tuple(levels[i * width : (i + 1) * width])) for i in range(-(-len(levels) // width))]

    def check_levels(self, levels: Sequence[Levels]) -> None:
        """Refuse levels of which the runs that are here are not the first ones.

        Raises:
            InputError: With both numbers and what to do.
        """
        old, new = self.manifest["levels"], [dict(row) for row in levels]
        if new[: len(old)] != old:
            raise InputError(
                f"{self.folder} holds {len(old)} runs that are not the first {len(old)} of the {len(new)} asked for: "
                f"ask for the same design with at least {len(old)} runs, or give another --out"
            )

    def missing(self) -> list[tuple[int, tuple[Levels, ...]]]:
        """The planned blocks that are not committed whole yet."""
        done = {index: len(commit["runs"]) for index, commit in self.commits.items()}
        return [(index, runs) for index, runs in self.blocks() if done.get(index, 0) < len(runs)]

    def commit(self, block: Block, *, seconds: float, where: dict[str, Any]) -> None:
        """Write one block and publish it.

        Args:
            block: The results.
            seconds: Wall time it took.
            where: Device and versions that trained it, for `verify`.
        """
        reduced = count_sketch if self.manifest["weights"]["kept"] == "sketch" else np.asarray
        values = {
            "logits": block.logits,
            "weights": reduced(block.weights),
            "initial_weights": reduced(block.initial_weights),
            "train_loss": block.train_loss,
            "train_accuracy": block.train_accuracy,
            "finished": block.finished.astype(np.int8),
            **{f"curve_{name}": curve for name, curve in block.curves.items()},
            **{f"level_{source}": np.array([row[source] for row in block.levels]) for source in SOURCES},
            **({"snapshots": np.asarray(block.snapshots)} if self.snapshot_steps else {}),
        }
        checksums = arrays.write(self.folder, block=block.index, width=self.manifest["width"], values=values)
        record = {
            "block": block.index,
            "runs": [
                {
                    "levels": dict(row),
                    "weights": sha256(block.weights[i].tobytes()),
                    "predictions": sha256(block.logits[i].tobytes()),
                    "initial_weights": sha256(block.initial_weights[i].tobytes()),
                    "status": "finished" if block.finished[i] else "diverged",
                }
                for i, row in enumerate(block.levels)
            ],
            "seconds": round(seconds, 3),
            "where": where,
            "checksums": checksums,
        }
        write_record(self._commit_path(block.index), record)
        self.commits[block.index] = record

    def publish(self) -> None:
        """Write the manifest anew, with everything that follows from the commits."""
        commits = [self.commits[index] for index in sorted(self.commits)]
        wheres = [commit["where"] for commit in commits]
        self.manifest = {
            **self.manifest,
            "fingerprints": self.fingerprints(),
            "blocks": sorted(self.commits),
            "seconds": round(sum(commit["seconds"] for commit in commits), 3),
            "trained_on": [w for i, w in enumerate(wheres) if w not in wheres[:i]],
            "complete": not self.missing(),
        }
        write_record(self.folder / "manifest.json", self.manifest)

    def read(self) -> dict[str, np.ndarray]:
        """All arrays of the committed runs, by name; `run` [R] is each one's place in the plan.

        Raises:
            InputError: If a file is not what was committed, or nothing was committed.
        """
        broken = self.broken_files()
        if broken:
            raise InputError(
                f"{self.folder / broken[0]} is missing, truncated or was edited: "
                "`varbench run` again trains its block anew"
            )
        if not self.commits:
            raise InputError(f"{self.folder} has no finished runs yet: `varbench run` again to train them")
        width = self.manifest["width"]
        spans = [(i * width, i * width + len(self.commits[i]["runs"])) for i in sorted(self.commits)]
        return {
            "run": np.concatenate([np.arange(*span) for span in spans]),
            **arrays.read(self.folder, spans, snapshots=bool(self.snapshot_steps)),
        }

    def fingerprints(self) -> list[dict[str, Any]]:
        """Levels, SHA-256 of weights and predictions and status of every committed run, in the order of `read`."""
        return [run for index in sorted(self.commits) for run in self.commits[index]["runs"]]

    def lost_commits(self) -> list[str]:
        """Commit files of blocks that the manifest knows as published and that are gone."""
        return [f"commits/{i:05d}.json" for i in self.manifest.get("blocks", []) if i not in self.commits]

    def fingerprint(self) -> str:
        """One SHA-256 over the fingerprints of all runs: equal for populations that are bit for bit the same."""
        runs = [[run["levels"], run["weights"], run["predictions"]] for run in self.fingerprints()]
        return sha256(json.dumps(runs, sort_keys=True).encode())

    def broken_files(self) -> list[str]:
        """Published files that are missing or whose bytes have changed, relative to the population's folder."""
        published = dict(self.manifest["checksums"])
        for commit in self.commits.values():
            published.update(commit["checksums"])
        return [name for name, digest in sorted(published.items()) if not self._sound(name, digest)]

    def discard_broken_blocks(self) -> list[int]:
        """Take back the commits of blocks whose files have changed, so that they are trained again."""
        broken = [
            index
            for index, commit in self.commits.items()
            if not all(self._sound(name, digest) for name, digest in commit["checksums"].items())
        ]
        for index in broken:
            self._commit_path(index).unlink()
            del self.commits[index]
        if broken or self.lost_commits():
            self.publish()
        return broken

    def _sound(self, name: str, digest: str) -> bool:
        path = self.folder / name
        return path.is_file() and sha256_file(path) == digest

    def _read_commits(self) -> dict[int, dict[str, Any]]:
        found = {}
        for path in sorted((self.folder / "commits").glob("[0-9]*.json")):
            try:
                record = read_record(path)
            except InputError:
                raise InputError(
                    f"{path} is truncated or was edited: restore it, or delete it and run again to train its block anew"
                ) from None
            found[record["block"]] = record
        return found

    def _commit_path(self, index: int) -> Path:
        return self.folder / "commits" / f"{index:05d}.json"

    def _grow(self, plan: Plan) -> None:
        """Room for the plan's runs behind those that are there; a kill half-way is made good by the next call."""
        self.check_levels(plan.levels)
        if plan.snapshot_steps != self.snapshot_steps:
            raise InputError(
                f"{self.folder} keeps weights at the steps {list(self.snapshot_steps)}, "
                f"not {list(plan.snapshot_steps)}: ask for the same number of snapshots, or give another --out"
            )
        snapshots = bool(self.snapshot_steps)
        old, new = self.manifest["levels"], [dict(row) for row in plan.levels]
        for name, digest in self.manifest["checksums"].items():
            if not self._sound(name, digest) and not self._half_grown(name, digest):
                raise InputError(f"{self.folder / name} is missing or was edited: restore it, or give another --out")
        arrays.resize(self.folder, len(new), snapshots=snapshots)
        if len(new) > len(old):
            checksums = {name: sha256_file(self.folder / name) for name in arrays.resizable_files(snapshots=snapshots)}
            self.manifest = {
                **self.manifest,
                "levels": new,
                "design": plan.manifest["design"],
                "checksums": {**self.manifest["checksums"], **checksums},
            }
        self.publish()

    def _half_grown(self, name: str, digest: str) -> bool:
        """Whether a file is as published but for the number of runs, as a kill amid `_grow` leaves it."""
        try:
            found = (self.folder / name).read_bytes()
            published = arrays.resized(found, len(self.manifest["levels"]))
            grown = arrays.resized(published, json.loads(found)["shape"][0])
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return False
        resizable = arrays.resizable_files(snapshots=bool(self.snapshot_steps))
        return name in resizable and sha256(published) == digest and grown == found
