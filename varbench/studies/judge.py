"""From the populations of a run directory to `analysis.json`: measuring and deciding, without training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.controls import control_estimates
from varbench.analysis.document import KEY, LEVEL, document, shortened, spaced
from varbench.analysis.networks import Networks
from varbench.analysis.plots import plots
from varbench.analysis.population import PopulationArrays
from varbench.data import load
from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.probes import TrainedNetworks
from varbench.stats.estimate import Estimate
from varbench.store import PopulationStore
from varbench.studies.decided_chart import with_deciding_chart
from varbench.studies.designs import identical_in, identical_in_experiment, together_told, varied_in
from varbench.studies.environment import git
from varbench.studies.experiments import made_where, read_experiment
from varbench.studies.labels import data_of, label_of
from varbench.studies.moment import Moment
from varbench.studies.parallel import one_blas_thread, side_by_side
from varbench.studies.request import Request, continued, read_study, request_of
from varbench.studies.rules import within
from varbench.studies.study import Evidence, Judgement, Named, PopulationPlan, Study, Verdict
from varbench.version import __version__

CHART_DIGITS = 5
"""What is drawn has fewer digits than the estimates, which stand beside it."""

SUITE = "suite"
SUITE_TITLE = "Training is optimization, put to the test"


@one_blas_thread()
def judge(out: Path, *, listen: Callable[[Moment], None] = lambda moment: None) -> dict[str, Any]:
    """Measure and decide.

    Args:
        out: A finished run directory.
        listen: Called before each population and each study.

    Returns:
        The content of `analysis.json`.

    Raises:
        InputError: If the directory is not a run directory, is unfinished or was edited, or a data set has changed.
    """
    request = request_of(out)
    record = read_study(out)
    stores = {name: PopulationStore.open(out / name) for name in record["populations"] if (out / name).is_dir()}
    unfinished = [name for name in record["populations"] if name not in stores or stores[name].missing()]
    if unfinished:
        raise InputError(
            f"{out} is unfinished ({', '.join(unfinished)}): finish it with {continued(record['command'], out)}"
        )
    experiments = {
        study.name: {e.name: read_experiment(out, e) for e in request.experiments(study)} for study in request.studies
    }
    plans = {plan.name: plan for plan in request.populations()}
    _refuse_other_data(plans, stores)
    arrays = {name: store.read() for name, store in stores.items()}
    shared: dict[Any, TrainedNetworks] = {}
    populations = {
        name: population_arrays(store, arrays[name], networks=_networks(plans[name], shared))
        for name, store in stores.items()
    }
    owned = {study.name: [plan.name for plan in request.plans(study)] for study in request.studies}

    def tell(label: str, done: int) -> None:
        share = done / (len(plans) + len(request.studies))
        listen(Moment(f"measuring {label}", 0, 0, None, share, share))

    def measured(plan: PopulationPlan) -> Evidence:
        return Evidence(plan, populations[plan.name], _estimates(plan, plans, populations, stores))

    def judged(study: Study) -> Judgement:
        found = study.judge({name: evidence[name] for name in owned[study.name]}, experiments[study.name])
        mine = [plans[name] for name in owned[study.name]]
        found = replace(found, verdicts=tuple(_labeled(v, mine) for v in found.verdicts))
        labels = {plan.name: plan.label for plan in mine} | {e.name: e.label for e in request.experiments(study)}
        labels |= {v.condition: v.label for v in found.verdicts if v.condition and v.label}
        return with_deciding_chart(found, labels)

    evidence, judgements = dict[str, Evidence](), dict[str, Judgement]()
    for done, (plan, waiting) in enumerate(side_by_side(measured, tuple(plans.values()))):
        tell(plan.label, done)
        evidence[plan.name] = waiting()
    for done, (study, waiting_too) in enumerate(side_by_side(judged, request.studies), start=len(plans)):
        tell(study.title, done)
        judgements[study.name] = waiting_too()
    owner = {name: study for study, names in reversed(owned.items()) for name in names}
    mains = [plan for plan in plans.values() if plan.role != "control"]
    drawn = [plan for plan in mains if plan.role == "population" and plan.plots]
    single = request.studies[0] if len(request.studies) == 1 else None
    return document(
        name=single.name if single else SUITE,
        title=single.title if single else SUITE_TITLE,
        headline=judgements[single.name].headline if single else _suite_headline(judgements),
        budget=request.budget,
        studies=[
            _study_part(request, study, judgements[study.name], [plans[name] for name in owned[study.name]], stores)
            for study in request.studies
        ],
        conditions=[
            *(_condition(owner[name], plan, stores[name], populations[name]) for name, plan in plans.items()),
            *(
                row
                for study in request.studies
                for row in _experiment_conditions(request, study, judgements[study.name])
            ),
        ],
        estimates=[
            *((owner[name], n) for name, e in evidence.items() for n in e.estimates),
            *((study, n) for study, judgement in judgements.items() for n in judgement.estimates),
        ],
        verdicts=[(study, v) for study, judgement in judgements.items() for v in judgement.verdicts],
        charts=[
            {"study": study, **spaced(shortened(chart.as_dict(), digits=CHART_DIGITS))}
            for study, judgement in judgements.items()
            for chart in judgement.charts
        ],
        anchors=[row for study in request.studies for row in _anchors(study, evidence, owned[study.name])],
        plots={p.name: _plots(p, populations[p.name], arrays[p.name]) for p in drawn},
        measures={**MEASURES, **{name: m for study in request.studies for name, m in study.measures.items()}},
        manifest=_manifest(record, stores, _where(out, request, stores)),
        unavailable=[(p.name, *entry) for p in drawn for entry in unavailable(populations[p.name])],
    )


def _labeled(verdict: Verdict, plans: Sequence[PopulationPlan]) -> Verdict:
    """The verdict, with a label where it is about several populations, by the name or the data set that they share."""
    name = verdict.condition
    if name is None or any(plan.name == name for plan in plans):
        return verdict
    group = [p.recipe for p in plans if p.name.startswith(f"{name}-") or data_of(p.recipe) == name]
    return replace(verdict, label=label_of(*group)) if group else verdict


def _suite_headline(judgements: Mapping[str, Judgement]) -> str:
    """How many claims hold, and what the first study found."""
    words = [judgement.verdicts[-1].verdict for judgement in judgements.values()]
    counts = [f"{words.count(word)} {word}" for word in ("supported", "contradicted", "inconclusive") if word in words]
    number, _, rest = ", ".join(counts).partition(" ")
    first = next(iter(judgements.values())).headline
    return f"Of {len(words)} claims about training, {number} {'is' if number == '1' else 'are'} {rest}. {first}"


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


def _refuse_other_data(plans: Mapping[str, PopulationPlan], stores: Mapping[str, PopulationStore]) -> None:
    """Networks are measured on the data that they were trained on, or not at all."""
    for name, plan in plans.items():
        if load(plan.recipe.data).checksum() != stores[name].manifest["data"]["sha256"]:
            raise InputError(
                f"the data set {plan.recipe.data!r} is no longer the one that {stores[name].folder} was trained on: "
                "restore it, or train again with another --out"
            )


def _networks(plan: PopulationPlan, shared: dict[Any, TrainedNetworks]) -> Networks | None:
    """The networks of a population; a control is only compared run by run and a reference only shown.

    Populations that differ in how they were trained alone share one object, and with it what it compiles.
    """
    if plan.role != "population":
        return None
    r = plan.recipe
    key = (r.data, r.model, r.hidden, r.blocks, r.norm, r.dropout, r.precision, r.batch_size)
    if key not in shared:
        shared[key] = TrainedNetworks(r, load(r.data))
    return shared[key]


def _estimates(
    plan: PopulationPlan,
    plans: dict[str, PopulationPlan],
    populations: dict[str, PopulationArrays],
    stores: dict[str, PopulationStore],
) -> tuple[Named, ...]:
    found: Sequence[tuple[str, float | str | None, Estimate]]
    if plan.of is None:
        found = estimates(populations[plan.name], names=plan.measures, level=LEVEL, key=KEY)
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
    study: str, plan: PopulationPlan, store: PopulationStore, population: PopulationArrays
) -> dict[str, Any]:
    manifest = store.manifest
    runs, examples, classes = population.n_runs, population.n_examples, population.n_classes
    return {
        "condition": plan.name,
        "study": study,
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


def _experiment_conditions(request: Request, study: Study, judgement: Judgement) -> list[dict[str, Any]]:
    """The experiments that a study decides about, or has estimates of."""
    named = {v.condition for v in judgement.verdicts} | {n.condition for n in judgement.estimates}
    return [
        {
            "condition": experiment.name,
            "study": study.name,
            "label": experiment.label,
            "role": "experiment",
            "of": None,
            "description": "an experiment of its own, no population of classifiers",
        }
        for experiment in request.experiments(study)
        if experiment.name in named
    ]


def _study_part(
    request: Request,
    study: Study,
    judgement: Judgement,
    plans: Sequence[PopulationPlan],
    stores: dict[str, PopulationStore],
) -> dict[str, Any]:
    told = [plan for plan in plans if plan.role != "control"]
    manifests = [stores[plan.name].manifest for plan in told]
    identical = [(p.label, identical_in(p, m)) for p, m in zip(told, manifests, strict=True)]
    if not plans:
        identical = [(e.label, identical_in_experiment(e.facts)) for e in request.experiments(study)]
    return {
        "study": study.name,
        "title": study.title,
        "claim": study.claim,
        "citation": study.citation,
        "rule": study.rule,
        "meaning": study.meaning,
        "limits": study.limits,
        "headline": judgement.headline,
        "number": judgement.number,
        "revised": study.revised,
        "measures": sorted(study.measures),
        "conditions": [plan.name for plan in plans],
        "identical": together_told(identical),
        "varied": together_told([(plan.label, [varied_in(plan.design)]) for plan in told]),
    }


def _anchors(study: Study, evidence: dict[str, Evidence], names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for e in (evidence[name] for name in names):
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
                    "within": within(ours, anchor.published, anchor.tolerance),
                }
            )
    return rows


def _where(out: Path, request: Request, stores: Mapping[str, PopulationStore]) -> Mapping[str, Any]:
    """What the first population was trained with, or the first experiment was made with where there is none."""
    for store in stores.values():
        return store.manifest
    for experiment in (e for study in request.studies for e in request.experiments(study)):
        return made_where(out, experiment)
    return {}


def _manifest(
    record: dict[str, Any], stores: Mapping[str, PopulationStore], where: Mapping[str, Any]
) -> dict[str, Any]:
    known = {key: where.get(key) or {} for key in ("versions", "device", "flags", "git")}
    return {
        "varbench": known["versions"].get("varbench"),
        "judged": {"varbench": __version__, "git": git()},
        "command": record["command"],
        **known,
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
