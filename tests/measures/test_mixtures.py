"""Divergences of many pairs, in float32 and on several threads, against all of it in float64 on one."""

import numpy as np
import pytest

from varbench.measures import mixtures
from varbench.measures.divergence import js_divergence_matrix
from varbench.measures.ring import js_divergence_ring

R, E, K = 23, 301, 10
RNG = np.random.default_rng(0)
LOGITS = (3.0 * RNG.normal(size=(1, E, K)) + 1.5 * RNG.normal(size=(R, E, K))).astype(np.float32)
ORDER = RNG.permutation(R)
ON_PAIRS = {
    "matrix": js_divergence_matrix,
    "ring": lambda logits: js_divergence_ring(logits, ORDER, reach=5),
}


@pytest.fixture
def _many(monkeypatch):
    """Every number of logarithms is a large one."""
    monkeypatch.setattr(mixtures, "MOST_DOUBLE", 0)


@pytest.mark.parametrize("case", ON_PAIRS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_float32_is_within_the_stated_error(case, scale, request):
    exact = ON_PAIRS[case](scale * LOGITS)
    request.getfixturevalue("_many")
    found = ON_PAIRS[case](scale * LOGITS)
    worst = 2 * (1.6e-6 * np.log(K) + 6e-8)
    assert np.abs(found - exact).max() < worst / 20
    assert abs(found.mean() - exact.mean()) < worst / 200
    assert (found != exact).any(), "this was float64, and says nothing"


@pytest.mark.parametrize("case", ON_PAIRS)
def test_nearly_the_same_runs_are_measured_in_float64(case, request):
    near = LOGITS[:1] + 1e-4 * LOGITS
    exact = ON_PAIRS[case](near)
    request.getfixturevalue("_many")
    found = ON_PAIRS[case](near)
    assert 0 < exact.mean() < 1e-7
    np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.usefixtures("_many")
@pytest.mark.parametrize("case", ON_PAIRS)
def test_identical_runs_are_exactly_zero_apart_in_float32_too(case):
    assert not ON_PAIRS[case](np.repeat(LOGITS[:1], R, axis=0)).any()


@pytest.mark.usefixtures("_many")
@pytest.mark.parametrize("case", ON_PAIRS)
def test_the_number_of_cores_changes_no_bit(case, monkeypatch):
    found = []
    for cores in (1, 3, 64):
        monkeypatch.setattr(mixtures.os, "cpu_count", lambda cores=cores: cores)
        found.append(ON_PAIRS[case](LOGITS).tobytes())
    assert len(set(found)) == 1


@pytest.mark.usefixtures("_many")
@pytest.mark.parametrize("n_examples", [1, 15, 17])
def test_every_example_counts_once_however_few(n_examples, monkeypatch):
    found = js_divergence_matrix(LOGITS[:, :n_examples])
    monkeypatch.setattr(mixtures, "MOST_DOUBLE", np.inf)
    np.testing.assert_allclose(found, js_divergence_matrix(LOGITS[:, :n_examples]), atol=1e-6)
