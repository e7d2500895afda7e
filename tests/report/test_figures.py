"""Figures: what is drawn is what the document says, in the same bytes every time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.textpath import TextPath

import varbench
from varbench.analysis.population import PopulationArrays
from varbench.report.document import read_document
from varbench.report.figures import charts, ensembles, flips, matrices, runs, tracks
from varbench.report.figures.logarithmic import log_ticks
from varbench.report.figures.registry import KINDS
from varbench.report.figures.style import BASE, SMALLEST, WIDTH, axes_at, head, spread_offsets, with_unit
from varbench.report.figures.text import ellipsis, fitted, log_number, text_width
from varbench.report.figures.write import drawing, figure_pdf, figure_svg
from varbench.report.numbers import Quantity
from varbench.report.sections import STUDIES, TITLES

from .panels import drawn

pytestmark = pytest.mark.usefixtures("style")

CURVE = "ensemble_disagreement"
SVG = "{http://www.w3.org/2000/svg}"


def svg_of(panel):
    return figure_svg(panel.figure, name=panel.name, alt=panel.alt)


def test_kinds_are_registered_once_under_known_sections():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert {kind.section for kind in KINDS} == {*TITLES, STUDIES}


def test_an_ensemble_figure_says_that_its_runs_are_those_that_finished(document):
    row = document["conditions"][0]
    for diverged, told in ((0, False), (3, True)):
        row["n_diverged"] = diverged
        panel = next(iter(ensembles.panels(read_document(document))))
        assert ("Of the runs that finished; 3 diverged." in panel.caption) == told
        assert ("diverged" in panel.caption) == told


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_is_drawn_without_data(kind, minimal):
    assert not list(kind.panels(read_document(minimal)))
    assert not list(kind.tables(read_document(minimal)))


@pytest.mark.parametrize(
    ("n_runs", "reason"),
    [
        (8, "take all 8 runs, so that none are left to compare when the jackknife leaves out a run"),
        (9, "too few of them"),  # leaving out one of 9 leaves 8: some other reason, which the estimate has to give
    ],
)
def test_the_caption_says_why_a_band_stops(document, n_runs, reason):
    name = document["conditions"][0]["condition"]
    mine = {e["at"]: e for e in document["estimates"] if (e["condition"], e["measure"]) == (name, CURVE)}
    last = {**mine[2], "at": 4, "low": None, "high": None, "n_runs": n_runs, "reason": "too few of them"}
    document["estimates"] = [e for e in document["estimates"] if e not in mine.values()] + [mine[1], mine[2]]
    assert "no band" not in drawn(ensembles.KIND, document)[f"ensembles--{name}"].caption
    document["estimates"].append(last)
    panel = drawn(ensembles.KIND, document)[f"ensembles--{name}"]
    assert re.search(f"Ensemble disagreement has no band at M = 4: .*{reason}\\.$", panel.caption)
    assert panel.caption.count("no band") == 1
    assert panel.caption in panel.alt


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_svg_is_well_formed_deterministic_and_undated(kind, document):
    first, second = drawn(kind, document), drawn(kind, document)
    assert first or list(kind.tables(read_document(document)))  # some kinds are tables alone
    for name, panel in first.items():
        svg = svg_of(panel)
        assert svg == svg_of(second[name])
        root = ElementTree.fromstring(svg)
        assert root.attrib["aria-label"] == panel.alt
        assert not re.search(r"\b20\d\d-\d\d-\d\d", svg)
        ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
        assert len(ids) == len(set(ids))
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids)


def test_pdf_is_deterministic_and_undated(document):
    first, second = (figure_pdf(drawn(runs.KIND, document)["runs--digits-mlp"].figure) for _ in range(2))
    assert first == second
    assert first.startswith(b"%PDF")
    assert b"CreationDate" not in first


def test_every_finished_run_is_a_point_and_every_diverged_one_a_cross(document):
    panel = drawn(runs.KIND, document)["runs--mnist1d-mlp"]
    accuracy, loss = panel.figure.axes
    data = document["plots"]["mnist1d-mlp"]["runs"]
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        points, crosses = (
            [line.get_xdata() for line in axes.lines if line.get_marker() in markers] for markers in ("oD", "x")
        )
        finished = [x for x, ok in zip(data[name], data["finished"], strict=True) if ok]
        np.testing.assert_array_equal(points[0], finished)
        assert [len(x) for x in crosses] == [1]
    assert "1 of 8 runs diverged" in panel.alt


def test_what_the_votes_leave_out_is_said(document):
    flip = {"example": 5, "label": 1, "instability": 0.5, "votes": [14, 0, 14, 14, 8]}
    for votes, told in (
        (
            [14, 0, 14, 14, 8],
            "the 3 classes with the most votes, of 4: 14 for class 0, 14 for class 2, 14 for class 3.",
        ),
        ([14, 0, 14, 22], "its votes: 22 for class 3, 14 for class 0, 14 for class 2."),
    ):
        document["plots"]["digits-mlp"]["flips"] = [{**flip, "votes": votes}]
        assert drawn(flips.KIND, document)["flips--digits-mlp"].caption.endswith(told)


def test_a_range_is_over_the_runs_that_its_mean_is_over():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 60)
    logits = 2 * np.eye(3)[labels] + random.normal(size=(8, 60, 3))
    logits[4] = np.nan
    population = PopulationArrays(labels=labels, logits=logits)
    panel = drawn(runs.KIND, varbench.analyze(population, name="mine"))["runs--mine"]
    accuracy, loss = panel.caption.split(": ", 1)[1].split("; ")
    number = r"([\d.]+)(?: %| nats)?"
    told = rf"from {number} to {number}, mean {number} \[.*\]"
    low, high, mean = map(
        float, re.match(rf"test accuracy {told} \(all 8 runs, 0 where diverged\)$", accuracy).groups()
    )
    assert low == 0 < mean < high
    assert mean == pytest.approx(100 * population.accuracy.mean(), rel=0.02)
    low, high, mean = map(float, re.match(rf"test loss {told} \(the 7 that finished\)\. 1 of 8", loss).groups())
    assert 0 < low < mean < high
    assert mean == pytest.approx(population.loss.mean(), rel=0.02)


def test_population_of_which_no_run_finished_is_shown(document):
    document["plots"]["digits-mlp"]["runs"] = {"accuracy": [0.0] * 8, "loss": [None] * 8, "finished": [False] * 8}
    panel = drawn(runs.KIND, document)["runs--digits-mlp"]
    assert "8 runs, none of them finished. 8 of 8 runs diverged." in panel.alt


def test_matrix_is_drawn_in_the_order_of_the_clustering(document):
    def pixels(order):
        document["plots"]["mnist1d-mlp"]["order"] = order
        panel = drawn(matrices.KIND, document)["matrix-disagreement--mnist1d-mlp"]
        return np.asarray(panel.figure.axes[0].images[0].get_array()).astype(int)

    order = [3, 1, 7, 0, 5, 2, 6, 4]
    ordered, plain = pixels(order), pixels([])
    np.testing.assert_array_equal(ordered, plain[np.ix_(order, order)])
    assert not np.array_equal(ordered, plain)
    assert (plain[0] == matrices.BLANK).all()  # the diverged run
    kept = np.arange(1, 8)
    assert (plain[kept, kept] == 255).all()  # a run and itself
    matrix = np.array(document["plots"]["mnist1d-mlp"]["matrices"]["disagreement"])
    pairs = [(a, b) for a in kept for b in kept if a < b]
    lightness = [plain[a, b].sum() for a, b in pairs]
    assert np.argmax([matrix[pair] for pair in pairs]) == np.argmin(lightness)  # the farthest apart is the darkest


@given(arrays(np.float64, st.just((11, 11)), elements=st.floats(0, 1)), st.integers(1, 11))
def test_shrinking_a_matrix_takes_means_of_blocks(matrix, size):
    blocks = np.array_split(np.arange(11), size)
    expected = [[matrix[np.ix_(a, b)].mean() for b in blocks] for a in blocks]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrices, "LARGEST_DRAWN", size)
        np.testing.assert_allclose(matrices._shrink(matrix), expected, atol=1e-12)


def test_large_matrix_is_drawn_small(document):
    large = np.random.default_rng(0).random((600, 600))
    document["plots"]["digits-mlp"]["matrices"] = {"disagreement": (large + large.T).tolist()}
    panel = drawn(matrices.KIND, document)["matrix-disagreement--digits-mlp"]
    assert len(svg_of(panel)) < 300_000
    assert "600 by 600" in panel.alt


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60).map(np.array))
def test_offsets_stay_in_the_strip_and_part_equal_points(values):
    offsets = spread_offsets(values)
    assert (np.abs(offsets) <= 1).all()
    np.testing.assert_array_equal(offsets, spread_offsets(values))
    for value in np.unique(values):
        same = offsets[values == value]
        assert len(np.unique(same)) == len(same)


def test_tracks_of_very_different_size_get_a_logarithmic_scale_with_a_place_for_zero():
    points = [Quantity(0.83, 0.82, 0.84), Quantity(4e-5, 3e-5, 5e-5), Quantity(0.0)]
    rows = [tracks.Track(str(i), "", (tracks.Point(q),)) for i, q in enumerate(points)]
    axes = tracks.track_figure("T", rows, unit="").axes[0]
    placed = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(placed[:2], np.log10([0.83, 4e-5]))
    assert placed[2] == -5 - tracks.ZERO_SLOT
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels[0] == "0"
    assert labels[1] == "10⁻⁵"


def test_lines_that_nearly_fit_are_set_smaller_before_they_are_cut():
    axes = axes_at(Figure(figsize=(WIDTH, 2.0)), top=0.5, height=1.0)
    sizes = []
    for length in range(10, 40):
        head(axes, "Ensemble accuracy", "8" * length)
        name, value = axes.texts[-2:]
        sizes.append(name.get_fontsize())
        assert value.get_fontsize() == sizes[-1]
        assert (name.get_text() == "Ensemble accuracy") or sizes[-1] == SMALLEST * BASE
    assert sizes[0] == BASE
    assert sizes[-1] == SMALLEST * BASE
    assert sizes == sorted(sizes, reverse=True)


def test_short_forms():
    assert [log_number(x) for x in (1e-5, 0.001, 0.1, 1, 100.0, 1e6)] == ["10⁻⁵", "0.001", "0.1", "1", "100", "10⁶"]
    assert [log_number(x) for x in (2e-5, 0.5, 2000, 1.5e6)] == ["2·10⁻⁵", "0.5", "2000", "1.5·10⁶"]
    assert ellipsis("a long name that ends in its point", 12) == "a long…point"
    assert ellipsis("short", 12) == "short"


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_width_of_text_is_that_of_its_outline(weight):
    """Up to kerning and the bearings of the outer glyphs; the outline is matplotlib's own."""
    text = "Disagreement: 92.13 % [92.10, 92.16]"
    outline = TextPath((0, 0), text, size=8, prop=FontProperties(family="DejaVu Sans", weight=weight)).get_extents()
    assert text_width(text, size=8, weight=weight) == pytest.approx(outline.x1 / 72, rel=0.01)


