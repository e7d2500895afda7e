"""From arguments to a command, and from errors to one sentence and an exit code."""

from __future__ import annotations

import difflib
import errno
import sys
from collections.abc import Callable, Sequence
from typing import Any

from varbench.cli import analyze, compare, data, env, judge, plan, report, run, show, verify
from varbench.errors import InputError

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

_DISK = {
    errno.ENOSPC: "no space is left on the disk; what was committed is safe: make room and run the same command again",
    errno.EDQUOT: "the disk quota is used up; what was committed is safe: make room and run the same command again",
    errno.EACCES: "there is no permission to write or read there",
    errno.EPERM: "the operation is not permitted there",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of the path is a file and not a folder",
    errno.EISDIR: "that is a folder and not a file",
    errno.EEXIST: "a file of that name is in the way",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "there is no such file or folder, and none can be made there",
    errno.EFBIG: "a file would be larger than the system allows; what was committed is safe: raise the limit and run "
    "the same command again",
    errno.EIO: "the disk reports an error; what was committed before is safe",
}


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
        if error.errno not in _DISK:
            raise
        message = f"{error.filename or 'the run directory'}: {_DISK[error.errno]}"
    except KeyboardInterrupt:
        print("\nvarbench: interrupted; what was committed is safe, and the same command continues", file=sys.stderr)
        return 130
    print(f"varbench: {message}", file=sys.stderr)
    return 2
