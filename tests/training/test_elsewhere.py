"""Training in other processes: the same bits, one sentence where it fails, and no process left behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from varbench.data import load
from varbench.errors import InputError
from varbench.training import elsewhere
from varbench.training.design import together
from varbench.training.elsewhere import Setting, Task, train_elsewhere, train_here
from varbench.training.engine import Engine
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

RECIPE = Recipe(data="digits", model="logistic", schedule="constant", steps=20, batch_size=50)
STRATEGY = Strategy(width=2)
LEVELS = together(3, sources=("init", "order")).levels


def task() -> Task:
    return Task(RECIPE.as_dict(), load("digits"), STRATEGY.as_dict(), (LEVELS, LEVELS[::-1]))


def test_another_process_gives_the_same_bits_group_by_group():
    here = train_here(Engine(RECIPE, load("digits"), STRATEGY).on_devices(1), LEVELS)
    ended = []
    found = train_elsewhere([task()], {"two": Setting(devices=2)}, platform="cpu", at_once=1, listen=ended.append)
    ((weights, logits),) = found["two"]
    np.testing.assert_array_equal(weights, np.concatenate([here.weights, here.weights[::-1]]))
    np.testing.assert_array_equal(logits, np.concatenate([here.logits, here.logits[::-1]]))
    assert (ended[0], ended[-1]) == (0, 1)


def test_a_process_that_fails_is_one_sentence_or_a_reason():
    wrong = {"flag": Setting(flags=("--xla_no_such_flag=1",))}
    with pytest.raises(InputError, match=r"another process \(flag\) failed: .*xla_no_such_flag") as caught:
        train_elsewhere([task()], wrong, platform="cpu", at_once=1)
    assert "\n" not in str(caught.value)
    found = train_elsewhere([task()], wrong, platform="cpu", at_once=1, optional=["flag"])
    assert isinstance(found["flag"], str)
    with pytest.raises(InputError, match="1 devices of kind gpu were expected, and there are"):
        train_elsewhere([task()], {"gpu": Setting()}, platform="gpu", at_once=1)


def test_an_interruption_ends_the_processes(monkeypatch):
    started = []
    start = subprocess.Popen

    def sleeper(command, **options):
        started.append(start([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return started[-1]

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(elsewhere.subprocess, "Popen", sleeper)
    monkeypatch.setattr(elsewhere.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_elsewhere([task()], {"one": Setting(), "two": Setting()}, platform="cpu", at_once=2)
    assert [child.returncode is None for child in started] == [False, False]


def test_a_setting_adds_to_the_flags_of_this_process(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4 --xla_cpu_enable_fast_math=false")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = Setting(devices=2, flags=("--a=1",), variables={"B": "c"}).environment("cpu")
    assert found["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=false --a=1"
    assert found["JAX_NUM_CPU_DEVICES"] == "2"
    assert found["B"] == "c"
    assert found["PYTHONPATH"].endswith(":/elsewhere")
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    assert "JAX_NUM_CPU_DEVICES" not in Setting(devices=2).environment("gpu")
