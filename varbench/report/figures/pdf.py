"""A PDF of matplotlib in fewer bytes: shorter coordinates, equal objects once, and small ones packed together.

Its coordinates have up to ten decimals, of which no printer shows three, and every marker of every page is an object
of its own. Object and cross-reference streams (ISO 32000-1, 7.5.7 and 7.5.8; PDF 1.5) pack what is no stream.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping

_NUMBER = re.compile(rb"\((?:\\.|[^()\\])*\)|<[0-9A-Fa-f]*>|-?\d+\.\d+", re.DOTALL)  # strings are passed over
_STREAM = re.compile(rb"(.*?)\nstream\r?\n(.*)\r?\nendstream", re.DOTALL)
_LENGTH = re.compile(rb"/Length \d+(?: \d+ R)?")
_REFERENCE = re.compile(rb"\((?:\\.|[^()\\])*\)|\b(\d+) 0 R\b", re.DOTALL)  # strings are passed over
HEADER = b"%PDF-1.5\n%\xac\xdc \xab\xba\n"


def compact_pdf(data: bytes) -> bytes:
    """The same pages, their content rounded to a tenth or a hundredth of a point and colors to a thousandth.

    Args:
        data: A file with one table of objects and no updates, as matplotlib writes it.
    """
    objects, trailer = _read(data)
    objects = _without_copies({number: _smaller(thing) for number, thing in objects.items()})
    kept = list(dict.fromkeys(_reached(objects, trailer)))
    new = {old: place for place, old in enumerate(sorted(kept, key=lambda n: _is_stream(objects[n])), start=1)}
    ours = {new[old]: _renamed(objects[old], new) for old in kept}
    return _written(ours, _renamed(trailer, new))


def _read(data: bytes) -> tuple[dict[int, bytes], bytes]:
    """Content of every object by number, and the entries of the trailer."""
    start = int(data[data.rindex(b"startxref") :].split()[1])
    table = data.index(b"trailer", start)
    lines = data[start:table].splitlines()[2:]
    places = {int(line[:10]): number for number, line in enumerate(lines) if line.rstrip().endswith(b"n")}
    ends = [*sorted(places)[1:], start]
    found = {}
    for begin, end in zip(sorted(places), ends, strict=True):
        whole = data[begin:end]
        found[places[begin]] = whole[whole.index(b"obj") + 3 : whole.rindex(b"endobj")].strip()
    return found, b" ".join(re.findall(rb"/(?:Root|Info) \d+ 0 R", data[table:]))


def _smaller(thing: bytes) -> bytes:
    """A stream with its length in place and, if it draws something, in shorter numbers."""
    match = _STREAM.fullmatch(thing)
    if match is None:
        return thing
    head, packed = match[1], match[2]
    if b"/FlateDecode" in head and b"/Length1" not in head and b"/Image" not in head:
        packed = zlib.compress(_NUMBER.sub(_rounded, zlib.decompress(packed)), 9)
    head = _LENGTH.sub(b"/Length %d" % len(packed), head, count=1)
    return b"%s\nstream\n%s\nendstream" % (_on_one_line(head), packed)


def _on_one_line(thing: bytes) -> bytes:
    """The object without idle blanks, unless it holds a string, which may be of any bytes."""
    return thing if b"(" in thing else b" ".join(thing.split())


def _rounded(match: re.Match[bytes]) -> bytes:
    text = match[0]
    if text[:1] in (b"(", b"<"):
        return text
    value = float(text)
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    short = (b"%.*f" % (decimals, value)).rstrip(b"0").rstrip(b".")
    return b"0" if short in (b"", b"-0", b"-") else short


def _without_copies(objects: Mapping[int, bytes]) -> dict[int, bytes]:
    """Every stream once: references to its copies lead to the first."""
    first: dict[bytes, int] = {}
    same = {n: first.setdefault(objects[n], n) if _is_stream(objects[n]) else n for n in sorted(objects)}
    return {n: _renamed(objects[n], same) for n in objects if same[n] == n}


def _renamed(thing: bytes, names: Mapping[int, int]) -> bytes:
    """The object with other numbers in its references, which are not in the data of a stream."""
    head, mark, rest = thing.partition(b"\nstream\n")

    def name(match: re.Match[bytes]) -> bytes:
        return match[0] if match[1] is None else b"%d 0 R" % names.get(int(match[1]), int(match[1]))

    return _REFERENCE.sub(name, head) + mark + rest


def _reached(objects: Mapping[int, bytes], thing: bytes) -> Iterator[int]:
    waiting, seen = [thing], set[int]()
    while waiting:
        for match in _REFERENCE.finditer(waiting.pop().partition(b"\nstream\n")[0]):
            number = int(match[1] or 0)
            if number in objects and number not in seen:
                seen.add(number)
                yield number
                waiting.append(objects[number])


def _is_stream(thing: bytes) -> bool:
    return b"\nstream\n" in thing


def _written(objects: Mapping[int, bytes], trailer: bytes) -> bytes:
    """Streams one after another, all else in one object stream, and where each is in a cross-reference stream."""
    packed = [number for number in sorted(objects) if not _is_stream(objects[number])]
    bodies, places, at = [], [], 0
    for number in packed:
        bodies.append(_on_one_line(objects[number]))
        places.append(b"%d %d" % (number, at))
        at += len(bodies[-1]) + 1
    index = b" ".join(places) + b" "
    holder, table = len(objects) + 1, len(objects) + 2
    streams = {number: objects[number] for number in sorted(objects) if _is_stream(objects[number])}
    head = b"/Type /ObjStm /N %d /First %d" % (len(packed), len(index))
    streams[holder] = _stream(head, index + b" ".join(bodies))
    out = bytearray(HEADER)
    entries = {0: (0, 0, 65535), **{number: (2, holder, place) for place, number in enumerate(packed)}}
    for number, thing in streams.items():
        entries[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, thing)
    start = len(out)
    entries[table] = (1, start, 0)
    rows = b"".join(
        bytes([kind]) + where.to_bytes(4) + place.to_bytes(2)
        for kind, where, place in map(entries.get, range(table + 1))
    )
    head = b"/Type /XRef /Size %d /W [1 4 2] %s" % (table + 1, trailer)
    out += b"%d 0 obj\n%s\nendobj\n" % (table, _stream(head, rows))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def _stream(head: bytes, content: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    return b"<< %s /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (head, len(packed), packed)
