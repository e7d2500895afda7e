"""The judge of mode collapse, on counts made by hand, and the study end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest

from varbench.errors import InputError
from varbench.report import render
from varbench.studies.claims.mode_collapse.study import MIXTURES, STUDY
from varbench.studies.execute import execute, jobs_of
from varbench.studies.judge import judge
from varbench.studies.registry import studies
from varbench.studies.request import Request, command_line
from varbench.studies.study import Verdict

RUNS, CHECKS, SAMPLES = 12, 3, 2500
MANY = 32
"""Seeds of which none differs by no accident."""


def counted(kept: np.ndarray) -> np.ndarray:
    """Samples spread evenly over the modes that are kept."""
    shares = kept / np.maximum(kept.sum(-1, keepdims=True), 1)
    return np.round(SAMPLES * shares).astype(int)


def arrays(kept, *, of_likelihood=None, again=None, losses=None, finished=None, sharp=0.9) -> dict[str, np.ndarray]:
    """Arrays of an experiment from which modes each run keeps [R, K]."""
    kept = np.asarray(kept, float)
    other = np.ones_like(kept) if of_likelihood is None else np.asarray(of_likelihood, float)
    both = np.stack([counted(kept), counted(other)], axis=1)
    second = both if again is None else np.stack([counted(np.asarray(again, float)), both[:, 1]], axis=1)
    own = np.random.default_rng(0).normal(1.386, 0.001, len(kept)) if losses is None else np.asarray(losses)
    curves = np.repeat(np.stack([own, own / 2, own], axis=-1)[:, None], CHECKS, axis=1)
    return {
        "counts": np.repeat(both[:, None], CHECKS, axis=1),
        "again": second,
        "sharp": np.floor(both * sharp).astype(int),
        "losses": curves.astype(np.float32),
        "steps": np.arange(1, CHECKS + 1),
        "samples": np.zeros((3, 2, 5, 2)),
        "n_samples": np.asarray(SAMPLES),
        "finished": np.ones(len(kept), bool) if finished is None else np.asarray(finished),
    }


def sets(runs: int = RUNS, modes: int = 8, most: int = 5) -> np.ndarray:
    """Runs that keep some modes each, chosen anew."""
    random = np.random.default_rng(3)
    return np.stack([random.permutation(modes) < random.integers(2, most + 1) for _ in range(runs)])


def part(name: str, verdict: Verdict) -> bool | None:
    return next(p.holds for p in verdict.parts if p.name == name)


def decided(**options):
    judgement = STUDY.judge({}, {"modes-ring": arrays(**options)})
    return judgement.verdicts[0], judgement


def test_few_modes_others_with_every_seed_at_one_loss_is_collapse():
    verdict, judgement = decided(kept=sets())
    assert verdict.verdict == "supported"
    assert all(p.holds for p in verdict.parts)
    assert judgement.number
    assert "depending on the seed" in judgement.headline
    assert judgement.charts[0].name == "along-training"


def test_gans_that_keep_all_modes_contradict_the_claim():
    verdict, judgement = decided(kept=np.ones((MANY, 8)))
    assert verdict.verdict == "contradicted"
    assert part("modes are lost", verdict) is False
    assert part("seeds differ", verdict) is False
    assert judgement.number.startswith(("of 8 modes a GAN keeps 8.0", "0 %"))


def test_blur_cannot_be_told_from_lost_modes():
    verdict, judgement = decided(kept=sets(), sharp=0.1)
    assert verdict.verdict == "inconclusive"
    assert part("modes are lost", verdict) is None
    assert judgement.number == "of 8 modes a GAN keeps or blurs at most 8.0 [8.0, 8.0]; claimed: below 7.2"


def test_losses_just_apart_are_not_sure_among_the_numbers_of_the_study():
    spread = np.linspace(-1.0, 1.0, RUNS)
    assert part("similar loss", decided(kept=sets(), losses=0.6 + 0.095 * spread)[0]) is None
    assert part("similar loss", decided(kept=sets(), losses=0.6 + 0.3 * spread)[0]) is False


def test_seeds_that_all_lose_the_same_modes_contradict_it():
    verdict, judgement = decided(kept=np.tile(np.arange(8) < 3, (MANY, 1)))
    assert verdict.verdict == "contradicted"
    assert (part("modes are lost", verdict), part("seeds differ", verdict)) == (True, False)
    assert judgement.number.startswith("0 % ")


def test_sets_that_change_in_other_samples_of_one_seed_are_no_difference_of_seeds():
    verdict, _ = decided(kept=sets(MANY), again=sets(MANY)[::-1])
    assert part("seeds differ", verdict) is False
    assert part("seeds differ", decided(kept=sets(6), again=sets(6)[::-1])[0]) is None


@pytest.mark.parametrize("changed", [0, 3, 9, RUNS])
def test_the_share_of_pairs_that_differ_stays_a_share(changed: int) -> None:
    again = np.where(np.arange(RUNS)[:, None] < changed, sets()[::-1], sets())
    (found,) = (n.estimate for n in decided(kept=sets(), again=again)[1].estimates if n.measure == "other_modes")
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert found.low < found.high


def test_it_is_told_whether_the_loss_goes_with_the_modes() -> None:
    kept = sets()
    count = kept.sum(1)
    verdict, judgement = decided(kept=kept, losses=0.6 + 0.01 * count)
    pairs = int((count[:, None] > count[None]).sum())
    assert f"In {pairs} of the {pairs} pairs of seeds" in verdict.parts[2].text
    assert f"In {pairs} of the {pairs} pairs" in judgement.charts[-1].caption
    (rank,) = (n.estimate for n in judgement.estimates if n.measure == "modes_loss_rank")
    assert rank.value == pytest.approx(pairs / (RUNS * (RUNS - 1) / 2))
    assert f"In 0 of the {pairs} pairs" in decided(kept=kept, losses=0.6 - 0.01 * count)[0].parts[2].text
    assert "equally many" in decided(kept=np.ones((RUNS, 8)))[0].parts[2].text


def test_losses_far_apart_contradict_it():
    verdict, _ = decided(kept=sets(), losses=np.linspace(0.4, 1.4, RUNS))
    assert verdict.verdict == "contradicted"
    assert part("similar loss", verdict) is False


def test_a_control_that_loses_modes_too_contradicts_it():
    verdict, judgement = decided(kept=sets(), of_likelihood=sets())
    assert verdict.verdict == "contradicted"
    assert part("not the data", verdict) is False
    assert judgement.number.startswith("of 8 modes maximum likelihood keeps")


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_with_fewer_than_three_finished_runs_nothing_is_decided(runs):
    verdict, judgement = decided(kept=sets(), finished=np.arange(RUNS) < runs)
    assert verdict.verdict != "supported"
    assert part("seeds differ", verdict) is None
    assert f"{RUNS - runs} runs diverged" in verdict.parts[0].text
    assert judgement.verdicts[-1].verdict == verdict.verdict


def test_a_recipe_that_contradicts_decides_the_whole_and_gives_the_number():
    experiments = {
        "modes-ring": arrays(sets()),
        "modes-grid": arrays(np.ones((RUNS, 25))),
    }
    judgement = STUDY.judge({}, experiments)
    assert [v.verdict for v in judgement.verdicts] == ["supported", "contradicted", "contradicted"]
    assert "Grid of 25" in judgement.number or "of 25 modes" in judgement.number


def test_the_study_runs_end_to_end_without_any_population(tmp_path):
    out = tmp_path / "run"
    asked = Request(studies(["mode-collapse"]), "smoke", runs=3)
    execute(asked, jobs_of(asked, out), out, command=command_line(asked, out))
    found = judge(out)
    assert [(c["condition"], c["role"]) for c in found["conditions"]] == [(name, "experiment") for name in MIXTURES]
    assert found["manifest"]["versions"]["jax"]
    assert {row["condition"] for row in found["estimates"]} == set(MIXTURES)
    page = render(json.loads(json.dumps(found)), tmp_path / "report").read_text()
    assert "Grid of 25: the modes that each GAN keeps" in page
    assert "modes-grid<" not in page, "people read labels"


def test_a_changed_recipe_is_refused_because_there_is_none():
    asked = Request(studies(["mode-collapse"]), "smoke", overrides={"lr": 0.1})
    with pytest.raises(InputError, match="trains no recipe that could be changed"):
        asked.populations()
