"""Figures of paths, averages of weights and components: what is drawn and said is what the document says."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.report.document import read_document
from varbench.report.figures import barriers, components, soups

from .panels import drawn

pytestmark = pytest.mark.usefixtures("style")


def tables(kind, document):
    return {table.name: table for table in kind.tables(read_document(document))}


def test_every_path_is_a_thin_line_and_their_mean_a_bold_one(small):
    panel = drawn(barriers.KIND, small)["barriers--mnist1d-mlp"]
    entry = small["plots"]["mnist1d-mlp"]["paths"]
    for axes, score in zip(panel.figure.axes, ("loss", "error"), strict=True):
        for form, thin, bold in zip(("raw", "aligned"), axes.collections, axes.lines, strict=True):
            curves = np.array(entry[form]["test"][score])
            np.testing.assert_allclose([path[:, 1] for path in thin.get_segments()], curves)
            np.testing.assert_allclose(bold.get_ydata(), curves.mean(0))
            np.testing.assert_allclose(bold.get_xdata(), entry["alpha"])
            low, high = axes.get_ylim()
            assert low < curves.min() < curves.max() < high
    assert panel.caption == (
        "Barriers of 3 pairs of runs: test loss 0.638 nats [0.574, 0.701] as they are, 0.154 nats [0.138, 0.169] "
        "relabeled to match; test error 25.4 pp [22.9, 27.9] as they are, 6.29 pp [5.66, 6.92] relabeled to match."
    )
    table = tables(barriers.KIND, small)["barriers"]
    assert [row[1] for row in table.rows] == ["train", "test"]
    points = tables(barriers.KIND, small)["paths"]
    assert len(points.rows) == 3 * 9
    paths = small["plots"]["mnist1d-mlp"]["paths"]
    first = [
        paths[form][split][score][0][0]
        for form in ("raw", "aligned")
        for split in ("train", "test")
        for score in ("loss", "error")
    ]
    assert points.rows[0] == ("MNIST-1D · MLP", "0 to 1", 0.0, *first)
    assert [column.key for column in points.columns][3:5] == ["loss_raw_train", "error_raw_train"]


def test_a_model_without_relabelings_has_paths_as_they_are(small):
    del small["plots"]["mnist1d-mlp"]["paths"]["aligned"]
    small["estimates"] = [row for row in small["estimates"] if "aligned" not in row["measure"]]
    panel = drawn(barriers.KIND, small)["barriers--mnist1d-mlp"]
    assert [len(axes.lines) for axes in panel.figure.axes] == [1, 1]
    assert "relabeled" not in panel.caption
    rows = tables(barriers.KIND, small)["paths"].rows
    assert len(rows) == 3 * 9
    assert all(cell is None for row in rows for cell in row[-4:])


def test_a_path_through_infinity_is_left_out_and_the_others_stay(small):
    curves = small["plots"]["mnist1d-mlp"]["paths"]["raw"]["test"]["loss"]
    curves[1][4] = None
    panel = drawn(barriers.KIND, small)["barriers--mnist1d-mlp"]
    axes = panel.figure.axes[0]
    assert [len(thin.get_segments()) for thin in axes.collections] == [2, 3]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.mean([curves[0], curves[2]], axis=0))


def test_runs_stand_at_their_coordinates_with_lines_from_their_starts(small):
    panel = drawn(components.KIND, small)["components--mnist1d-mlp"]
    entry = small["plots"]["mnist1d-mlp"]["weight_pca"]
    (axes,) = panel.figure.axes
    starts, ends = axes.lines
    np.testing.assert_allclose(np.column_stack(starts.get_data()), entry["initial"])
    np.testing.assert_allclose(np.column_stack(ends.get_data()), entry["runs"])
    segments = np.array(axes.collections[0].get_segments())
    np.testing.assert_allclose(segments, np.stack([entry["initial"], entry["runs"]], axis=1))
    assert axes.get_xlabel() == "first component, 24.0 % of the variance"
    box = axes.get_window_extent()
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert (right - left) / box.width == pytest.approx((top - bottom) / box.height)
    points = np.concatenate([entry["initial"], entry["runs"]])
    assert left < points[:, 0].min() < points[:, 0].max() < right
    assert bottom < points[:, 1].min() < points[:, 1].max() < top - 0.1 * (top - bottom)  # the legend is above them
    assert panel.caption == (
        "The first two components carry 24 % [22, 26] and 11 % [9, 13] of the variance between 6 runs; unrelated "
        "directions would carry 20.0 % each."
    )


def test_runs_without_initial_weights_have_no_lines(small):
    small["plots"]["mnist1d-mlp"]["weight_pca"]["initial"] = None
    (axes,) = drawn(components.KIND, small)["components--mnist1d-mlp"].figure.axes
    assert len(axes.lines) == 1
    assert not axes.collections
    assert tables(components.KIND, small)["coordinates"].rows[0][4:] == (None, None)


def test_averages_of_weights_stand_beside_the_ensemble_of_as_many_runs(document):
    panel = drawn(soups.KIND, document)["soups--mnist1d-cnn"]
    (axes,) = panel.figure.axes
    found = read_document(document)
    for line, (name, _) in zip(axes.lines, soups.CURVES, strict=False):
        series = [(m, row.quantity.value) for m, row in found.series("mnist1d-cnn", name) if m <= 4]
        np.testing.assert_allclose(np.column_stack(line.get_data()), series)
    assert axes.lines[3].get_ydata()[0] == found.quantity("mnist1d-cnn", "ensemble_accuracy", 1).value
    at_four = [found.quantity("mnist1d-cnn", name, 4).text for name, _ in soups.CURVES]
    assert all(text in panel.caption for text in at_four)
    (table,) = soups.KIND.tables(found)
    assert [row[1] for row in table.rows if row[0] == "MNIST-1D · CNN"] == [2, 4]


def test_nothing_is_drawn_where_weights_were_not_averaged(document):
    document["estimates"] = [row for row in document["estimates"] if not row["measure"].startswith("soup_")]
    assert not drawn(soups.KIND, document)
    assert not tables(soups.KIND, document)
