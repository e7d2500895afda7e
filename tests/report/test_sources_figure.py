"""The figure of the sources, and what the spread figure says."""

import numpy as np
import pytest

from varbench.report.document import read_document
from varbench.report.figures import sources, spread

from .panels import drawn

pytestmark = pytest.mark.usefixtures("style")


def test_components_stand_at_their_values_and_negative_ones_are_hollow_squares(small):
    panel = drawn(sources.KIND, small)["sources-prediction-variance-component--mnist1d-mlp"]
    (axes,) = panel.figure.axes
    dots = [line for line in axes.lines if line.get_marker() in "os"]
    np.testing.assert_allclose([dot.get_xdata()[0] for dot in dots], [0.015, -0.003, 0.288])
    assert [dot.get_marker() for dot in dots] == ["o", "s", "o"]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, False]
    shown = [text.get_text() for text in axes.texts]
    assert "init × order + residual" in shown
    assert "96 % [82, 110]" in shown
    assert "total" not in shown
    assert panel.caption == (
        "The largest estimate is that of init × order + residual: 96 % [82, 110] of the total. Below 0 by chance, "
        "where the true value is near 0: order."
    )
    assert "order: −0.3 % [−1.5, 0.9]" in panel.alt


def test_one_source_at_a_time_has_values_and_no_shares(small):
    panel = drawn(sources.KIND, small)["sources-accuracy-sd-by-source--mnist1d-mlp"]
    assert panel.caption == "Largest with init: 0.6 pp [0.5, 0.7]."
    (table,) = sources.KIND.tables(read_document(small))
    shares = {row[2]: row[4] for row in table.rows if row[1] == "Accuracy sd by source"}
    assert shares == {"init": None, "order": None, "dropout": None}
    assert [row[2] for row in table.rows].count("total") == 2


def finding(document, **values):
    for row in document["estimates"]:
        if row["measure"] in values:
            row["value"], row["low"], row["high"] = values[row["measure"]]
    return drawn(spread.KIND, document)["spread--mnist1d-mlp"].caption


SD = {"accuracy_sd": (0.02, 0.01, 0.03), "accuracy_sd_independent": (0.012, 0.011, 0.013)}


def test_what_the_difference_of_the_spreads_means(small):
    said = finding(small, **SD, accuracy_sd_distribution=(0.016, 0.005, 0.03))
    assert said == (
        "The accuracy varies by 2 pp (SD) from run to run; if the runs failed on each test example independently, it "
        "would vary by 1.2 pp. What is left over, 1.6 pp [0.5, 3.0], is how much the runs' accuracies would differ on "
        "unlimited test data."
    )
    assert finding(small, **SD, accuracy_sd_distribution=(0.016, 0.0, 0.03)).endswith(
        "reaches 0, so it may be nothing."
    )
    said = finding(small, **SD, accuracy_sd_distribution=(0.0, 0.0, 0.01))
    assert said.endswith("Nothing is left over: these runs are not shown to differ on other data.")


def test_nothing_is_said_without_all_three(small):
    small["estimates"] = [row for row in small["estimates"] if row["measure"] != "accuracy_sd_independent"]
    assert drawn(spread.KIND, small)["spread--mnist1d-mlp"].caption == ""
