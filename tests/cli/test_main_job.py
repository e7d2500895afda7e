"""The commands on a real, small run directory, from training to report and verification."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import shlex
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray

import varbench
from varbench.cli import main
from varbench.cli.interrupt import interruptible
from varbench.data import load
from varbench.store import PopulationStore
from varbench.store.files import read_record, write_record


def test_run_trains_population_and_controls(finished: Path) -> None:
    main_population = PopulationStore.open(finished / "digits-mlp")
    again = PopulationStore.open(finished / "digits-mlp-again")
    alone = PopulationStore.open(finished / "digits-mlp-width")
    prints = {p["levels"]["init"]: p for p in main_population.manifest["fingerprints"]}
    assert sorted(prints) == [0, 1, 2, 3, 4, 5]
    assert len({p["weights"] for p in prints.values()}) == 6
    for run in again.manifest["fingerprints"]:
        assert run["weights"] == prints[run["levels"]["init"]]["weights"]
        assert run["predictions"] == prints[run["levels"]["init"]]["predictions"]
    assert {run["levels"]["width"] for run in alone.manifest["fingerprints"]} == {1}
    assert all(
        run["initial_weights"] == prints[run["levels"]["init"]]["initial_weights"]
        for run in again.manifest["fingerprints"]
    )


def test_arrays_open_with_xarray(finished: Path) -> None:
    with xarray.open_zarr(finished / "digits-mlp" / "arrays.zarr", consolidated=False) as arrays:
        assert arrays["logits"].dims == ("run", "example", "class")
        assert arrays["weights"].dims == ("run", "parameter")
        accuracy = (arrays["logits"].argmax("class") == arrays["labels"]).mean("example")
        assert accuracy.shape == (6,)
        assert float(accuracy.min()) > 0.3


def test_the_terminal_calls_what_was_decided_by_its_label(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(finished), "--quiet"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert " Digits · MLP 8: " in printed
    assert "digits-mlp: " not in printed


def test_judge_prints_the_analysis(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(finished), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    rows = {(e["condition"], e["measure"], e["at"]): e for e in document["estimates"]}
    logits = PopulationStore.open(finished / "digits-mlp").read()
    accuracy = (logits["logits"].argmax(-1) == logits["labels"]).mean(1)
    assert rows["digits-mlp", "accuracy", None]["value"] == pytest.approx(accuracy.mean())
    assert rows["digits-mlp-again", "bitwise_equal", None]["value"] == 1.0
    assert rows["digits-mlp-again", "disagreement", None]["value"] == 0.0
    assert rows["digits-mlp-again", "weight_distance", None]["value"] == 0.0
    assert rows["digits-mlp", "disagreement", None]["value"] > 0.0
    assert document["verdicts"][-1]["condition"] is None


def test_two_reports_of_one_run_directory_are_byte_identical(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "second"):
        assert main(["report", str(finished), "--out", str(tmp_path / name)]) == 0
    assert str(tmp_path / "second" / "index.html") in capsys.readouterr().out
    first = {p.relative_to(tmp_path / "first"): p.read_bytes() for p in (tmp_path / "first").rglob("*") if p.is_file()}
    second = {
        p.relative_to(tmp_path / "second"): p.read_bytes() for p in (tmp_path / "second").rglob("*") if p.is_file()
    }
    assert first == second
    assert {"index.html", "report.md", "analysis.json"} <= {str(p) for p in first}


def test_the_recorded_command_continues_the_run(rundir: Path, finished: Path) -> None:
    words = json.loads((rundir / "study.json").read_text())["command"].replace(str(finished), str(rundir)).split()
    (rundir / "digits-mlp" / "commits" / "00001.json").unlink()
    before = PopulationStore.open(finished / "digits-mlp").manifest["fingerprints"]
    assert main([*words[1:], "--quiet"]) == 0
    assert PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"] == before


def test_running_again_trains_nothing_and_changes_nothing(rundir: Path, command: list[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in rundir.rglob("c.*") if p.is_file()}
    assert main([*command, "--out", str(rundir)]) == 0
    assert before == {p: p.stat().st_mtime_ns for p in rundir.rglob("c.*") if p.is_file()}


def test_a_lost_commit_is_trained_again_to_the_same_bits(rundir: Path, command: list[str]) -> None:
    before = PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"]
    (rundir / "digits-mlp" / "commits" / "00001.json").unlink()
    assert len(PopulationStore.open(rundir / "digits-mlp").missing()) == 1
    assert main(["judge", str(rundir)]) == 2
    assert main([*command, "--out", str(rundir)]) == 0
    assert PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"] == before


def test_more_runs_leave_the_first_ones_as_they_were(rundir: Path, command: list[str]) -> None:
    before = PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"]
    more = [("9" if word == "6" else word) for word in command]
    assert main([*more, "--out", str(rundir)]) == 0
    after = PopulationStore.open(rundir / "digits-mlp").manifest["fingerprints"]
    assert len(after) == 9
    assert after[:6] == before


def test_verify_finds_the_same_bits(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(finished), "--all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] is True
    assert [len(p["runs"]) for p in found["populations"]] == [6, 4, 2]
    assert {run["agreement"] for p in found["populations"] for run in p["runs"]} == {"bitwise"}


def test_verify_says_how_far_off_a_run_of_another_recipe_is(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As if the code, the compiler or the machine had changed: the record asks for another learning rate."""
    store = PopulationStore.open(rundir / "digits-mlp")
    versions = {**store.manifest["versions"], "jax": "0.0.1"}
    recipe = {**store.manifest["recipe"], "lr": 0.011}
    write_record(store.folder / "manifest.json", {**store.manifest, "recipe": recipe, "versions": versions})
    assert main(["verify", str(rundir), "--json"]) == 1
    check = json.loads(capsys.readouterr().out)["populations"][0]
    assert {run["agreement"] for run in check["runs"]} == {"different"}
    assert 0.001 < check["runs"][0]["weight_distance"] < 1.0
    assert check["environment_differences"]["versions.jax"][0] == "0.0.1"
    assert main(["verify", str(rundir)]) == 1
    assert "NOT the same bits" in capsys.readouterr().out


