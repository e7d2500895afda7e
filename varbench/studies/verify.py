"""Does training again give the same bits, and are the stored bytes still the ones that were written?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from varbench.data import load
from varbench.errors import InputError
from varbench.store import PopulationStore
from varbench.store.files import sha256
from varbench.store.sketch import count_sketch
from varbench.studies.environment import environment
from varbench.studies.experiments import broken_files, is_made, read_experiment
from varbench.studies.request import broken_recipe_file, read_study, request_of
from varbench.studies.study import Experiment
from varbench.training.engine import Block, Engine
from varbench.training.recipe import recipe_from_dict
from varbench.training.strategy import Strategy
from varbench.training.watch import Progress

TOLERANCE = 1e-3
"""Largest relative weight distance and largest difference in a predicted probability that is called "within
tolerance" when the bits differ: what rounding may do to a short training. Longer ones amplify it beyond."""

Agreement = Literal["bitwise", "within tolerance", "different"]


@dataclass(frozen=True)
class RunCheck:
    """One run trained again: how well it came back, and how far off it is.

    Attributes:
        levels: Its levels.
        agreement: "bitwise", "within tolerance" (`TOLERANCE`) or "different".
        weight_distance: ‖a − b‖ / √(‖a‖² + ‖b‖²), from stored weights (or their sketch).
        probability_difference: Largest difference of a predicted probability.
        flips: Fraction of test examples with another predicted label.
    """

    levels: dict[str, int]
    agreement: Agreement
    weight_distance: float
    probability_difference: float
    flips: float


@dataclass(frozen=True)
class PopulationCheck:
    """One population: broken files, runs trained again, and what differs between then and now."""

    name: str
    broken_files: tuple[str, ...]
    runs: tuple[RunCheck, ...]
    environment_differences: dict[str, tuple[Any, Any]]

    @property
    def sound(self) -> bool:
        """No file changed and every run came back bit for bit."""
        return not self.broken_files and all(run.agreement == "bitwise" for run in self.runs)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "sound": self.sound}


@dataclass(frozen=True)
class ExperimentCheck:
    """One experiment: whether its files are as written, and what came out otherwise when it was made again.

    Attributes:
        name: Its name.
        broken_files: Files that are missing or not as they were written.
        repeated: Whether it was made again.
        different: Names of the arrays that came out with other bytes.
    """

    name: str
    broken_files: tuple[str, ...]
    repeated: bool
    different: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """No file changed, and every array came back byte for byte if it was made again."""
        return not self.broken_files and not self.different

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "sound": self.sound}


@dataclass(frozen=True)
class Verification:
    """Everything that was checked in a run directory.

    Attributes:
        populations: A check of each population.
        experiments: A check of each experiment.
        broken_files: Files beside them that are missing or not as they were written: the user's own recipe.
    """

    populations: tuple[PopulationCheck, ...]
    experiments: tuple[ExperimentCheck, ...]
    broken_files: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """No file changed, and all that was made again came back bit for bit."""
        checks: tuple[PopulationCheck | ExperimentCheck, ...] = (*self.populations, *self.experiments)
        return not self.broken_files and all(check.sound for check in checks)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "sound": self.sound,
            "broken_files": self.broken_files,
            "populations": [check.as_dict() for check in self.populations],
            "experiments": [check.as_dict() for check in self.experiments],
        }


def verification(
    out: Path,
    *,
    everything: bool,
    listen: Callable[[str, int, Progress], None] = lambda name, runs, progress: None,
    listen_experiment: Callable[[str, float], None] = lambda name, share: None,
) -> Verification:
    """Check all of a run directory: its populations, its experiments, and the copy of the user's own recipe.

    Args:
        out: The run directory.
        everything: Make every run and every experiment again; otherwise a sample of the runs.
        listen: As in `verify`.
        listen_experiment: As `listen` in `verify_experiments`.

    Raises:
        InputError: If it is not a run directory, or nothing in it is finished.
    """
    populations = verify(out, everything=everything, listen=listen)
    experiments = verify_experiments(out, everything=everything, listen=listen_experiment)
    return Verification(populations, experiments, broken_recipe_file(out))


def verify_experiments(
    out: Path, *, everything: bool, listen: Callable[[str, float], None] = lambda name, share: None
) -> tuple[ExperimentCheck, ...]:
    """Check the files of the experiments of a run directory, and make them again.

    Args:
        out: The run directory; experiments that were not made yet are passed over.
        everything: Make every experiment again; otherwise only their files are checked.
        listen: Called with an experiment's name and the share done.

    Raises:
        InputError: If it is not a run directory, or holds an experiment with other settings.
    """
    request = request_of(out)
    experiments = [e for study in request.studies for e in request.experiments(study) if is_made(out, e)]
    return tuple(_verify_experiment(out, e, everything, listen) for e in experiments)


