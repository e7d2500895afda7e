"""A figure as bytes: compact SVG with real text, and PDF; the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from varbench.report.figures.compact import compact
from varbench.report.figures.pdf import compact_pdf
from varbench.report.figures.pixels import small_png
from varbench.report.figures.style import STYLE

FONTS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

_TAG = re.compile(r"<[^>]*>")  # matplotlib escapes > inside attributes and text
_DATA = re.compile(r'( (?:d|x|y|width|height|points)=")([^"]*)(")')
_PNG = re.compile(r"(data:image/png;base64,)\s*([A-Za-z0-9+/=\s]+)")
_NUMBER = re.compile(r"-?\d+\.\d+")


@contextmanager
def drawing() -> Iterator[None]:
    """The style of the report, whatever the user's own matplotlib settings; they are back afterwards."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A name in another script is shown by the reader's own fonts; only its width is estimated.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
        mpl.rcdefaults()
        settings: Any = STYLE  # its keys are literals to the type checker
        mpl.rcParams.update(settings)
        yield


def figure_svg(figure: Figure, *, name: str, alt: str) -> str:
    """The figure as one `<svg>` element; its identifiers are unique to `name`, so that many fit in one page.

    Text stays text: it is laid out for DejaVu Sans, wider than the fonts it may be shown in, so it never
    collides; `alt` becomes the accessible name.
    """
    with mpl.rc_context({"svg.hashsalt": name}):
        return _compact(_save(figure, "svg", {"Date": None, "Creator": None}).decode(), name, alt)


def figure_pdf(figure: Figure) -> bytes:
    """The figure as PDF with embedded fonts and without dates."""
    return figures_pdf([figure])


def figures_pdf(figures: Sequence[Figure]) -> bytes:
    """One PDF with a page for each figure, in order: all share their fonts, which is most of a small figure's size."""
    buffer = io.BytesIO()
    with PdfPages(buffer, metadata={"CreationDate": None, "Creator": None, "Producer": None}) as pages:
        for figure in figures:
            pages.savefig(figure, transparent=True)
    return compact_pdf(buffer.getvalue())


def _save(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=metadata, transparent=True)
    return buffer.getvalue()


def _compact(svg: str, name: str, alt: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r">\s*\n\s*<", ">\n<", _TAG.sub(_compact_tag, body)).replace(' version="1.1"', "", 1)
    attributes = f'role="img" aria-label="{escape(alt)}" font-family="{FONTS}" stroke-linejoin="round"'
    return compact(body.replace("<svg ", f"<svg {attributes} ", 1), name).strip() + "\n"


def _compact_tag(match: re.Match[str]) -> str:
    tag = re.sub(r'^<g id="[^"]*"', "<g", match[0])
    tag = re.sub(r"font: ([^;\"']*?)([\d.]+px) [^;\"]*", _longhand, tag)  # before matplotlib 3.11
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", tag)
    if tag.startswith("<image"):
        tag = _PNG.sub(lambda m: f"{m[1]}{small_png(m[2])}", tag)
    places = 1 if tag.startswith(("<use", "<text")) else 2
    return _DATA.sub(lambda m: m[1] + _NUMBER.sub(lambda n: _rounded(n, places), " ".join(m[2].split())) + m[3], tag)


def _longhand(match: re.Match[str]) -> str:
    weight = match[1].strip()
    return (f"font-weight: {weight}; " if weight else "") + f"font-size: {match[2]}"


def _rounded(match: re.Match[str], places: int) -> str:
    text = f"{float(match[0]):.{places}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
