"""The commands by name: where each lives, and what it does in a sentence. Nothing is imported until one is wanted."""

from __future__ import annotations

import importlib
from collections.abc import Callable

COMMANDS = {
    "run": ("run.run", "Train the populations of studies; the same command continues where it stopped."),
    "report": (
        "report.report",
        "Write the report of a run directory: index.html, report.md, analysis.json, tables, figures.",
    ),
    "analyze": (
        "analyze.analyze",
        "Measure how much runs vary, from any framework's predictions; with --fail-if, exit 1 if they vary too much.",
    ),
    "compare": (
        "compare.compare",
        "Put runs or reports side by side: every measure with its difference, interval and p value; trains nothing.",
    ),
    "judge": (
        "judge.judge",
        "Measure the populations of a run directory and decide about the claim; trains nothing.",
    ),
    "plan": ("plan.plan", "Say how many runs a goal needs, or what a number of runs can show; trains nothing."),
    "status": (
        "show.status",
        "Show how far a run directory is: runs planned, finished, diverged, experiments made, broken files.",
    ),
    "verify": (
        "verify.verify",
        "Train runs again and compare fingerprints; check every stored byte. Exit 1 if not bit for bit the same.",
    ),
    "list": ("show.list_", "Show the studies, data sets, models, measures and sources of randomness."),
    "data": ("data.data", "Download a data set (fetch), or load it and say what it is (check)."),
    "env": ("env.env", "Show versions, device, flags and commit: what a report's provenance will say."),
}
"""Module and function under `varbench.cli`, and the first line of the function's docstring."""

DESCRIPTION = (
    "How different is the model that comes out when the very same pipeline is trained again? "
    "Start with: varbench run identical-pipelines --budget smoke --out runs/first"
)


def function_of(name: str) -> Callable[..., int]:
    """The function of a command; its module is imported here."""
    module, function = COMMANDS[name][0].split(".")
    return getattr(importlib.import_module(f"varbench.cli.{module}"), function)


def help_text(columns: int) -> str:
    """What `varbench --help` says, in lines of so many columns."""
    import textwrap

    width, indent = max(columns, 40), max(map(len, COMMANDS)) + 4
    lines = [
        "usage: varbench COMMAND …, or varbench [--help | --version]",
        "",
        *textwrap.wrap(DESCRIPTION, width, break_on_hyphens=False, break_long_words=False),
        "",
        "commands:",
    ]
    for name, (_, summary) in COMMANDS.items():
        lines += textwrap.wrap(
            summary,
            width,
            initial_indent=f"  {name}".ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
    lines += ["", "varbench COMMAND --help shows a command's options, and an example."]
    return "\n".join(lines)
