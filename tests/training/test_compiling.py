"""Options of the compiler: only those that it knows."""

from __future__ import annotations

import jax
import pytest

from varbench.training import compiling
from varbench.training.compiling import QUICK, evaluation_options, quick_options


@pytest.fixture
def afresh():
    quick_options.cache_clear()
    yield
    quick_options.cache_clear()


def test_a_cpu_compiles_with_what_this_version_knows():
    options = quick_options("cpu")
    assert options is not None
    assert options.items() <= QUICK.items()
    assert jax.jit(lambda x: x + 1, compiler_options=options)(1) == 2


def test_other_devices_compile_with_the_defaults():
    assert quick_options("gpu") is None


def test_only_evaluations_of_convolutional_networks_take_the_defaults():
    assert evaluation_options("cpu", [(40, 100), (100,)]) == quick_options("cpu")
    assert evaluation_options("cpu", [(5, 1, 25), (25,), (250, 10)]) is None
    assert evaluation_options("gpu", [(40, 100)]) is None


def test_an_option_that_is_gone_is_left_out(afresh, monkeypatch):
    monkeypatch.setattr(compiling, "QUICK", {"xla_backend_optimization_level": 1, "xla_cpu_option_of_old": True})
    assert quick_options("cpu") == {"xla_backend_optimization_level": 1}
