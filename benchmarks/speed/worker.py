"""One arm of a race in a process of its own: it prepares, and then trains whenever it is told to.

Reads lines from the standard input: first the task as JSON, then `train` as often as wanted. Writes one line of JSON
for each: how long the preparation took, then seconds and what is `Trained` of each run.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

from benchmarks.speed.arms import ARMS, Job


def main() -> None:
    """Serve until the input ends."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    job = Job(**json.loads(sys.stdin.readline()))
    arm = ARMS[job.arm]
    started = time.perf_counter()
    module, function = arm.make.split(":")
    train = getattr(importlib.import_module(module), function)(job)
    train()
    print(json.dumps({"prepared": time.perf_counter() - started}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() != "train":
            break
        started = time.perf_counter()
        trained = train()
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "trained": trained}), file=answers, flush=True)


if __name__ == "__main__":
    main()
