"""Work on several items at once: in order, each once, errors where they belong."""

from __future__ import annotations

import importlib
from threading import Barrier, Event

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from varbench.errors import InputError
from varbench.studies import parallel
from varbench.studies.moment import Moment, Whole
from varbench.studies.parallel import Workers, one_blas_thread, side_by_side


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


@pytest.fixture(autouse=True)
def loaded():
    """The BLAS of SciPy too is to be told of three threads."""
    importlib.import_module("scipy.linalg")


def blas_threads():
    """Of every BLAS that the process has loaded."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_matrix_products_take_one_thread_and_get_theirs_back():
    with threadpool_limits(3, user_api="blas"):
        before = blas_threads()
        assert before
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(before) == {3}
        assert set(blas_threads()) == {3}


def test_a_run_directory_is_judged_with_one_thread_for_each_matrix_product(monkeypatch, tmp_path):
    from varbench.studies import judge as judging

    seen = []

    def asked(out):
        seen.extend(blas_threads())
        raise InputError(f"{out} is none")

    monkeypatch.setattr(judging, "request_of", asked)
    with threadpool_limits(3, user_api="blas"):
        for _ in range(2):  # the context is a new one at every call
            with pytest.raises(InputError, match="is none"):
                judging.judge(tmp_path)
        assert set(blas_threads()) == {3}
    assert set(seen) == {1}


def test_workers_do_two_pieces_at_once_and_no_third():
    both, go, begun = Barrier(2, timeout=30), Event(), []

    def last(item):
        begun.append(item)
        go.wait(30)

    with Workers(2) as workers:
        for _ in range(4):
            workers.begin(both.wait)
        workers.begin(last, 0)
        workers.begin(last, 1)
        go.set()
        workers.wait()
    assert sorted(begun) == [0, 1]


def test_a_worker_waits_until_there_is_room():
    with Workers(1) as workers:
        done = []
        for item in range(5):
            workers.begin(done.append, item)
            assert done[:item] == list(range(item))
        workers.wait()
    assert done == [0, 1, 2, 3, 4]


def test_the_first_error_of_a_worker_ends_the_others():
    ended = []

    def works_on():
        ended.append(workers.stopped.wait(30))
        raise KeyboardInterrupt

    def fails():
        raise ValueError("one")

    workers = Workers(2)
    with pytest.raises(ValueError, match="one"), workers:
        _ = [workers.begin(works_on), workers.begin(fails), workers.wait()]
    assert ended == [True]


def test_the_share_of_the_whole_is_that_of_all_items_and_never_falls():
    told, stopped = [], Event()
    whole = Whole([3.0, 1.0], told.append, stopped)
    first, second = whole.of(0), whole.of(1)
    for listen, inside in ((first, 0.5), (second, 1.0), (first, 0.25), (first, 1.0)):
        listen(Moment("a", 0, 0, None, inside, 0.0))
    assert [moment.share for moment in told] == pytest.approx([0.375, 0.625, 0.625, 1.0])
    assert [moment.inside for moment in told] == [0.5, 1.0, 0.25, 1.0]
    stopped.set()
    with pytest.raises(KeyboardInterrupt):
        first(Moment("a", 0, 0, None, 1.0, 0.0))
    assert len(told) == 4
