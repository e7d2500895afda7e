import random

import numpy as np
import pytest

from varbench.data.mnist1d import Generated, generate


def global_random_states():
    name, words, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (name, words.tolist(), position, has_gauss, gauss)


@pytest.fixture(scope="session")
def generation():
    """MNIST-1D in float64 by `shuffled`, made once as it takes seconds; and the global random states around it."""
    np.random.standard_normal()  # noqa: NPY002  leaves the second value of a pair in the state
    before = global_random_states()
    data = {shuffled: generate(shuffled=shuffled) for shuffled in (False, True)}
    return data, before, global_random_states()


@pytest.fixture
def generated(generation) -> dict[bool, Generated]:
    return generation[0]
