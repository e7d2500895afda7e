"""Evidence made of arrays, for the judges of studies."""

from __future__ import annotations

from varbench.analysis.catalogue import estimates
from varbench.analysis.population import PopulationArrays
from varbench.studies.study import Evidence, Judgement, Named, PopulationPlan


def evidence(plan: PopulationPlan, arrays: PopulationArrays) -> Evidence:
    """What `judge` would hand to a study of these arrays: the measures that the plan names."""
    found = estimates(arrays, names=plan.measures, level=0.95, key=0)
    return Evidence(plan, arrays, tuple(Named(plan.name, measure, at, e) for measure, at, e in found))


def holds(judgement: Judgement, verdict: int = 0) -> dict[str, bool | None]:
    """Part → whether it holds, of one verdict."""
    return {part.name: part.holds for part in judgement.verdicts[verdict].parts}
