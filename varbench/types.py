"""Names for the shapes and trees that travel between the parts of varbench.

Dimension letters: R runs, E examples, K classes, P parameters, M ensemble members, B batch, N training examples.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias

Params: TypeAlias = Any
"""A pytree of float arrays: what the optimizer moves."""

State: TypeAlias = Any
"""A pytree of arrays that the forward pass updates itself (batch statistics); may be empty."""

InitFn: TypeAlias = Callable[..., tuple[Params, State]]
ApplyFn: TypeAlias = Callable[..., tuple[Any, State]]
ActivationsFn: TypeAlias = Callable[..., OrderedDict[str, Any]]
