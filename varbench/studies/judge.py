"""From the populations of a run directory to `analysis.json`: measuring and deciding, without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.controls import control_estimates
from varbench.analysis.document import KEY, LEVEL, document
from varbench.analysis.networks import Networks
from varbench.analysis.plots import plots
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.probes import TrainedNetworks
from varbench.stats.estimate import Estimate
from varbench.store import PopulationStore
from varbench.studies.request import read_study, request_of
from varbench.studies.study import Evidence, Named, PopulationPlan, Study


def judge(out: Path) -> dict[str, Any]:
    """Measure and decide.

    Args:
        out: A run directory with at least one finished block in every population.

    Returns:
        The content of `analysis.json`.

    Raises:
        InputError: If the directory is not a run directory, is unfinished or was edited.
    """
    request = request_of(out)
    record = read_study(out)
    stores = {name: PopulationStore.open(out / name) for name in record["populations"] if (out / name).is_dir()}
    unfinished = [name for name in record["populations"] if name not in stores or stores[name].missing()]
    if unfinished:
        raise InputError(f"{out} is unfinished ({', '.join(unfinished)}): finish it with {record['command']}")
    plans = {plan.name: plan for plan in request.populations()}
    arrays = {name: store.read() for name, store in stores.items()}
    populations = {
        name: population_arrays(store, arrays[name], networks=_networks(plans[name])) for name, store in stores.items()
    }
    evidence = {
        name: Evidence(plan, populations[name], _estimates(plan, plans, populations, stores))
        for name, plan in plans.items()
    }
    verdicts = request.study.judge(evidence)
    mains = [plan for plan in plans.values() if plan.role != "control"]
    return document(
        name=request.study.name,
        title=request.study.title,
        headline=request.study.headline(evidence, verdicts),
        budget=request.budget,
        study=_study_part(request.study, mains, stores),
        conditions=[_condition(request.study, plan, stores[name], populations[name]) for name, plan in plans.items()],
        estimates=[(request.study.name, n) for e in evidence.values() for n in e.estimates],
        verdicts=[(request.study.name, v) for v in verdicts],
        anchors=_anchors(request.study, evidence),
        plots={p.name: _plots(p, populations[p.name], arrays[p.name]) for p in mains if p.role == "population"},
        measures=MEASURES,
        manifest=_manifest(record, stores),
        unavailable=[
            (p.name, *entry) for p in mains if p.role == "population" for entry in unavailable(populations[p.name])
        ],
    )


def population_arrays(
    store: PopulationStore, arrays: dict[str, np.ndarray], *, networks: Networks | None = None
) -> PopulationArrays:
    """The arrays of a store as measures want them."""
    whole = store.manifest["weights"]["kept"] == "whole"
    layers = [(path, start, stop) for path, _, start, stop in store.manifest["parameters"]]
    return PopulationArrays(
        logits=arrays["logits"],
        labels=arrays["labels"],
        finished=arrays["finished"] == 1,
        weights=arrays["weights"],
        initial_weights=arrays["initial_weights"],
        layers=tuple(layers) if whole else (),
        train_loss=arrays["train_loss"],
        train_accuracy=arrays["train_accuracy"],
        levels={source: arrays[f"level_{source}"] for source in SOURCES},
        snapshots=arrays.get("snapshots"),
        snapshot_steps=arrays.get("snapshot_step"),
        networks=networks if whole else None,
    )


def _networks(plan: PopulationPlan) -> Networks | None:
    """The networks of a population; a control is only compared run by run and a reference only shown."""
    return TrainedNetworks(plan.recipe, load(plan.recipe.data)) if plan.role == "population" else None


def _estimates(
    plan: PopulationPlan,
    plans: dict[str, PopulationPlan],
    populations: dict[str, PopulationArrays],
    stores: dict[str, PopulationStore],
) -> tuple[Named, ...]:
    found: Sequence[tuple[str, float | str | None, Estimate]]
    if plan.of is None:
        found = estimates(populations[plan.name], level=LEVEL, key=KEY)
    else:
        rows = _matching_rows(plan, plans[plan.of])
        prints, of_prints = (stores[n].manifest["fingerprints"] for n in (plan.name, plan.of))
        equal = [
            prints[i]["weights"] == of_prints[j]["weights"] and prints[i]["predictions"] == of_prints[j]["predictions"]
            for i, j in enumerate(rows)
        ]
        found = control_estimates(
            populations[plan.name], populations[plan.of], rows=rows, bitwise_equal=np.array(equal), level=LEVEL
        )
    return tuple(Named(plan.name, measure, at, estimate) for measure, at, estimate in found)


def _matching_rows(control: PopulationPlan, main: PopulationPlan) -> list[int]:
    """For each run of the control, the run of the population with the same levels, width apart."""
    place = {_identity(levels): i for i, levels in enumerate(main.design.levels)}
    return [place[_identity(levels)] for levels in control.design.levels]


def _identity(levels: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((source, level) for source, level in levels.items() if source != "width"))


def _plots(plan: PopulationPlan, population: PopulationArrays, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    curves = {name: arrays[f"curve_{name}"] for name in ("train_loss", "test_loss", "test_accuracy")}
    dataset = load(plan.recipe.data)
    return plots(population, curves=curves, steps=arrays["step"], x_test=dataset.x_test)


def _condition(
    study: Study, plan: PopulationPlan, store: PopulationStore, population: PopulationArrays
) -> dict[str, Any]:
    manifest = store.manifest
    runs, examples, classes = population.n_runs, population.n_examples, population.n_classes
    return {
        "condition": plan.name,
        "study": study.name,
        "label": plan.label,
        "role": plan.role,
        "of": plan.of,
        "description": plan.description,
        "n_runs": runs,
        "n_diverged": int((~population.finished).sum()),
        "n_examples": examples,
        "n_classes": classes,
        "n_parameters": manifest["parameters"][-1][3],
        "n_train": manifest["data"]["train"],
        "steps": manifest["steps"],
        "recipe": manifest["recipe"],
        "recipe_hash": manifest["recipe_hash"],
        "design": manifest["design"],
    }


def _study_part(study: Study, mains: Sequence[PopulationPlan], stores: dict[str, PopulationStore]) -> dict[str, Any]:
    identical, varied = [], []
    for plan in mains:
        m, r = stores[plan.name].manifest, plan.recipe
        identical.append(
            [
                plan.label,
                (
                    f"{m['data']['train']:,} training examples; {m['parameters'][-1][3]:,} parameters; {r.optimizer}, "
                    f"learning rate {r.lr:g} ({r.schedule}), batches of {r.batch_size}, {m['steps']:,} steps; "
                    f"{r.precision}; recipe {m['recipe_hash']}"
                ),
            ]
        )
        sources = ", ".join(plan.design.sources)
        varied.append([plan.label, f"{sources}: a level of its own in each of the {len(plan.design)} runs"])
    return {
        "study": study.name,
        "title": study.title,
        "claim": study.claim,
        "citation": study.citation,
        "rule": study.rule,
        "meaning": study.meaning,
        "limits": study.limits,
        "identical": identical,
        "varied": varied,
    }


def _anchors(study: Study, evidence: dict[str, Evidence]) -> list[dict[str, Any]]:
    rows = []
    for e in evidence.values():
        for anchor in study.anchors:
            if e.plan.role == "control" or (e.plan.recipe.data, e.plan.recipe.model) != (anchor.data, anchor.model):
                continue
            ours = e.get(anchor.measure)
            rows.append(
                {
                    "study": study.name,
                    "condition": e.plan.name,
                    "measure": anchor.measure,
                    "ours": ours.value,
                    "low": ours.low,
                    "high": ours.high,
                    "published": anchor.published,
                    "published_note": anchor.note,
                    "source": anchor.source,
                    "tolerance": anchor.tolerance,
                    "within": ours.value is not None and abs(ours.value - anchor.published) <= anchor.tolerance,
                }
            )
    return rows


def _manifest(record: dict[str, Any], stores: dict[str, PopulationStore]) -> dict[str, Any]:
    first = next(iter(stores.values())).manifest
    return {
        "varbench": first["versions"]["varbench"],
        "command": record["command"],
        "versions": first["versions"],
        "device": first["device"],
        "flags": first["flags"],
        "git": first["git"],
        "populations": [
            {
                "name": name,
                "strategy": {**s.manifest["strategy"], "devices": s.manifest["device"]["count"]},
                "seconds": s.manifest["seconds"],
                "data": s.manifest["data"],
                "fingerprint": s.fingerprint(),
                "environments": len(s.manifest["trained_on"]),
            }
            for name, s in stores.items()
        ],
    }
