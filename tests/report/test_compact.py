"""SVG made smaller: the same shapes in the same order with the same looks."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from varbench.report.figures.compact import compact
from varbench.report.figures.write import drawing, figure_svg

LINES = """<svg>
<g>
<g/>
<g>
<path d="M 1 2 L 3.25 4.5 L -5 6" style="stroke: red"/>
<path d="M 1 2 L 3 4" style="stroke: red"/>
</g>
</g>
<g clip-path="url(#a)">
<use xlink:href="#m" x="1" y="2" style="fill: blue; fill-opacity: 0.5"/>
<use xlink:href="#m" x="3" y="4" style="fill: blue; fill-opacity: 0.5"/>
<use xlink:href="#m" x="5" y="6" style="fill: green"/>
<path d="M 0 0 L 1 1" style="fill: red; opacity: 0.5"/>
<path d="M 0 0 L 2 2" style="fill: red; opacity: 0.5"/>
</g>
</svg>"""


def test_bare_groups_go_and_neighbors_share_their_style():
    assert (
        compact(LINES)
        == """<svg>
<g style="stroke: red">
<path d="M 1 2 3.25 4.5 -5 6"/>
<path d="M 1 2 3 4"/>
</g>
<g clip-path="url(#a)">
<g style="fill: blue; fill-opacity: 0.5">
<use xlink:href="#m" x="1" y="2"/>
<use xlink:href="#m" x="3" y="4"/>
</g>
<use xlink:href="#m" x="5" y="6" style="fill: green"/>
<path d="M 0 0 1 1" style="fill: red; opacity: 0.5"/>
<path d="M 0 0 2 2" style="fill: red; opacity: 0.5"/>
</g>
</svg>"""
    ), "an opacity of each is not one of all"


def test_long_paths_are_drawn_to_the_tenth_and_marks_to_the_hundredth():
    short = "M 0.25 0 L 1.25 1.75"
    long = "M 0 -0.04 " + " ".join(f"L {i}.26 {i}.96" for i in range(9))
    text = compact(f'<svg>\n<path d="{short}" id="a"/>\n<path d="{long}" id="b"/>\n</svg>')
    assert 'd="M 0.25 0 1.25 1.75"' in text
    assert 'd="M 0 0 0.3 1 1.3 2' in text


@pytest.mark.parametrize("seed", [0, 1])
def test_a_figure_keeps_every_shape_with_what_it_inherits(seed, monkeypatch):
    random = np.random.default_rng(seed)

    def drawn() -> str:
        figure = Figure(figsize=(3, 2))
        axes = figure.add_subplot()
        for _ in range(5):
            axes.plot(random_walk, "o-", color="C0", alpha=0.5)
        axes.fill_between(range(12), random_walk - 1, random_walk + 1, alpha=0.2)
        axes.scatter(random_walk, random_walk, c=random_walk)
        return figure_svg(figure, name="f", alt="words")

    random_walk = random.normal(size=12).cumsum()
    with drawing():
        small = drawn()
        monkeypatch.setattr("varbench.report.figures.write.compact", lambda svg: svg)
        plain = drawn()
    assert len(small) < 0.85 * len(plain)
    assert shapes(small) == shapes(plain)


def shapes(svg: str) -> list[tuple[str, dict[str, str], int]]:
    """Every element that is no group: its tag, what it and the groups around it say, and the length of its path."""
    found = []

    def visit(element: ElementTree.Element, said: dict[str, str]) -> None:
        own = {k: v for k, v in element.attrib.items() if k != "d"}
        style = {**said, **own}
        tag = element.tag.rpartition("}")[2]
        if tag != "g":
            found.append((tag, style, len([c for c in element.get("d", "") if c == "M"])))
        for child in element:
            visit(child, {k: v for k, v in style.items() if k in ("style", "clip-path", "transform")})

    visit(ElementTree.fromstring(svg), {})
    return found
