"""`varbench compare` on real, small runs: optimizers, precisions, files of others, two reports, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from varbench.cli import main
from varbench.report.figures.registry import KINDS
from varbench.store import PopulationStore
from varbench.studies.execute import execute, jobs_of
from varbench.studies.registry import study
from varbench.studies.request import Request
from varbench.training.recipe import recipe_from_toml


def trained(recipe_file: Path, out: Path, **changes: Any) -> Path:
    """A run directory of the small recipe with changes: its population alone, controls are not compared."""
    request = Request((study("identical-pipelines"),), "smoke", 6, recipe_from_toml(recipe_file), changes, {"width": 4})
    execute(request, jobs_of(request)[:1], out, command="varbench run")
    return out


@pytest.fixture(autouse=True)
def _few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those that comparisons alone have; the others are drawn in the tests of the report."""
    monkeypatch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")
    kinds = [kind for kind in KINDS if kind.section in ("comparisons", "environment")]
    monkeypatch.setattr("varbench.report.figures.registry.KINDS", kinds)


def compared(*words: object) -> dict[str, Any]:
    """The analysis that `varbench compare` wrote."""
    assert main(["compare", *map(str, words)]) == 0
    out = words[words.index("--out") + 1]
    return json.loads((Path(str(out)) / "analysis.json").read_text())


def row(document: dict[str, Any], measure: str) -> dict[str, Any]:
    return next(r for r in document["comparisons"] if (r["measure"], r["at"]) == (measure, None))


def accuracies(rundir: Path) -> np.ndarray:
    arrays = PopulationStore.open(rundir / "digits-mlp").read()
    return (arrays["logits"].argmax(-1) == arrays["labels"]).mean(axis=1)


