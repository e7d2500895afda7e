"""What two conditions were made with, and where that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from varbench.analysis.comparing.side import Arm

ORDER = ("recipe", "data", "strategy", "versions", "device", "flags", "git", "input", "design")
UNTOLD = {
    "device.count", "device.cores", "strategy.chosen_by", "git.dirty",
    "recipe.name",
}  # fmt: skip
"""What changes no number by itself."""


def flattened(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as one, names joined by dots; lists become text, and what is not there is left out."""
    found: dict[str, Any] = {}
    for name, value in parts.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": item for inner, item in flattened(value).items()}
        elif isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        elif value is not None:
            found[name] = value
    return found


def environment_differences(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """What is not the same in all arms, recipe first: `{"what", "values"}`, a value (or None) for each arm.

    A part that an arm says nothing about at all, as a foreign file says nothing about its recipe, is no difference.
    """
    names = dict.fromkeys(name for arm in arms for name in arm.environment if name not in UNTOLD)
    found = []
    for name in sorted(names, key=_rank):
        part = name.split(".")[0]
        telling = [arm for arm in arms if any(n.split(".")[0] == part for n in arm.environment)]
        values = [arm.environment.get(name) for arm in arms]
        told = {repr(arm.environment.get(name)) for arm in telling}
        if len(telling) > 1 and len(told) > 1:
            found.append({"what": name, "values": values})
    return found


def _rank(name: str) -> tuple[int, str]:
    part = name.split(".")[0]
    return (ORDER.index(part) if part in ORDER else len(ORDER), name)