@pytest.mark.parametrize("text", ["A name of some length, too long to fit", "表" * 60, "$x_1$" * 20])
def test_text_is_cut_until_it_fits(text):
    for width in (0.5, 1.0, 2.0):
        shown = fitted(text, width, size=8)
        assert text_width(shown, size=8) <= width
        assert shown == text or text_width(text, size=8) > width


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_texts_stay_in_the_panel_and_heads_apart(kind, small):
    """As DejaVu Sans sets them, the widest of the fonts: long labels, wide numbers."""
    for entry in small["conditions"]:
        entry["label"] = "A name of a population that is much longer than a panel could hold, " + entry["label"]
    for measure in small["measures"].values():
        measure["label"] = "A label of a measure that is much longer than a panel could hold, " + measure["label"]
    for panel in drawn(kind, small).values():
        panel.figure.set_dpi(300)  # so that whole pixels do not count
        FigureCanvasAgg(panel.figure).draw()
        frame = panel.figure.bbox
        for axes in panel.figure.axes:
            boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
            heads = [t.get_window_extent() for t in axes.texts if isinstance(t, Annotation) and t.xy[1] == 1]
            assert all(frame.x0 - 6 <= box.x0 and box.x1 <= frame.x1 + 6 for box in boxes)
            assert not (len(heads) == 2 and heads[0].x1 > heads[1].x0)
        titles = [text.get_window_extent() for text in panel.figure.texts]
        assert all(box.x1 <= frame.x1 + 3 for box in titles)
        assert not (len(titles) == 2 and titles[0].x1 > titles[1].x0)


