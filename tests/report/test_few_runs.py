"""Pages say once that intervals from few runs may be too short."""

import numpy as np
import pytest

import varbench
from varbench.analysis.population import PopulationArrays
from varbench.report.document import read_document
from varbench.report.few_runs import FEW, few_runs_sentence


def population(n_runs):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 40)
    return PopulationArrays(labels=labels, logits=2 * np.eye(3)[labels] + random.normal(size=(n_runs, 40, 3)))


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ({"a": FEW}, ""),
        ({"a": FEW - 1}, "With fewer than 10 runs (a), "),
        ({"a": 30, "b": 3, "c": 4}, "With fewer than 10 runs (b; c), "),
        (dict.fromkeys("abcde", 3), "With fewer than 10 runs (a; b; c and 2 more), "),
        ({"a": 1}, ""),  # one run has no interval
    ],
)
def test_populations_of_few_runs_are_named(runs, names):
    document = varbench.analyze({name: population(count) for name, count in runs.items()})
    assert few_runs_sentence(read_document(document)).startswith(names)
    assert bool(few_runs_sentence(read_document(document))) == bool(names)


def test_measures_over_few_runs_of_populations_with_more_are_named():
    document = varbench.analyze({"many": population(FEW), "few": population(3)})
    for row in document["estimates"]:
        if row["condition"] == "many" and row["measure"] == "accuracy":
            row["n_runs"] = 8
    assert few_runs_sentence(read_document(document)).startswith(
        "With fewer than 10 runs (few – of others for Test accuracy), intervals are too short"
    )
    document["estimates"] = [row for row in document["estimates"] if row["condition"] == "many"]
    assert few_runs_sentence(read_document(document)).startswith("With fewer than 10 runs (for Test accuracy), ")


def test_the_page_says_it_once(tmp_path):
    varbench.analyze(population(6), out=tmp_path)
    for name in ("index.html", "report.md"):
        assert (tmp_path / name).read_text().count("With fewer than 10 runs") == 1
