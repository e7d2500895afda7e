"""Results of others, from a file to the document and its page."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from analysis.inputs.files import arrays, write
from report.test_render import NAUGHTY, read_page

import varbench
from varbench.analysis.catalogue import MEASURES, estimates, unavailable
from varbench.analysis.document import KEY, shortened


def rows_of(document: dict) -> dict:
    return {(e["condition"], e["measure"], e["at"]): e for e in document["estimates"]}


@pytest.fixture
def no_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("varbench.report.figures.write.figures_pdf", lambda figures: b"")


def test_estimates_are_those_of_the_populations(tmp_path: Path) -> None:
    given = arrays("logits", weights=np.random.default_rng(0).normal(size=(6, 4)))
    document = varbench.analyze(write(tmp_path / "r.npz", given))
    for name, rows in (("sgd", slice(3)), ("adam", slice(3, 6))):
        population = varbench.PopulationArrays(
            labels=given["labels"], logits=given["logits"][rows], weights=given["weights"][rows],
            levels={"init": given["init"][rows], "order": given["order"][rows]},
        )  # fmt: skip
        found = rows_of(document)
        for measure, at, estimate in estimates(population, key=KEY):
            assert found.pop((name, measure, at))["value"] == shortened(estimate.value)
        assert not [key for key in found if key[0] == name]
        lacking = {(u["measure"], u["reason"]) for u in document["unavailable"] if u["condition"] == name}
        assert lacking == set(unavailable(population))  # with two conditions, churn is there
        assert not {m for m, _ in lacking} & {e["measure"] for e in document["estimates"]}


def test_the_same_arrays_in_memory_give_the_same_numbers(tmp_path: Path) -> None:
    given = arrays("probabilities", condition=None, init=None, order=None)
    path = write(tmp_path / "r.npz", given)
    population = varbench.PopulationArrays(labels=given["labels"], probabilities=given["probabilities"])
    from_file, from_memory = varbench.analyze(path), varbench.analyze(population, name="r")
    assert from_file["estimates"] == from_memory["estimates"]
    assert from_file["headline"] == from_memory["headline"]
    assert varbench.analyze({"r": population}, name="r") == from_memory


def test_a_population_of_ours_gives_the_same_numbers_through_a_file(tmp_path: Path) -> None:
    recipe = varbench.Recipe(data="digits", model="mlp", hidden=(8,), lr=1e-2, batch_size=50, steps=60)
    ours = varbench.train(recipe, runs=4)
    np.savez(
        tmp_path / "r.npz", labels=ours.labels, logits=ours.logits, weights=ours.weights,
        initial_weights=ours.initial_weights, **ours.levels,
    )  # fmt: skip
    found = rows_of(varbench.analyze(tmp_path / "r.npz"))
    ours_alone = {"networks", "train_loss", "train_accuracy"}
    names = [m for m, made in MEASURES.items() if not set(made.needs) & ours_alone and not made.lacking(ours)]
    compared = 0
    for measure, at, estimate in estimates(ours, names=names, key=KEY):
        if isinstance(at, str):  # layers have no names in a file
            continue
        row = found["r", measure, at]
        assert (row["value"], row["low"], row["high"]) == tuple(
            shortened([estimate.value, estimate.low, estimate.high])
        )
        compared += 1
    assert compared > 20


def test_churn_is_from_each_condition_to_those_after_it(tmp_path: Path) -> None:
    """Two runs of each; from the first to the second condition three of eight labels change, one to the right class."""
    labels = np.zeros(8, int)
    old, new = np.array([1, 1, 0, 0, 0, 0, 0, 0]), np.array([0, 1, 1, 2, 0, 0, 0, 0])
    names = np.array(["old"] * 2 + ["new"] * 2 + ["third"])
    np.savez(tmp_path / "r.npz", labels=labels, predictions=np.array([old, old, new, new, old]), condition=names)
    document = varbench.analyze(tmp_path / "r.npz")
    roles = {c["condition"]: c["role"] for c in document["conditions"]}
    assert [name for name, role in roles.items() if role == "comparison"] == [
        "old → new", "old → third", "new → third"
    ]  # fmt: skip
    found = rows_of(document)
    churn, good, bad = (found["old → new", name, None]["value"] for name in ("churn", "good_churn", "bad_churn"))
    assert (churn, good, bad) == pytest.approx((3 / 8, 1 / 8, 2 / 8))
    assert found["old → third", "churn", None]["value"] == 0.0
    assert found["new → third", "bad_churn", None]["value"] == pytest.approx(1 / 8)
    alone = varbench.analyze({"a": varbench.PopulationArrays(labels=labels, predictions=np.array([old, new]))})
    assert {"condition": "a", "measure": "churn", "reason": "it takes two conditions, and there is one"} in alone[
        "unavailable"
    ]


def test_a_condition_named_as_a_comparison_is_refused() -> None:
    population = varbench.PopulationArrays(labels=np.zeros(2, int), predictions=np.zeros((2, 2), int))
    with pytest.raises(varbench.InputError, match="rename it"):
        varbench.analyze({"a": population, "b": population, "a → b": population})


def test_the_document_says_where_it_comes_from(tmp_path: Path) -> None:
    path = write(tmp_path / "r.npz", arrays(notes=np.zeros(3)))
    document = varbench.analyze(path, level=0.9, name="mine")
    source = document["manifest"]["input"]
    assert source["file"] == "r.npz"
    assert source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source["arrays"]["probabilities"] == [6, 12, 3]
    assert source["ignored"] == ["notes"]
    assert document["manifest"]["command"] == "varbench analyze r.npz --name mine --level 0.9"
    assert {e["level"] for e in document["estimates"] if e["low"] is not None} <= {0.9, 0.8}
    assert varbench.analyze(path, level=0.9, name="mine") == document


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        ({}, "sgd: 3 runs disagree on "),
        ({"condition": None}, "6 runs disagree on "),
        (
            {"logits": arrays("logits")["logits"][[0] * 6], "condition": None},
            "6 runs (5 the same as another, bit for bit) agree on every example at ",
        ),
        ({"logits": np.full((6, 12, 3), np.nan), "condition": None}, "6 runs (6 diverged)"),
        (
            {"logits": arrays("logits")["logits"][:1], "condition": None, "init": None, "order": None},
            "1 run reaches ",
        ),
    ],
)
def test_the_headline_is_what_was_measured(tmp_path: Path, change: dict, headline: str) -> None:
    document = varbench.analyze(write(tmp_path / "r.npz", arrays("logits", **change)))
    assert document["headline"].startswith(headline)
    assert "None" not in document["headline"]
    assert document["headline"].endswith(".")


def test_the_headline_has_the_numbers_of_the_estimates(tmp_path: Path) -> None:
    document = varbench.analyze(write(tmp_path / "r.npz", arrays("logits", condition=None)))
    row = rows_of(document)["r", "disagreement", None]
    shown = document["headline"].partition("disagree on ")[2].split()[0]
    assert float(shown) == pytest.approx(100 * row["value"], abs=0.6)


@pytest.mark.usefixtures("no_pdf")
@pytest.mark.parametrize(
    ("kind", "change", "absent"),
    [
        ("logits", {}, []),
        ("predictions", {}, ["averaging"]),
        (
            "logits",
            {"condition": None, "logits": arrays("logits")["logits"][:1], "init": None, "order": None},
            ["flip"],
        ),
        ("logits", {"logits": np.full((6, 12, 3), np.nan)}, ["averaging"]),
    ],
)
def test_the_page_has_no_empty_sections(tmp_path: Path, kind: str, change: dict, absent: list[str]) -> None:
    document = varbench.analyze(write(tmp_path / "r.npz", arrays(kind, **change)), out=tmp_path / "out")
    page = read_page(tmp_path / "out")
    assert "Verdict" not in page.headings
    assert "What was identical, what varied" not in page.headings
    assert "What was given" in page.text
    assert document["manifest"]["input"]["sha256"] in page.text
    assert "Analysis of r.npz" in page.text
    assert "Not measured, and why" in page.text
    measured = {e["measure"] for e in document["estimates"]}
    missing = {u["measure"] for u in document["unavailable"]} - measured
    assert not [name for name in missing if document["measures"][name]["meaning"] in page.text]
    assert not [h for h in page.headings if any(word in h for word in absent)]
    text = (tmp_path / "out" / "report.md").read_text()
    assert "## Not measured, and why" in text
    assert "## Verdict" not in text
    assert json.loads((tmp_path / "out" / "analysis.json").read_text())["id"] == document["id"]


@pytest.mark.usefixtures("no_pdf")
def test_names_from_a_file_are_harmless_everywhere(tmp_path: Path) -> None:
    names = np.array([NAUGHTY] * 3 + ["[/bold]{% raw %}"] * 3)
    examples = np.array([f"{NAUGHTY}{i}" for i in range(12)])
    given = arrays("logits", condition=names, example_id=examples, **{"<i>": np.zeros(2)})
    varbench.analyze(write(tmp_path / "r.npz", given), out=tmp_path / "out", name="../<u>")
    page = read_page(tmp_path / "out")
    assert not {"script", "i", "u"} & {tag for tag, _ in page.tags}
    assert NAUGHTY in page.text
    assert not re.search(r"(?<!\\)<script", (tmp_path / "out" / "report.md").read_text())
    for path in (tmp_path / "out").glob("tables/*.tex"):
        assert r"\input{" not in path.read_text()
    for path in (tmp_path / "out").glob("figures/*.svg"):
        assert "<script" not in path.read_text()
    assert {p.name for p in tmp_path.iterdir()} == {"r.npz", "out"}


def test_a_report_of_predictions_loads_no_jax(tmp_path: Path) -> None:
    path = write(tmp_path / "r.npz", arrays("predictions"))
    code = f"import sys, varbench\nvarbench.analyze({str(path)!r})\nassert not {{'jax', 'flax'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_out_of_range_is_refused(tmp_path: Path, level: float) -> None:
    with pytest.raises(varbench.InputError, match="between 0 and 1"):
        varbench.analyze(write(tmp_path / "r.npz", arrays()), level=level)


def test_nothing_to_analyze_is_refused() -> None:
    with pytest.raises(varbench.InputError, match="nothing to analyze"):
        varbench.analyze({})
