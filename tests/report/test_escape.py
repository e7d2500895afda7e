"""Text in LaTeX and Markdown: nothing a name contains becomes markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.report.escape import Safe, latex, markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % of a_b & #1", r"50 \% of a\_b \& \#1"),
        ("$x$ {y} ~ ^ \\", r"\$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}"),
        ("3.2 × 10⁻⁹", r"3.2 $\times$ 10$^{-9}$"),
        ("−0.5 ↑", r"$-$0.5 $\uparrow$"),
        ("a\nb", "a b"),
    ],
)
def test_latex_by_hand(text, expected):
    assert latex(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy_sd", "accuracy_sd"),  # an underscore inside a word is no markup
        ("_x_ *y* `z`", r"\_x\_ \*y\* \`z\`"),
        ("<script>a & b", r"\<script>a & b"),
        ("&lt;b&gt; &#60; R&D", r"\&lt;b\&gt; \&#60; R&D"),  # an entity would be read as what it stands for
        ("a < b > c", "a < b > c"),
        ("> quoted", r"\> quoted"),
        ("64.9 % [64.5, 65.3]", "64.9 % [64.5, 65.3]"),  # brackets alone are no link
        ("[a](http://b)", r"\[a\](http://b)"),
        ("# title", r"\# title"),
        ("1. item", r"1\. item"),
        ("- item", r"\- item"),
        ("a | b\nc", r"a \| b c"),
    ],
)
def test_markdown_by_hand(text, expected):
    assert markdown(text) == expected


def test_safe_markdown_is_not_escaped_again():
    assert markdown(Safe("**kept**")) == "**kept**"


@given(st.text())
def test_latex_leaves_no_special_character_bare(text):
    bare = re.sub(r"\\[&%$#_{}]|\\text\w+\{\}|\\ldots\{\}|\$(?:\\\w+|-|\^\{[-\d]+\})\$", "", latex(text))
    assert not re.search(r"[\\&%$#_{}~^<>|\n]", bare)


@given(st.text())
def test_markdown_has_neither_html_nor_table_separators(text):
    escaped = markdown(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)(?:\\\\)*<[A-Za-z/!?]", escaped)
    assert not re.search(r"(?<!\\)(?:\\\\)*&#?\w+;", escaped)
    assert not escaped.startswith(">")
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*]", escaped)