def test_verify_names_a_file_with_one_changed_byte(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chunk = rundir / "digits-mlp" / "arrays.zarr" / "weights" / "c.0.0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    assert main(["verify", str(rundir)]) == 1
    assert "weights/c.0.0" in capsys.readouterr().out
    assert main(["judge", str(rundir)]) == 2


def test_runs_are_not_measured_on_other_data_than_they_were_trained_on(
    rundir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = dataclasses.replace(load("digits"), x_train=load("digits").x_train[::-1])
    monkeypatch.setattr("varbench.studies.judge.load", lambda name: changed)
    assert main(["report", str(rundir), "--out", str(tmp_path / "out")]) == 2
    assert "the data set 'digits' is no longer the one that" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("edit", [lambda text: text.replace("0.01", "0.02"), lambda text: text + "# mine\n", None])
def test_status_names_an_edited_copy_of_the_recipe(rundir: Path, edit, capsys: pytest.CaptureFixture[str]) -> None:
    path = rundir / "recipe.toml"
    assert main(["status", str(rundir), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["broken_files"] == []
    if edit is None:
        path.unlink()
    else:
        assert edit(path.read_text()) != path.read_text()
        path.write_text(edit(path.read_text()))
    assert main(["status", str(rundir), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["broken_files"] == ["recipe.toml"]
    assert main(["status", str(rundir)]) == 0
    assert "recipe.toml is missing or its bytes have changed" in capsys.readouterr().out


def test_verify_names_an_edited_copy_of_the_recipe(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = rundir / "recipe.toml"
    path.write_text(path.read_text().replace("0.01", "0.02"))
    assert main(["verify", str(rundir), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["sound"], found["broken_files"]) == (False, ["recipe.toml"])
    assert {run["agreement"] for p in found["populations"] for run in p["runs"]} == {"bitwise"}
    from_python = varbench.verify(rundir)
    assert (from_python.sound, from_python.broken_files) == (False, ("recipe.toml",))
    assert all(check.sound for check in from_python.populations)


def test_status_counts(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rundir / "digits-mlp" / "commits" / "00001.json").unlink()
    assert main(["status", str(rundir), "--json"]) == 0
    rows = {row["population"]: row for row in json.loads(capsys.readouterr().out)["populations"]}
    assert (rows["digits-mlp"]["planned"], rows["digits-mlp"]["finished"]) == (6, 4)
    assert (rows["digits-mlp-again"]["planned"], rows["digits-mlp-again"]["finished"]) == (4, 4)
    assert main(["status", str(rundir)]) == 0
    assert "digits-mlp: 4/6 runs" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["manifest.json", "commits/00000.json"])
def test_status_tells_of_a_population_that_cannot_be_read_and_of_the_others(
    rundir: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = rundir / "digits-mlp" / file
    path.write_bytes(path.read_bytes()[:-9])
    assert main(["status", str(rundir), "--json"]) == 0
    rows = {row["population"]: row for row in json.loads(capsys.readouterr().out)["populations"]}
    assert f"{path} is truncated or was edited" in rows["digits-mlp"]["unreadable"]
    assert (rows["digits-mlp-again"]["finished"], rows["digits-mlp-again"]["unreadable"]) == (4, None)
    assert main(["status", str(rundir)]) == 0
    printed = capsys.readouterr().out
    assert f"digits-mlp: {path} is truncated" in printed
    assert "digits-mlp-again: 4/4 runs" in printed


def test_status_goes_on_where_a_population_may_not_be_read(
    rundir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = varbench.store.population.sha256_file
    chunk = rundir / "digits-mlp" / "arrays.zarr" / "weights" / "c.0.0"

    def refusing(path: Path) -> str:
        if path == chunk:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return digest(path)

    monkeypatch.setattr("varbench.store.population.sha256_file", refusing)
    assert main(["status", str(rundir)]) == 0
    printed = capsys.readouterr().out
    assert f"digits-mlp: {chunk}: there is no permission to write or read there" in printed
    assert "digits-mlp-again: 4/4 runs" in printed


def test_a_diverging_recipe_is_counted_and_shown(
    tmp_path: Path, recipe_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "identical-pipelines", "--budget", "smoke", "--runs", "4", "--quiet", "--strategy.width", "4"]
    words += ["--recipe-file", str(recipe_file), "--recipe.optimizer", "sgd", "--recipe.lr", "1e18"]
    assert main([*words, "--out", str(tmp_path / "r"), "--report", str(tmp_path / "report"), "--json"]) == 0
    capsys.readouterr()
    document = json.loads((tmp_path / "report" / "analysis.json").read_text())
    assert document["conditions"][0]["n_diverged"] == 4
    assert document["verdicts"][-1]["verdict"] == "inconclusive"
    text = (tmp_path / "report" / "analysis.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_the_plan_alone_trains_nothing(tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--out", str(tmp_path / "x"), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [row["runs"] for row in plan["populations"]] == [6, 4, 2]
    assert plan["populations"][0]["strategy"] == {
        "width": 4,
        "batching": "vmap",
        "convolution": "matmul",
        "chosen_by": "flag",
    }
    assert not (tmp_path / "x").exists()


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content) == {"studies", "datasets", "variants", "models", "measures", "sources"}
    assert {"mnist1d", "digits", "mnist", "fashion-mnist", "cifar10"} <= {d["name"] for d in content["datasets"]}
    assert {"accuracy", "disagreement", "weight_distance"} <= {m["name"] for m in content["measures"]}
    assert [s["name"] for s in content["sources"]][:2] == ["init", "order"]
    assert main(["list"]) == 0


def test_env_names_versions_and_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["versions"]["numpy"] == np.__version__
    assert content["device"]["platform"] == "cpu"


def test_a_recipe_with_sizes_of_its_own_is_continued_by_its_recorded_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs with a space"
    words = [
        "run",
        "identical-pipelines",
        "--budget",
        "smoke",
        "--runs",
        "2",
        "--recipe-file",
        str(tmp_path / "r.toml"),
    ]
    (tmp_path / "r.toml").write_text('data = "digits"\nmodel = "mlp"\nsteps = 3\nbatch_size = 50\n')
    words += ["--recipe.hidden", "5", "4", "--strategy.batching", "map", "--quiet", "--out", str(out)]
    parts = ["--strategy.microbatch", "10"]
    assert main([*words, *parts]) == 0
    manifest = PopulationStore.open(out / "digits-mlp").manifest
    assert manifest["recipe"]["hidden"] == [5, 4]
    assert (manifest["strategy"]["batching"], manifest["strategy"]["chosen_by"]) == ("map", "flag")
    assert manifest["strategy"]["microbatch"] == 10
    assert main([*words, *parts]) == 0, "the same command again"
    assert main(words) == 2
    assert "trained with another strategy (microbatch differ)" in capsys.readouterr().err
    recorded = shlex.split(json.loads((out / "study.json").read_text())["command"])
    assert main([*recorded[1:], "--quiet"]) == 0


def test_verify_of_a_population_that_was_killed_before_it_was_published(rundir: Path) -> None:
    """After a kill the manifest is that of the start: the commits are what counts."""
    path = rundir / "digits-mlp" / "manifest.json"
    content = read_record(path)
    write_record(path, {**content, "fingerprints": [], "blocks": []})
    (rundir / "digits-mlp" / "commits" / "00001.json").unlink()
    assert main(["verify", str(rundir), "--quiet"]) == 0


def test_verify_names_a_lost_commit(rundir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rundir / "digits-mlp" / "commits" / "00000.json").unlink()
    assert main(["verify", str(rundir), "--quiet"]) == 1
    assert "commits/00000.json" in capsys.readouterr().out


def test_a_truncated_commit_says_how_to_go_on(
    rundir: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = PopulationStore.open(rundir / "digits-mlp").fingerprints()
    path = rundir / "digits-mlp" / "commits" / "00001.json"
    path.write_bytes(path.read_bytes()[:40])
    assert main([*command, "--out", str(rundir)]) == 2
    assert "delete it and run again" in capsys.readouterr().err
    path.unlink()
    assert main([*command, "--out", str(rundir)]) == 0
    assert PopulationStore.open(rundir / "digits-mlp").fingerprints() == before


def test_an_interrupt_that_was_lost_is_raised_at_the_next_look(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with interruptible() as check:
        check()
        with contextlib.suppress(KeyboardInterrupt):  # as a callback of a library swallows it
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
