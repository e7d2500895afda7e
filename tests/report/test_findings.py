"""What stands below the figures of the controls, of published numbers and of curvature."""

import numpy as np
import pytest

from varbench.report.document import read_document
from varbench.report.figures import anchors, charts, controls, landscape, sources
from varbench.report.figures.registry import KINDS
from varbench.report.numbers import alongside

from .panels import drawn

pytestmark = pytest.mark.usefixtures("style")


def test_controls_say_how_far_they_lie_from_the_runs_that_they_repeat(small):
    row = next(r for r in small["estimates"] if (r["condition"], r["measure"]) == ("mnist1d-mlp", "disagreement"))
    row.update(value=0.25, low=0.24, high=0.26)
    panel = drawn(controls.KIND, small)["controls-disagreement--mnist1d-mlp"]
    assert panel.caption.startswith("From the run with the same levels: same levels again 0 %, other width ")
    assert panel.caption.endswith(", against 25 % [24, 26] between independent runs.")
    assert panel.alt.endswith(panel.caption)


def test_a_control_is_called_by_what_sets_it_apart(small):
    for condition in small["conditions"]:
        if condition["condition"] == "mnist1d-mlp":
            condition["label"] += ", all sources"
    (table,) = controls.KIND.tables(read_document(small))
    assert [row[1] for row in table.rows] == ["independent runs", "same levels again", "other width"]


def test_published_numbers_have_their_differences_below(small):
    for panel in drawn(anchors.KIND, small).values():
        assert panel.caption.startswith("Here minus published: MNIST-1D · MLP ")
        assert panel.caption.endswith(" pp.")


@pytest.mark.parametrize(("within", "shown"), [(True, "yes"), (False, "no"), (None, "not decided")])
def test_the_table_of_published_numbers_says_whether_ours_are_within(small, within, shown):
    for anchor in small["anchors"]:
        anchor["within"] = within
    (table,) = anchors.KIND.tables(read_document(small))
    assert {row[6] for row in table.rows} == {shown}


def test_curvature_without_means_tells_the_range_over_runs(small):
    small["estimates"] = [row for row in small["estimates"] if row["measure"] not in landscape.MEASURES]
    (panel,) = drawn(landscape.KIND, small).values()
    sharpness = np.array(small["plots"]["mnist1d-mlp"]["landscape"]["sharpness"])
    low, high = alongside(sharpness[:, -1].min(), sharpness[:, -1].max())
    assert panel.caption.startswith("Lowest and highest of 4 runs: sharpness ")
    assert f" and {low} to {high} at step 3000; " in panel.caption


def test_no_alternative_text_names_the_source_twice_or_calls_rows_an_axis(small):
    for panel in drawn(sources.KIND, small).values():
        assert panel.alt.count("by source of randomness") == 1
        assert "by source by source" not in panel.alt
        assert "varied source" not in panel.alt


def test_intervals_of_another_level_are_marked_in_the_chart_and_its_table(small):
    chart = next(c for c in small["charts"] if c["name"] == "row")
    (line,) = chart["series"]
    line["level"] = 0.9
    texts = [text.get_text() for text in charts._panel(chart).figure.axes[0].texts]
    assert "25 % [20, 30 at 90 %]" in texts
    (table,) = charts.tables(read_document({**small, "charts": [chart]}))
    assert [row[-1].interval_text for row in table.rows] == ["[20, 30 at 90 %]", "[40, 60 at 90 %]"]
    chart["series"] = [line, {**line, "label": "other"}]  # whose rows carry no numbers
    axes = charts._panel(chart).figure.axes[0]
    assert [t.get_text() for t in axes.texts if t.get_text().startswith("accuracy")] == ["accuracy; intervals at 90 %"]
    for s in chart["series"]:
        s["level"] = 0.95
    axes = charts._panel(chart).figure.axes[0]
    assert [t.get_text() for t in axes.texts if t.get_text().startswith("accuracy")] == ["accuracy"]


def test_every_figure_has_a_finding_below(small):
    own = [kind for kind in KINDS if kind is not charts.KIND]  # charts of studies say what the study says
    bare = [panel.name for kind in own for panel in kind.panels(read_document(small)) if not panel.caption.strip()]
    assert bare == []
