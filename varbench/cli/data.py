"""`varbench data`: the only command that downloads."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tyro


def data(
    action: tyro.conf.Positional[Literal["fetch", "check"]],
    name: tyro.conf.Positional[str],
    directory: Path | None = None,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Download a data set (fetch), or load it and say what it is (check).

    Example: varbench data fetch mnist

    Args:
        action: fetch downloads and checks; check loads what is there.
        name: Name of a data set, or for check the path of an .npz file.
        directory: Where the files go; default VARBENCH_DATA or the user's cache.
        quiet: No progress.
        json: Print the files, or what was loaded, as JSON.
    """
    from varbench.data import fetch, load

    if action == "fetch":
        files = fetch(name, directory, progress=not quiet)
        if json:
            print(json_.dumps({"name": name, "files": [str(path) for path in files]}, indent=1))
        elif not quiet:
            print(_fetched(name, files))
        return 0
    dataset = load(name, directory=directory)
    if json:
        facts = {
            "name": dataset.name,
            "train": len(dataset.y_train),
            "test": len(dataset.y_test),
            "shape": list(dataset.shape),
            "classes": dataset.classes,
            "checksum": dataset.checksum(),
            "verified": dataset.verified,
            "note": dataset.note,
        }
        print(json_.dumps(facts, indent=1))
        return 0
    shape = " × ".join(map(str, dataset.shape))
    print(
        f"{dataset.name}: {len(dataset.y_train):,} training and {len(dataset.y_test):,} test examples of shape "
        f"{shape}, {dataset.classes} classes, checksum {dataset.checksum()}"
    )
    if dataset.note:
        print(f"{'' if dataset.verified else 'NOT VERIFIED: '}{dataset.note}")
    return 0


def _fetched(name: str, files: Sequence[Path]) -> str:
    """A sentence on where the data lie."""
    if not files:
        return f"{name}: nothing to fetch, it comes with the packages that varbench installs"
    folders = ", ".join(dict.fromkeys(str(path.parent) for path in files))
    return f"{name}: {len(files)} file{'s' if len(files) != 1 else ''} in {folders}, checked"
