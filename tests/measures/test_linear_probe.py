"""Linear probes by least squares."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from varbench.measures.linear_probe import linear_probe


def made(key: int, *, examples: int = 300, units: int = 6):
    random = np.random.default_rng(key)
    return random.normal(2.0, [1.0, 5.0, 0.1, 1.0, 3.0, 1.0], size=(examples, units)), random


@pytest.mark.parametrize("penalty", [1e-3, 0.5])
def test_it_is_ridge_regression_on_standardized_units(penalty):
    a, random = made(0)
    values = a[:, 0] + random.normal(size=len(a)) > 2.5
    z = (a - a.mean(0)) / a.std(0)
    reference = Ridge(alpha=penalty * len(a)).fit(z, np.where(values, 1.0, -1.0))
    probe = linear_probe(a, values, penalty=penalty)
    fresh = made(1)[0]
    expected = reference.predict((fresh - a.mean(0)) / a.std(0))
    np.testing.assert_allclose(fresh @ probe.weights + probe.bias, expected, atol=1e-10)
    np.testing.assert_array_equal(probe.answers(fresh), expected > 0)


def test_a_factor_that_one_unit_holds_is_found():
    a, random = made(2)
    values = random.random(len(a)) < 0.3
    a[:, 3] = 2.0 * values
    assert (linear_probe(a, values).answers(a) == values).all()


def test_a_factor_that_only_goes_along_is_found_and_lost_again():
    """No unit holds the factor; the class, which agrees with it in 95 % of the examples, is held by one."""
    random = np.random.default_rng(3)
    label = random.random(4000) < 0.5
    factor = label ^ (random.random(4000) < 0.05)
    a = label[:, None] + 0.1 * random.normal(size=(4000, 4))
    probe = linear_probe(a, factor)
    assert (probe.answers(a) == factor).mean() == pytest.approx(0.95, abs=0.015)
    independent = random.random(4000) < 0.5
    assert (probe.answers(a) == independent).mean() == pytest.approx(0.5, abs=0.03)


def test_units_that_never_vary_or_repeat_others_do_no_harm():
    a, _ = made(4)
    values = a[:, 0] > 2.0
    more = np.concatenate([a, np.full((len(a), 1), 7.0), a[:, :1]], axis=1).astype(np.float32)
    probe = linear_probe(more, values)
    assert np.isfinite(probe.weights).all()
    assert (probe.answers(more) == values).mean() > 0.95


def test_one_value_alone_is_always_answered():
    a, _ = made(5)
    assert linear_probe(a, np.ones(len(a), bool)).answers(a).all()
    assert not linear_probe(a, np.zeros(len(a), bool)).answers(a).any()
