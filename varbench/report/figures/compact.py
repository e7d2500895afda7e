"""Smaller SVG that draws the same: what matplotlib writes for every mark is written once where it can be."""

from __future__ import annotations

import hashlib
import re
from itertools import groupby

from varbench.report.figures.marks import gathered
from varbench.report.figures.strokes import short_path

_PIECE = re.compile(r"(<[^>]*>)")  # matplotlib escapes > inside attributes and text
_SHAPE = re.compile(r'<(path|use) ((?:d|href)="[^"]*"(?: x="[^"]*")?(?: y="[^"]*")?) (.+)/>')
_TEXT = re.compile(r'<text (style="[^"]*")[^>]*>[^<]*</text>')
_NOT_SHARED = re.compile(r"(?<![-a-z])opacity|transform|\bid=|href|\bd=")
"""A group with an opacity or a transform is not what its members with it are; the others are inherited one by one."""

_UNSEEN = re.compile(r'<path d="[^"]*"(?: clip-path="[^"]*")? style="(?:fill: none|fill: none; opacity: 0)"/>\n?')
_MARK = re.compile(r'<path id="([^"]*)"[^>]*? style="([^"]*)"')
_USE = re.compile(r'<use href="#([^"]*)"([^>]*?) style="([^"]*)"')
_PATH = re.compile(r'(<path |<marker [^>]*><path )([^>]*?\bd=")([^"]*)"')
_FAR = re.compile(r"\d{2}\.|\d{2} ")  # a shape that wide is a band, no mark
_ID = re.compile(r'\bid="([^"]*)"')
_STYLE = re.compile(r'\bstyle="((?:(?!url\()[^"])*)"')
_STYLE_SHEET = re.compile(r"<style>([^<]*)</style>\n?")
_SAID_BY_THE_PAGE = re.compile(r' (?:xmlns|font-family|stroke-linejoin|width|height)="[^"]*"')
_GRAY = re.compile(r"#([0-9a-f])\1([0-9a-f])\2([0-9a-f])\3\b")
_DECLARATION = re.compile(r"\s*([:;])\s*")


def compact(svg: str, name: str) -> str:
    """The same picture in fewer bytes; its identifiers are unique to `name`.

    Groups that say nothing and shapes that nobody sees are gone; neighbors of one style share it through a group; every
    style is written once, in a style sheet under a class that is called after it, the same in all figures.
    """
    svg = _UNSEEN.sub(
        "", svg.replace("xlink:href=", "href=").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    )
    svg = _shared_styles(gathered(_without_bare_groups(_without_idle_styles(svg))))
    svg = _PATH.sub(_shortened, svg)
    return _with_style_sheet(_short_identifiers(svg, name))


def style_sheet(svg: str) -> set[str]:
    """The rules of the style sheet inside a compact picture."""
    return {rule + "}" for sheet in _STYLE_SHEET.findall(svg) for rule in sheet.split("}") if rule}


def without_style_sheet(svg: str) -> str:
    """A compact picture as part of a page that has the rules of its style sheet, and type and size from it."""
    opening, rest = _STYLE_SHEET.sub("", svg).split(">", 1)
    return f"{_SAID_BY_THE_PAGE.sub('', opening)}>{rest}"


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


def _without_idle_styles(svg: str) -> str:
    """Marks without the properties that the shape they repeat sets itself: there they change nothing."""
    own = {name: {part.partition(":")[0].strip() for part in style.split(";")} for name, style in _MARK.findall(svg)}

    def kept(match: re.Match[str]) -> str:
        parts = [p.strip() for p in match[3].split(";")]
        left = [p for p in parts if p.partition(":")[0] not in own.get(match[1], ())]
        return f'<use href="#{match[1]}"{match[2]} style="{"; ".join(left)}"' if left else match[0]

    return _USE.sub(kept, svg)


def _shared_styles(svg: str) -> str:
    found = []
    for shared, lines in groupby(svg.split("\n"), key=_style_of):
        block = list(lines)
        if shared is None or len(block) < 2:
            found += block
            continue
        style = shared[1]
        found += [f"<g {style}>", *(line.replace(f" {style}", "", 1) for line in block), "</g>"]
    return "\n".join(found)


def _style_of(line: str) -> tuple[str, str] | None:
    """Tag and style of a line that is one path, mark or text and could leave its style to a group; None otherwise."""
    if match := _TEXT.fullmatch(line):
        return "text", match[1]
    match = _SHAPE.fullmatch(line)
    return (match[1], match[3]) if match and not _NOT_SHARED.search(match[3]) else None


def _shortened(match: re.Match[str]) -> str:
    """A path to the tenth of a point, too fine to see; the shape of a mark to the hundredth."""
    is_mark = ("<marker" in match[1] or "id=" in match[2]) and not _FAR.search(match[3])
    return f'{match[1]}{match[2]}{short_path(match[3], places=2 if is_mark else 1)}"'


def _short_identifiers(svg: str, name: str) -> str:
    stem = _letters(name, 4)
    for index, old in enumerate(dict.fromkeys(_ID.findall(svg))):
        new = f"{stem}{index:x}"
        for before, after in (('id="', '"'), ('href="#', '"'), ("url(#", ")")):
            svg = svg.replace(f"{before}{old}{after}", f"{before}{new}{after}")
    return svg


def _with_style_sheet(svg: str) -> str:
    rules: dict[str, str] = {}

    def classed(match: re.Match[str]) -> str:
        style = _GRAY.sub(r"#\1\2\3", _DECLARATION.sub(r"\1", match[1].strip().rstrip(";")))
        style = style.replace("stroke-dashoffset:0;", "").replace("text-anchor:start;", "")
        name = _letters(style, 5)
        rules[name] = style
        return f'class="{name}"'

    body = _STYLE.sub(classed, svg)
    sheet = "".join(f".{name}{{{style}}}" for name, style in sorted(rules.items()))
    return re.sub(r"(<svg [^>]*>)\n?", lambda match: f"{match[1]}\n<style>{sheet}</style>\n", body, count=1)


def _letters(text: str, length: int) -> str:
    """So many letters and digits, a letter first, that stand for a text."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    letters = chr(ord("a") + number % 26)
    number //= 26
    while len(letters) < length:
        letters += "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]
        number //= 36
    return letters
