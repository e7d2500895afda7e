"""The studies by name. A new built-in study: a file or folder in `claims`, one entry below, one test of its judge."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
import types
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from varbench.errors import InputError

if TYPE_CHECKING:
    from varbench.studies.study import Study

STUDIES: dict[str, tuple[str, str]] = {
    "identical-pipelines": (
        "varbench.studies.claims.identical_pipelines",
        "retraining the very same pipeline gives different models with similar loss",
    ),
    "sources": (
        "varbench.studies.claims.sources",
        "one source of randomness alone makes runs differ about as much as all of them together",
    ),
    "reproducibility": (
        "varbench.studies.claims.reproducibility.study",
        "the same levels give the same bits in the same program, and other weights at another width or precision",
    ),
    "representations": (
        "varbench.studies.claims.representations",
        "many internal representations give the same performance, and explanations differ with them",
    ),
    "hyperparameters": (
        "varbench.studies.claims.hyperparameters",
        "hyperparameters decide where training ends, not what the model can represent",
    ),
    "instability": (
        "varbench.studies.claims.instability.study",
        "training becomes unstable where the step is large against the curvature, and that is no bug",
    ),
    "compute": (
        "varbench.studies.claims.compute",
        "more steps and wider models lower the loss and bring no better alignment with reality",
    ),
    "misaligned-objective": (
        "varbench.studies.claims.misaligned_objective",
        "if the loss is misaligned, more compute optimizes the wrong objective faster",
    ),
    "adversarial": (
        "varbench.studies.claims.adversarial",
        "changes along the gradient, harmless as noise, flip most predictions and transfer between runs",
    ),
    "convex-control": (
        "varbench.studies.claims.convex_control.study",
        "linear models have one global minimum, networks have many",
    ),
    "landscape": (
        "varbench.studies.claims.landscape.study",
        "bad points are saddles, flat regions slow training, sharp minima generalize worse, good minima are joined",
    ),
    "mode-collapse": (
        "varbench.studies.claims.mode_collapse.study",
        "mode collapse is a consequence of the optimization: GANs cover few modes, other ones with every seed",
    ),
    "shortcuts": (
        "varbench.studies.claims.shortcuts.study",
        "models exploit any statistical shortcut that lowers the loss",
    ),
    "shift": (
        "varbench.studies.claims.shift.study",
        "a learned feature is a correlation of the training distribution: what finds it breaks when that shifts",
    ),
    "ensembles": (
        "varbench.studies.claims.ensembles",
        "averaging the predictions of several runs improves stability, averaging their weights does not",
    ),
    "overfitting": (
        "varbench.studies.claims.overfitting",
        "noise is fitted because it lowers the loss",
    ),
    "generalisation": (
        "varbench.studies.claims.generalisation.study",
        "training accuracy is a poor signal, regularization helps, and simpler models sometimes win",
    ),
    "feedback": (
        "varbench.studies.claims.feedback.study",
        "models retrained on their own predictions drift and lose diversity",
    ),
}
"""Name → (module that defines `STUDY`, the claim in a phrase)."""

ALL = "all"
"""Stands for every built-in study."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def study(name: str | Path) -> Study:
    """The study of a name, or of a Python file that defines `STUDY`. The file is executed.

    Raises:
        InputError: If there is none, or the file defines no study.
    """
    if isinstance(name, Path) or name.endswith(".py"):
        return _from_file(Path(name).expanduser())
    if name not in STUDIES:
        near = difflib.get_close_matches(name, STUDIES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown study {name!r}: {hint}known are {', '.join(STUDIES)}, or a Python file of your own")
    return importlib.import_module(STUDIES[name][0]).STUDY


def studies(names: Sequence[str]) -> tuple[Study, ...]:
    """The studies of names and files; "all" stands for every built-in one.

    Raises:
        InputError: If none is given, one is unknown, or one is given twice.
    """
    if not names:
        raise InputError(f"no study was given: known are {', '.join(STUDIES)}; all stands for every one of them")
    found = [study(name) for given in names for name in (STUDIES if given == ALL else [given])]
    twice = [s.name for i, s in enumerate(found) if s.name in [f.name for f in found[:i]]]
    if twice:
        raise InputError(f"the study {twice[0]!r} was given twice")
    return tuple(found)


def _from_file(path: Path) -> Study:
    from varbench.studies.study import Study

    try:
        source = path.read_text(encoding="utf-8")
        code = compile(source, str(path), "exec")
    except OSError as error:
        raise InputError(f"there is no study at {path}: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{path} is not a Python file: {error}") from None
    module = types.ModuleType(path.stem.replace("-", "_"))
    module.__file__ = str(path)
    try:
        exec(code, module.__dict__)
    except Exception as error:
        raise InputError(f"{path} fails when it is executed: {type(error).__name__}: {error}") from error
    found = getattr(module, "STUDY", None)
    if not isinstance(found, Study):
        raise InputError(f"{path} defines no STUDY, which must be a varbench.studies.study.Study")
    if not NAME.fullmatch(found.name) or found.name in STUDIES:
        raise InputError(
            f"{path}: the study is called {found.name!r}; give it a name of its own out of lower-case letters, digits "
            "and hyphens"
        )
    return dataclasses.replace(found, source=source)
