"""Links from the page to its tables: inside the page where they are small, so that it can be sent alone."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

EMBEDDED_BYTES = 2**10
"""A table of at most so many bytes travels inside the page."""

_UNCHANGED = "/:,;=+()*@!$?"
"""Characters that stand for themselves in an address and need no escape in HTML."""


@dataclass(frozen=True)
class CsvLink:
    """`href` holds the table itself, or leads to the file beside the page, which `beside` gives the size of."""

    file: str
    href: str
    beside: str = ""


def csv_link(name: str, content: bytes) -> CsvLink:
    """The link to the table `name`, whose CSV file has this content."""
    file = f"{name}.csv"
    if len(content) <= EMBEDDED_BYTES:
        return CsvLink(file, f"data:text/csv;charset=utf-8,{quote(content, safe=_UNCHANGED)}")
    return CsvLink(file, f"tables/{file}", f"{round(len(content) / 1000)} kB")
