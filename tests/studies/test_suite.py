"""Several studies in one run directory: what they share is trained once; a study may come from a user's own file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import numpy as np
import pytest

from varbench.cli.main import main
from varbench.errors import InputError
from varbench.report import render
from varbench.store import PopulationStore
from varbench.studies import execute as execute_module
from varbench.studies import request as requests
from varbench.studies.environment import git
from varbench.studies.execute import execute, jobs_of
from varbench.studies.experiments import make_experiment
from varbench.studies.judge import judge
from varbench.studies.moment import Moment
from varbench.studies.registry import STUDIES, studies, study
from varbench.studies.request import Request, command_line, request_of, source_file
from varbench.studies.study import Experiment, Judgement, Study, Verdict
from varbench.studies.verify import verify_experiments
from varbench.version import __version__

OWN = Path(__file__).with_name("own_study.py")


def sharing(first: Study) -> Study:
    """Another study of the same populations, which wants more to be measured of them."""
    wanted = ("disagreement", "accuracy")
    return replace(
        first,
        name="sharing",
        title="The same runs again",
        plan=lambda *args: tuple(replace(p, measures=wanted, label="other") for p in first.plan(*args)),
        judge=lambda evidence, experiments: Judgement(
            (Verdict(None, "inconclusive", "Nothing is decided."),), f"{len(evidence)} populations."
        ),
        experiments=lambda *args: (),
        source="",
    )


def named(own: Study) -> Callable[[str | Path], Study]:
    """As `registry.study`, which does not know the sharing study."""
    return lambda name: sharing(own) if name == "sharing" else study(name)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    own = study(OWN)
    folder = tmp_path_factory.mktemp("suite") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "varbench.studies.registry.study", lambda name: sharing(own) if name == "sharing" else study(name)
        )
        asked = Request((own, sharing(own)), "smoke")
        execute(asked, jobs_of(asked, folder), folder, command=command_line(asked, folder))
        yield folder


@pytest.fixture(scope="module")
def analysis(out):
    shares = []
    found = judge(out, listen=lambda moment: shares.append(moment.share))
    assert shares == sorted(shares)
    assert len(shares) == 4
    return found


def test_status_and_verify_tell_of_experiments(out, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(out, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("varbench.studies.registry.study", named(study(OWN)))
        assert main(["status", str(copy), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["experiments"] == [{"experiment": "own-squares", "made": True}]
        (sampled,) = verify_experiments(copy, everything=False)
        (repeated,) = verify_experiments(copy, everything=True)
        assert (sampled.sound, sampled.repeated) == (True, False)
        assert (repeated.sound, repeated.repeated) == (True, True)

        arrays = copy / "experiments" / "own-squares.npz"
        content = arrays.read_bytes()
        arrays.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        (broken,) = verify_experiments(copy, everything=True)
        assert (broken.sound, broken.broken_files) == (False, ("experiments/own-squares.npz",))
        assert main(["verify", str(copy)]) == 1
        assert "experiments/own-squares.npz" in capsys.readouterr().out

        arrays.write_bytes(content)
        (copy / "experiments" / "own-squares.json").unlink()
        assert verify_experiments(copy, everything=True) == ()
        assert main(["status", str(copy)]) == 0
        assert "own-squares: not made yet" in capsys.readouterr().out


def test_an_experiment_that_comes_out_otherwise_is_named(tmp_path):
    told = iter(range(4))
    changing = Experiment(
        "own", "own", lambda listen: {"count": np.asarray(next(told)), "nan": np.full(2, np.nan)}, {"a": 1}
    )
    make_experiment(tmp_path, changing)
    request = SimpleNamespace(studies=(None,), experiments=lambda study: (changing,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("varbench.studies.verify.request_of", lambda out: request)
        (check,) = verify_experiments(tmp_path, everything=True)
    assert (check.sound, check.different) == (False, ("count",))


def test_what_studies_share_is_trained_once_and_measured_for_both(out, analysis):
    assert sorted(p.name for p in out.iterdir() if p.is_dir()) == ["experiments", "own-long", "own-short", "studies"]
    assert [c["condition"] for c in analysis["conditions"]] == ["own-short", "own-long"]
    measured = {(row["condition"], row["measure"]) for row in analysis["estimates"]}
    assert measured == {
        *((c, m) for c in ("own-short", "own-long") for m in ("accuracy", "disagreement")),
        ("own-long", "gain"),
    }
    assert [entry["study"] for entry in analysis["studies"]] == ["own-steps", "sharing"]
    assert all(entry["conditions"] == ["own-short", "own-long"] for entry in analysis["studies"])
    assert analysis["name"] == "suite"
    assert analysis["headline"].startswith("Of 2 claims about training, ")
    assert re.match(r"[^.]* \d (is|are) (supported|contradicted|inconclusive)[,.]", analysis["headline"])


def test_the_analysis_says_which_code_judged(analysis):
    judged = analysis["manifest"]["judged"]
    assert judged["varbench"] == __version__
    assert judged["git"] == git()


def test_experiments_and_charts_travel_with_the_analysis(analysis):
    assert analysis["studies"][0]["headline"] == "The squares end at 9."
    (chart,) = analysis["charts"]
    assert (chart["study"], chart["name"]) == ("own-steps", "steps")
    accuracy = {r["condition"]: r["value"] for r in analysis["estimates"] if r["measure"] == "accuracy"}
    assert chart["series"][0]["y"] == pytest.approx([accuracy["own-short"], accuracy["own-long"]], rel=1e-4)
    assert analysis["measures"]["gain"]["unit"] == "pp"


def test_the_page_opens_with_the_claims(analysis, tmp_path):
    page = render(json.loads(json.dumps(analysis)), tmp_path / "report").read_text()
    table = page[page.index('class="claims"') : page.index("</table>")]
    assert table.count("<tr class=") == 2
    assert "Longer training is better" in table
    assert table.count("<svg") == 1, "the small picture of the study that has a chart"
    assert page.count('id="chart--own-steps--steps"') == 1
    study = page[page.index('id="study-own-steps"') : page.index('id="study-sharing"')]
    parts = ("Longer training is better", 'class="ruling overall', "The squares end at 9.", "<figure", "The rule.")
    places = [study.index(part) for part in parts]
    assert places == sorted(places), "asked, answered, found, shown, and then by which rule"
    glossary = page[page.index('class="glossary"') :]
    own = r"Accuracy of the long training less that of the short one\. \(Study: [^<]+\.\)</dd>"
    assert re.search(own, glossary), "of one study only"
    assert "Fraction of test examples that a run gets right, averaged over runs.</dd>" in glossary, "of any study"
    (ways,) = re.findall(r'class="ways">(.*?)</p>', study)
    targets = re.findall(r'href="#([^"]+)"', ways)
    assert targets[-1] == "verdict"
    assert all(page.count(f'id="{target}"') == 1 for target in targets)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "figures/chart--own-steps--steps.svg" in text
    assert text.index("The squares end at 9.", text.index("### ")) < text.index("**The rule.**")
    assert (tmp_path / "report" / "tables" / "charts.csv").read_text().count("own-steps") == 2


def test_the_same_request_goes_on_and_trains_nothing_again(out):
    asked = request_of(out)
    assert [s.name for s in asked.studies] == ["own-steps", "sharing"]
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.npz")}
    moments = []
    execute(asked, jobs_of(asked, out), out, command=command_line(asked, out), listen=moments.append)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.npz")} == before
    populations = [moment for moment in moments if moment.runs]
    assert {moment.label for moment in populations} == {plan.label for plan in asked.populations()}
    assert all((moment.runs_done, moment.inside) == (moment.runs, 1.0) for moment in populations)


def test_two_populations_train_at_the_same_time_and_as_they_do_alone(out, tmp_path, monkeypatch):
    both, turn = Barrier(2, timeout=60), execute_module._train
    monkeypatch.setattr(execute_module, "_train", lambda *args: (both.wait(), turn(*args)))
    asked = Request((study(OWN),), "smoke")
    execute(asked, jobs_of(asked), tmp_path / "run", command="varbench run")
    for name in ("own-short", "own-long"):
        here, there = (PopulationStore.open(folder / name).fingerprint() for folder in (tmp_path / "run", out))
        assert here == there


def test_what_cannot_be_trained_ends_the_whole(tmp_path, monkeypatch):
    def fails(job, *args):
        if job.plan.name == "own-short":
            raise InputError("no room")
        listen = args[-2]
        while True:
            listen(Moment(job.plan.label, 1, 0, None, 0.0, 0.0))

    monkeypatch.setattr(execute_module, "_train", fails)
    asked = Request((study(OWN),), "smoke")
    with pytest.raises(InputError, match="no room"):
        execute(asked, jobs_of(asked), tmp_path / "run", command="varbench run")


def test_an_edited_study_is_refused(out):
    path = source_file(out, "own-steps")
    text = path.read_text()
    path.write_text(text.replace("0.1)", "0.9)"))
    try:
        with pytest.raises(InputError, match="was edited after the training"):
            judge(out)
    finally:
        path.write_text(text)


def test_an_edited_experiment_is_refused(out):
    path = out / "experiments" / "own-squares.npz"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    try:
        with pytest.raises(InputError, match="is not as it was written"):
            judge(out)
    finally:
        path.write_bytes(content)


def test_other_facts_are_another_experiment(out, monkeypatch):
    own = study(OWN)
    other = replace(
        own, experiments=lambda *args: tuple(replace(e, facts={"count": 5}) for e in own.experiments(*args))
    )
    monkeypatch.setattr("varbench.studies.registry.study", lambda name: sharing(own) if name == "sharing" else other)
    with pytest.raises(InputError, match="with other settings"):
        judge(out)


def test_two_populations_of_one_name_are_refused():
    own = study(OWN)
    clash = replace(sharing(own), plan=lambda cases, budget, runs: own.plan(cases, budget, 5))
    with pytest.raises(InputError, match="has a population 'own-short', which is another one"):
        Request((own, clash), "smoke").populations()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no study was given"),
        (["identical-pipeline"], "did you mean 'identical-pipelines'"),
        (["identical-pipelines", "identical-pipelines"], "given twice"),
        (["nowhere.py"], "there is no study at nowhere.py"),
    ],
)
def test_bad_names_get_one_sentence(names, message):
    with pytest.raises(InputError, match=re.escape(message)):
        studies(names)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("STUDY = (", "is not a Python file"),
        ("x = 1", "defines no STUDY"),
        ("1 / 0", "fails when it is executed: ZeroDivisionError"),
        (OWN.read_text().replace('name="own-steps"', 'name="Own Steps"'), "give it a name of its own"),
        (OWN.read_text().replace('name="own-steps"', 'name="identical-pipelines"'), "give it a name of its own"),
    ],
)
def test_bad_files_get_one_sentence(source, message, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(InputError, match=re.escape(message)):
        study(path)


def test_all_stands_for_every_study():
    assert [s.name for s in studies(["all"])] == list(STUDIES)


def test_the_command_line_repeats_the_request(tmp_path):
    own = study(OWN)
    asked = Request((studies(["identical-pipelines"])[0], own), "smoke", runs=4)
    text = command_line(asked, tmp_path / "run")
    assert text == (
        f"varbench run identical-pipelines {tmp_path}/run/studies/own-steps.py --budget smoke --runs 4 "
        f"--out {tmp_path}/run"
    )
    assert requests.SCHEMA == 2


def test_a_chart_holds_only_what_can_be_drawn():
    from varbench.analysis.charts import Series, cloud

    with pytest.raises(ValueError, match="2 y at 1 places"):
        Series("s", (1.0,), (1.0, 2.0))
    with pytest.raises(ValueError, match="not finite"):
        Series("s", (1.0,), (float("nan"),))
    assert cloud("c", [0.0, np.nan, 2.0], [1.0, 1.0, np.inf]) == Series("c", (0.0,), (1.0,))
