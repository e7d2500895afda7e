"""Path data of SVG written short: relative steps on a grid too fine to see."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"[A-Za-z]|-?\d*\.?\d+(?:e-?\d+)?")
_PAIRS = {"M": 1, "L": 1, "Q": 2, "C": 3}
"""Points that a command takes; all of them absolute, as matplotlib writes them."""


def short_path(data: str, *, places: int) -> str:
    """The same path in relative steps of so many decimals; data with commands beyond M, L, Q, C and z stay.

    Every point is rounded by itself before its step is taken, so that no error adds up.
    """
    if set(re.findall(r"[A-Za-z]", data.replace("e-", ""))) - {*_PAIRS, "z"}:
        return data
    commands = list(_commands(data))
    scale = 10**places
    out: list[str] = []
    x = y = start_x = start_y = 0
    said = ""
    for command, points in commands:
        if command == "z":
            out.append("z")
            x, y, said = start_x, start_y, "z"
            continue
        ends = [(round(a * scale), round(b * scale)) for a, b in points]
        if command == "M":
            x, y = start_x, start_y = ends[0]
            out.append("M" + _joined((x, y), places))
            said = "M"
            continue
        steps = [(a - x, b - y) for a, b in ends]
        if command == "L" and 0 in steps[0]:
            letter = "v" if steps[0][0] == 0 else "h"
            numbers: tuple[int, ...] = (steps[0][1] or steps[0][0],)
        else:
            letter = command.lower()
            numbers = tuple(number for step in steps for number in step)
        text = _joined(numbers, places)
        follows = letter == said
        out.append(text if follows and text[0] == "-" else f" {text}" if follows else letter + text)
        said = letter
        x, y = ends[-1]
    return "".join(out)


def _commands(data: str) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    tokens = iter(_TOKEN.findall(data))
    command = ""
    for token in tokens:
        if token == "z":
            yield "z", []
            continue
        if token in _PAIRS:
            command, token = token, next(tokens)
        numbers = [float(token), *(float(next(tokens)) for _ in range(2 * _PAIRS[command] - 1))]
        yield command, list(zip(numbers[::2], numbers[1::2], strict=True))
        command = "L" if command == "M" else command


def _joined(numbers: tuple[int, ...], places: int) -> str:
    """Whole multiples of a unit in the last place, parted by a blank only where they would run together."""
    texts = [_number(n, places) for n in numbers]
    return texts[0] + "".join(t if t[0] == "-" else f" {t}" for t in texts[1:])


def _number(units: int, places: int) -> str:
    whole, part = divmod(abs(units), 10**places)
    decimals = f"{part:0{places}d}".rstrip("0")
    digits = f"{whole or ''}.{decimals}" if decimals else f"{whole}"
    return f"-{digits}" if units < 0 else digits
