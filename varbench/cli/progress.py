"""Progress that people read: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from varbench.studies.moment import Moment

LINE_SECONDS = 5.0
"""Time between two plain lines."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[[Moment], None]]:
    """A listener for `execute` and `judge` that shows runs, steps, loss and the time left, on standard error."""
    if quiet:
        yield lambda moment: None
    elif sys.stderr.isatty():
        with _bars() as listen:
            yield listen
    else:
        yield _lines()


@contextmanager
def _bars() -> Iterator[Callable[[Moment], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[text]}", style="dim"),
        TimeElapsedColumn(),
        TextColumn("left", style="dim"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), refresh_per_second=4) as progress:
        whole = progress.add_task("all", total=1.0, text="")
        current: dict[str, Any] = {}

        def listen(moment: Moment) -> None:
            if current.get("label") != moment.label:
                if "task" in current:
                    progress.remove_task(current["task"])
                current.update(label=moment.label, task=progress.add_task(moment.label, total=1.0, text=""))
            progress.update(whole, completed=moment.share)
            progress.update(current["task"], completed=moment.inside, text=_text(moment))

        yield listen


def _lines() -> Callable[[Moment], None]:
    started = time.monotonic()
    last: tuple[float, str] = (0.0, "")

    def listen(moment: Moment) -> None:
        now, name = time.monotonic(), moment.label
        nonlocal last
        if name == last[1] and now - last[0] < LINE_SECONDS:
            return
        last = (now, name)
        elapsed = now - started
        left = f", about {elapsed * (1 - moment.share) / moment.share:.0f} s left" if moment.share > 0.02 else ""
        print(f"{100 * moment.share:3.0f} %  {name}: {_text(moment)}{left}", file=sys.stderr, flush=True)

    return listen


def _text(moment: Moment) -> str:
    progress, total = moment.progress, moment.runs
    if not total:
        return f"{100 * moment.inside:.0f} %"
    if progress is None:
        return f"{moment.runs_done}/{total} runs"
    runs = f"{moment.runs_done}+{progress.runs}/{total} runs"
    return f"{runs}, step {progress.step:,}/{progress.steps:,}, loss {progress.loss:.3f}"
