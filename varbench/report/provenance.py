"""Where the numbers come from: versions, device, flags, populations, and how to cite the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from varbench.report.document import Document, file_stem
from varbench.report.escape import latex
from varbench.report.numbers import duration, integer
from varbench.report.tables import PRINTED_ROWS, Column, Table

FINGERPRINT_SHOWN = 16


def facts(document: Document) -> list[tuple[str, str]]:
    """Name and value of everything the manifest says about the machine and the program."""
    manifest = document.manifest
    device = manifest.get("device") or {}
    version = {"varbench": manifest.get("varbench")}
    found = _pairs(version) + [pair for pair in _pairs(manifest.get("versions")) if pair[0] != "varbench"]
    if device:
        count = "" if device.get("count") is None else f"{integer(device['count'])} × "
        found.append(("device", f"{count}{device.get('kind') or device.get('platform') or 'unknown'}"))
        found += _pairs({name: value for name, value in device.items() if name not in ("count", "kind")})
    found += _pairs(manifest.get("flags"))
    found.append(("git commit", _commit(manifest.get("git"))))
    found.append(("judged by", judged_by(document)))
    return [(name, value) for name, value in found if value]


def judged_by(document: Document) -> str:
    """The version and commit that measured and decided, which may be later than those that trained; or nothing."""
    judged = document.manifest.get("judged") or {}
    if not judged.get("varbench"):
        return ""
    commit = _commit(judged.get("git"))
    return f"varbench {judged['varbench']}" + (f", git commit {commit}" if commit else "")


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git or not git.get("commit"):
        return ""
    return f"{git['commit']}{', with uncommitted changes' if git.get('dirty') else ''}"


def given(document: Document) -> list[tuple[str, str]]:
    """Name and value of everything the manifest says about results that were given, not trained here."""
    source = document.manifest.get("input") or {}
    shapes = ", ".join(
        f"{name} {' × '.join(map(integer, shape))}" for name, shape in (source.get("arrays") or {}).items()
    )
    found = [
        ("file", source.get("file")),
        ("SHA-256", source.get("sha256")),
        ("form", source.get("form")),
        ("arrays", shapes),
        ("left aside", ", ".join(map(str, source.get("ignored") or []))),
    ]
    return [(name, str(value)) for name, value in found if value]


def populations_table(document: Document) -> Table | None:
    """Strategy, wall time, data and fingerprint of every population."""
    rows = []
    for entry in document.manifest.get("populations") or []:
        strategy, data = entry.get("strategy") or {}, entry.get("data") or {}
        wall = entry.get("wall_seconds", entry.get("seconds"))
        rows.append(
            (
                str(entry.get("name") or ""),
                strategy.get("width"),
                _strategy(strategy),
                None if wall is None else duration(wall),
                _short(data.get("name"), data.get("sha256")),
                _short(None, entry.get("fingerprint")),
            )
        )
    if not rows:
        return None
    columns = (
        Column("population", "Population"),
        Column("width", "Width"),
        Column("strategy", "Strategy"),
        Column("wall", "Wall time"),
        Column("data", "Data (SHA-256)"),
        Column("fingerprint", "Fingerprint (SHA-256)"),
    )
    return Table("provenance", "How each population was trained.", columns, tuple(rows), most=PRINTED_ROWS)


def bibtex(document: Document) -> str:
    """A BibTeX entry that names the report by its content hash."""
    identity = document.text("id")
    version = document.manifest.get("varbench")
    program = f"varbench {version}" if version else "varbench"
    source = (document.manifest.get("input") or {}).get("file")
    what = f"Analysis of {latex(str(source))}" if source else f"Benchmark report, study {latex(document.text('name'))}"
    key = f"varbench-{file_stem(document.text('name'))}-{file_stem(identity)}"
    return "\n".join(
        [
            f"@misc{{{key},",
            f"  title = {{{{{latex(document.text('title'))}}}}},",
            f"  author = {{{{{latex(program)}}}}},",
            f"  howpublished = {{{what}}},",
            f"  note = {{Content hash {latex(identity)}}}",
            "}",
        ]
    )


def _pairs(entries: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(str(k), _value(v)) for k, v in sorted((entries or {}).items()) if v not in (None, "", [], {})]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_value(v)}" for k, v in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _strategy(strategy: Mapping[str, Any]) -> str:
    parts = [
        f"{k.replace('_', ' ')} {_value(v)}" for k, v in sorted(strategy.items()) if k != "width" and v is not None
    ]
    return ", ".join(parts)


def _short(name: object, digest: object) -> str:
    shown = str(digest or "")[:FINGERPRINT_SHOWN]
    return " ".join(part for part in (str(name or ""), shown and f"{shown}…") if part)
