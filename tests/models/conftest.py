from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import pytest

from varbench.models import Model

from .cases import CASES, Case


@dataclass(frozen=True)
class Subject:
    """A model under test with what its tests share, so that it is built and compiled once."""

    case: Case
    model: Model

    @cached_property
    def start(self) -> tuple[Any, Any]:
        return self.model.init(jax.random.key(1))

    @cached_property
    def x(self) -> jax.Array:
        return self.case.inputs()

    @cached_property
    def evaluate(self) -> Any:
        return jax.jit(lambda params, state, x, key: self.model.apply(params, state, x, key, False))

    @cached_property
    def train(self) -> Any:
        return jax.jit(lambda params, state, x, key: self.model.apply(params, state, x, key, True))


@pytest.fixture(scope="module", params=CASES)
def subject(request: pytest.FixtureRequest) -> Subject:
    case = CASES[request.param]
    return Subject(case, case.make())
