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
    """Number → content, from the table or the cross-reference stream at the end, as a reader finds them."""
    start = int(data[data.rindex(b"startxref") :].split()[1])
    if data[start:].startswith(b"xref"):
        table = data[start:].split(b"\n", 2)[2]
        entries = [table[20 * i : 20 * i + 20] for i in range(int(data[start:].split()[2]))]
        places = {n: int(entry[:10]) for n, entry in enumerate(entries) if entry[17:18] == b"n"}
        return {n: at(data, n, place) for n, place in places.items()}
    rows = stream(data[start : data.index(b"endobj", start)])
    assert rows is not None
    entries = [
        (r[0], int.from_bytes(r[1:5]), int.from_bytes(r[5:])) for r in (rows[i : i + 7] for i in range(0, len(rows), 7))
    ]
    found = {n: at(data, n, place) for n, (kind, place, _) in enumerate(entries) if kind == 1}
    for number, (kind, holder, place) in enumerate(entries):
        if kind == 2:
            count, first = (int(re.search(key + rb" (\d+)", found[holder])[1]) for key in (b"/N", b"/First"))
            content = stream(found[holder])
            assert content is not None
            index = [int(n) for n in content[:first].split()]
            assert (len(index), index[2 * place]) == (2 * count, number)
            ends = [*index[3::2], len(content) - first]
            found[number] = content[first + index[2 * place + 1] : first + ends[place]]
    return found


def at(data: bytes, number: int, place: int) -> bytes:
    assert data[place:].startswith(b"%d 0 obj" % number)
    return data[place : data.index(b"endobj", place)]


def stream(content: bytes) -> bytes | None:
    match = re.search(rb"/Length (\d+)(?!\d| \d+ R).*?stream\n", content, re.DOTALL)
    if match is None:
        return None
    packed = content[match.end() : match.end() + int(match[1])]
    assert content[match.end() + int(match[1]) :].strip() == b"endstream"
    return zlib.decompress(packed) if b"/FlateDecode" in content else packed


def pages(data: bytes) -> list[bytes]:
    """What is drawn on each page, in order, by the references from the root on."""
    found = objects(data)
    root = re.search(rb"/Root (\d+) 0 R", data[data.rindex(b"/Root") :])
    tree = re.search(rb"/Pages (\d+) 0 R", found[int(root[1])])
    kids = re.search(rb"/Kids \[(.*?)\]", found[int(tree[1])], re.DOTALL)
    contents = (re.search(rb"/Contents (\d+) 0 R", found[int(kid)]) for kid in re.findall(rb"(\d+) 0 R", kids[1]))
    packed = (re.search(rb"stream\n(.*)\nendstream", found[int(content[1])], re.DOTALL) for content in contents)
    return [zlib.decompress(match[1]) for match in packed]


def test_a_smaller_pdf_has_the_same_pages_and_the_same_words():
    plain = written()
    small = compact_pdf(plain)
    assert len(small) < 0.8 * len(plain)
    strip = re.compile(rb"\((?:\\.|[^()\\])*\)", re.DOTALL)
    assert len(pages(small)) == len(pages(plain)) == 3
    for drawn, before in zip(pages(small), pages(plain), strict=True):
        assert strip.findall(before)
        assert strip.findall(drawn) == strip.findall(before), "words are not numbers"
        a, b = (np.array([float(n) for n in re.findall(rb"-?\d+\.?\d*", strip.sub(b"", d))]) for d in (drawn, before))
        np.testing.assert_allclose(a, b, atol=0.051)


def test_every_reference_leads_to_an_object_and_no_stream_is_there_twice():
    small = compact_pdf(written())
    found = objects(small)
    heads = {n: content.partition(b"stream\n")[0] for n, content in found.items()}
    string = re.compile(rb"\((?:\\.|[^()\\])*\)", re.DOTALL)
    referred = {int(n) for head in heads.values() for n in re.findall(rb"\b(\d+) 0 R", string.sub(b"", head))}
    assert referred <= found.keys()
    streams = [re.sub(rb"^\d+ 0 obj", b"", content) for content in found.values() if b"\nstream\n" in content]
    assert len(set(streams)) == len(streams)
    images = [content for content in objects(written()).values() if b"/Image" in content and b"stream" in content]
    kept = [content for content in found.values() if b"/Image" in content and b"stream" in content]
    data = [{re.search(rb"stream\n(.*)\nendstream", c, re.DOTALL)[1] for c in some} for some in (images, kept)]
    assert data[0] == data[1], "pixels stay as they are"


def test_the_same_pdf_twice_is_the_same_bytes():
    plain = written()
    assert compact_pdf(plain) == compact_pdf(plain)
