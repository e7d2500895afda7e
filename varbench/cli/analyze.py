"""`varbench analyze`: how much do the runs vary that someone trained elsewhere? And a gate for builds."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

if TYPE_CHECKING:
    from varbench.report.document import Document
    from varbench.report.gate import Gate


def analyze(
    file: tyro.conf.Positional[Path],
    out: Path | None = None,
    fail_if: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    level: float = 0.95,
    name: str | None = None,
    json: bool = False,
) -> int:
    """Measure how much runs vary, from any framework's predictions; with --fail-if, exit 1 if they vary too much.

    Example: varbench analyze results.npz --out reports/mine --fail-if "disagreement.high > 3%"

    Args:
        file: An .npz with labels [E] and predictions [R, E], logits or probabilities [R, E, K]; a long .csv or .parquet
            with the columns run, example, label and prediction or p0, p1, …; or a run directory.
        out: Folder for the report; without it nothing is written.
        fail_if: [CONDITION:] MEASURE[@AT][.low|.value|.high] (<|<=|>|>=) NUMBER[%|pp]; may be given again. Checked in
            every condition, on the value unless an end of the interval is named; what cannot be told fails.
        level: Nominal coverage of the intervals.
        name: Name of the report; by default the file's own.
        json: Print id, headline, main estimates and gates as JSON.
    """
    from varbench.foreign import analyze as analyzed
    from varbench.report.document import read_document
    from varbench.report.gate import failures, parse_gate

    gates = [parse_gate(text) for text in fail_if]
    document = analyzed(file, name=name, level=level)
    view = read_document(document)
    failed = {gate.text: failures(gate, view) for gate in gates}
    if out is not None:
        from varbench.report import render

        render(document, out)
    if json:
        print(json_.dumps(_summary(view, out, failed), indent=1))
    else:
        _print(document, view, out, gates, failed)
    for sentences in failed.values():
        for sentence in sentences:
            print(f"varbench: failed: {sentence}", file=sys.stderr)
    return 1 if any(failed.values()) else 0


def _summary(view: Document, out: Path | None, failed: dict[str, list[str]]) -> dict[str, Any]:
    from varbench.report.overview import MAIN_MEASURES

    return {
        "id": view.text("id"),
        "headline": view.text("headline"),
        "page": None if out is None else str(out / "index.html"),
        "estimates": [row for row in view.fields["estimates"] if row["measure"] in MAIN_MEASURES and row["at"] is None],
        "gates": [{"gate": text, "passed": not sentences, "failures": sentences} for text, sentences in failed.items()],
    }


def _print(
    document: dict[str, Any], view: Document, out: Path | None, gates: list[Gate], failed: dict[str, list[str]]
) -> None:
    from varbench.cli.judge import print_verdicts

    print_verdicts(document)
    missing = len({entry["measure"] for entry in view.items("unavailable")})
    if missing:
        print(f"{missing} measures need more than this file has; the report says which, and why.")
    ignored = (view.manifest.get("input") or {}).get("ignored") or []
    if ignored:
        print(f"Left aside, as they mean nothing here: {', '.join(map(repr, ignored))}")
    for gate in gates:
        if not failed[gate.text]:
            print(f"passed: {gate.text} does not hold")
    if out is not None:
        print(f"\nThe page: {out / 'index.html'}")
