"""Results as a long table, one row for each run and example: from a frame to arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
from jaxtyping import Int

from varbench.analysis.inputs.names import ignored_names
from varbench.analysis.inputs.raw import Raw
from varbench.errors import InputError
from varbench.keys import SOURCES

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("run", "example", "label")
TEXT = ("run", "example", "condition")
"""Columns that may hold names; all others hold numbers."""

_PROBABILITY = re.compile(r"p(0|[1-9]\d*)")


class Columns(NamedTuple):
    """The columns of a table that mean something, and the others."""

    probabilities: tuple[str, ...]
    levels: tuple[str, ...]
    used: tuple[str, ...]
    ignored: tuple[str, ...]


class _Cells(NamedTuple):
    """Run and example of every row, by number in the order of appearance."""

    run: Int[np.ndarray, " N"]
    example: Int[np.ndarray, " N"]
    runs: Sequence[str]
    examples: np.ndarray
    conditions: np.ndarray | None

    @property
    def place(self) -> Int[np.ndarray, " N"]:
        """Position of every row in an array [R, E], flattened."""
        return self.run * len(self.examples) + self.example


def columns_of(names: Sequence[str], *, path: Path) -> Columns:
    """Sort the column names of a table.

    Raises:
        InputError: If one is missing, misspelt or there twice.
    """
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(f"{path} has two columns {twice!r}: give every column a name of its own")
    numbers = sorted(int(match[1]) for match in map(_PROBABILITY.fullmatch, names) if match)
    probabilities = tuple(f"p{k}" for k in numbers)
    known = (*KEYS, "prediction", "condition", "classes", *SOURCES, *probabilities)
    ignored = ignored_names(names, known=known, path=path, what="column")
    held = ", ".join(map(repr, names[:10]))
    for name in KEYS:
        if name not in names:
            raise InputError(f"{path} has no column {name!r} (it has {held}): it needs {', '.join(KEYS)}")
    if ("prediction" in names) == bool(probabilities):
        found = "both" if probabilities else f"neither (it has {held})"
        raise InputError(f"{path} must have either a column 'prediction' or columns p0, p1, …, but has {found}")
    gap = next((k for k, number in enumerate(numbers) if number != k), None)
    if gap is not None:
        raise InputError(f"{path} has the columns {', '.join(probabilities[:10])}, but no p{gap}: give every class one")
    return Columns(
        probabilities,
        tuple(source for source in SOURCES if source in names),
        tuple(name for name in names if name not in ignored),
        ignored,
    )


def raw_of(frame: pd.DataFrame, columns: Columns, *, path: Path, form: str) -> Raw:
    """The arrays of a table, by position and without a loop over rows.

    Runs are told apart by `condition` and `run` together, so that runs may be numbered anew in every condition.
    Runs, examples and conditions keep the order in which they appear first.

    Raises:
        InputError: If a (run, example) is missing or there twice, a run has other examples than the others, a label
            or level changes where it cannot, or a cell is no number: naming the row, counted from 1 below the header.
    """
    if not len(frame):
        raise InputError(f"{path} has no rows below its header")
    cells = _cells(frame, path)
    _refuse_gaps(cells, path, frame, columns.used)
    place, shape = cells.place, (len(cells.runs), len(cells.examples))
    labels = _constant(frame, "label", cells.example, cells.examples, "example", path)
    arrays: dict[str, np.ndarray] = {"labels": labels, "example_id": cells.examples}
    if cells.conditions is not None:
        arrays["condition"] = cells.conditions
    if "classes" in frame:
        one = np.zeros(len(frame), dtype=np.int64)
        arrays["classes"] = _constant(frame, "classes", one, [path.name], "file", path)
    if columns.probabilities:
        values = np.empty((shape[0] * shape[1], len(columns.probabilities)), dtype=np.float32)
        for k, name in enumerate(columns.probabilities):
            values[place, k] = _numbers(frame, name, path)
        arrays["probabilities"] = values.reshape(*shape, -1)
    else:
        predictions = np.empty(shape[0] * shape[1], dtype=np.int64)
        predictions[place] = _integers(_numbers(frame, "prediction", path), "prediction", path, absent=-1)
        arrays["predictions"] = predictions.reshape(shape)

    def where(name: str, index: tuple[int, ...]) -> str:
        if name in ("labels", "example_id"):
            return f"row {1 + int(np.argmax(cells.example == index[0]))}, {name.removesuffix('s')}"
        if name not in ("predictions", "probabilities"):
            return f"row {1 + int(np.argmax(cells.run == index[0]))}, {name}"
        row = 1 + int(np.argmax(place == index[0] * shape[1] + index[1]))
        last = columns.probabilities[-1:]
        column = "prediction" if name == "predictions" else f"p{index[2]}" if len(index) == 3 else f"p0…{last[0]}"
        return f"row {row} (run {cells.runs[index[0]]}, example {cells.examples[index[1]]}), {column}"

    return Raw(
        arrays=arrays,
        levels={source: _constant(frame, source, cells.run, cells.runs, "run", path) for source in columns.levels},
        where=where,
        ignored=columns.ignored,
        form=form,
    )


def _cells(frame: pd.DataFrame, path: Path) -> _Cells:
    example, examples = _codes(frame, "example", path)
    run, runs = _codes(frame, "run", path)
    if "condition" not in frame:
        return _Cells(run, example, [str(name) for name in runs], examples, None)
    import pandas as pd

    condition, conditions = _codes(frame, "condition", path)
    if (conditions == "").any():
        _refuse(path, int(np.argmax(condition == int(np.argmax(conditions == "")))), "condition", "is empty")
    both, pairs = pd.factorize(condition * len(runs) + run)
    of_condition, of_run = np.divmod(pairs, len(runs))
    names = [f"{runs[r]} of {conditions[c]}" for c, r in zip(of_condition, of_run, strict=True)]
    return _Cells(both, example, names, examples, conditions[of_condition])


def _codes(frame: pd.DataFrame, name: str, path: Path) -> tuple[Int[np.ndarray, " N"], np.ndarray]:
    """Every cell as the number of its value, and the values as text, in the order of their first appearance."""
    import pandas as pd

    codes, values = pd.factorize(frame[name])
    if (codes < 0).any():
        _refuse(path, int(np.argmax(codes < 0)), name, "is missing")
    return codes.astype(np.int64), np.asarray(values).astype(str)


def _refuse_gaps(cells: _Cells, path: Path, frame: pd.DataFrame, used: Sequence[str]) -> None:
    """Every run must have every example once; a row that seems to repeat another may only lack a field."""
    import pandas as pd

    n_runs, n_examples, place = len(cells.runs), len(cells.examples), cells.place
    again = pd.Series(place).duplicated().to_numpy()
    if again.any():
        row = int(np.argmax(again))
        first = int(np.argmax(place == place[row]))
        for one in (first, row):
            without = next((name for name in used if pd.isna(frame[name].iloc[one])), None)
            if without is not None:
                _refuse(path, one, without, "is missing: has the row too few fields?")
        raise InputError(
            f"{path}: rows {first + 1} and {row + 1} are both run {cells.runs[cells.run[row]]} and example "
            f"{cells.examples[cells.example[row]]}: give every run each example once"
        )
    counts = np.bincount(cells.run, minlength=n_runs)
    if counts.min() < n_examples:
        run = int(np.argmax(counts < n_examples))
        there = np.zeros(n_examples, dtype=bool)
        there[cells.example[cells.run == run]] = True
        lost = int(np.argmin(there))
        raise InputError(
            f"{path}: run {cells.runs[run]} has {counts[run]} of the {n_examples} examples; the first that it lacks is "
            f"example {cells.examples[lost]} (row {1 + int(np.argmax(cells.example == lost))} of another run): every "
            "run needs the same examples"
        )


def _constant(
    frame: pd.DataFrame, name: str, code: Int[np.ndarray, " N"], names: Sequence[str] | np.ndarray, of: str, path: Path
) -> Int[np.ndarray, " C"]:
    """The integers of a column that must not change within an example, or within a run."""
    values = _integers(_numbers(frame, name, path), name, path, absent=None)
    found = np.empty(len(names), dtype=np.int64)
    found[code[::-1]] = values[::-1]  # the first row of each stays
    differs = values != found[code]
    if differs.any():
        row = int(np.argmax(differs))
        first = int(np.argmax(code == code[row]))
        raise InputError(
            f"{path}: {name} is {values[row]} in row {row + 1} but {found[code[row]]} in row {first + 1}, both of {of} "
            f"{names[code[row]]}: it must be the same in all rows of one {of}"
        )
    return found


def _numbers(frame: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    """A column of numbers as they are, NaN where a cell is empty."""
    import pandas as pd

    column = frame[name]
    if not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
        bad = numbers.isna().to_numpy() & column.notna().to_numpy()
        if bad.any():
            row = int(np.argmax(bad))
            _refuse(path, row, name, f"is {str(column.iloc[row])[:40]!r}; expected a number")
        column = numbers
    return column.to_numpy(dtype=np.float64, na_value=np.nan) if column.hasnans else column.to_numpy()


def _integers(values: np.ndarray, name: str, path: Path, *, absent: int | None) -> Int[np.ndarray, " N"]:
    """Numbers as integers; `absent` in place of an empty cell, which is refused if None."""
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    empty = np.isnan(values)
    if empty.any() and absent is None:
        _refuse(path, int(np.argmax(empty)), name, "is missing")
    whole = np.where(empty, 0.0 if absent is None else absent, values)
    wrong = ~((whole == np.floor(whole)) & (np.abs(whole) < 2**53))
    if wrong.any():
        row = int(np.argmax(wrong))
        _refuse(path, row, name, f"is {values[row]:g}; expected an integer")
    return whole.astype(np.int64)


def _refuse(path: Path, row: int, column: str, sentence: str) -> NoReturn:
    raise InputError(f"{path}: row {row + 1}, {column} {sentence}")