def _verify_experiment(
    out: Path, experiment: Experiment, everything: bool, listen: Callable[[str, float], None]
) -> ExperimentCheck:
    broken = broken_files(out, experiment)
    if broken or not everything:
        return ExperimentCheck(experiment.name, broken, False, ())
    before = read_experiment(out, experiment)
    now = {name: np.asarray(a) for name, a in experiment.make(lambda share: listen(experiment.name, share)).items()}
    names = sorted({*before, *now})
    different = tuple(n for n in names if n not in before or n not in now or not _same_bytes(before[n], now[n]))
    return ExperimentCheck(experiment.name, (), True, different)


def _same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def verify(
    out: Path, *, everything: bool, listen: Callable[[str, int, Progress], None] = lambda name, runs, progress: None
) -> tuple[PopulationCheck, ...]:
    """Check every file of a run directory and train a sample of its runs again.

    Args:
        out: The run directory.
        everything: Train every run again; otherwise one block of runs per population, spread over it.
        listen: Called with the population's name, the runs to train and the progress.

    Raises:
        InputError: If it is not a run directory, or nothing in it is finished.
    """
    names = read_study(out)["populations"]
    stores = {name: PopulationStore.open(out / name) for name in names if (out / name).is_dir()}
    if not any(store.commits for store in stores.values()):
        raise InputError(f"{out} has no finished runs yet: train some first with `varbench run`")
    return tuple(_verify(name, store, everything, listen) for name, store in stores.items() if store.commits)


def _verify(
    name: str, store: PopulationStore, everything: bool, listen: Callable[[str, int, Progress], None]
) -> PopulationCheck:
    manifest = store.manifest
    changed = store.broken_files()
    broken = (*store.lost_commits(), *changed)
    differences = environment_differences(manifest)
    recipe = recipe_from_dict(manifest["recipe"], where=str(store.folder / "manifest.json"))
    dataset = load(recipe.data)
    if dataset.checksum() != manifest["data"]["sha256"]:
        differences["data"] = (manifest["data"]["sha256"], dataset.checksum())
    engine = Engine(recipe, dataset, Strategy(**manifest["strategy"]), fresh=True)
    prints, width = store.fingerprints(), manifest["width"]
    chosen = (
        np.arange(len(prints)) if everything else np.unique(np.linspace(0, len(prints) - 1, width).round()).astype(int)
    )
    levels = [prints[i]["levels"] for i in chosen]
    old = None if changed else store.read()
    sketched = manifest["weights"]["kept"] == "sketch"
    checks: list[RunCheck] = []
    blocks = list(enumerate(engine.blocks_of(levels)))
    engine = engine.on_devices(len(blocks))
    for block in engine.train(blocks, listen=lambda progress: listen(name, len(levels), progress)):
        for lane in range(len(block.levels)):
            index = chosen[block.index * width + lane]
            before = None if old is None else (old["logits"][index], old["weights"][index])
            checks.append(_check(prints[index], block, lane, before, sketched))
    return PopulationCheck(name, broken, tuple(checks), differences)


def _check(
    fingerprint: dict[str, Any], block: Block, lane: int, before: tuple[np.ndarray, np.ndarray] | None, sketched: bool
) -> RunCheck:
    weights, logits = block.weights[lane], block.logits[lane]
    same = (fingerprint["weights"], fingerprint["predictions"]) == (
        sha256(weights.tobytes()),
        sha256(logits.tobytes()),
    )
    if same:
        return RunCheck(block.levels[lane], "bitwise", 0.0, 0.0, 0.0)
    if before is None:
        return RunCheck(block.levels[lane], "different", float("nan"), float("nan"), float("nan"))
    old_logits, old_weights = before
    new_weights = count_sketch(weights[None])[0] if sketched else weights
    a, b = new_weights.astype(np.float64), old_weights.astype(np.float64)
    distance = float(np.linalg.norm(a - b) / max(np.hypot(np.linalg.norm(a), np.linalg.norm(b)), 1e-300))
    gap = float(np.abs(_softmax(logits) - _softmax(old_logits)).max())
    flips = float((logits.argmax(-1) != old_logits.argmax(-1)).mean())
    near = distance <= TOLERANCE and gap <= TOLERANCE
    return RunCheck(block.levels[lane], "within tolerance" if near else "different", distance, gap, flips)


def _softmax(logits: np.ndarray) -> np.ndarray:
    from varbench.measures.scores import softmax

    return softmax(logits)


def environment_differences(manifest: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is not now as it was then: versions, device, flags. The number of devices changes no bit and is left out."""
    now = environment()
    found = {}
    for part in ("versions", "device", "flags"):
        for key in sorted({*manifest[part], *now[part]} - {"count", "cores"}):
            then, today = manifest[part].get(key), now[part].get(key)
            if then != today:
                found[f"{part}.{key}"] = (then, today)
    return found
