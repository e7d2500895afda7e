"""The same pipeline again: the same bits, or how far off, in other processes, on other devices, in other arithmetic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.analysis.document import LEVEL
from varbench.data import load
from varbench.stats.estimate import Estimate, missing
from varbench.stats.jackknife import off_diagonal_row_sums
from varbench.studies.claims.reproducibility.again import trained_again
from varbench.studies.rules import briefly, decided, percent
from varbench.studies.study import (
    Arrays,
    Case,
    Evidence,
    Experiment,
    Judgement,
    Named,
    Part,
    PopulationPlan,
    Study,
)
from varbench.studies.sweeps import over_runs, share_of_pairs
from varbench.training.design import Design, together
from varbench.training.recipe import Recipe

RUNS = {"smoke": 4, "standard": 16, "full": 64}
STEPS = {"smoke": 60, "standard": 1000, "full": 10_000}

EXPERIMENT = "reproducibility"

PLAIN = Recipe(model="mlp", optimizer="adam", lr=3e-3, schedule="constant")

WAYS = {
    "again": "same process, compiled anew",
    "process": "new process",
    "devices": "on a second device",
    "width": "another width",
    "precision": "another precision",
    "matmul": "highest matmul precision",
    "instructions": "instructions of an older CPU",
    "autotuned": "GPU kernels chosen by timing",
}
"""Ways to train the same levels once more."""

SAME = ("again", "process", "devices")
"""Those that must give the same bits."""

OTHER = ("width", "precision")
"""Those that must give other weights; the rest is shown and not judged."""

SAME_BITS = missing("the same bits", level=LEVEL, n_runs=0, n_examples=None)
"""In place of a distance of 0, which has no place on a logarithmic scale."""

EQUAL, DISTANCE, FLIPS = "reproducibility_equal", "reproducibility_distance", "reproducibility_flips"


@dataclass(frozen=True)
class Way:
    """One way of training again, against the runs of the same levels.

    Attributes:
        equal: [r], whether weights and logits came back bit for bit.
        share: Weight distance over that of two runs of other levels.
        flips: Predictions that are others than before.
    """

    equal: Bool[np.ndarray, " r"]
    share: Estimate
    flips: Estimate


def _cases(budget: str) -> tuple[Case, ...]:
    plain = PLAIN.replace(steps=STEPS[budget])
    if budget == "smoke":
        return (Case("digits", "Digits · logistic", plain.replace(data="digits", model="logistic", batch_size=50)),)
    digits = Case("digits", "Digits · MLP 32", plain.replace(data="digits", hidden=(32,), batch_size=50))
    curves = Case("mnist1d", "MNIST-1D · MLP 64", plain.replace(data="mnist1d", hidden=(64,), batch_size=100))
    return (digits, curves)


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    return tuple(
        PopulationPlan(
            f"reproducibility-{case.name}",
            case.label,
            case.recipe,
            _design(case, budget, runs),
            description="the yardstick: how far apart runs of other levels are",
            measures=("accuracy", "disagreement", "weight_distance"),
            plots=False,
        )
        for case in cases
    )


def _design(case: Case, budget: str, runs: int | None) -> Design:
    return together(RUNS[budget] if runs is None else runs, sources=case.recipe.active_sources())


def _experiments(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[Experiment, ...]:
    levels = {case.name: _design(case, budget, runs).levels for case in cases}
    facts = {
        "recipes": {case.name: case.recipe.as_dict() for case in cases},
        "data": {case.name: load(case.recipe.data).checksum() for case in cases},
        "levels": {name: list(rows) for name, rows in levels.items()},
        "ways": list(WAYS),
    }
    label = "The same levels again, in other processes and arithmetic"
    return (Experiment(EXPERIMENT, label, lambda listen: trained_again(cases, levels, listen=listen), facts),)


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    arrays = experiments.get(EXPERIMENT, {})
    left_out = json.loads(str(arrays["words"]))["left_out"] if "words" in arrays else {}
    parts: dict[str, list[tuple[Part, str]]] = {}
    estimates: list[Named] = []
    found: list[tuple[Evidence, dict[str, Way]]] = []
    for name, e in evidence.items():
        ways = _ways(arrays, name.removeprefix("reproducibility-"), e.arrays.n_examples)
        parts[name] = _parts(ways, e.plan.label, left_out)
        found.append((e, ways))
        for way, w in ways.items():
            equal = over_runs(w.equal.astype(float), n_examples=e.arrays.n_examples, bounds=(0.0, 1.0))
            rows = ((EQUAL, equal), (DISTANCE, w.share), (FLIPS, w.flips))
            estimates += [Named(name, measure, way, estimate) for measure, estimate in rows]
    charts = (_distances(found, left_out), _flips(found)) if any(ways for _, ways in found) else ()
    verdicts = decided({name: [part for part, _ in rows] for name, rows in parts.items()})
    number = _number([row for rows in parts.values() for row in rows], found)
    return Judgement(verdicts, _headline(found, left_out), number, tuple(estimates), charts)


def _ways(arrays: Arrays, case: str, n_examples: int) -> dict[str, Way]:
    """Every way that was tried of one recipe, in the order of `WAYS`."""
    found = {}
    for way in (way for way in WAYS if f"{case}/{way}/equal" in arrays):
        equal, distance, flips = (arrays[f"{case}/{way}/{what}"] for what in ("equal", "distance", "flips"))
        sound = np.flatnonzero(arrays[f"{case}/finite"][: len(distance)] & np.isfinite(distance))
        sums = off_diagonal_row_sums(arrays[f"{case}/distances"][np.ix_(sound, sound)])
        share = share_of_pairs(distance[sound], sums, n_examples=None)
        found[way] = Way(equal, share, over_runs(flips, n_examples=n_examples, bounds=(0.0, 1.0)))
    return found


def _parts(ways: Mapping[str, Way], label: str, left_out: Mapping[str, str]) -> list[tuple[Part, str]]:
    parts = []
    for way in (*SAME, *OTHER):
        name = WAYS[way]
        if way not in ways:
            if way not in left_out:
                parts.append((Part(name, None, f"Not measured: {name}."), ""))
            continue
        w = ways[way]
        count, runs = int(w.equal.sum()), len(w.equal)
        text = f"{name[0].upper()}{name[1:]}: {count} of {runs} runs came back bit for bit"
        if way in SAME:
            holds = None if runs == 0 else count == runs
            parts.append((Part(name, holds, f"{text}."), f"{count} of {runs} runs bit for bit, {name} ({label})"))
            continue
        holds = True if runs and count == 0 else False if runs and count == runs else None
        text += (
            f"; weights moved by {briefly(w.share)} of the distance of two seeds, and {percent(w.flips)} of the "
            "predictions flipped."
        )
        words = f"{briefly(w.share)} of the distance of two seeds with {name} ({label})"
        parts.append((Part(name, holds, text), words))
    return parts


def _distances(found: Sequence[tuple[Evidence, dict[str, Way]]], left_out: Mapping[str, str]) -> Chart:
    finding = "; ".join(
        f"{e.plan.label}: "
        + ", ".join(f"{WAYS[way]} {'the same bits' if w.equal.all() else briefly(w.share)}" for way, w in ways.items())
        for e, ways in found
    )
    without = "; ".join(f"{WAYS[way]} ({reason})" for way, reason in left_out.items() if way in WAYS)
    lines = [
        series(e.plan.label, [(WAYS[way], SAME_BITS if w.equal.all() else w.share) for way, w in ways.items()])
        for e, ways in found[:6]
    ]
    return Chart(
        name="distance",
        title="How far apart the same levels end",
        x_label="",
        y_label="weight distance, over that of two seeds",
        unit="ratio",
        kind="rows",
        series=tuple(lines),
        log_y=True,
        reference=1.0,
        reference_label="two seeds",
        caption=f"No mark: the same bits; 1: two seeds. {finding}." + (f" Left out: {without}." * bool(without)),
    )


def _flips(found: Sequence[tuple[Evidence, dict[str, Way]]]) -> Chart:
    rows = [
        (e, [(WAYS[way], w.flips) for way, w in ways.items()] + [("another seed", e.get("disagreement"))])
        for e, ways in found
    ]
    finding = "; ".join(f"{e.plan.label}: " + ", ".join(f"{n} {percent(q)}" for n, q in row) for e, row in rows)
    return Chart(
        name="flips",
        title="Predictions that flip, same levels again",
        x_label="",
        y_label="predictions that differ",
        unit="fraction",
        kind="rows",
        series=tuple(series(e.plan.label, row) for e, row in rows[:6]),
        caption=f"{finding}.",
    )


def _headline(found: Sequence[tuple[Evidence, dict[str, Way]]], left_out: Mapping[str, str]) -> str:
    lines = []
    for e, ways in found:
        same = [ways[way] for way in SAME if way in ways]
        back = f"{sum(int(w.equal.sum()) for w in same)} of {sum(len(w.equal) for w in same)}"
        moved = "; ".join(
            f"{WAYS[way]} moves the weights by {briefly(ways[way].share)} of the distance of two seeds and "
            f"flips {percent(ways[way].flips)}"
            for way in OTHER
            if way in ways
        )
        if same:
            lines.append(f"{e.plan.label}: {back} retrainings came back bit for bit; {moved}")
    if not lines:
        return "No recipe could be measured."
    ways_back = ", ".join(WAYS[way] for way in SAME if way not in left_out)
    return f"The same levels trained again ({ways_back}). {'. '.join(lines)}."


def _number(rules: Sequence[tuple[Part, str]], found: Sequence[tuple[Evidence, dict[str, Way]]]) -> str:
    """The part that decides: one that fails, before one that cannot be told; where all hold, what they say together."""
    rank: dict[Any, int] = {False: 0, None: 1}
    open_ones = [(part, words) for part, words in rules if words and not part.holds]
    if open_ones:
        return min(open_ones, key=lambda row: rank[row[0].holds])[1]
    same = [ways[way].equal for _, ways in found for way in SAME if way in ways]
    moved = [(ways["precision"].share, e) for e, ways in found if "precision" in ways]
    if not same or not moved:
        return ""
    share, e = max(moved, key=lambda row: row[0].value or 0.0)
    count, total = (sum(numbers) for numbers in ([int(x.sum()) for x in same], [len(x) for x in same]))
    words = f"another precision moves the weights by {briefly(share)} of the distance of two seeds ({e.plan.label})"
    return f"{count} of {total} runs bit for bit; {words}"


STUDY = Study(
    name="reproducibility",
    title="The same pipeline, the same bits?",
    claim=(
        "The same levels in the same program give the same bits, in whatever process and on however many devices; "
        "another width of the program or another precision gives other bits."
    ),
    citation="Nagarajan et al. 2018, arXiv 1809.05676; Summers and Dinneen 2021, arXiv 2103.04514; Zhuang et al. 2021, "
    "arXiv 2106.11872 (tooling)",
    rule=(
        "For each recipe, weights and test logits of every run against those of the same levels, byte by byte. The "
        "same: (1) compiled anew in the same process, in reverse order, (2) in a new process, (3) on a second device "
        "beside the first, where there is one. Others: (4) at another width, (5) in bfloat16 in place of float32. In "
        "(1) to (3) every run the same, in (4) and (5) none: supported. One run that is another in (1) to (3), or all "
        "the same in (4) or (5): contradicted. Otherwise inconclusive. How far off (4) and (5) are, over the distance "
        "of two seeds, is told and not judged; so are matrix products at the highest precision, the instructions of an "
        "older CPU, and kernels that a GPU chooses by timing them."
    ),
    meaning=(
        "A fixed seed repeats a training only in the same program: to repeat a published number, the number of runs "
        "side by side, the precision and the instructions of the processor have to be recorded, as varbench does. How "
        "far other bits lead is a matter of the training, and is what the distances here say; the growth of one "
        "rounding error is measured apart."
    ),
    limits=(
        "Small networks, short and stable trainings: where rounding is amplified from step to step, runs end farther "
        "apart than here; --recipe.steps and --recipe.lr show it. "
        "Whether bits are equal is a matter of fact, of the runs that were trained, and has no interval. The claim was "
        "reworded after its first results: it said that another width or precision gives another model, where the rule "
        "asks for other bits; what was found at another width is the size of rounding, and the claim now says what the "
        "rule asks. One machine: another kind of processor, device or version of JAX is another program; the "
        "instructions of an older CPU stand in for it. CPU devices are virtual, two on one processor. A new process "
        "for each setting uses the machine's own defaults otherwise."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    experiments=_experiments,
    measures={
        EQUAL: Described("Runs that came back bit for bit", "fraction", "higher", "Same levels, trained again."),
        DISTANCE: Described(
            "Weight distance to the same levels, over two seeds",
            "ratio",
            "lower",
            "Distance of a run from its like trained in another way, over that of two runs of other levels.",
        ),
        FLIPS: Described("Predictions that flip", "fraction", "lower", "Against the run of the same levels."),
    },
)
