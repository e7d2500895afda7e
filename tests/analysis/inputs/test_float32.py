"""What float32 cannot hold is named as it was given."""

import numpy as np
import pytest

import varbench
from varbench.errors import InputError


def test_a_number_beyond_float32_is_named(tmp_path):
    logits = np.zeros((2, 3, 2))
    logits[1, 2, 0] = 1e39
    np.savez(tmp_path / "large.npz", labels=np.zeros(3, int), logits=logits)
    with pytest.raises(InputError, match=r"logits\[1, 2, 0\] is 1e\+39, which is more than float32 can hold"):
        varbench.analyze(tmp_path / "large.npz")
    logits[1] = 1e300
    np.savez(tmp_path / "all.npz", labels=np.zeros(3, int), logits=logits)
    with pytest.raises(InputError, match=r"logits\[1, 0, 0\] is 1e\+300, which is more than float32 can hold"):
        varbench.analyze(tmp_path / "all.npz")
    weights = np.ones((2, 4))
    weights[0, 1] = 1e39
    np.savez(tmp_path / "weights.npz", labels=np.zeros(3, int), logits=np.zeros((2, 3, 2)), weights=weights)
    assert varbench.analyze(tmp_path / "weights.npz")["conditions"][0]["n_parameters"] == 4