def test_a_circle_is_round_where_both_axes_have_one_scale():
    angles = np.linspace(0, 2 * np.pi, 40)
    circle = {"label": "ring", "x": np.cos(angles).tolist(), "y": np.sin(angles).tolist(), "low": [], "high": []}
    chart = {"study": "s", "name": "ring", "title": "Ring", "kind": "points", "unit": "", "series": [circle, circle]}
    for equal in (True, False):
        with drawing():
            figure = charts._panel({**chart, "equal": equal}).figure
        (axes,) = figure.axes
        width, height = np.ptp(axes.transData.transform([[-1, -1], [1, 1]]), axis=0)
        assert (abs(width - height) < 1e-6) == equal
        if equal:
            longest = max(np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim()))
            assert 2 / longest > 0.8, "the data fill the axes both ways"
        keys = [artist for artist in figure.artists if isinstance(artist, Line2D)]
        assert {line.get_linestyle() for line in keys} == {"None"}, "a cloud has no lines, and neither has its key"


@given(st.floats(1e-8, 1e6), st.floats(1.05, 1e8))
def test_a_logarithmic_axis_has_two_ticks_or_more_and_not_many(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))
    assert all(low * (1 - 1e-6) <= tick <= low * ratio * (1 + 1e-6) for tick in ticks)
    labels = [log_number(tick) for tick in ticks]
    assert len(set(labels)) == len(labels), "no two ticks read the same"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 2000, [1, 10, 100, 1000]),
        (0.4, 6, [0.5, 1, 2, 5]),
        (2.5, 4.5, [3, 4]),
        (1e-9, 2, [1e-9, 1e-6, 1e-3, 1]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_round(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_a_name_has_its_unit_once():
    assert with_unit("loss", "nats") == "loss (nats)"
    assert with_unit("gap", "pp") == "gap (pp)"
    assert with_unit("loss in nats", "nats") == "loss in nats"
    assert with_unit("accuracy", "fraction") == "accuracy", "its ticks say %"
    assert with_unit("CKA", "index") == "CKA"
    assert with_unit("", "nats") == ""


def test_the_axis_of_a_loss_says_nats(document):
    for panel in runs.panels(read_document(document)):
        texts = [a.get_text() for axes in panel.figure.axes for a in axes.texts if isinstance(a, Annotation)]
        assert "Test loss (nats)" in texts or not any(text.startswith("Test loss") for text in texts)
        assert "Test accuracy" in texts
