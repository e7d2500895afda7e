"""Measures of the trained networks of a stored population: made when named, and unasked where that takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from varbench.analysis.catalogue import MEASURES, At, estimates
from varbench.analysis.document import KEY
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.stats.estimate import Estimate, missing

if TYPE_CHECKING:
    from varbench.probes import TrainedNetworks
    from varbench.store import PopulationStore

NETWORK_MEASURES = tuple(name for name, entry in MEASURES.items() if "networks" in entry.needs)
"""Those that take the networks themselves, in the order of reports."""

MOST_POPULATIONS = 4
"""Populations of a run directory up to which networks are measured unasked."""

MOST_FLOPS = 2e11
"""Operations that may go into the networks of a population unasked: a quarter of a minute of one core."""

ON_PATHS, ON_AVERAGES, ON_SOME = 16 * 25, 64, 2 * 64 * 256 * 4
"""Passes over all examples on paths between runs, over the test set for averages, and for activations and gradients."""


def network_estimates(
    store: PopulationStore, population: PopulationArrays, *, names: Sequence[str] | None, among: int, level: float
) -> tuple[list[tuple[str, At, Estimate]], dict[str, str]]:
    """Estimates of the measures that take the trained networks, and why others are left out.

    Args:
        store: The stored population, whose recipe and data make the networks.
        population: Its arrays.
        names: Measures that were asked for; None for those that take seconds.
        among: How many populations are measured.
        level: Nominal coverage.

    Returns:
        The estimates; one that was asked for and cannot be had is there without a value, with the reason. And
        measure → reason, a sentence without a stop, for what was left out unasked.
    """
    wanted = [name for name in NETWORK_MEASURES if names is None or name in names]
    if not wanted:
        return [], {}
    if names is None and among > MOST_POPULATIONS:
        reason = f"it takes seconds for each of {among} populations: name one with --population, or name the measure"
        return [], dict.fromkeys(wanted, reason)
    networks = _networks(store)
    if isinstance(networks, str):
        reasons = dict.fromkeys(wanted, networks)
    else:
        population = replace(population, networks=networks)
        reasons = {name: MEASURES[name].lacking(population) for name in wanted}
        if names is None:
            costly = _flops(networks) > MOST_FLOPS
            reasons = {name: reason or _unasked(name, costly=costly) for name, reason in reasons.items()}
    found = estimates(population, names=[name for name in wanted if not reasons[name]], level=level, key=KEY)
    reasons = {name: reason for name, reason in reasons.items() if reason}
    if names is None:
        return found, reasons
    unmade: list[tuple[str, At, Estimate]] = [
        (name, None, missing(reason, level=level, n_runs=population.n_runs, n_examples=population.n_examples))
        for name, reason in reasons.items()
    ]
    return [*found, *unmade], {}


def _networks(store: PopulationStore) -> TrainedNetworks | str:
    """The networks of a population, or why they cannot be had."""
    from varbench.data import load
    from varbench.probes import TrainedNetworks
    from varbench.training.recipe import recipe_from_dict

    manifest = store.manifest
    if manifest["weights"]["kept"] != "whole":
        return "of the weights only sketches are stored"
    try:
        recipe = recipe_from_dict(manifest["recipe"], where=str(store.folder / "manifest.json"))
        dataset = load(recipe.data)
        if dataset.checksum() != manifest["data"]["sha256"]:
            return f"the data set {recipe.data!r} is no longer the one that the runs were trained on"
        return TrainedNetworks(recipe, dataset)
    except InputError as error:
        return str(error).rstrip(".")


def _unasked(name: str, *, costly: bool) -> str:
    """Why a measure is not made unasked, or an empty string."""
    if name.endswith("_aligned"):
        return "matching hidden units takes minutes: name the measure to have it"
    if "snapshots" in MEASURES[name].needs:
        return "curvature takes minutes: name the measure to have it"
    return "of networks and data of this size it takes minutes: name the measure to have it" if costly else ""


def _flops(networks: TrainedNetworks) -> float:
    """About what the measures that are made unasked take, for 64 runs."""
    from varbench.studies.cost import flops_of_example

    n_train, n_test = len(networks.dataset.y_train), len(networks.dataset.y_test)
    passes = ON_PATHS * (n_train + n_test) + ON_AVERAGES * n_test + ON_SOME
    return passes * flops_of_example(networks.recipe, networks.dataset)
