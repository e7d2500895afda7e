"""What is asked of a plan, as one description: nothing of it is lost on the way to the goal, and it is the call's."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import varbench
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.report.plan.request import Request, plan_from_sd

SD = {"sd": "0.2pp", "other_sd": None, "sd_runs": 12}


@pytest.mark.parametrize(
    "asked",
    [
        {"difference": "0.1pp"},
        {"difference": "0.1pp", "power": 0.9, "alpha": 0.01, "comparisons": 3},
        {"difference": 0.001, "paired": True},
        {"width": "0.1pp", "measure": "sd", "alpha": 0.1},
        {"probability": 0.7, "power": 0.8},
        {"runs": 20, "comparisons": 4},
    ],
    ids=str,
)
def test_a_request_is_what_the_call_asks(asked):
    given = {**SD, "sd": 0.002} if asked.get("paired") else SD
    document = plan_from_sd(Request(**asked), **given)
    assert document == varbench.plan(**asked, **given)
    (kind,) = {"difference", "width", "probability", "runs"} & set(asked)
    goal = document["goal"]
    assert goal["kind"] == kind
    assert goal["value"] == pytest.approx(asked[kind] if not isinstance(asked[kind], str) else 0.001)
    assert goal["alpha"] == asked.get("alpha", 0.05)
    assert (goal["paired"], goal["comparisons"]) == (asked.get("paired", False), asked.get("comparisons", 1))
    assert goal["power"] == asked.get("power", 0.8)


def test_a_request_is_not_changed_and_has_one_goal():
    with pytest.raises(FrozenInstanceError):
        Request().runs = 3
    with pytest.raises(InputError, match="one goal, not both difference and runs"):
        Request(runs=3).goal(difference=1.0, width=None)


@pytest.mark.parametrize("lost", [0, 2])
def test_a_plan_says_how_many_runs_of_its_pilot_diverged(lost):
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    logits = (random.normal(size=(8, 60, 3)) + 2 * np.eye(3)[labels]).astype(np.float32)
    logits[:lost] = np.nan
    pilot = PopulationArrays(logits=logits, labels=labels, finished=np.arange(8) >= lost)
    told = [note for note in varbench.plan(pilot, width="1pp")["notes"] if "diverged" in note]
    assert [note.split(":")[0] for note in told] == (["2 of the 8 runs of the pilot diverged"] if lost else [])
