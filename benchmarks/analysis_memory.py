"""Time and peak memory of the analysis of many runs: each size in a process of its own, made-up results.

    python benchmarks/analysis_memory.py            # 1,000 × 10,000 × 10 logits, all function-space measures;
                                                    # 10,000 × 10,000 predictions, disagreement with its interval
    python benchmarks/analysis_memory.py --small    # a tenth of the runs and of the examples

The peak is that of the process (`resource.getrusage`), the input is part of it.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from varbench.analysis.catalogue import MEASURES, estimates
from varbench.analysis.population import PopulationArrays

CLASSES = 10
PREDICTIONS = ("disagreement",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the runs and of the examples")
    parser.add_argument("--size", nargs=3, metavar=("KIND", "RUNS", "EXAMPLES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.size:
        _measure(given.size[0], int(given.size[1]), int(given.size[2]))
        return
    share = 10 if given.small else 1
    for kind, runs, examples in (("predictions", 10_000, 10_000), ("logits", 1_000, 10_000)):
        size = [kind, str(runs // share), str(examples // share)]
        subprocess.run([sys.executable, __file__, "--size", *size], check=True)


def _measure(kind: str, runs: int, examples: int) -> None:
    population, input_bytes = _population(kind, runs, examples)
    names = PREDICTIONS if kind == "predictions" else [n for n, e in MEASURES.items() if not e.lacking(population)]
    print(f"{kind}: {runs:,} runs × {examples:,} examples, {CLASSES} classes; input {input_bytes / 2**20:,.0f} MiB")
    before, start = _peak(), time.perf_counter()
    for name in names:
        begun = time.perf_counter()
        found = estimates(population, names=[name], key=0)
        seconds = time.perf_counter() - begun
        if found and (seconds > 0.5 or kind == "predictions"):
            print(f"  {name:32} {seconds:8.1f} s   peak {_peak():8,.0f} MiB", flush=True)
    total = time.perf_counter() - start
    print(f"  {'all':32} {total:8.1f} s   peak {_peak():8,.0f} MiB, {_peak() - before:,.0f} MiB above the start")


def _population(kind: str, runs: int, examples: int) -> tuple[PopulationArrays, int]:
    """Runs that share what is learned; made one by one, so that making them takes no memory of its own."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, examples)
    learned = random.standard_normal((examples, CLASSES), dtype=np.float32)
    learned[np.arange(examples), labels] += 2.0
    shape = (runs, examples, CLASSES) if kind == "logits" else (runs, examples)
    made = np.empty(shape, dtype=np.float32 if kind == "logits" else np.int32)
    for run in range(runs):
        logits = learned + random.standard_normal((examples, CLASSES), dtype=np.float32)
        made[run] = logits if kind == "logits" else logits.argmax(axis=1)
    if kind == "logits":
        return PopulationArrays(logits=made, labels=labels), made.nbytes
    return PopulationArrays(predictions=made, labels=labels, classes=CLASSES), made.nbytes


def _peak() -> float:
    """MiB; `ru_maxrss` is in KiB, on a Mac in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
