"""What the caption of the instability curve says agrees with the curve, however few the runs."""

import numpy as np
import pytest

import varbench
from varbench.report.document import read_document
from varbench.report.figures.instability import panels, tables
from varbench.report.tables import readable


@pytest.mark.parametrize("n_runs", [2, 4, 12])
def test_the_share_that_is_told_is_that_of_the_curve(n_runs):
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    flips = random.random((n_runs, 200)) < 0.08
    runs = varbench.PopulationArrays(labels=labels, predictions=np.where(flips, 1 - labels, labels))
    document = read_document(varbench.analyze(runs))
    (panel,), (table,) = panels(document), tables(document)
    drawn = np.sort(document.plots("results")["instability"])[::-1]
    share = 100 * drawn[:20].sum() / drawn.sum()
    assert f"most unstable 10 % of the examples carry {share:.1f} % of the disagreement of these runs" in panel.caption
    cells = next(row for row in readable(table).rows if row[1].text == "10 %")
    assert cells[4].text == f"{share:.1f} %"
    corrected = document.quantity("results", "instability_share", 0.1)
    assert (f"({corrected.text} with the luck of ranking" in panel.caption) == (n_runs > 2)
    if n_runs == 4:
        assert corrected.value < 0.8 * share / 100  # what the caption said alone


def test_a_condition_that_is_not_drawn_has_no_rows():
    labels = np.arange(40) % 2
    flips = np.random.default_rng(0).random((8, 40)) < 0.2
    runs = varbench.PopulationArrays(labels=labels, predictions=np.where(flips, 1 - labels, labels))
    analysis = varbench.analyze(runs)
    hidden = {**analysis["conditions"][0], "condition": "hidden", "label": "hidden"}
    document = read_document({**analysis, "conditions": [*analysis["conditions"], hidden]})
    assert {c.name for c in document.populations} == {"results", "hidden"}
    (table,) = tables(document)
    assert {row[0] for row in table.rows} == {row[0].text for row in readable(table).rows} == {"results"}


def test_one_run_has_no_curve_and_no_table():
    runs = varbench.PopulationArrays(labels=np.zeros(5, dtype=int), predictions=np.zeros((1, 5), dtype=int))
    document = read_document(varbench.analyze(runs))
    assert list(panels(document)) == list(tables(document)) == []
