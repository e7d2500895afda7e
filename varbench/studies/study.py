"""A study: a claim, the populations that test it, and a decision rule written down before looking.

Training (`execute`) and deciding (`judge`) are apart: judging again costs no training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from varbench.analysis.charts import Chart
from varbench.analysis.described import Described
from varbench.analysis.document import Named as Named
from varbench.analysis.population import PopulationArrays
from varbench.stats.estimate import Estimate
from varbench.studies.weighed import Weighed
from varbench.training.design import Design
from varbench.training.recipe import Recipe

BUDGETS = ("smoke", "standard", "full")
"""Seconds, minutes, and a GPU or a night."""

Arrays: TypeAlias = Mapping[str, np.ndarray]
"""Arrays by name."""

Answer = Literal["supported", "contradicted", "inconclusive"]


@dataclass(frozen=True)
class Case:
    """A recipe under study, with the name that its populations get.

    A case that is not `judged` is measured and shown beside the others as a reference; the rule passes it over.
    """

    name: str
    label: str
    recipe: Recipe
    judged: bool = True


@dataclass(frozen=True)
class PopulationPlan:
    """One population of a study.

    Attributes:
        name: Folder name and condition name.
        label: What tables and figures call it.
        recipe: What is held identical.
        design: What varies.
        role: "population", "control" of another one, or "reference" beside the rule.
        of: The population that a control repeats; its runs are matched by level, whatever their width.
        description: One phrase for reports.
        snapshots: How many moments of the training the weights are kept at, the first and last step among them; 0 for
            none. They are what separation curves and curvature along training are measured on.
        measures: Names of the measures that are made of it, or None for all.
        fresh: Whether its programs are compiled anew, whatever was compiled before in the process.
        plots: Whether the page shows its runs, matrices and curves, and not its estimates alone.
    """

    name: str
    label: str
    recipe: Recipe
    design: Design
    role: Literal["population", "control", "reference"] = "population"
    of: str | None = None
    description: str = ""
    snapshots: int = 0
    measures: tuple[str, ...] | None = None
    fresh: bool = False
    plots: bool = True

    def trains_as(self, other: PopulationPlan) -> bool:
        """Whether another plan asks for the same runs: one training then serves both."""
        told: dict[str, Any] = {
            "label": "",
            "description": "",
            "snapshots": 0,
            "measures": None,
            "fresh": False,
            "plots": True,
        }
        return replace(self, **told) == replace(other, **told)

    def together_with(self, other: PopulationPlan) -> PopulationPlan:
        """The plan that serves both."""
        whole = self.measures is None or other.measures is None
        return replace(
            self,
            snapshots=max(self.snapshots, other.snapshots),
            measures=None if whole else tuple(dict.fromkeys((*(self.measures or ()), *(other.measures or ())))),
            fresh=self.fresh or other.fresh,
            plots=self.plots or other.plots,
        )


@dataclass(frozen=True)
class Experiment:
    """Something a study measures that is no population of classifiers: generations, generators, other processes.

    Attributes:
        name: Name of its file in the run directory.
        label: What progress displays call it.
        make: Does it: `make(listen)` → arrays by name; `listen(share)` with a share done in [0, 1], now and then. The
            same facts must give the same arrays.
        facts: Everything that the arrays depend on, as plain JSON values; kept with them and compared on resuming.
    """

    name: str
    label: str
    make: Callable[[Callable[[float], None]], Mapping[str, np.ndarray]]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One condition of a rule: whether it holds (None: cannot be told), and a sentence with the numbers.

    Attributes:
        name: What it demands, in a few words.
        holds: Whether it does.
        text: The numbers in a sentence.
        weighed: The numbers that it is decided by; empty where it is a matter of fact, such as equal bits.
    """

    name: str
    holds: bool | None
    text: str
    weighed: tuple[Weighed, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A decision about one condition of a study, or about the whole of it.

    Attributes:
        condition: Name of a population, of an experiment or of what several of them have in common; None for the whole.
        verdict: The decision.
        reason: Why, in sentences.
        parts: What it is made of.
        label: What the page calls a condition that is none of its own; empty where the condition has a label.
    """

    condition: str | None
    verdict: Answer
    reason: str
    parts: tuple[Part, ...] = ()
    label: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As it stands in `analysis.json`: each number that was weighed with its threshold, its p value and what that
        follows from: the level and degrees of freedom of its interval, whether it is a ratio,
        and whether it tells nothing here."""
        return {
            "condition": self.condition,
            **({"label": self.label} if self.label else {}),
            "verdict": self.verdict,
            "reason": self.reason,
            "parts": [
                {
                    "name": part.name,
                    "holds": part.holds,
                    "text": part.text,
                    "weighed": [
                        {
                            "value": w.estimate.value,
                            "low": w.estimate.low,
                            "high": w.estimate.high,
                            "level": w.estimate.level,
                            "degrees": w.estimate.degrees,
                            "ratio": w.ratio,
                            "gated": w.gated,
                            "side": w.side,
                            "threshold": w.threshold,
                            "p_value": w.p_value,
                        }
                        for w in part.weighed
                    ],
                }
                for part in self.parts
            ],
        }


@dataclass(frozen=True)
class Judgement:
    """What a judge says, and what it measured beyond the estimates of the populations.

    Attributes:
        verdicts: The decisions, the last one about the whole.
        headline: The sentence that opens the report of the study.
        number: The deciding number with its interval and a few words, for the table of claims.
        estimates: Estimates of its own; their measures are described in `Study.measures` if the catalogue has them not.
        charts: Figures; the first one is also the small picture in the table of claims.
    """

    verdicts: tuple[Verdict, ...]
    headline: str
    number: str = ""
    estimates: tuple[Named, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What a judge sees of one population.

    Attributes:
        plan: What it was meant to be.
        arrays: Its runs.
        estimates: Measures of it; for a control, of its runs against those of the same levels.
    """

    plan: PopulationPlan
    arrays: PopulationArrays
    estimates: tuple[Named, ...]

    def get(self, measure: str, at: float | str | None = None) -> Estimate:
        """One estimate.

        Raises:
            KeyError: If it was not made.
        """
        for named in self.estimates:
            if (named.measure, named.at) == (measure, at):
                return named.estimate
        raise KeyError(f"{self.plan.name} has no estimate of {measure} at {at}")


@dataclass(frozen=True)
class Anchor:
    """A published number to hold a condition's measure against.

    Attributes:
        model, data: Names of the recipe that the number is about.
        measure: Measure name.
        published: The number, on the measure's scale.
        tolerance: How far ours may be from it.
        source: Citation.
        note: Which variant of the number, and why the tolerance is what it is; it stands beside the number.
    """

    data: str
    model: str
    measure: str
    published: float
    tolerance: float
    source: str
    note: str


@dataclass(frozen=True)
class Study:
    """A claim and everything that decides about it.

    Attributes:
        name: Name on the command line.
        title: Heading of the report.
        claim: The claim in a sentence.
        citation: Where it is made.
        rule: The decision rule in words; `judge` follows it.
        meaning: What the result means in practice.
        limits: What it does not show.
        cases: budget → the recipes.
        plan: (cases, budget, runs or None for the budget's number) → the populations.
        judge: (populations, arrays of the experiments) by name → the judgement.
        experiments: (cases, budget, runs or None) → what is measured beside the populations.
        measures: Measures of the judge's own, by name.
        anchors: Published numbers.
        revised: Whether claim, rule or settings were revised after a first look at results; the limits say how.
        source: Text of the file that a user's own study came from; empty for a built-in one.
    """

    name: str
    title: str
    claim: str
    citation: str
    rule: str
    meaning: str
    limits: str
    cases: Callable[[str], tuple[Case, ...]]
    plan: Callable[[Sequence[Case], str, int | None], tuple[PopulationPlan, ...]]
    judge: Callable[[Mapping[str, Evidence], Mapping[str, Arrays]], Judgement]
    experiments: Callable[[Sequence[Case], str, int | None], tuple[Experiment, ...]] = lambda cases, budget, runs: ()
    measures: Mapping[str, Described] = field(default_factory=dict)
    anchors: tuple[Anchor, ...] = ()
    revised: bool = False
    source: str = ""
