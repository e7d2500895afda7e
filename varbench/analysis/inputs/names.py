"""Which names a file may use, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path

from varbench.errors import InputError

CLOSE = 0.8
"""Likeness, 0 to 1, from which an unknown name is taken for a misspelt one."""

OWN = ("class",)
"""Names that are no slips, however close to a known one: what a class is called is often written beside its number."""


def ignored_names(given: Iterable[str], *, known: Collection[str], path: Path, what: str) -> tuple[str, ...]:
    """The names that mean nothing here; files hold other things too, and those are left alone and named in the report.

    Args:
        given: Names in the file.
        known: Names that mean something.
        path: The file.
        what: "array" or "column".

    Raises:
        InputError: If an unknown name is so close to a known one that it is a slip: it would silently be left out.
    """
    unknown = [name for name in given if name not in known]
    for name in unknown:
        near = get_close_matches(name.strip().lower(), known, n=1, cutoff=CLOSE)
        if near and near[0] not in given and name not in OWN:
            raise InputError(f"{path} has the {what} {name!r}: did you mean {near[0]!r}? rename it, or take it out")
    return tuple(unknown)
