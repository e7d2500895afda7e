"""The registry: what is in it, how it is asked, and how little it loads."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.populations import population
from varbench.analysis import catalogue
from varbench.analysis.catalogue import FAMILIES, MEASURES, estimates, measure
from varbench.errors import InputError


def test_every_file_of_the_package_is_a_family_that_is_loaded():
    files = {path.stem for path in Path(catalogue.__file__).parent.glob("*.py")}
    assert files == {"__init__", "measure", "pairs", *FAMILIES}


def test_entries_are_complete():
    for name, entry in MEASURES.items():
        assert entry.name == name
        assert entry.label
        assert entry.unit
        assert entry.meaning.endswith(".")
        assert entry.better in ("lower", "higher", "none")


def test_a_name_cannot_be_taken_twice():
    with pytest.raises(ValueError, match="'accuracy' is registered twice"):
        measure("accuracy", label="x", unit="x", better="none", meaning="x.")(MEASURES["accuracy"].estimate)


@pytest.mark.parametrize(
    ("name", "hint"), [("disagrement", "did you mean 'disagreement'"), ("zzz", "known are: accuracy, ")]
)
def test_an_unknown_name_is_refused_with_a_hint(name, hint):
    with pytest.raises(InputError, match=f"There is no measure '{name}'; {hint}"):
        estimates(population(), names=["accuracy", name], key=0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_outside_zero_to_one_is_refused(level):
    with pytest.raises(InputError, match="level of intervals"):
        estimates(population(), names=["accuracy"], level=level, key=0)


def test_names_choose_and_order():
    found = estimates(population(), names=["disagreement", "accuracy"], key=0)
    assert [(name, at) for name, at, _ in found] == [("disagreement", None), ("accuracy", None)]


def test_a_higher_level_gives_a_wider_interval_and_the_same_value():
    for name, at, wide in estimates(population(), level=0.99, key=0):
        if name == "equivalent_loss":  # its level belongs to its test
            continue
        narrow = next(e for n, a, e in estimates(population(), names=[name], level=0.8, key=0) if a == at)
        assert (wide.value, wide.level, narrow.level) == (narrow.value, 0.99, 0.8)
        if wide.low is not None and wide.low != wide.high:
            assert wide.low <= narrow.low
            assert narrow.high <= wide.high
            assert wide.high - wide.low > narrow.high - narrow.low


def test_the_same_key_gives_the_same_estimates_and_only_random_subsets_see_it():
    found = {key: estimates(population(24), key=key) for key in (0, 1)}
    assert estimates(population(24), key=0) == found[0]
    one = population(24)
    assert [estimates(one, key=key) for key in (0, 1)] == [found[0], found[1]]
    changed = {name for (name, _, a), (_, _, b) in zip(found[0], found[1], strict=True) if a != b}
    assert changed == {f"ensemble_{score}" for score in ("accuracy", "loss", "ece", "gain", "disagreement")}


def test_the_key_is_checked_where_it_is_used():
    with pytest.raises(InputError, match="non-negative integer"):
        estimates(population(24), names=["ensemble_gain"], key=-1)


def test_results_do_not_depend_on_what_was_asked_before():
    one = population()
    everything = {(name, at): estimate for name, at, estimate in estimates(one, key=3)}
    there = [name for name, entry in MEASURES.items() if not entry.lacking(one)]
    for name in reversed(there):
        for _, at, estimate in estimates(population(), names=[name], key=3):
            assert estimate == everything[name, at]


def test_loading_it_loads_neither_jax_nor_scipy_nor_pandas():
    code = (
        "import sys, varbench.analysis.catalogue; "
        "print([m for m in ('jax', 'flax', 'scipy', 'pandas', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_estimates_say_what_they_rest_on():
    finished = np.arange(9) != 4
    for name, _, estimate in estimates(population(finished=finished), key=0):
        on_labels = name in {
            "accuracy", "error", "accuracy_sd", "accuracy_sampling_se", "accuracy_sd_independent",
            "accuracy_sd_distribution", "accuracy_variance_distribution", "disagreement", "disagreement_over_error",
            "error_consistency", "instability", "instability_share", "cace", "prediction_kappa",
        }  # fmt: skip
        assert estimate.n_runs == (9 if on_labels else 8), name
        without_examples = name.startswith(("weight_", "initial_", "train_"))
        assert estimate.n_examples == (None if without_examples else 40), name
        assert estimate.resampled == "runs", name
