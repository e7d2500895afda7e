"""Writing the folder: every file under a temporary name first, the page last."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from varbench.errors import InputError
from varbench.refusals import cause, remedy

PAGE = "index.html"
RUNS = ("study.json", "arrays.zarr")
"""What a run directory has, or a population in it."""

OWN_FILES = {"figures": (".svg", ".pdf"), "tables": (".csv", ".md", ".tex")}


def check_folder(out: Path) -> None:
    """Refuse what no report is written into, for callers who would work for long before they write.

    Raises:
        InputError: `out` is a file or holds runs.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, a report needs a folder: give another one")
    if any((out / name).exists() for name in RUNS):
        raise InputError(
            f"{out} holds runs, a report needs a folder of its own: give another one, such as reports/mine"
        )


def write_folder(out: Path, files: Mapping[str, bytes]) -> Path:
    """Write `files` (relative name → content) into `out` and return the path of the page.

    A reader never sees half a file, and sees the new page only when all it refers to is there. Figures and
    tables of an earlier report in the same folder that are no longer part of it are removed.

    Raises:
        InputError: `out` is a file, holds runs or cannot be written.
    """
    check_folder(out)
    was_report = _is_report(out)
    try:
        for name in sorted(files, key=lambda name: (name == PAGE, name)):
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, files[name])
    except OSError as error:
        raise InputError(
            f"cannot write the report to {out}: {cause(error) or error.strerror or error}{remedy(error)}"
        ) from error
    if was_report:
        _remove_stale(out, files)
    return out / PAGE


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_report(out: Path) -> bool:
    try:
        with (out / "analysis.json").open(encoding="utf-8") as file:
            return "schema" in json.load(file)
    except (OSError, ValueError, TypeError):
        return False


def _remove_stale(out: Path, files: Mapping[str, bytes]) -> None:
    for folder, endings in OWN_FILES.items():
        for path in sorted((out / folder).glob("*")):
            if path.suffix in endings and f"{folder}/{path.name}" not in files:
                path.unlink()
