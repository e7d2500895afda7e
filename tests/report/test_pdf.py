"""A smaller PDF: the same objects where its table says, the same words, coordinates rounded."""

from __future__ import annotations

import io
import re
import zlib

import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from varbench.report.figures.pdf import compact_pdf
from varbench.report.figures.write import drawing


def written() -> bytes:
    buffer = io.BytesIO()
    with drawing(), PdfPages(buffer) as pages:
        for page in range(3):
            figure = Figure(figsize=(3, 2))
            axes = figure.add_subplot()
            axes.plot(np.random.default_rng(page).normal(size=(60, 30)).cumsum(axis=0), "-")
            axes.imshow(np.random.default_rng(page).random((8, 8)))
            axes.text(0, 0, "0.123456789 (and \\ 7.654321) [1.234567]")
            pages.savefig(figure)
    return buffer.getvalue()


def objects(data: bytes) -> dict[int, bytes]:
    """Number → content, from the table at the end, as a reader finds them."""
    start = int(data[data.rindex(b"startxref") :].split()[1])
    count = int(data[start:].split()[2])
    table = data[start:].split(b"\n", 2)[2]
    entries = [table[20 * i : 20 * i + 20] for i in range(count)]
    found = {}
    for number, entry in enumerate(entries):
        if entry[17:18] == b"n":
            place = int(entry[:10])
            assert data[place:].startswith(b"%d 0 obj" % number)
            found[number] = data[place : data.index(b"endobj", place)]
    return found


def stream(content: bytes) -> bytes | None:
    match = re.search(rb"/Length (\d+)(?!\d| \d+ R).*?stream\n", content, re.DOTALL)
    if match is None:
        return None
    packed = content[match.end() : match.end() + int(match[1])]
    assert content[match.end() + int(match[1]) :].strip() == b"endstream"
    return zlib.decompress(packed) if b"/FlateDecode" in content else packed


def test_a_smaller_pdf_has_the_same_objects_and_the_same_words():
    plain = written()
    small = compact_pdf(plain)
    assert len(small) < 0.9 * len(plain)
    ours, theirs = objects(small), objects(plain)
    assert ours.keys() == theirs.keys()
    pages = 0
    for number, content in ours.items():
        drawn = stream(content)
        whole = re.search(rb"stream\n(.*)\nendstream", theirs[number], re.DOTALL)
        if drawn is None or whole is None or b"FlateDecode" not in content:
            continue
        before = zlib.decompress(whole[1])
        if b"BT\n" not in before:
            continue
        pages += 1
        strip = re.compile(rb"\((?:\\.|[^()\\])*\)", re.DOTALL)
        assert strip.findall(before)
        assert strip.findall(drawn) == strip.findall(before), "words are not numbers"
        a, b = (np.array([float(n) for n in re.findall(rb"-?\d+\.?\d*", strip.sub(b"", d))]) for d in (drawn, before))
        np.testing.assert_allclose(a, b, atol=0.051)
    assert pages == 3


def test_the_same_pdf_twice_is_the_same_bytes_and_small_already():
    small = compact_pdf(written())
    assert compact_pdf(small) == small
