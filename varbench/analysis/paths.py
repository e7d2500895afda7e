"""Loss and error along straight paths between runs, as they are and with the second relabeled to match the first."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.matching import disjoint_groups, relabeled, sound_runs
from varbench.analysis.networks import Split
from varbench.analysis.plotdata import DRAWN, plot_data, rounded
from varbench.analysis.population import PopulationArrays
from varbench.measures.barriers import path_weights

ALPHAS = np.linspace(0.0, 1.0, 25)

Form: TypeAlias = Literal["raw", "aligned"]


class Paths(NamedTuple):
    """Scores along the paths of n disjoint pairs, and why they must not be used (or an empty string)."""

    loss: Float[np.ndarray, "n A"]
    error: Float[np.ndarray, "n A"]
    objection: str


def path_pairs(population: PopulationArrays) -> Int[np.ndarray, "n 2"]:
    """Rows of disjoint pairs of sound runs: first and second, third and fourth, …, at most sixteen pairs."""
    runs = sound_runs(population)
    return runs[disjoint_groups(len(runs), 2)]


def pair_ends(
    population: PopulationArrays, form: Form
) -> tuple[Float[np.ndarray, "n P"], Float[np.ndarray, "n P"], str]:
    """Weights of the first and of the second run of every pair, and why they must not be used (or an empty string)."""
    first, second = path_pairs(population).T
    assert population.weights is not None
    if form == "raw":
        return population.weights[first], population.weights[second], ""
    return population.weights[first], *relabeled(population, first, second)


def paths(population: PopulationArrays, form: Form, split: Split) -> Paths:
    """Scores at every α in 0, 1/24, …, 1, of all pairs; batch statistics are made anew at each.

    Nothing is scored where there is an objection to the relabeling: its arrays are NaN.
    """
    return population.derived(("paths", form, split), lambda: _paths(population, form, split))


@plot_data("paths", needs=("networks", "weights"))
def paths_plot(population: PopulationArrays) -> object:
    """`alpha` and, by form and split, the curves of every pair; None without a pair."""
    assert population.networks is not None
    if not len(path_pairs(population)):
        return None
    forms: tuple[Form, ...] = get_args(Form) if population.networks.symmetries else ("raw",)
    splits: tuple[Split, ...] = get_args(Split)
    found: dict[str, object] = {"alpha": rounded(ALPHAS), "runs": path_pairs(population).tolist()}
    for form in forms:
        curves = {split: paths(population, form, split) for split in splits}
        if not any(curve.objection for curve in curves.values()):
            found[form] = {
                split: {"loss": rounded(curve.loss, digits=DRAWN), "error": rounded(curve.error, digits=DRAWN)}
                for split, curve in curves.items()
            }
    return found


def _paths(population: PopulationArrays, form: Form, split: Split) -> Paths:
    networks = population.networks
    assert networks is not None
    first, second, objection = pair_ends(population, form)
    loss, error = (np.full((len(first), len(ALPHAS)), np.nan) for _ in range(2))
    if not objection:
        for part, weights in path_weights(first, second, ALPHAS):
            scored = networks.scores(weights, split)
            loss[part], error[part] = (values.reshape(-1, len(ALPHAS)) for values in scored)
        error[~np.isfinite(loss)] = np.nan
    return Paths(loss, error, objection)
