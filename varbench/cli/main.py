"""From arguments to a command, and from errors to one sentence and an exit code."""

from __future__ import annotations

import difflib
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from varbench.cli import analyze, compare, data, env, judge, plan, report, run, show, verify
from varbench.cli.recipe_flags import unknown_recipe_flag
from varbench.errors import InputError
from varbench.refusals import cause

COMMANDS: dict[str, Callable[..., int]] = {
    "run": run.run,
    "report": report.report,
    "analyze": analyze.analyze,
    "compare": compare.compare,
    "judge": judge.judge,
    "plan": plan.plan,
    "status": show.status,
    "verify": verify.verify,
    "list": show.list_,
    "data": data.data,
    "env": env.env,
}

DESCRIPTION = (
    "How different is the model that comes out when the very same pipeline is trained again? "
    "Start with: varbench run identical-pipelines --budget smoke --out runs/first"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; those of the process if None.

    Returns:
        0 fine, 1 a gate or a verification failed, 2 the input was wrong, 130 interrupted.
    """
    import tyro

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments in (["--version"], ["-V"]):
        from varbench.version import __version__

        print(f"varbench {__version__}")
        return 0
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        print(f"varbench: unknown command {arguments[0]!r}: {hint}known are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    if "--out=" in arguments or ("--out", "") in itertools.pairwise(arguments):
        print("varbench: --out has an empty name: give a folder, such as --out reports/mine", file=sys.stderr)
        return 2
    unknown = unknown_recipe_flag(arguments)
    if unknown:
        print(f"varbench: {unknown}", file=sys.stderr)
        return 2
    try:
        return _guarded(
            lambda: tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                prog="varbench",
                description=DESCRIPTION,
                args=arguments,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
        )
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2


def _guarded(command: Callable[[], Any]) -> int:
    try:
        return int(command() or 0)
    except InputError as error:
        message = str(error)
    except BrokenPipeError:
        return 0
    except OSError as error:
        found = cause(error)
        if found is None:
            raise
        message = f"{error.filename or 'the run directory'}: {found}"
    except KeyboardInterrupt:
        print("\nvarbench: interrupted; what was committed is safe, and the same command continues", file=sys.stderr)
        return 130
    print(f"varbench: {message}", file=sys.stderr)
    return 2
