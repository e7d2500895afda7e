"""A study of a user's own, as a file outside the package: two widths of one model, and something that is no model."""

from __future__ import annotations

import numpy as np

from varbench.analysis.charts import Chart, series
from varbench.analysis.described import Described
from varbench.stats.estimate import Estimate
from varbench.studies.rules import above, overall, percent, verdict
from varbench.studies.study import Case, Experiment, Judgement, Named, Part, PopulationPlan, Study
from varbench.training.design import together
from varbench.training.recipe import Recipe


def _cases(budget):
    recipe = Recipe(data="digits", model="mlp", hidden=(4,), lr=1e-2, batch_size=50, schedule="constant", steps=12)
    return (Case("own-short", "Short", recipe), Case("own-long", "Long", recipe.replace(steps=40)))


def _plan(cases, budget, runs):
    design = together(runs or 3, sources=("init", "order"))
    return tuple(PopulationPlan(c.name, c.label, c.recipe, design, measures=("accuracy",), plots=False) for c in cases)


def _experiments(cases, budget, runs):
    def make(listen):
        listen(0.5)
        return {"squares": np.arange(4) ** 2}

    return (Experiment("own-squares", "squares", make, {"count": 4}),)


def _judge(evidence, experiments):
    short, long = evidence["own-short"], evidence["own-long"]
    gap = long.get("accuracy").value - short.get("accuracy").value
    gain = Estimate(gap, None, None, 0.95, "none", "runs", 3, None)
    part = Part("better than chance", above(long.get("accuracy"), 0.1), f"Right: {percent(long.get('accuracy'))}.")
    verdicts = (verdict("own-long", [part]),)
    chart = Chart(
        "steps", "More steps", "steps", "accuracy", "fraction",
        (series("digits", [(12, short.get("accuracy")), (40, long.get("accuracy"))]),),
    )  # fmt: skip
    return Judgement(
        (*verdicts, overall(verdicts)),
        f"The squares end at {experiments['own-squares']['squares'][-1]}.",
        number=percent(long.get("accuracy")),
        estimates=(Named("own-long", "gain", None, gain),),
        charts=(chart,),
    )


STUDY = Study(
    name="own-steps",
    title="Longer training is better",
    claim="More steps give a better model.",
    citation="nobody",
    rule="The accuracy lies above chance.",
    meaning="Train longer.",
    limits="Nothing else.",
    cases=_cases,
    plan=_plan,
    judge=_judge,
    experiments=_experiments,
    measures={"gain": Described("Gain", "pp", "higher", "Accuracy of the long training less that of the short one.")},
)
