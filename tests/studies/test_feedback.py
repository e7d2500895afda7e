"""The judge of the study of feedback loops, on lineages made to follow its rule and to break one part each."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.made import evidence, holds
from varbench.analysis.population import PopulationArrays
from varbench.studies.claims.feedback.loop import TEACHERS
from varbench.studies.claims.feedback.study import STUDY
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.request import Request, command_line

EXAMPLES, CLASSES, GENERATIONS = 400, 10, 5
LABELS = np.arange(EXAMPLES) % CLASSES
PARTS = ("accuracy falls", "diversity falls", "lineages drift apart", "each drifts from its start")


def lineages(*, count=8, wrong=(0.1, 0.5), narrow=True, alike=False, frozen=False, dead=0):
    """Predictions that are wrong on a share of the examples; it grows with the generation but for true labels.

    Where diversity is to fall, wrong ones are of class 0 for every teacher but nature, else for nature alone; the
    others are of the next class. Lineages that are to be alike are so in the last generation, but for a few examples;
    those that are to stay where they began keep the errors of generation 0, whatever they add.
    """
    shape = (GENERATIONS + 1, len(TEACHERS), count, EXAMPLES)
    found = np.empty(shape, np.int16)
    for g, t, lineage in np.ndindex(*shape[:3]):
        grown = TEACHERS[t] != "true" and g > 0
        share = wrong[0] + (wrong[1] - wrong[0]) * (g / GENERATIONS if grown else 0)
        share = wrong[1] if frozen and grown else share
        own = np.random.default_rng([g, t if g else 0, lineage])
        stay = frozen and grown
        common = np.random.default_rng(
            [0 if stay else g, t if g and not stay else 0, 99 if alike and grown and g == GENERATIONS else lineage]
        )
        place = common.random(EXAMPLES)
        off = place < share
        if alike and grown and g == GENERATIONS:
            off ^= own.random(EXAMPLES) < 0.01
        other = np.zeros(EXAMPLES) if narrow == grown and g else (LABELS + 1) % CLASSES
        other = np.where(stay & (place < wrong[0]), (LABELS + 1) % CLASSES, other)
        found[g, t, lineage] = np.where(off, other, LABELS)
    found[2:, 0, :dead] = -1
    return {
        "predictions": found,
        "confidence": np.full(shape[:3], 0.9),
        "truth": (found == LABELS).mean(axis=3),
        "labels": LABELS,
    }


def judged(**options):
    (plan,) = STUDY.plan(STUDY.cases("smoke"), "smoke", 4)
    logits = np.repeat(np.eye(CLASSES, dtype=np.float32)[LABELS][None], 4, axis=0)
    made = evidence(plan, PopulationArrays(labels=LABELS, logits=logits))
    return STUDY.judge({plan.name: made}, {f"{plan.name}-generations": lineages(**options)})


def value(judgement, measure, at=None):
    (found,) = [n.estimate.value for n in judgement.estimates if (n.measure, n.at) == (measure, at)]
    return found


def test_lineages_that_drift_and_narrow_support_the_claim() -> None:
    judgement = judged()
    assert holds(judgement) == dict.fromkeys(PARTS, True)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "supported"]
    assert value(judgement, "feedback_accuracy", "own, generation 5") == pytest.approx(0.55, abs=0.03)
    assert value(judgement, "feedback_accuracy", "true, generation 5") == pytest.approx(0.9, abs=0.03)
    assert value(judgement, "feedback_accuracy_change") == pytest.approx(-0.35, abs=0.03)
    assert value(judgement, "feedback_classes_change") < -2
    assert value(judgement, "feedback_truth", "own, generation 0") == pytest.approx(0.9, abs=0.03)
    assert [c.name for c in judgement.charts] == ["accuracy", "diversity", "moved", "drift", "churn", "teachers"]
    assert all(len(c.series) <= 6 for c in judgement.charts)
    assert "on own labels instead of true ones" in judgement.number
    assert "claimed: " in judgement.number
    assert value(judgement, "feedback_moved", "true, generation 5") == pytest.approx(0.2, abs=0.05)
    moved = [value(judgement, "feedback_moved", f"{teacher}, generation 5") for teacher in ("own", "true")]
    assert value(judgement, "feedback_moved_excess") == pytest.approx(moved[0] - moved[1])
    since = next(c for c in judgement.charts if c.name == "moved")
    assert [s.label.rpartition(", ")[2] for s in since.series] == ["own labels", "true labels", "own less true labels"]
    assert [s.y[-1] for s in since.series] == pytest.approx([*moved, moved[0] - moved[1]])
    assert all(s.low for c in judgement.charts for s in c.series), "every line has its intervals"


@pytest.mark.parametrize(
    ("options", "broken"),
    [
        ({"wrong": (0.2, 0.15)}, {PARTS[0], PARTS[2]}),
        ({"narrow": False}, {PARTS[1]}),
        ({"alike": True}, {PARTS[2]}),
        ({"frozen": True, "wrong": (0.5, 0.7)}, {PARTS[3]}),
    ],
)
def test_one_prediction_on_its_other_side_contradicts_the_claim(options, broken: set[str]) -> None:
    judgement = judged(**options)
    assert {name for name, held in holds(judgement).items() if held is False} == broken
    assert judgement.verdicts[-1].verdict == "contradicted"


def test_retraining_on_true_labels_moves_predictions_as_far_where_own_labels_err_no_more() -> None:
    held = holds(judged(wrong=(0.2, 0.2)))
    assert held[PARTS[0]] is not True
    assert held[PARTS[2]] is not True


def test_lineages_that_diverged_are_counted_and_left_out() -> None:
    judgement = judged(dead=2)
    assert "2 of 8 lineages diverged" in judgement.verdicts[0].parts[0].text
    assert judgement.verdicts[-1].verdict == "supported"


@pytest.mark.parametrize("options", [{"count": 1}, {"dead": 8}])
def test_one_lineage_or_none_decide_nothing(options) -> None:
    assert judged(**options).verdicts[-1].verdict == "inconclusive"


def test_a_smoke_run_end_to_end(tmp_path) -> None:
    asked = Request((STUDY,), "smoke", runs=3)
    execute(asked, jobs_of(asked), tmp_path / "run", command=command_line(asked, tmp_path / "run"))
    analysis = judge(tmp_path / "run")
    assert [p["name"] for p in analysis["verdicts"][0]["parts"]] == list(PARTS)
    rows = {(r["measure"], r["at"]): r["value"] for r in analysis["estimates"]}
    assert rows["feedback_truth", "own, generation 0"] == 1.0
    assert rows["feedback_truth", "true, generation 3"] == 1.0
    assert rows["feedback_truth", "own, generation 3"] < 1.0
    assert rows["feedback_accuracy", "own, generation 0"] == rows["feedback_accuracy", "true, generation 0"]
