"""What every built-in study must be, whatever it claims."""

from __future__ import annotations

import itertools

import pytest

from varbench.analysis.catalogue import MEASURES
from varbench.studies.registry import STUDIES, studies, study
from varbench.studies.request import Request
from varbench.studies.study import BUDGETS


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_it_claims_and_how_it_decides(name):
    found = study(name)
    assert found.name == name
    for field in ("title", "claim", "citation", "rule", "meaning", "limits"):
        assert len(getattr(found, field)) > 5, field


@pytest.mark.parametrize(("name", "budget"), list(itertools.product(STUDIES, BUDGETS)))
def test_plans_name_their_measures_and_are_one_population_for_each_name(name, budget):
    found = study(name)
    request = Request((found,), budget)
    plans = request.plans(found)
    assert len({p.name for p in plans}) == len(plans)
    names = {p.name for p in plans}
    assert all(p.of in names for p in plans if p.role == "control")
    for plan in plans:
        assert name == "identical-pipelines" or plan.measures is not None or plan.role != "population", plan.name
        assert set(plan.measures or ()) <= set(MEASURES), plan.name
    experiments = request.experiments(found)
    assert len({e.name for e in experiments}) == len(experiments)


@pytest.mark.parametrize("budget", BUDGETS)
def test_all_studies_go_into_one_run_directory(budget):
    every = studies(["all"])
    request = Request(every, budget)
    request.populations()
    names = [e.name for s in every for e in request.experiments(s)]
    assert len(set(names)) == len(names)
    described = [m for s in every for m in s.measures]
    assert not set(described) & set(MEASURES)
