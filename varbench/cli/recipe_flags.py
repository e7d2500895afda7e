"""Flags `--recipe.FIELD` of fields that a recipe does not have."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from varbench.training.fields import field_meant
from varbench.training.recipe import Recipe

PREFIX = "--recipe."


def unknown_recipe_flag(arguments: Sequence[str]) -> str | None:
    """One sentence on the first unknown one, with the flag that was probably meant; None if all are known."""
    if list(arguments[:1]) != ["run"]:
        return None
    known = [field.name for field in dataclasses.fields(Recipe)]
    for argument in arguments:
        flag = argument.partition("=")[0]
        name = flag.removeprefix(PREFIX).replace("-", "_")
        if flag.startswith(PREFIX) and name not in known:
            meant = field_meant(name, known)
            hint = f"did you mean {_flag(meant)}? " if meant else ""
            return f"{flag}: a recipe has no field {name!r}: {hint}known are {', '.join(map(_flag, known))}"
    return None


def _flag(field: str) -> str:
    return PREFIX + field.replace("_", "-")
