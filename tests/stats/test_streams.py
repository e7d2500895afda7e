"""Keys: the same in every process, different for every use, and 0 is a key."""

import subprocess
import sys

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.stats.bootstrap import resample_counts
from varbench.stats.streams import BOOTSTRAP, SUBSET_PAIRS, SUBSETS, generator


def test_a_stream_is_the_same_in_a_process_with_other_hashes():
    code = "from varbench.stats.streams import generator; print(generator(3, 2, 8).integers(2**60))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        for seed in ("1", "2")
    ]
    assert {int(run.stdout) for run in runs} == {int(generator(3, 2, 8).integers(2**60))}


def test_streams_of_different_keys_uses_and_sizes_are_all_different():
    # Key arithmetic (key + size) or a zero that is padded away would make some of these coincide.
    paths = [(), (0,), (0, 0), (BOOTSTRAP,), (SUBSETS, 2), (SUBSETS, 4), (SUBSET_PAIRS, 2), (2, 1), (1, 2)]
    first = [int(generator(key, *path).integers(2**60)) for key in range(6) for path in paths]
    assert len(set(first)) == len(first)


def test_key_zero_is_a_key_and_not_no_key():
    np.testing.assert_array_equal(resample_counts(9, n_resamples=4, key=0), resample_counts(9, n_resamples=4, key=0))
    assert (resample_counts(9, n_resamples=4, key=0) != resample_counts(9, n_resamples=4, key=1)).any()


@pytest.mark.parametrize("key", [-1, True])
def test_what_is_not_a_key_is_refused(key):
    with pytest.raises(InputError, match="non-negative integer"):
        generator(key)
