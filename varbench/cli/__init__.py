"""The command line: thin, and quick to answer."""

from varbench.cli.main import main

__all__ = ["main"]
