"""From arguments to a command, and from errors to one sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from varbench.cli.commands import COMMANDS, function_of, help_text
from varbench.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; those of the process if None.

    Returns:
        0 fine, 1 a gate or a verification failed, 2 the input was wrong, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] in (["--help"], ["-h"]):
        return _guarded(_help)
    if arguments in (["--version"], ["-V"]):
        from varbench.version import __version__

        print(f"varbench {__version__}")
        return 0
    from varbench.cli.parsing import parsed

    wrong = _wrong(arguments)
    if wrong:
        print(f"varbench: {wrong}", file=sys.stderr)
        return 2
    name = arguments[0]
    try:
        return _guarded(lambda: parsed(function_of(name), arguments[1:], prog=f"varbench {name}")())
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2


def _help() -> int:
    import shutil

    print(help_text(shutil.get_terminal_size().columns), flush=True)
    return 0


def _wrong(arguments: list[str]) -> str | None:
    """What can be told of arguments before they are parsed."""
    import difflib
    import itertools

    from varbench.cli.recipe_flags import unknown_recipe_flag

    if not arguments:
        return f"a command is missing: {', '.join(COMMANDS)}; varbench --help says what they do"
    if arguments[0] not in COMMANDS:
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"unknown command {arguments[0]!r}: {hint}known are {', '.join(COMMANDS)}"
    if "--out=" in arguments or ("--out", "") in itertools.pairwise(arguments):
        return "--out has an empty name: give a folder, such as --out reports/mine"
    return unknown_recipe_flag(arguments)


def _guarded(command: Callable[[], int]) -> int:
    try:
        return int(command() or 0)
    except InputError as error:
        message = str(error)
    except BrokenPipeError:
        return 0
    except OSError as error:
        from varbench.refusals import cause

        found = cause(error)
        if found is None:
            raise
        message = f"{error.filename or 'the run directory'}: {found}"
    except KeyboardInterrupt:
        print("\nvarbench: interrupted; what was committed is safe, and the same command continues", file=sys.stderr)
        return 130
    print(f"varbench: {message}", file=sys.stderr)
    return 2
