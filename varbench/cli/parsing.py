"""Parsing a command's arguments: the framed page that the parser prints about a mistake becomes one sentence."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence

WIDE = "1000"
"""Columns in which the parser is to write, so that it breaks no word."""

UNPARSED = re.compile(r"Error parsing (?P<flag>\S+): no type matching (?P<kind>.+) could be .+ from \[(?P<given>.*)\]")

KINDS = {"INT": "a whole number was", "FLOAT": "a number was", "{[INT [INT ...]]}": "whole numbers were"}


def parsed(function: Callable[..., int], arguments: Sequence[str], *, prog: str) -> Callable[[], int]:
    """A command with its arguments, ready to be called.

    Args:
        function: The command.
        arguments: What stands behind its name.
        prog: How it is called in help.

    Raises:
        SystemExit: With 0 after help was printed, with 2 after a sentence about a mistake.
    """
    import tyro

    @functools.wraps(function)
    def deferred(*args: object, **more: object) -> Callable[[], int]:
        return lambda: function(*args, **more)

    page = io.StringIO()
    wants_help = any(argument in ("-h", "--help") for argument in arguments)
    try:
        with contextlib.redirect_stderr(page), contextlib.nullcontext() if wants_help else _columns(WIDE):
            return tyro.cli(deferred, prog=prog, args=list(arguments), config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit:
        if page.getvalue():
            print(f"varbench: {sentence(page.getvalue())}; {prog} --help shows the options", file=sys.stderr)
        raise


def sentence(page: str) -> str:
    """What a framed page says first, on one line, with the option that was probably meant."""
    inside = (line.strip("│| ") for line in page.splitlines()[1:] if not line.startswith("╰"))
    lines = list(itertools.dropwhile(_is_rule, (line for line in inside if line)))
    ends = [i for i, line in enumerate(lines) if _is_rule(line) or line.startswith(("Got errors", "Perhaps"))]
    said = " ".join(lines[: ends[0]] if ends else lines).rstrip(".")
    value = UNPARSED.fullmatch(said)
    if value:
        kind = value["kind"].removeprefix("{None}|")
        return f"{value['flag']} = {value['given']}: {KINDS.get(kind, kind + ' was')} expected"
    for place, line in enumerate(lines[:-1]):
        if line.startswith("Perhaps you meant"):
            said += f": did you mean {lines[place + 1]}?"
    return said[:1].lower() + said[1:]


def _is_rule(line: str) -> bool:
    return set(line) <= {"─", "-"}


@contextlib.contextmanager
def _columns(number: str) -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = number
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
