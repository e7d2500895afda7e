"""What the page says below a comparison follows what was compared: matched runs, or any."""

import numpy as np
import pytest

import varbench


def save(path, seed, **levels):
    random = np.random.default_rng(seed)
    labels = np.arange(40) % 3
    logits = random.normal(size=(6, 40, 3)) + 1.5 * np.eye(3)[labels]
    np.savez(path, labels=labels, logits=logits, **levels)
    return path


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({}, "how likely a run of A is better than one of B, ties half"),
        ({"init": np.arange(6)}, "how likely a run of A is better than the run of B with the same levels, ties half"),
    ],
    ids=["any", "matched"],
)
def test_the_chance_that_one_is_better_names_the_runs_it_is_about(tmp_path, levels, said):
    first, second = (save(tmp_path / f"{name}.npz", seed, **levels) for seed, name in enumerate(("a", "b")))
    varbench.compare(first, second, measures=["accuracy", "loss"], out=tmp_path / "report")
    assert said in (tmp_path / "report" / "index.html").read_text()
