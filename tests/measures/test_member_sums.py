"""Sums over members along chains, against loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.measures.member_sums import chain_steps, member_sums


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(0, 1000), st.data())
def test_sums_of_any_chain_are_those_of_loops(n_runs, seed, data):
    """Links that go on, that repeat, that start anew, and of other numbers of ensembles."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_runs, 2, 3))
    chain = []
    for _ in range(data.draw(st.integers(1, 5))):
        size = data.draw(st.integers(1, n_runs))
        if chain and data.draw(st.booleans()):
            members = np.stack([_continued(start, size, n_runs, rng) for start in chain[-1]])
        else:
            count = data.draw(st.integers(1, 4))
            members = np.stack([rng.permutation(n_runs)[:size] for _ in range(count)])
        chain.append(members)
    steps = chain_steps(chain, n_runs=n_runs)
    for members, step, (added, total) in zip(chain, steps, member_sums(values, steps), strict=True):
        np.testing.assert_allclose(total, values[members].sum(axis=1), rtol=1e-12, atol=1e-12)
        if not step.carried:
            np.testing.assert_array_equal(added, total)


def test_a_link_adds_only_the_members_that_are_new():
    values = np.arange(6.0).reshape(6, 1, 1)
    chain = [np.array([[4, 0]]), np.array([[4, 0, 3, 5]]), np.array([[4, 0, 3, 5]]), np.array([[0, 4, 3, 5]])]
    steps = chain_steps(chain, n_runs=6)
    assert [step.carried for step in steps] == [False, True, True, False]
    found = [(float(added.squeeze()), float(total.squeeze())) for added, total in member_sums(values, steps)]
    assert found == [(4.0, 4.0), (8.0, 12.0), (0.0, 12.0), (12.0, 12.0)]


def _continued(start, size, n_runs, rng):
    """An ensemble of at least the size of `start` that begins with it."""
    others = rng.permutation(np.setdiff1d(np.arange(n_runs), start))
    return np.concatenate([start, others[: max(0, size - len(start))]])
