"""Figures of representations and attributions: the numbers of the document are what is drawn, said and tabled."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.report.document import read_document
from varbench.report.figures import attributions, picture, representations

from .panels import drawn

pytestmark = pytest.mark.usefixtures("style")


def test_every_layer_is_said_with_its_untrained_null_and_the_least_alike_is_the_finding(document):
    panel = drawn(representations.KIND, document)["representations-cka--mnist1d-cnn"]
    assert "conv2: 0.95 [0.94, 0.96] (untrained 0.66 [0.63, 0.69])" in panel.alt
    assert panel.caption == "Two runs differ most at logits: 0.94, untrained networks 0.36."
    (axes,) = panel.figure.axes
    points = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in ("o", "D"))
    assert points == pytest.approx(sorted([0.96, 0.95, 0.94, 0.96, 0.66, 0.36]))
    distance = drawn(representations.KIND, document)["representations-procrustes-distance--mnist1d-cnn"]
    assert distance.caption.startswith("Two runs differ most at logits: 0.29")


def test_a_layer_without_a_value_is_not_drawn_and_without_nulls_nothing_is_said_of_them(document):
    kept = []
    for row in document["estimates"]:
        if row["measure"] == "cka" and row["at"] == "conv2":
            row |= {"value": None, "low": None, "high": None, "reason": "constant"}
        if not row["measure"].endswith("_untrained"):
            kept.append(row)
    document["estimates"] = kept
    panel = drawn(representations.KIND, document)["representations-cka--mnist1d-cnn"]
    assert "conv2" not in panel.alt
    assert "untrained" not in panel.alt + panel.caption
    agreement = drawn(attributions.KIND, document)["attributions--mnist1d-cnn"]
    assert agreement.caption == "Cosine of gradients: 0.60."


def test_the_matrix_of_layers_is_drawn_as_it_is(document):
    matrix = np.array(document["plots"]["mnist1d-cnn"]["layers"]["trained"])
    panel = drawn(representations.KIND, document)["layers--mnist1d-cnn"]
    (axes,) = panel.figure.axes
    written = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts}
    assert [[written[i, j] for j in range(3)] for i in range(3)] == [[f"{x:.2f}" for x in row] for row in matrix]
    assert "least alike are conv1 and logits: 0.55" in panel.caption
    tables = {table.name: table for table in representations.KIND.tables(read_document(document))}
    assert [row[1:] for row in tables["layers--mnist1d-cnn"].rows] == [tuple(row) for row in matrix]


def test_agreement_stands_between_untrained_networks_and_a_run_against_itself(document):
    panel = drawn(attributions.KIND, document)["attributions--digits-mlp"]
    assert panel.caption == (
        "Cosine of gradients: 0.60, against 0.001 for untrained networks and 1 for a run and itself."
    )
    assert "overlap of the top tenth 0.28 [0.26, 0.30]" in panel.alt
    (axes,) = panel.figure.axes
    at = {
        marker: [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == marker] for marker in "oD|"
    }
    assert at["o"] == pytest.approx([0.6, 0.34, 0.28])
    assert at["D"] == pytest.approx([0.001, 0.001, 0.1])
    assert at["|"] == [1.0] * 3


@pytest.mark.parametrize(("name", "images"), [("mnist1d-mlp", 0), ("digits-mlp", 5)])
def test_one_example_is_shown_under_every_run(document, name, images):
    shown = document["plots"][name]["attributions"]
    panel = drawn(attributions.KIND, document)[f"gradients--{name}"]
    (axes,) = panel.figure.axes
    assert len(axes.images) == images
    assert [text.get_text() for text in axes.texts] == ["class 3", *(f"run {run}" for run in shown["runs"])]
    assert "example 17 (class 3) in 4 runs: mean cosine 0.61" in panel.caption
    if not images:
        largest = np.abs(shown["maps"][0]).max()
        bars = np.array([-2 * bar.get_height() / (0.9 * attributions.ROW) for bar in axes.patches])
        size = len(shown["x"])
        np.testing.assert_allclose(bars[:size] + bars[size : 2 * size], np.array(shown["maps"][0]) / largest)
    tables = {table.name: table for table in attributions.KIND.tables(read_document(document))}
    assert [row[2] for row in tables[f"gradients--{name}"].rows] == shown["maps"][0]


def test_colors_raise_in_blue_lower_in_orange_and_leave_nothing_white():
    colors = attributions._colors(np.array([[1.0, 0.0], [-1.0, -0.5]]))
    assert colors[0, 1].tolist() == [1, 1, 1]
    assert colors[0, 0][2] > colors[0, 0][0]
    assert colors[1, 0][0] > colors[1, 0][2]
    np.testing.assert_allclose(1 - colors[1, 1], (1 - colors[1, 0]) / 2)
    assert (attributions._colors(np.zeros((2, 2))) == 1).all()


def test_an_example_that_does_not_fit_its_shape_is_not_drawn(document):
    document["plots"]["digits-mlp"]["attributions"]["shape"] = [3, 3]
    assert picture.shape_of(document["plots"]["digits-mlp"]["attributions"]) == ()
    assert "gradients--digits-mlp" not in drawn(attributions.KIND, document)
