"""SVG made smaller: the same shapes in the same order with the same looks."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from varbench.report.figures.compact import compact, style_sheet, without_style_sheet
from varbench.report.figures.pixels import small_png
from varbench.report.figures.strokes import short_path
from varbench.report.figures.write import drawing, figure_svg

SVG = '<svg xmlns="http://www.w3.org/2000/svg">\n{}\n</svg>'


def body(*lines: str) -> list[str]:
    """The lines of a small picture after compaction, without its frame and its style sheet."""
    return without_style_sheet(compact(SVG.format("\n".join(lines)), "f")).split("\n")[1:-1]


def test_bare_groups_go_and_neighbors_share_their_style():
    found = body(
        "<g>", "<g/>", "<g>", '<path d="M 1 2 L 3 4 z" style="fill: red"/>', '<path d="M 1 2 z" style="fill: red"/>',
        "</g>", "</g>", '<path d="M 0 0 L 1 1" style="fill: red; opacity: 0.5"/>',
        '<path d="M 0 0 L 2 2" style="fill: red; opacity: 0.5"/>',
    )  # fmt: skip
    assert [re.sub(r'class="\w+"', "class", line) for line in found] == [
        "<g class>",
        '<path d="M1 2l2 2z"/>',
        '<path d="M1 2z"/>',
        "</g>",
        '<path d="M0 0l1 1" class/>',  # an opacity of each is not one of all
        '<path d="M0 0l2 2" class/>',
    ]


def test_shapes_that_nobody_sees_are_left_out():
    assert body('<path d="M 0 0 L 9 9 z" style="fill: none"/>', '<text x="1" y="2">a</text>') == [
        '<text x="1" y="2">a</text>'
    ]


def test_grid_lines_are_one_path_and_their_labels_follow():
    line, label = '<path d="M 0 {0} L 9 {0}" style="fill: none; stroke: gray"/>', '<text x="0" y="{0}">{0}</text>'
    found = body(*(shape.format(y) for y in (1, 2, 3) for shape in (line, label)))
    assert found[0].startswith('<path d="M0 1h9M0 2h9M0 3h9" class=')
    assert found[1:] == [label.format(y) for y in (1, 2, 3)]


def test_translucent_lines_are_not_one_path_for_where_they_cross_they_are_darker():
    line = '<path d="M 0 0 L {0} 9" style="fill: none; stroke: gray; stroke-opacity: 0.5"/>'
    assert sum("<path" in text for text in body(*(line.format(x) for x in (1, 2, 3)))) == 3


def test_marks_in_a_row_are_the_vertices_of_a_path():
    mark = ["<defs>", '<path id="m" d="M 0 1 L 1 0 z" style="stroke: blue"/>', "</defs>"]
    uses = [f'<use xlink:href="#m" x="{x}" y="5" style="fill: red; stroke: green"/>' for x in (1, 2, 2, 4)]
    marker, path = body(*mark, *uses)
    name = re.search(r'<marker id="(\w+)"', marker)
    assert name
    assert path == f'<path d="M1 5h1v0h2" style="fill: none; marker: url(#{name[1]})"/>'
    (rule,) = style_sheet(compact(SVG.format("\n".join([*mark, *uses])), "f"))
    assert rule.endswith("{stroke:blue;fill:red}"), "what the shape sets itself counts"
    mixed = body(*mark, uses[0], '<text x="0" y="0">a</text>', *uses)
    assert sum("<use" in line for line in mixed) == 5, "a mark that also stands alone stays one"


@given(
    st.lists(st.tuples(st.sampled_from("MLC"), *[st.floats(-999, 999).map(lambda v: round(v, 4))] * 6), max_size=20),
    st.sampled_from([1, 2]),
)
def test_short_paths_pass_through_the_same_points(steps, places):
    steps = [("M", *[0.0] * 6), *steps]
    takes = {"M": 2, "L": 2, "C": 6}
    data = " ".join(f"{command} {' '.join(map(str, numbers[: takes[command]]))}" for command, *numbers in steps)
    wanted = np.array([x for command, *numbers in steps for x in numbers[: takes[command]]])
    text = short_path(data, places=places)
    np.testing.assert_allclose(np.ravel(points(text)), wanted, atol=0.5000001 * 10.0**-places)
    assert len(text) <= len(data) + 2 * len(steps)


def test_paths_of_other_commands_stay_as_they_are():
    assert short_path("M 0 0 A 1 1 0 0 0 2 2", places=1) == "M 0 0 A 1 1 0 0 0 2 2"


def points(data: str) -> list[tuple[float, float]]:
    """The points of a path, absolute: those written, control points among them."""
    found: list[tuple[float, float]] = []
    x = y = start_x = start_y = 0.0
    for command, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", data):
        numbers = [float(n) for n in re.findall(r"-?\d*\.?\d+", text)]
        if command in "zZ":
            x, y = start_x, start_y
        elif command in "hv":
            for n in numbers:
                x, y = (x + n, y) if command == "h" else (x, y + n)
                found.append((x, y))
        else:
            size = {"m": 2, "l": 2, "c": 6, "q": 4}[command.lower()]
            for at in range(0, len(numbers), size):
                chunk = numbers[at : at + size]
                base = (0.0, 0.0) if command.isupper() else (x, y)
                ends = [(base[0] + a, base[1] + b) for a, b in zip(chunk[::2], chunk[1::2], strict=True)]
                found += ends
                x, y = ends[-1]
                if command in "Mm" and at == 0:
                    start_x, start_y = x, y
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_a_figure_keeps_every_shape_with_what_it_inherits(seed, monkeypatch):
    random = np.random.default_rng(seed)

    def drawn() -> str:
        figure = Figure(figsize=(3, 2))
        axes = figure.add_subplot()
        for shift in range(5):
            axes.plot(random_walk + shift, "o-", color="C0", alpha=0.5)
        axes.plot(random_walk, "s", color="C1")
        axes.grid(visible=True)
        axes.fill_between(range(12), random_walk - 1, random_walk + 1, alpha=0.2)
        axes.scatter(random_walk, random_walk, c=random_walk)
        return figure_svg(figure, name="f", alt="words")

    random_walk = random.normal(size=12).cumsum()
    with drawing():
        small = drawn()
        monkeypatch.setattr("varbench.report.figures.write.compact", lambda svg, name: svg)
        plain = drawn()
    assert len(small) < 0.6 * len(plain)
    ours, theirs = shapes(small), shapes(plain)
    assert ours.keys() == theirs.keys()
    for look, where in theirs.items():
        np.testing.assert_allclose(ours[look], where, atol=0.13, err_msg=str(look))


def shapes(svg: str) -> dict[tuple[object, ...], list[tuple[float, float]]]:
    """Every point that is drawn, marks and lines, by its look: the properties that it has or inherits, sorted."""
    rules = dict(re.findall(r"\.(\w+)\{([^}]*)\}", svg))
    tree = ElementTree.fromstring(svg.replace("xlink:href", "href"))
    marks = {e.get("id"): e for e in tree.iter() if e.get("id") and not e.tag.endswith("clipPath")}
    found: dict[tuple[object, ...], list[tuple[float, float]]] = {}

    def looks(element: ElementTree.Element, said: dict[str, str]) -> dict[str, str]:
        text = element.get("style") or rules.get(element.get("class") or "", "")
        own = dict(part.strip().split(":", 1) for part in text.split(";") if part.strip())
        return {**said, **{key.strip(): value.strip() for key, value in own.items()}}

    def put(look: dict[str, str], shape: str, places: list[tuple[float, float]]) -> None:
        kept = {k: short_color(v) for k, v in look.items() if k not in ("marker", "stroke-dashoffset")}
        if kept.get("fill") == "none" and "stroke" not in kept:
            return
        found.setdefault((shape, *sorted(kept.items())), []).extend(places)

    def visit(element: ElementTree.Element, said: dict[str, str]) -> None:
        tag = element.tag.rpartition("}")[2]
        look = looks(element, said)
        if tag in ("defs", "style", "marker"):
            return
        if tag == "use":
            mark = marks[element.get("href", "")[1:]]
            put(looks(mark, look), "mark", [(float(element.get("x", "")), float(element.get("y", "")))])
        elif tag == "path" and "marker" in look:
            mark = marks[re.findall(r"#(\w+)", look["marker"])[0]][0]
            put(looks(mark, {}), "mark", points(element.get("d", "")))
        elif tag == "path":
            put(look, "path", points(element.get("d", "")))
        elif tag == "text":
            put(look, "text", [(float(element.get("x", "0")), float(element.get("y", "0")))])
        for child in element:
            visit(child, look)

    visit(tree, {})
    return found


def short_color(value: str) -> str:
    value = value.replace(" ", "")
    return "#" + "".join(c * 2 for c in value[1:]) if re.fullmatch("#[0-9a-f]{3}", value) else value


def test_a_page_that_has_the_rules_of_all_its_pictures_needs_no_style_sheet_in_them():
    first, second = (
        compact(SVG.format(f'<path d="M 0 0 L 1 1" style="stroke: red"/>\n<path d="M 0 0" style="stroke: {c}"/>'), name)
        for c, name in (("blue", "a"), ("green", "b"))
    )
    assert len(style_sheet(first) & style_sheet(second)) == 1, "one style has one name in all pictures"
    assert len(style_sheet(first) | style_sheet(second)) == 3
    assert "<style>" not in without_style_sheet(first)


@pytest.mark.parametrize(("colors", "smaller"), [(3, True), (60, True), (5000, False)])
def test_small_pictures_keep_every_pixel(colors, smaller):
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, (colors, 3), dtype=np.uint8)
    pixels = palette[random.integers(0, colors, (64, 64))]
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGBA").save(buffer, "PNG")
    whole = base64.b64encode(buffer.getvalue()).decode()
    small = small_png(whole)
    assert (len(small) < 0.7 * len(whole)) == smaller
    read = np.asarray(Image.open(io.BytesIO(base64.b64decode(small))).convert("RGB"))
    np.testing.assert_array_equal(read, pixels)
