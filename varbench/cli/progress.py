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
        bars: dict[str, Any] = {}
        ended: dict[str, bool] = {}

        def listen(moment: Moment) -> None:
            alone = moment.inside == moment.share  # only one thing is done at a time: it takes the place of the last
            for label in [other for other in bars if other != moment.label and (alone or ended[other])]:
                progress.remove_task(bars.pop(label))
            if moment.label not in bars:
                bars[moment.label] = progress.add_task(moment.label, total=1.0, text="")
            ended[moment.label] = moment.inside >= 1.0
            progress.update(whole, completed=moment.share)
            progress.update(bars[moment.label], completed=moment.inside, text=_text(moment))

        yield listen


def _lines() -> Callable[[Moment], None]:
    started = time.monotonic()
    last: dict[str, float] = {}

    def listen(moment: Moment) -> None:
        now, name = time.monotonic(), moment.label
        if now - last.get(name, -LINE_SECONDS) < LINE_SECONDS:
            return
        last[name] = now
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