def test_sgd_against_adam(
    finished: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sgd = trained(recipe_file, tmp_path / "sgd", optimizer="sgd", lr=0.1)
    measures = [word for name in ("accuracy", "loss", "disagreement") for word in ("--measure", name)]
    document = compared(sgd, finished, *measures, "--out", tmp_path / "report")
    found = row(document, "accuracy")
    before, after = accuracies(sgd), accuracies(finished)
    assert found["paired"] is True
    assert found["difference"] == pytest.approx(after.mean() - before.mean())
    assert found["p"] == pytest.approx(stats.ttest_rel(after, before).pvalue)
    assert found["p_holm"] >= found["p"]
    improvement = found["probability_of_improvement"]
    assert improvement["value"] == pytest.approx(np.mean(before > after) + 0.5 * np.mean(before == after))
    differing = {entry["what"]: entry["values"] for entry in document["environment"]}
    assert differing["recipe.optimizer"] == ["sgd", "adam"]
    assert set(differing) == {"recipe.optimizer", "recipe.lr"}
    churn = next(e for e in document["estimates"] if e["measure"] == "churn")
    assert churn["condition"] == "A → B"
    said = capsys.readouterr().out
    assert "recipe.optimizer: A sgd, B adam" in said
    assert "Test accuracy" in said
    assert "A → B: churn" in said
    assert "Test examples are matched by position: both are those of the data set digits." in said
    page = (tmp_path / "report" / "index.html").read_text()
    assert "How they differ" in page
    assert "recipe.optimizer" in page
    assert {"churn.csv", "environment.csv"} <= {p.name for p in (tmp_path / "report" / "tables").iterdir()}


def test_float32_against_bfloat16_from_reports_alone(finished: Path, recipe_file: Path, tmp_path: Path) -> None:
    """Two report folders, as two devices would give them: paired by nothing, no runs, no churn."""
    rough = trained(recipe_file, tmp_path / "trained" / "rough", precision="bfloat16")
    runs = compared(finished, rough, "--measure", "loss", "--out", tmp_path / "runs")
    assert row(runs, "loss")["paired"] is True
    reports = []
    for rundir in (finished, rough):
        out = tmp_path / rundir.name
        document = compared(rundir, rundir, "--measure", "loss", "--out", out)
        document["conditions"] = [c for c in document["conditions"] if c["condition"] == "A"]
        document["estimates"] = [e for e in document["estimates"] if e["condition"] == "A"]
        document["manifest"]["versions"]["jax"] = f"on {rundir.name}"
        (out / "analysis.json").write_text(json.dumps(document))
        reports.append(out)
    document = compared(*reports, "--out", tmp_path / "reports")
    found, whole = row(document, "loss"), row(runs, "loss")
    rows = [json.loads((out / "analysis.json").read_text())["estimates"] for out in reports]
    a, b = (next(e["value"] for e in estimates if e["measure"] == "loss") for estimates in rows)
    assert found["difference"] == pytest.approx(b - a, abs=1e-12)
    half_a_digit = 0.5 * 10.0 ** (np.floor(np.log10(max(a, b))) - 6)
    assert found["difference"] == pytest.approx(whole["difference"], abs=2 * half_a_digit + 1e-10)
    assert (found["paired"], found["probability_of_improvement"]) == (False, None)
    assert "two independent estimates" in found["method"]
    assert found["high"] - found["low"] > whole["high"] - whole["low"]
    differing = {entry["what"]: entry["values"] for entry in document["environment"]}
    assert differing["recipe.precision"] == ["float32", "bfloat16"]
    assert differing["versions.jax"] == ["on small", "on rough"]
    assert not any(e["measure"] == "churn" for e in document["estimates"])


@pytest.fixture
def theirs(finished: Path, tmp_path: Path) -> Path:
    """Predictions of someone else's models on the same test set; the first one is always right."""
    labels = PopulationStore.open(finished / "digits-mlp").read()["labels"]
    predictions = np.repeat(labels[None], 4, axis=0)
    for run in range(1, 4):
        predictions[run, : 10 * run] = (labels[: 10 * run] + 1) % 10
    np.savez(tmp_path / "theirs.npz", labels=labels, predictions=predictions)
    np.savez(tmp_path / "shifted.npz", labels=(labels + 1) % 10, predictions=predictions)
    return tmp_path / "theirs.npz"


def test_a_file_of_others_against_a_population_of_ours(finished: Path, theirs: Path, tmp_path: Path) -> None:
    document = compared(finished / "digits-mlp", theirs, "--out", tmp_path / "report")
    found = row(document, "accuracy")
    after = 1 - np.array([0, 10, 20, 30]) / 360
    assert found["value_b"] == pytest.approx(after.mean())
    assert found["p"] == pytest.approx(stats.ttest_ind(after, accuracies(finished), equal_var=False).pvalue)
    assert found["paired"] is False
    assert not any(r["measure"] == "loss" for r in document["comparisons"])
    labels = [c["label"] for c in document["conditions"] if c["role"] == "population"]
    assert labels == ["A · digits-mlp", "B · theirs"]


def test_json_is_the_whole_analysis(
    finished: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    document = compared(finished, theirs, "--measure", "accuracy", "--json", "--out", out)
    printed = json.loads(capsys.readouterr().out)
    assert printed["id"] == document["id"]
    assert [r["measure"] for r in printed["comparisons"]] == ["accuracy"]
    assert printed["comparisons"][0]["p_holm"] == printed["comparisons"][0]["p"]
    again = compared(finished, theirs, "--measure", "accuracy", "--json", "--out", tmp_path / "again")
    assert again == document


def test_names_are_escaped(theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "<b>[red]x.npz"
    odd.write_bytes(theirs.read_bytes())
    compared(theirs, odd, "--out", tmp_path / "report")
    assert "<b>" not in (tmp_path / "report" / "index.html").read_text()
    assert "B · <b>[red]x" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("theirs.npz", "shifted.npz"), "other labels"),
        (("theirs.npz",), "2 to 8 conditions"),
        (("theirs.npz", "nowhere"), "there is nothing at"),
        (("theirs.npz", "."), "neither study.json of a run directory"),
        (("theirs.npz", "broken.json"), "cannot be read as JSON"),
        (("theirs.npz", "list.json"), "not the analysis.json of a report"),
        (("theirs.npz", "newer.json"), "has schema 2"),
        (("theirs.npz", "edited.json"), "was edited: the estimate of 'loss'"),
        (("theirs.npz", "theirs.npz", "--measure", "los"), "did you mean 'loss'"),
        (("theirs.npz", "theirs.npz"), "are the same results, byte for byte"),
        (("theirs.npz", "shifted.npz", "--population", "foo"), "none of them has a population 'foo'"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(
    theirs: Path, tmp_path: Path, words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "newer.json").write_text('{"schema": 2, "estimates": []}')
    (tmp_path / "edited.json").write_text(
        '{"schema": 1, "estimates": [{"condition": "a", "measure": "loss", "at": null, "value": "high"}]}'
    )
    assert main(["compare", *words, "--out", "report"]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "report").exists()
