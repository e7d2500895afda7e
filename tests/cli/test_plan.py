"""`varbench plan` and `varbench.plan`: the answer first, whatever the pilot; impossible requests get one sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import varbench
from varbench.cli import main

REFERENCE = Path(__file__).parents[2] / "reports" / "reference"


def said(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """What the command prints, on one line."""
    assert main(["plan", *words]) == 0
    return " ".join(capsys.readouterr().out.split())


def refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    assert main(["plan", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("varbench: ")
    assert len(captured.err.splitlines()) == 1
    return captured.err


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions of eight runs of anyone's models."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    wrong = rng.random((8, 200)) < 0.1 + 0.03 * rng.random((8, 1))
    path = tmp_path_factory.mktemp("pilot") / "mine.npz"
    np.savez(path, labels=labels, predictions=np.where(wrong, (labels + 1) % 3, labels))
    return path


SENTENCES = {
    "--sd 0.149 --difference 0.1": """
        Train 36 runs of each pipeline: if the two pipelines really differ by 0.1 on average, comparing them will show
        it 80 times out of 100.""",
    "--sd 0.149pp --difference 0.1pp --paired --power 0.95": """
        Train 31 pairs of runs, matched one by one: if the two pipelines really differ by 0.1 pp on average, comparing
        them will show it 95 times out of 100.""",
    "--probability 0.75": """
        Train 29 runs of each pipeline: if a run of A beats a run of B 75 times out of 100, so many runs will show that
        A is the better pipeline 95 times out of 100.""",
    "--sd 0.149% --width 0.1%": """
        Train 37 runs: they pin the mean of the pipeline down to within about 0.05 pp (an interval 0.1 pp from end to
        end).""",
    "--sd 0.149pp --runs 30": """
        30 runs pin the mean down to within about 0.0556 pp, and against 30 runs of another pipeline they show a
        difference of 0.110 pp or more, 80 times out of 100; a smaller one will often go unseen.""",
    "--runs 30": """
        30 runs pin the mean down to within about 0.373 run-to-run SDs, and against 30 runs of another pipeline they
        show a difference of 0.736 run-to-run SDs or more, 80 times out of 100; a smaller one will often go unseen.""",
}


@pytest.mark.parametrize("words", SENTENCES)
def test_the_answer_comes_first(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, words.split()).startswith(" ".join(SENTENCES[words].split()))


def test_an_sd_of_few_runs_is_doubted(capsys: pytest.CaptureFixture[str]) -> None:
    document = varbench.plan(sd="0.149pp", difference="0.1pp", sd_runs=8)
    ways = {entry["way"]: entry["runs"] for entry in document["needed"]}
    assert ways["upper"] > 3 * ways["answer"]
    assert "8 pilot runs still allow" in said(capsys, ["--sd", "0.149pp", "--difference", "0.1pp", "--sd-runs", "8"])


def test_the_overview_of_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, [str(REFERENCE)])
    stored = json.loads((REFERENCE / "analysis.json").read_text())
    rows = {r["measure"]: r for r in stored["estimates"] if r["condition"] == "mnist1d-mlp" and r["at"] is None}
    half = 100 * (rows["accuracy"]["high"] - rows["accuracy"]["low"]) / 2
    found = re.match(
        r"The 64 runs of MNIST-1D · MLP 100-100 pin the test accuracy down to within about ([\d.]+) pp", text
    )
    assert found is not None
    assert float(found[1]) == pytest.approx(half, rel=0.01)
    assert "64 runs (pilot) 128 runs 256 runs" in text
    shown = {(r["quantity"], r["measure"]): r["values"] for r in varbench.plan(REFERENCE)["shown"]}
    for measure in ("accuracy", "loss", "disagreement"):
        width = rows[measure]["high"] - rows[measure]["low"]
        assert shown["width", measure][0] == pytest.approx(width, rel=1e-3)
        assert shown["width", measure][2] == pytest.approx(width / 2, rel=0.05)


def test_goals_about_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert "differ by 0.5 pp in test accuracy" in said(capsys, [str(REFERENCE), "--difference", "0.5pp"])
    same = [varbench.plan(REFERENCE, difference=d)["runs"] for d in ("0.5pp", "0.5%", 0.005, -0.005)]
    assert len(set(same)) == 1
    words = [str(REFERENCE / "analysis.json"), "--condition", "digits-mlp", "--measure", "disagreement"]
    assert "they pin the disagreement of the pipeline" in said(capsys, [*words, "--width", "0.5%"])
    assert "kurtosis" in said(capsys, [str(REFERENCE), "--measure", "accuracy_sd", "--width", "0.3pp"])
    by_document = varbench.plan(json.loads((REFERENCE / "analysis.json").read_text()), width=0.004)
    assert by_document == varbench.plan(REFERENCE, width=0.004)


def test_a_file_of_anyones_results_and_a_population(npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, [str(npz)]).startswith("The 8 runs of mine pin the test accuracy")
    with np.load(npz) as held:
        population = varbench.PopulationArrays(labels=held["labels"], predictions=held["predictions"])
    runs = [varbench.plan(given, measure="disagreement", width="1pp")["runs"] for given in (npz, population)]
    assert runs[0] == runs[1] > 8


def test_a_run_directory_finished_or_not(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, [str(rundir)]).startswith("The 6 runs of")
    (rundir / "digits-mlp" / "commits" / "00001.json").unlink()
    assert said(capsys, [str(rundir)]).startswith("The 4 runs of")
    (rundir / "digits-mlp" / "commits" / "00000.json").unlink()
    assert "no finished run yet" in refused(capsys, [str(rundir)])


def test_the_page_and_its_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(REFERENCE), "--difference", "0.5pp", "--out", str(tmp_path / "plan")]
    assert "The page:" in said(capsys, words)
    first = {path.name: path.read_bytes() for path in (tmp_path / "plan").rglob("*") if path.is_file()}
    assert set(first) == {"index.html", "plan.json", "plan.csv", "plan--difference.svg", "plan--difference.pdf"}
    document = json.loads(first["plan.json"])
    page = first["index.html"].decode()
    assert document["answer"] in page
    assert f"plan: {document['runs']}" in page
    assert page.count("<svg") == 1
    lines = first["plan.csv"].decode().splitlines()
    assert lines[0] == "quantity,measure,runs,value,value_at_upper_spread"
    (at_answer,) = [line for line in lines if line.startswith(f"difference,accuracy,{document['runs']},")]
    assert float(at_answer.split(",")[3]) <= 0.005
    said(capsys, words)
    assert {p.name: p.read_bytes() for p in (tmp_path / "plan").rglob("*") if p.is_file()} == first


def test_names_of_others_are_escaped(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(npz) as held:
        np.savez(tmp_path / "x.npz", condition=np.array(["<b>[red]evil[/red]"] * 8), **held)
    text = said(capsys, [str(tmp_path / "x.npz"), "--out", str(tmp_path / "plan")])
    assert "<b>[red]evil[/red]" in text
    page = (tmp_path / "plan" / "index.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--sd", "0.149", "--difference", "0.1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == varbench.plan(sd=0.149, difference=0.1)
    assert (document["runs"], document["needed"][0]["runs"]) == (36, 36)
    assert document["goal"]["alpha"] == 0.05


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--probability", "0.5"], "above 0.5"),
        (["--probability", "1.2"], "at most 1"),
        (["--sd", "1", "--difference", "1", "--power", "1"], "power"),
        (["--sd", "1", "--difference", "1", "--alpha", "0.7"], "alpha"),
        (["--sd", "0", "--difference", "1"], "above 0"),
        (["--sd", "-1", "--difference", "1"], "above 0"),
        (["--sd", "1", "--difference", "0"], "difference is 0"),
        (["--sd", "1", "--width", "0"], "above 0"),
        (["--sd", "1", "--width", "-2"], "above 0"),
        (["--sd", "1pp", "--difference", "1"], "same unit"),
        (["--sd", "one", "--difference", "1"], "give a number"),
        (["--sd", "1"], "no goal"),
        (["--sd", "1", "--difference", "1", "--runs", "3"], "one goal"),
        (["--sd", "1", "--difference", "1e-9"], "more than"),
        (["--sd", "1", "--difference", "1", "--measure", "accuracy"], "pilot"),
        (["--sd", "1", "--difference", "1", "--measure", "sd"], "two SDs"),
        (["--sd", "1", "--difference", "1", "--sd-runs", "1"], "1 run"),
        (["--sd", "1", "--difference", "1", "--paired", "--other-sd", "2"], "one SD"),
        (["--difference", "1"], "give --sd or a pilot"),
        (["--sd-runs", "5", "--probability", "0.7"], "--sd"),
        (["--condition", "x", "--runs", "5"], "pilot"),
        ([], "varbench plan --sd"),
        (["absent"], "no pilot at absent"),
        (["absent", "--sd", "1"], "not both"),
        ([str(REFERENCE), "--condition", "nobody"], "mnist1d-cnn"),
        ([str(REFERENCE), "--measure", "acuracy", "--width", "1pp"], "did you mean 'accuracy'"),
        ([str(REFERENCE), "--measure", "loss", "--width", "1pp"], "nats"),
        ([str(REFERENCE), "--difference", "1pp", "--paired"], "--sd"),
        (
            [str(REFERENCE), "--condition", "overfitting-digits-true", "--measure", "train_accuracy", "--width", "1pp"],
            "no spread",
        ),
        ([str(REFERENCE), "--runs", "1"], "1 run"),
        ([str(REFERENCE), "--out", str(REFERENCE)], "not a plan's folder"),
    ],
)
def test_requests_that_cannot_be(words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in refused(capsys, words)


def test_a_pilot_of_one_run(tmp_path: Path, npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(npz) as held:
        np.savez(tmp_path / "one.npz", labels=held["labels"], predictions=held["predictions"][:1])
    for words in ([], ["--width", "1pp"], ["--runs", "30"]):
        assert "one run" in refused(capsys, [str(tmp_path / "one.npz"), *words])


def test_a_folder_that_is_no_pilot_and_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no pilot" in refused(capsys, [str(tmp_path)])
    (tmp_path / "analysis.json").write_text("{")
    assert "cannot be read as JSON" in refused(capsys, [str(tmp_path)])
    (tmp_path / "analysis.json").write_text("[]")
    assert "not an analysis.json" in refused(capsys, [str(tmp_path)])
    (tmp_path / "analysis.json").write_text("{}")
    assert "not an analysis.json" in refused(capsys, [str(tmp_path)])
