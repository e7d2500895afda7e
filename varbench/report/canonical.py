"""Canonical JSON: one text for one document, readable in a diff."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

INDENT = ""
"""A document has so many short lines that indentation would be a twentieth of it."""


def plain(value: Any) -> Any:
    """The value as JSON types: arrays become lists, numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def canonical_json(document: Mapping[str, Any]) -> str:
    """The document as JSON text: keys sorted, floats in full, a row of an array or a flat object a line."""
    return _encode(plain(document), "") + "\n"


def _encode(value: Any, indent: str) -> str:
    inner = indent + INDENT
    if isinstance(value, dict) and value and not any(isinstance(item, dict | list) and item for item in value.values()):
        return "{" + ",".join(f"{_scalar(key)}:{_scalar(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, dict) and value:
        items = (f"{inner}{_scalar(key)}:{_encode(value[key], inner)}" for key in sorted(value))
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(inner + _encode(item, inner) for item in value) + f"\n{indent}]"
    if isinstance(value, list):
        return "[" + ",".join(map(_scalar, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
