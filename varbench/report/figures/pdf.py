"""A PDF of matplotlib in fewer bytes: its coordinates have up to ten decimals, of which no printer shows three."""

from __future__ import annotations

import re
import zlib

_NUMBER = re.compile(rb"\((?:\\.|[^()\\])*\)|<[0-9A-Fa-f]*>|-?\d+\.\d+", re.DOTALL)  # strings are passed over
_STREAM = re.compile(rb"(.*?\nstream\r?\n)(.*)\r?\nendstream", re.DOTALL)
_LENGTH = re.compile(rb"/Length \d+(?: \d+ R)?")


def compact_pdf(data: bytes) -> bytes:
    """The same pages, their content rounded to a tenth or a hundredth of a point and colors to a thousandth.

    The file has one table of objects and no updates, as matplotlib writes it.
    """
    start = int(data[data.rindex(b"startxref") :].split()[1])
    trailer = data[data.index(b"trailer", start) : data.rindex(b"startxref")]
    lines = data[start : data.index(b"trailer", start)].splitlines()[2:]
    places = {int(line[:10]): number for number, line in enumerate(lines) if line.rstrip().endswith(b"n")}
    ends = [*sorted(places)[1:], start]
    out = bytearray(data[: min(places)])
    found: dict[int, int] = {}
    for begin, end in zip(sorted(places), ends, strict=True):
        found[places[begin]] = len(out)
        out += _smaller(data[begin:end])
    table = [
        b"%010d 00000 n \n" % found[number] if number in found else b"0000000000 65535 f \n"
        for number in range(len(lines))
    ]
    xref = b"xref\n0 %d\n%s" % (len(table), b"".join(table))
    return bytes(out) + xref + trailer + b"startxref\n%d\n%%%%EOF\n" % len(out)


def _smaller(thing: bytes) -> bytes:
    match = _STREAM.search(thing)
    if match is None or b"/FlateDecode" not in match[1] or b"/Length1" in match[1] or b"/Image" in match[1]:
        return thing
    packed = zlib.compress(_NUMBER.sub(_rounded, zlib.decompress(match[2])), 9)
    return _LENGTH.sub(b"/Length %d" % len(packed), match[1], count=1) + packed + b"\nendstream\nendobj\n"


def _rounded(match: re.Match[bytes]) -> bytes:
    text = match[0]
    if text[:1] in (b"(", b"<"):
        return text
    value = float(text)
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    short = (b"%.*f" % (decimals, value)).rstrip(b"0").rstrip(b".")
    return b"0" if short in (b"", b"-0", b"-") else short
