"""Test examples with names are compared by their names, wherever they stand in a file."""

from dataclasses import replace

import numpy as np
import pytest

import varbench
from tests.analysis.sides import population, side, without_runs
from varbench.analysis.comparing.matching import examples_told
from varbench.errors import InputError

N_EXAMPLES = 60
ORDER = np.random.default_rng(5).permutation(N_EXAMPLES)


def save(path, seed, *, order=None, ids=None, **more):
    random = np.random.default_rng(seed)
    labels = np.arange(N_EXAMPLES) % 3
    logits = random.normal(size=(6, N_EXAMPLES, 3)) + 1.5 * np.eye(3)[labels]
    order = np.arange(N_EXAMPLES) if order is None else order
    given = {} if ids is None else {"example_id": np.asarray(ids)[order]}
    np.savez(path, labels=labels[order], logits=logits[:, order], **given, **more)
    return path


def compared(*files, **how):
    return varbench.compare(*files, measures=["accuracy", "disagreement"], **how)


def numbers(document):
    churn = [row for row in document["estimates"] if row["measure"] in ("churn", "good_churn", "bad_churn")]
    between = [(row["name"], row["value"], row["test"]) for row in document["between"]]
    return document["comparisons"], churn, between


IDS = [f"image-{i:03d}" for i in range(N_EXAMPLES)]


def test_the_same_examples_in_another_order_give_the_same_numbers(tmp_path):
    first = save(tmp_path / "a.npz", 1, ids=IDS)
    straight, shuffled = save(tmp_path / "b.npz", 2, ids=IDS), save(tmp_path / "c.npz", 2, ids=IDS, order=ORDER)
    one, other = compared(first, straight), compared(first, shuffled)
    assert numbers(one) == numbers(other)
    flips = [document["plots"]["B"]["flips"] for document in (one, other)]
    assert flips[0] == flips[1]
    assert {flip["example"] for flip in flips[1]} <= set(IDS)


def test_tables_whose_rows_stand_otherwise_are_matched_too(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(20) % 2
    predictions = np.where(random.random((4, 20)) < 0.8, labels, 1 - labels)
    rows = [f"{r},e{i},{labels[i]},{predictions[r, i]}" for r in range(4) for i in range(20)]
    for name, chosen in {"a": rows, "b": rows[::-1]}.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["run,example,label,prediction", *chosen]))
    document = compared(tmp_path / "a.csv", tmp_path / "b.csv")
    agreeing = predictions[:, None] == predictions[None]
    (churn,) = (row["value"] for row in document["estimates"] if row["measure"] == "churn")
    assert churn == pytest.approx(1.0 - agreeing.mean())


def test_other_examples_are_refused_by_name(tmp_path):
    first = save(tmp_path / "a.npz", 1, ids=IDS)
    second = save(tmp_path / "b.npz", 2, ids=[*IDS[:-1], "image-x"])
    with pytest.raises(InputError, match=r"a \(a\) has the example 'image-059', which b \(b\) does not name"):
        compared(first, second)


def test_another_label_of_the_same_example_is_refused(tmp_path):
    first = save(tmp_path / "a.npz", 1, ids=IDS)
    second = save(tmp_path / "b.npz", 2, ids=IDS[3:] + IDS[:3])
    third = save(tmp_path / "c.npz", 2, ids=IDS[1:] + IDS[:1])
    assert compared(first, second)["comparisons"]
    with pytest.raises(InputError, match="of example 'image-000' they say 0 and 2; only the same test examples comp"):
        compared(first, third)


def test_without_names_the_order_counts(tmp_path):
    first = save(tmp_path / "a.npz", 1, ids=IDS)
    with pytest.raises(InputError, match="only the same test examples in the same order compare"):
        compared(first, save(tmp_path / "b.npz", 2, order=ORDER))


def test_the_conditions_of_one_file_are_compared_with_its_first(tmp_path):
    names = np.array(["old", "new", "old", "new", "old", "new"])
    whole = save(tmp_path / "whole.npz", 1, condition=names)
    with np.load(whole) as arrays:
        for name in ("old", "new"):
            np.savez(tmp_path / f"{name}.npz", labels=arrays["labels"], logits=arrays["logits"][names == name])
    alone, apart = compared(whole), compared(tmp_path / "old.npz", tmp_path / "new.npz")
    assert [c["label"] for c in alone["conditions"][:2]] == ["A · old", "B · new"]
    assert told(alone) == ["Test examples are the same: both are of one file, which holds them once for all its runs."]
    assert alone["manifest"]["command"].startswith(f"varbench compare {whole}")
    assert numbers(alone)[1:] == numbers(apart)[1:]
    values = [[(row["difference"], row["p"]) for row in document["comparisons"]] for document in (alone, apart)]
    assert values[0] == values[1]


def test_one_condition_alone_is_not_compared(tmp_path):
    with pytest.raises(InputError, match="takes 2 to 8 conditions, not 1: name two, or a file with two conditions"):
        compared(save(tmp_path / "a.npz", 1))


def told(document):
    return [condition["examples"] for condition in document["conditions"] if condition["role"] == "comparison"]


def test_it_is_said_how_examples_were_matched(tmp_path):
    first, second = save(tmp_path / "a.npz", 1, ids=IDS), save(tmp_path / "b.npz", 2, ids=IDS)
    assert told(compared(first, second)) == ["Test examples are matched by their names (example_id)."]
    nameless = save(tmp_path / "c.npz", 3)
    sentences = told(compared(first, second, nameless, out=tmp_path / "report"))
    assert "by position: their labels agree, and nothing else shows that they are the same ones" in sentences[1]
    page = (tmp_path / "report" / "index.html").read_text()
    for letters, sentence in zip(("A → B", "A → C"), sentences, strict=True):
        assert f"{letters}: {sentence}" in page


@pytest.mark.parametrize(
    ("data", "sums", "said"),
    [
        (("digits", "digits"), ("x", "x"), "both are those of the data set digits."),
        (("digits", "digits"), ("x", "y"), "the checksums of the data set digits differ"),
        (("digits", "digits+scale:4"), ("x", "y"), "digits and digits+scale:4 have the same labels there, but not"),
    ],
)
def test_other_inputs_under_the_same_labels_are_named(data, sums, said):
    arms = []
    for seed, (name, checksum) in enumerate(zip(data, sums, strict=True)):
        (arm,) = side("x", all=population(seed)).arms.values()
        arms.append(replace(arm, environment={"data.name": name, "data.sha256": checksum}))
    assert said in examples_told(*arms)
    assert examples_told(arms[0], without_runs(arms[1])) == ""
