"""Programs are compiled while the population before trains: once, in order, and only where something is left to do."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from varbench.data import load
from varbench.errors import InputError
from varbench.studies.ahead import ready_in_turn
from varbench.studies.execute import execute, jobs_of
from varbench.studies.registry import studies
from varbench.studies.request import Request
from varbench.training.design import together
from varbench.training.engine import Engine
from varbench.training.recipe import Recipe
from varbench.training.strategy import Strategy

RECIPE = Recipe(data="digits", model="logistic", steps=3, batch_size=10)


def engine(recipe: Recipe = RECIPE) -> Engine:
    return Engine(recipe, load("digits"), Strategy(2), fresh=True)


def test_programs_are_traced_once_and_give_what_they_give_alone() -> None:
    blocks = [(0, together(2, sources=("init",)).levels)]
    alone = next(engine().train(blocks))
    for ready in ready_in_turn([(engine(), 1), (engine(), 1)]):
        found = next(ready.train(blocks))
        assert found.weights.tobytes() == alone.weights.tobytes()
        assert ready.traces["advance"] == 1


def test_the_next_one_is_compiled_while_this_one_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = [engine(), engine(), engine()]
    begun = [threading.Event() for _ in engines]
    monkeypatch.setattr(Engine, "prepare", lambda self, blocks: begun[engines.index(self)].set())
    turns = ready_in_turn([(e, 1) for e in engines])
    next(turns)
    assert begun[1].wait(10)
    assert not begun[2].is_set()
    next(turns)
    assert begun[2].wait(10)
    turns.close()


def test_several_are_compiled_at_the_same_time_where_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(Engine, "prepare", lambda self, blocks: both.wait() and None)
    assert len(list(ready_in_turn([(engine(), 1) for _ in range(4)], at_once=2))) == 4


def test_engines_that_share_programs_compile_them_once_when_they_are_made_ready_together() -> None:
    shared = Engine(RECIPE.replace(steps=5, batch_size=11), load("digits"), Strategy(2))
    for ready in ready_in_turn([(shared, 1), (replace(shared), 1), (replace(shared), 1)], at_once=3):
        assert set(ready.traces.values()) == {1}


def test_every_population_has_its_store_before_a_program_is_compiled(tmp_path, monkeypatch) -> None:
    request = Request(studies(["identical-pipelines"]), "smoke")
    jobs, found = jobs_of(request), list[int]()

    def prepare(self: Engine, blocks: int) -> None:
        found.append(sum((tmp_path / "run" / job.plan.name / "manifest.json").exists() for job in jobs))
        raise InputError("enough")

    monkeypatch.setattr(Engine, "prepare", prepare)
    with pytest.raises(InputError, match="enough"):
        execute(request, jobs, tmp_path / "run", command="")
    assert found[0] == len(jobs) > 1


def test_what_is_complete_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "prepare", lambda self, blocks: pytest.fail("compiled"))
    assert len(list(ready_in_turn([(engine(), 0), (engine(), 0)]))) == 2


def test_a_recipe_that_cannot_be_trained_is_refused_at_its_turn() -> None:
    turns = ready_in_turn([(engine(), 1), (engine(RECIPE.replace(batch_size=100_000)), 1)])
    next(turns)
    with pytest.raises(InputError, match="batch"):
        next(turns)
