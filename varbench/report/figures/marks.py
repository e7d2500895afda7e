"""Rows of equal shapes in SVG drawn at once: marks as the vertices of one path, lines as one path of many pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

_USE = re.compile(r'<use href="#([^"]*)" x="([^"]*)" y="([^"]*)" style="([^"]*)"/>')
_LINE = re.compile(
    r'<path d="([^"]*)"((?: clip-path="[^"]*")? style="(?![^"]*(?:opacity|marker))[^"]*fill: none[^"]*")/>'
)
_DEFINED = re.compile(r'<defs>\n<path id="([^"]*)" d="([^"]*)"(?: style="([^"]*)")?/>\n</defs>')


def gathered(svg: str) -> str:
    """The same picture, one element a line, with fewer elements."""
    lines = _labels_last(svg.split("\n"))
    return _as_vertices("\n".join(_lines_together(lines)))


def _kind(line: str) -> str:
    """What has to be equal in two lines for them to be drawn at once; empty for one that is drawn alone."""
    if match := _USE.fullmatch(line):
        return f"{match[1]} {match[4]}"
    if match := _LINE.fullmatch(line):
        return match[2]
    return "text" if line.startswith("<text ") else ""


def _labels_last(lines: Sequence[str]) -> list[str]:
    """Ticks and grid lines that alternate with their labels, which they do not touch, before all of these."""
    kinds = [_kind(line) for line in lines]
    out: list[str] = []
    place = 0
    while place < len(lines):
        pair = [kinds[place], "text"]
        end = place
        while kinds[place] not in ("", "text") and kinds[end : end + 2] == pair:
            end += 2
        if end > place:
            out += [*lines[place:end:2], *lines[place + 1 : end : 2]]
            place = end
        else:
            out.append(lines[place])
            place += 1
    return out


def _lines_together(lines: Sequence[str]) -> list[str]:
    """Neighboring lines of one opaque style as one path."""
    out: list[str] = []
    for rest, group in groupby(lines, key=lambda line: match[2] if (match := _LINE.fullmatch(line)) else ""):
        block = list(group)
        if not rest or len(block) < 2:
            out += block
            continue
        data = " ".join(match[1] for line in block if (match := _LINE.fullmatch(line)))
        out.append(f'<path d="{data}"{rest}/>')
    return out


def _as_vertices(svg: str) -> str:
    """Marks that always come in rows and in one style: their shape becomes the marker of a path through them."""
    rows = [list(group) for _, group in groupby(svg.split("\n"), key=_kind)]
    looks: dict[str, set[tuple[str, bool]]] = {}
    for row in rows:
        if match := _USE.fullmatch(row[0]):
            looks.setdefault(match[1], set()).add((match[4], len(row) > 1))
    defined = {name for name, _, _ in _DEFINED.findall(svg)}
    styles = {
        name: style
        for name, found in looks.items()
        for style, several in found
        if several and len(found) == 1 and name in defined
    }

    def marker(match: re.Match[str]) -> str:
        if match[1] not in styles:
            return match[0]
        style = "; ".join(part for part in (match[3], styles[match[1]]) if part)
        attributes = f'id="{match[1]}" overflow="visible" markerUnits="userSpaceOnUse"'
        return f'<marker {attributes}><path d="{match[2]}" style="{style}"/></marker>'

    out: list[str] = []
    for row in rows:
        marks = [match for match in map(_USE.fullmatch, row) if match]
        if marks and marks[0][1] in styles:
            points = " L ".join(f"{mark[2]} {mark[3]}" for mark in marks)
            out.append(f'<path d="M {points}" style="fill: none; marker: url(#{marks[0][1]})"/>')
        else:
            out += row
    return _DEFINED.sub(marker, "\n".join(out))
