"""Charts of the study of instability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from varbench.analysis.charts import Chart, cloud, series
from varbench.studies.claims.instability.numbers import FACTOR, GROWN, NEAR, Measured, digits_told
from varbench.studies.claims.instability.runs import critical_rates, failed, sharpness, stable_rates
from varbench.studies.rules import percent, told
from varbench.studies.study import Evidence
from varbench.studies.sweeps import share

KINDS = {"plain": "data as they are", "scaled": "half of the inputs × 4", "ulp": "one-ULP pairs"}
"""Populations of each recipe."""


@dataclass(frozen=True)
class Group:
    """The populations of one recipe, learning rates ascending."""

    label: str
    plain: tuple[Evidence, ...]
    scaled: tuple[Evidence, ...]
    ulp: tuple[Evidence, ...]


def shares_chart(groups: Sequence[Group]) -> Chart:
    lines = [
        series(f"{group.label}, {KINDS[kind]}", [(e.plan.recipe.lr, share(failed(e))) for e in getattr(group, kind)])
        for group in groups[:3]
        for kind in ("plain", "scaled")
    ]
    half = [next((x for x, y in zip(s.x, s.y, strict=True) if y is not None and y >= 0.5), None) for s in lines]
    finding = "; ".join(
        f"{s.label}: {'at no rate' if x is None else f'from {x:g} on'}" for s, x in zip(lines, half, strict=True)
    )
    return Chart(
        name="share",
        title="Runs that fail",
        x_label="learning rate",
        y_label="runs that fail",
        unit="fraction",
        series=tuple(lines),
        log_x=True,
        reference=0.5,
        reference_label="half",
        caption=f"Where half of the runs and more fail. {finding}.",
    )


def limits_chart(groups: Sequence[Group], measured: Mapping[str, Measured]) -> list[Chart]:
    clouds = []
    for group in groups[:2]:
        for kind in ("plain", "scaled"):
            sweep = getattr(group, kind)
            curvature, critical = sharpness(sweep[0]), critical_rates(sweep, factor=FACTOR)
            clouds.append(cloud(f"{group.label}, {KINDS[kind]}", curvature.tolist(), critical.tolist()))
    theory = [
        (x, y)
        for group in groups[:2]
        for sweep in (group.plain, group.scaled)
        for x, y in zip(sharpness(sweep[0]), stable_rates(sweep[0]), strict=True)
    ]
    if not any(c.x for c in clouds):
        return []
    units = "; ".join(
        f"{group.label}, {KINDS[kind]}: {told(measured[group.label]['instability_units', kind], digits=2)}"
        for group in groups[:2]
        for kind in ("plain", "scaled")
    )
    clouds.append(cloud("2(1 + β)/λ", [x for x, _ in theory], [y for _, y in theory]))
    return [
        Chart(
            name="limits",
            title="Where training fails, and how curved the loss is",
            x_label="largest curvature λ of the loss at initialization",
            y_label="lowest learning rate at which the run fails",
            unit="none",
            kind="points",
            series=tuple(clouds),
            log_x=True,
            log_y=True,
            caption="One mark for each run, at rates of the sweep. 2(1 + β)/λ is where descent with momentum β on a "
            f"quadratic of that curvature becomes unstable; in units of it runs fail at: {units}.",
        )
    ]


def grown_chart(groups: Sequence[Group], measured: Mapping[str, Measured]) -> Chart:
    """Share of the pairs in which one ULP grows beyond the limit of the rule, at each learning rate of pairs."""
    rows = {
        group.label: [
            (e.plan.recipe.lr, measured[group.label]["instability_grown", str(place)])
            for place, e in zip(NEAR, group.ulp, strict=True)
        ]
        for group in groups[:6]
    }
    listed = "; ".join(
        f"{label}: {', '.join(f'{percent(q)} at {rate:g}' for rate, q in row)}" for label, row in rows.items()
    )
    return Chart(
        name="grown",
        title=f"Pairs in which one ULP grows more than {GROWN:,.0f}-fold",
        x_label="learning rate",
        y_label="share of the pairs that do not fail",
        unit="fraction",
        series=tuple(series(label, row) for label, row in rows.items()),
        log_x=True,
        reference=0.5,
        reference_label="half",
        caption=f"From the first weights to the last. {listed}. The rule judges the one in the middle.",
    )


def separation_chart(groups: Sequence[Group]) -> list[Chart]:
    lines = []
    for group in groups[:2]:
        for e in group.ulp:
            points = [
                (float(n.at), n.estimate)
                for n in e.estimates
                if n.measure == "separation" and isinstance(n.at, int | float) and n.at > 0 and n.estimate.value
            ]
            lines.append(series(f"{group.label}, learning rate {e.plan.recipe.lr:g}", points))
    ends = "; ".join(f"{s.label}: {digits_told(s.y[-1])}" for s in lines if s.y and s.y[-1])
    if not ends:
        return []
    return [
        Chart(
            name="separation",
            title="From one unit in the last place of one weight",
            x_label="optimizer steps",
            y_label="weight distance of the pair",
            unit="distance",
            series=tuple(s for s in lines if s.y),
            log_x=True,
            log_y=True,
            caption=f"0 is identical, 1 orthogonal; pairs that stay finite. At the end: {ends}.",
        )
    ]
