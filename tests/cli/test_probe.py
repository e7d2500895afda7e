"""The timed probe behind its flag: it chooses among candidates, the choice is recorded, and a resume keeps to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from varbench.cli import main
from varbench.store import PopulationStore
from varbench.training import probe


def test_the_probed_strategy_is_recorded_and_used_again(
    tmp_path: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "WIDTHS", {"cpu": (2, 8), "gpu": (2, 8)})
    rates = {2: 1.0, 8: 3.0, 4: 2.0}
    monkeypatch.setattr(probe, "_runs_per_second", lambda engine: rates[engine.strategy.width])
    words = ["run", "identical-pipelines", "--budget", "smoke", "--runs", "2", "--quiet", "--strategy.probe"]
    words += ["--recipe-file", str(recipe_file), "--recipe.steps", "5", "--out", str(tmp_path / "r")]
    assert main(words) == 0
    strategy = PopulationStore.open(tmp_path / "r" / "digits-mlp").manifest["strategy"]
    assert strategy == {"width": 8, "batching": "vmap", "convolution": "matmul", "chosen_by": "probe"}
    rates.update({2: 9.0})
    assert main(words) == 0
    assert PopulationStore.open(tmp_path / "r" / "digits-mlp").manifest["strategy"] == strategy


def test_the_rate_is_measured_on_whole_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that ticks once a call, two launches of `width` runs on every device give that many per tick."""
    from varbench.data import load
    from varbench.training.engine import Engine
    from varbench.training.recipe import Recipe
    from varbench.training.strategy import Strategy

    ticks = iter(range(100))
    monkeypatch.setattr(probe.time, "monotonic", lambda: float(next(ticks)))
    recipe = Recipe(data="digits", model="logistic", steps=2, batch_size=50)
    engine = Engine(recipe, load("digits"), Strategy(3))
    assert probe._runs_per_second(engine) == 3 * len(engine.at_once)
