"""The studies by name. A new study: one file here, one entry below, one test of its judge."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from varbench.errors import InputError

if TYPE_CHECKING:
    from varbench.studies.study import Study

STUDIES: dict[str, tuple[str, str]] = {
    "identical-pipelines": (
        "varbench.studies.identical_pipelines",
        "retraining the very same pipeline gives different models with similar loss",
    ),
}
"""Name → (module that defines `STUDY`, the claim in a phrase)."""


def study(name: str) -> Study:
    """The study of a name.

    Raises:
        InputError: If there is none.
    """
    if name not in STUDIES:
        near = difflib.get_close_matches(name, STUDIES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown study {name!r}: {hint}known are {', '.join(STUDIES)}")
    return importlib.import_module(STUDIES[name][0]).STUDY
