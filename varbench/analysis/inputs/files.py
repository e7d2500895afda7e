"""CSV and Parquet files, read into a frame."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path

from varbench.analysis.inputs.raw import Raw
from varbench.analysis.inputs.table import TEXT, Columns, columns_of, raw_of
from varbench.data.archive import refuse_beyond_memory
from varbench.errors import InputError

EMPTY = ["", "NA", "NaN", "nan", "null", "None"]
"""What an empty cell of a column of numbers may be written as."""

HEADER_LIMIT = 2**20
"""Longest header line that is read."""


def read_csv(path: Path) -> Raw:
    """A long table with commas and a header, in UTF-8.

    Raises:
        InputError: If it is no such table, or cannot be what was meant.
    """
    import pandas as pd

    columns = columns_of(_header(path), path=path)
    refuse_beyond_memory(path.stat().st_size, what=str(path))
    empty: dict[str, list[str]] = {name: [] if name == "condition" else EMPTY for name in columns.used}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                encoding="utf-8-sig",
                compression=None,
                index_col=False,
                low_memory=False,
                keep_default_na=False,
                na_values=empty,
                dtype={"condition": str},
            )
    except (ValueError, pd.errors.ParserWarning, OverflowError) as error:  # pandas' own errors are ValueErrors
        reason = _too_long(path, len(columns.used) + len(columns.ignored)) or _unclosed(error) or _first_line(error)
        raise InputError(f"{path} is not a sound table with commas: {reason}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except MemoryError:
        raise InputError(f"{path} does not fit into memory") from None
    return raw_of(frame, columns, path=path, form="long table (CSV)")


def read_parquet(path: Path) -> Raw:
    """A long table as Parquet.

    Raises:
        InputError: If pyarrow is missing, it is no such table, or it cannot be what was meant.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"reading {path} needs pyarrow: pip install 'varbench[parquet]', or give a CSV") from None
    try:
        with pq.ParquetFile(path) as file:
            columns = columns_of(file.schema_arrow.names, path=path)
            refuse_beyond_memory(8 * file.metadata.num_rows * len(columns.used), what=str(path))
            table = file.read(columns=list(columns.used))
            _refuse_nested(table, columns, path)
            frame = table.to_pandas(ignore_metadata=True, strings_to_categorical=True)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} is not a sound Parquet file: {error.strerror or _first_line(error)}") from None
    except MemoryError:
        raise InputError(f"{path} does not fit into memory") from None
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a sound Parquet file: {_first_line(error)}") from None
    return raw_of(frame, columns, path=path, form="long table (Parquet)")


def _refuse_nested(table: object, columns: Columns, path: Path) -> None:
    import pyarrow.types as types

    for field in table.schema:  # type: ignore[attr-defined]
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        text = types.is_string(kind) or types.is_large_string(kind)
        number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        if not (number or (text and field.name in TEXT)):
            raise InputError(f"{path}: column {field.name} holds {field.type}; expected numbers")


def _header(path: Path) -> list[str]:
    """The names in the first line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(HEADER_LIMIT)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file in UTF-8 ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if not line.strip() or len(line) == HEADER_LIMIT or "\0" in line:
        raise InputError(
            f"{path} is not a table: its first line must name the columns, such as run,example,label,p0,p1"
        )
    try:
        names = next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise InputError(f"{path} is not a table with commas: its first line cannot be read ({error})") from None
    if len(names) == 1 and any(mark in line for mark in ";\t"):
        mark = "semicolons" if ";" in line else "tabs"
        raise InputError(f"{path} has its columns parted by {mark}: write it with commas")
    return names


def _too_long(path: Path, n_columns: int) -> str:
    """Which line has more fields than the header names, in words; empty if none has, or the text cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            for fields in lines:
                if len(fields) > n_columns:
                    return f"line {lines.line_num} has {len(fields)} fields, the header {n_columns}"
    except (UnicodeDecodeError, csv.Error, OSError):
        pass
    return ""


def _unclosed(error: BaseException) -> str:
    """Where a quotation mark opens that is never closed, in words."""
    found = re.search(r"EOF inside string starting at row (\d+)", str(error))
    return f"a quotation mark in line {int(found[1]) + 1} is never closed" if found else ""


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
