"""The figures of the study of the loss landscape."""

from __future__ import annotations

from collections.abc import Mapping

from varbench.analysis.charts import Chart, Series, cloud, series
from varbench.analysis.paths import ALPHAS
from varbench.studies.claims.landscape.points import FORMS, SWEPT, WIDTHS, Shown, path_losses, progress, test_loss
from varbench.studies.rules import told
from varbench.studies.study import Evidence
from varbench.studies.sweeps import over_runs


def charts(shown: Mapping[str, Shown]) -> tuple[Chart, ...]:
    """All of them; none where nothing was measured."""
    if not shown:
        return ()
    return (_widths(shown), *_paths(shown), *_curvature(shown), *_progress(shown), *_sharp(shown))


def _widths(shown: Mapping[str, Shown]) -> Chart:
    rows = [
        (f"{label}, {form}", [(float(_units(group[word])), found[f"{form} {word}"]) for word in WIDTHS])
        for label, (group, _, _, found) in list(shown.items())[:3]
        for form in FORMS
    ]
    listed = "; ".join(f"{label} {', '.join(told(q, digits=2) for _, q in row)}" for label, row in rows)
    return Chart(
        name="barriers",
        title="What rises between two runs",
        x_label="hidden units",
        y_label="rise of the training loss",
        unit="nats",
        series=tuple(series(label, row) for label, row in rows),
        log_x=True,
        caption=f"Mean over pairs of runs, as they are and with hidden units relabeled. From narrow to wide: {listed}.",
    )


def _units(e: Evidence) -> int:
    return sum(e.plan.recipe.hidden or ())


def _paths(shown: Mapping[str, Shown]) -> list[Chart]:
    """The training loss on the way from one run to another, narrow and wide, mean over pairs."""
    charts = []
    for i, (label, (group, _, _, found)) in enumerate(shown.items(), start=1):
        rows = []
        for word in ("narrow", "wide"):
            for form in FORMS:
                losses = path_losses(group[word], form)
                points = [(float(a), over_runs(losses[:, k])) for k, a in enumerate(ALPHAS)] if len(losses) else []
                rows.append(series(f"{_units(group[word])} units, {form}", points))
        highest = ", ".join(told(found[f"{form} wide"], digits=2) for form in FORMS)
        charts.append(
            Chart(
                name=f"path-{i}",
                title=f"From one run to another, {label}",
                x_label="position between the runs",
                y_label="training loss",
                unit="nats",
                series=tuple(rows),
                caption=f"Straight paths, mean over pairs of runs. Wide ones rise by {highest} nats, raw and aligned.",
            )
        )
    return charts[:2]


def _curvature(shown: Mapping[str, Shown]) -> list[Chart]:
    named = (
        ("negative", "saddles", "Curvature that bends downward", "share of negative curvature"),
        ("largest", "sharpness", "Sharpness along training", "λ_max of the training loss"),
    )
    there = {label: s.points for label, s in list(shown.items())[:6] if s.points is not None}
    charts = []
    for field, name, title, y_label in named if there else []:
        rows = [
            (label, [(float(s), over_runs(getattr(p, field)[:, i])) for i, s in enumerate(p.steps) if s > 0])
            for label, p in there.items()
        ]
        scale, digits = (100.0, 1) if field == "negative" else (1.0, 2)
        ends = "; ".join(
            f"{label} {told(row[0][1], scale=scale, digits=digits)} at first, "
            f"{told(row[-1][1], scale=scale, digits=digits)} at the end"
            for label, row in rows
        )
        charts.append(
            Chart(
                name=name,
                title=title,
                x_label="optimizer steps",
                y_label=y_label,
                unit="fraction" if field == "negative" else "none",
                series=tuple(series(label, row) for label, row in rows),
                log_x=True,
                caption=f"Hessian of the training loss{', in %' if field == 'negative' else ''}: {ends}.",
            )
        )
    return charts


def _progress(shown: Mapping[str, Shown]) -> list[Chart]:
    clouds = []
    for label, drawn in list(shown.items())[:6]:
        if drawn.points is not None:
            norm, fall = (values.ravel() for values in progress(drawn.points))
            forward = (fall > 0) & (norm > 0)
            clouds.append(cloud(label, norm[forward].tolist(), fall[forward].tolist()))
    told_ = "; ".join(f"{label} {told(s.found['landscape_progress'], digits=2)}" for label, s in shown.items())
    if not clouds:
        return []
    return [
        Chart(
            name="progress",
            title="Gradient and progress",
            x_label="norm of the gradient",
            y_label="training loss lost per step",
            unit="nats",
            series=tuple(clouds),
            kind="points",
            log_x=True,
            log_y=True,
            caption="One point for each run and stretch between snapshots in which the loss fell. Rank correlation "
            f"along a run: {told_}.",
        )
    ]


def _sharp(shown: Mapping[str, Shown]) -> list[Chart]:
    charts = []
    for i, (label, (group, _, sharp, found)) in enumerate(shown.items(), start=1):
        clouds: list[Series] = []
        for word, meaning in SWEPT.items():
            loss = test_loss(group[word])[: len(sharp[word])]
            positive = sharp[word] > 0
            clouds.append(cloud(meaning, sharp[word][positive].tolist(), loss[positive].tolist()))
        charts.append(
            Chart(
                name=f"sharp-{i}",
                title=f"Sharpness and test loss, {label}",
                x_label="λ_max of the training loss",
                y_label="test loss",
                unit="nats",
                series=tuple(clouds),
                kind="points",
                caption=f"One point for each run. Rank correlation over recipes "
                f"{told(found['landscape_between'], digits=2)}, over the runs of a recipe "
                f"{told(found['landscape_within'], digits=2)}.",
            )
        )
    return charts[:2]
