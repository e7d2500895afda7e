"""Text made safe for LaTeX and Markdown (HTML is escaped by the templates themselves)."""

from __future__ import annotations

import re

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "×": r"$\times$",
    "−": r"$-$",
    "·": r"$\cdot$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≈": r"$\approx$",
    "√": r"$\surd$",
    "→": r"$\to$",
    "✓": r"$\checkmark$",
    "…": r"\ldots{}",
    "—": "---",
    "–": "--",
    "\n": " ",
    "\r": " ",
}
_SUPERSCRIPT = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_PLAIN_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_MARKDOWN_INLINE = re.compile(r"([\\`*|~$]|(?<!\w)_|_(?!\w))")  # an underscore inside a word is no markup
_MARKDOWN_LINK = re.compile(r"([\[\]])")
_MARKDOWN_HTML = re.compile(r"&(?=#?\w+;)|<(?=[A-Za-z/!?])")  # what would be read as an entity or as a tag
_MARKDOWN_LINE_START = re.compile(r"^(#{1,6}|[-+=]+|\d+[.)])(?=\s|$)|^>")


class Safe(str):
    """Text that is already written in the output language and must not be escaped again."""

    __slots__ = ()


def latex(text: str) -> str:
    """Plain text as LaTeX; superscript digits become math."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return _SUPERSCRIPT.sub(lambda match: f"$^{{{match[0].translate(_PLAIN_DIGITS)}}}$", escaped)


def markdown(text: object) -> Safe:
    """Plain text as Markdown on one line: no markup, no HTML, no table separators.

    Characters are escaped by a backslash and never written as HTML entities, which a reader of the source would see.
    """
    if isinstance(text, Safe):
        return text
    flat = " ".join(str(text).split())
    escaped = _MARKDOWN_HTML.sub(r"\\\g<0>", _MARKDOWN_INLINE.sub(r"\\\1", flat))
    if re.search(r"\][(\[:]", escaped):  # brackets alone, as in an interval, are no link
        escaped = _MARKDOWN_LINK.sub(r"\\\1", escaped)
    return Safe(_MARKDOWN_LINE_START.sub(lambda m: f"{m[0][:-1]}\\{m[0][-1]}", escaped))
