"""Smaller SVG that draws the same: what matplotlib writes for every mark is written once where it can be."""

from __future__ import annotations

import re
from itertools import groupby

_PIECE = re.compile(r"(<[^>]*>)")  # matplotlib escapes > inside attributes and text
_SHAPE = re.compile(r'<(path|use) ((?:d|xlink:href)="[^"]*"(?: x="[^"]*")?(?: y="[^"]*")?) (.+)/>')
_NOT_SHARED = re.compile(r"(?<![-a-z])opacity|transform|\bid=|xlink:href|\bd=")
"""A group with an opacity or a transform is not what its members with it are; the others are inherited one by one."""

_PATH = re.compile(r' d="([^"]*)"')
_LINE_TO = re.compile(r"(?<=[0-9]) L (?=[-0-9])")
_HUNDREDTHS = re.compile(r"-?\d+\.\d\d\b")

LONG = 8
"""Points from which on a path is drawn to the tenth of a point: too fine to see, and marks keep their hundredths."""


def compact(svg: str) -> str:
    """The same picture without groups that say nothing, with styles that neighbors share on a group around them."""
    return _PATH.sub(_short_path, _shared_styles(_without_bare_groups(svg)))


def _without_bare_groups(svg: str) -> str:
    kept: list[str] = []
    bare: list[bool] = []
    for piece in _PIECE.split(svg):
        if piece == "<g/>":
            continue
        if piece == "</g>":
            if bare.pop():
                continue
        elif piece.startswith(("<g>", "<g ")) and not piece.endswith("/>"):
            bare.append(piece == "<g>")
            if bare[-1]:
                continue
        kept.append(piece)
    return re.sub(r"\n\s*\n+", "\n", "".join(kept))


def _shared_styles(svg: str) -> str:
    found = []
    for shared, lines in groupby(svg.split("\n"), key=_style_of):
        block = list(lines)
        if shared is None or len(block) < 2:
            found += block
            continue
        style = shared[1]
        found += [f"<g {style}>", *(line.replace(f" {style}/>", "/>") for line in block), "</g>"]
    return "\n".join(found)


def _style_of(line: str) -> tuple[str, str] | None:
    """Tag and style of a line that is one path or one mark and could leave its style to a group; None otherwise."""
    match = _SHAPE.fullmatch(line)
    return (match[1], match[3]) if match and not _NOT_SHARED.search(match[3]) else None


def _short_path(match: re.Match[str]) -> str:
    text = match[1]
    if text.count(" L ") + text.count(" C ") >= LONG:
        text = _HUNDREDTHS.sub(_tenths, text)
    return f' d="{_LINE_TO.sub(" ", text)}"'


def _tenths(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
