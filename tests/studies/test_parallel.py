"""The same work on several items at once: in order, each once, errors where they belong."""

from __future__ import annotations

from threading import Barrier, Event

import pytest

from varbench.studies import parallel
from varbench.studies.parallel import side_by_side


def test_results_come_in_the_order_of_the_items():
    assert [(item, wait()) for item, wait in side_by_side(lambda x: x * x, [3, 1, 2])] == [(3, 9), (1, 1), (2, 4)]
    assert list(side_by_side(lambda x: x, [])) == []


def test_two_are_at_work_at_the_same_time(monkeypatch):
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: 2)
    both = Barrier(2, timeout=30)
    assert sorted(wait() for _, wait in side_by_side(lambda x: both.wait(), [0, 1])) == [0, 1]


def test_an_error_is_raised_at_its_item_and_the_rest_is_given_up(monkeypatch):
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: 1)
    done, go = [], Event()

    def work(item):
        go.wait(30)
        done.append(item)
        if item == 1:
            raise ValueError("one")
        if item > 1:
            Event().wait(0.05)
        return item

    results = side_by_side(work, range(100))
    assert next(results)[0] == 0
    go.set()
    _, wait = next(results)
    with pytest.raises(ValueError, match="one"):
        wait()
    results.close()
    assert done[:2] == [0, 1]
    assert len(done) < 100
