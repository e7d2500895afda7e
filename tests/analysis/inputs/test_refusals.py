"""Everything that cannot be what was meant is refused, with file, array and place in one sentence."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy

from varbench.analysis.inputs import read_results
from varbench.errors import InputError

from .files import arrays, frame, write


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_results(path)
    text = str(error.value)
    assert "\n" not in text
    assert path.name in text
    return text


def put(array: np.ndarray, index: Any, value: Any) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


P = arrays()["probabilities"]
LOGITS = arrays("logits")["logits"]
LABELS = arrays()["labels"]
PREDICTED = arrays("predictions")["predictions"]
OBJECTS = np.array([1] * 12, dtype=object)


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        ("logits", {"labels": None}, "has no array 'labels' (it holds logits, condition, init, order)"),
        ("logits", {"logits": None}, "one of predictions, logits and probabilities, but has none of them"),
        ("logits", {"probabilities": P}, "but has logits and probabilities"),
        ("logits", {"labels": None, "lables": LABELS}, "the array 'lables': did you mean 'labels'"),
        ("logits", {"ordr": LABELS[:6], "order": None}, "the array 'ordr': did you mean 'order'"),
        ("logits", {"labels": LABELS.astype(float)}, "labels has shape (12,) and type float64; expected one integer"),
        ("logits", {"labels": LABELS.astype(str)}, "labels has shape (12,) and type <U"),
        ("logits", {"labels": LABELS[:, None]}, "labels has shape (12, 1)"),
        ("logits", {"labels": LABELS[:0]}, "labels has shape (0,)"),
        ("logits", {"labels": LABELS[:11]}, "logits has 12 examples, of shape (6, 12, 3), but labels has 11"),
        ("logits", {"labels": put(LABELS, 4, 3)}, "labels[4] is 3, but logits has 3 classes: labels go from 0 to 2"),
        ("logits", {"labels": put(LABELS, 7, -1)}, "labels[7] is -1; classes are numbered 0, 1, 2"),
        ("logits", {"labels": OBJECTS}, "labels holds Python objects, which are never unpickled here"),
        ("logits", {"logits": LOGITS[..., 0]}, "logits has shape (6, 12) and type float32; expected floats [runs,"),
        ("logits", {"logits": LOGITS.astype(int)}, "logits has shape (6, 12, 3) and type int64; expected floats"),
        ("logits", {"logits": LOGITS[:0]}, "logits has shape (0, 12, 3)"),
        ("logits", {"logits": put(LOGITS, (2, 5, 1), np.nan)}, "logits[2, 5, 1] is nan; give finite numbers"),
        ("logits", {"logits": put(LOGITS, (0, 0, 2), -np.inf)}, "logits[0, 0, 2] is -inf; give finite numbers"),
        ("logits", {"logits": put(LOGITS.astype(float), (1, 0, 0), 1e300)}, "logits[1, 0, 0] is 1e+300"),
        ("logits", {"weights": np.zeros((5, 3))}, "weights has shape (5, 3) and type float64; expected floats [6 runs"),
        ("logits", {"weights": np.zeros((6, 3), int)}, "weights has shape (6, 3) and type int64"),
        ("logits", {"weights": put(np.zeros((6, 3)), (4, 2), np.nan)}, "weights[4, 2] is nan"),
        (
            "logits",
            {"weights": np.zeros((6, 3)), "initial_weights": np.zeros((6, 2))},
            "initial_weights has 2 parameters, but weights has 3",
        ),
        ("logits", {"condition": np.arange(6)}, "condition has shape (6,) and type int64; expected a name for each"),
        ("logits", {"condition": np.array(["a"] * 5)}, "condition has shape (5,)"),
        ("logits", {"condition": np.array(["a", "b", ""] * 2)}, "condition[2] is empty"),
        ("logits", {"init": np.zeros(6)}, "init has shape (6,) and type float64; expected an integer, the level of"),
        ("logits", {"init": np.arange(5)}, "init has shape (5,)"),
        ("logits", {"example_id": np.arange(11)}, "example_id has shape (11,)"),
        ("logits", {"example_id": put(np.arange(12), 9, 4)}, "example_id[9] and example_id[4] are both '4'"),
        ("probabilities", {"probabilities": P[..., 1]}, "np.stack([1 - p, p], axis=-1)"),
        (
            "probabilities",
            {"probabilities": put(P, (3, 1), [0.5, 0.25, 0.2])},
            "probabilities[3, 1] sums to 0.95; probabilities sum to 1 (within 0.001)",
        ),
        ("probabilities", {"probabilities": put(P, (3, 1), [1.5, -0.5, 0])}, "probabilities[3, 1, 0] is 1.5; a prob"),
        ("probabilities", {"probabilities": put(P, (5, 0), [0, -0.1, 1.1])}, "probabilities[5, 0, 1] is -0.1; a prob"),
        ("probabilities", {"probabilities": put(P, (5, 11, 2), np.nan)}, "probabilities[5, 11, 2] is nan"),
        ("predictions", {"predictions": PREDICTED.astype(float)}, "type float64; expected integers [runs, examples]"),
        ("predictions", {"predictions": put(PREDICTED, (1, 3), -1)}, "predictions[1, 3] is missing (−1)"),
        ("predictions", {"predictions": put(PREDICTED, (1, 3), -7)}, "predictions[1, 3] is -7; classes are numbered"),
        ("predictions", {"predictions": put(PREDICTED, (1, 3), 10**9)}, "the largest class is 1000000000, but only 4"),
        (
            "predictions",
            {"labels": put(LABELS, 7, 50)},
            "labels[7] is 50, but no run predicts a class above 2, and none from 3 to 49 occurs: mend it, or give the",
        ),
        ("predictions", {"classes": np.array(2)}, "is 2, but there are 2 classes"),
        ("predictions", {"classes": np.array(-5)}, "classes = -5; expected the number of classes"),
        ("predictions", {"classes": np.array(2.5)}, "classes has shape () and type float64"),
        (
            "predictions",
            {"classes": 3, "labels": put(LABELS, 7, 3)},
            "labels[7] is 3, but there are 3 classes: labels go",
        ),
        ("predictions", {"classes": np.array(3.0)}, "classes has shape () and type float64; expected the number of"),
        ("predictions", {"classes": np.array(10**15)}, "announces"),
        ("logits", {"classes": np.array(["cat", "dog"])}, "classes says that there are 2 classes, but logits has 3"),
    ],
)
def test_arrays(tmp_path: Path, kind: str, change: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(write(tmp_path / "r.npz", arrays(kind, **change)))


def test_probabilities_that_were_rounded_are_fine(tmp_path: Path) -> None:
    read_results(write(tmp_path / "r.npz", arrays(probabilities=P.round(4).astype(np.float16))))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        ("predictions", lambda t: t.drop(columns="label"), "has no column 'label' (it has 'run', 'example', 'pred"),
        ("predictions", lambda t: t.rename(columns={"run": "Run"}), "the column 'Run': did you mean 'run'"),
        ("predictions", lambda t: t.drop(columns="prediction"), "either a column 'prediction' or columns p0, p1, …"),
        (
            "predictions",
            lambda t: t.assign(p0=0.5, p1=0.5),
            "either a column 'prediction' or columns p0, p1, …, but has b",
        ),
        ("probabilities", lambda t: t.drop(columns="p1"), "has the columns p0, p2, but no p1"),
        (
            "predictions",
            lambda t: t.drop(index=[20]),
            "run 2 of sgd has 11 of the 12 examples; the first that it lacks",
        ),
        ("predictions", lambda t: t.drop(index=[20]), "is example 3"),
        ("predictions", lambda t: pd.concat([t, t[30:31]]), "rows 31 and 73 are both run 0 of sgd and example 5"),
        (
            "predictions",
            lambda t: pd.concat([t, t[30:31].assign(prediction=np.nan)]),
            "row 73, prediction is missing: has the row too few fields?",
        ),
        ("predictions", lambda t: t[:0], "has no rows below its header"),
        (
            "predictions",
            lambda t: t.assign(label=put(t["label"].to_numpy(), 20, 2 - LABELS[3] // 2 * 2)),
            "in row 19, both of example 3: it must be the same in all rows of one example",
        ),
        ("predictions", lambda t: t.assign(init=put(t["init"].to_numpy(), 40, 7)), "init is 7 in row 41 but "),
        ("predictions", lambda t: t.assign(init=t["init"] + 0.5), "row 1, init is 0.5; expected an integer"),
        ("predictions", lambda t: t.assign(label=-3), "row 1, label is -3; classes are numbered"),
        (
            "predictions",
            lambda t: t.assign(label=put(t["label"].astype(float).to_numpy(), 8, np.nan)),
            "row 9, label",
        ),
        ("predictions", lambda t: t.assign(label=50), "row 1, label is 50, but no run predicts a class above 2"),
        ("predictions", lambda t: t.assign(classes=2), "is 2, but there are 2 classes"),
        (
            "predictions",
            lambda t: t.assign(classes=range(3, 75)),
            "classes is 4 in row 2 but 3 in row 1, both of file r",
        ),
        ("probabilities", lambda t: t.assign(label=3), "row 1, label is 3, but probabilities has 3 classes"),
        ("probabilities", lambda t: t.assign(p1=put(t["p1"].to_numpy(), 50, np.nan)), "row 51 (run 2 of sgd, example"),
        ("probabilities", lambda t: t.assign(p1=put(t["p1"].to_numpy(), 50, np.nan)), "example 8), p1 is nan"),
        ("probabilities", lambda t: t.assign(p2=0.0), "row 1 (run 0 of sgd, example 0), p0…p2 sums to"),
        (
            "predictions",
            lambda t: t.assign(prediction=put(t["prediction"].astype(float).to_numpy(), 9, np.nan)),
            "row 10 (run",
        ),
        ("predictions", lambda t: t.assign(prediction="cat"), "prediction"),
        ("predictions", lambda t: t.assign(condition=""), "row 1, condition is empty"),
        (
            "predictions",
            lambda t: t.assign(run=put(t["run"].astype(float).to_numpy(), 5, np.nan)),
            "row 6, run is",
        ),
    ],
)
def test_tables(tmp_path: Path, ending: str, kind: str, change: Any, sentence: str) -> None:
    table = frame(arrays(kind))
    table["run"] %= 3
    changed = change(table)
    path = tmp_path / f"r{ending}"
    changed.to_csv(path, index=False) if ending == ".csv" else changed.to_parquet(path, index=False)
    assert sentence in refused(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n", "its first line must name the columns"),
        (b"run;example;label;prediction\n", "has its columns parted by semicolons"),
        (b"run\texample\tlabel\tprediction\n", "has its columns parted by tabs"),
        (b"run,run,example,label,prediction\n", "has two columns 'run'"),
        (b"run,example,label,prediction\n0,0,1,1,1\n", "is not a sound table with commas: line 2 has 5 fields, the h"),
        (b"run,example,label,prediction\n0,0,1,1,\n0,1,1,1\n", "line 2 has 5 fields, the header 4"),
        (b"run,example,label,prediction\n0,0,1,1,\n0,1,1,1,\n", "line 2 has 5 fields, the header 4"),
        (b"run,example,label,prediction,note\n0,0,1,1\n0,1,1,1,a,9\n", "line 3 has 6 fields, the header 5"),
        (b"run,example,label,prediction\n0,0\n0,1,1,1\n", "row 1, label is missing"),
        (b"run,example,label,prediction\n0,0,1,1\n0,1,1,1,2,3\n", "line 3 has 6 fields, the header 4"),
        (b"run,example,label,prediction\n0,0,1,1\n0,1,1\n", "row 2 (run 0, example 1), prediction is missing"),
        (b"run,example,label,prediction\n0,0,x,1\n", "row 1, label is 'x'; expected a number"),
        (b"run,example,label,prediction\n0,0,1,1\n1,0,1,b\n", "row 2, prediction is 'b'; expected a number"),
        (b'run,example,label,prediction\n0,0,1,"1\n', "a quotation mark in line 2 is never closed"),
        (b"run,example,label,prediction\n0,0,1,99999999999999999999\n", "prediction is 1e+20; expected an integer"),
        (b"run,example,label,prediction\n\xff,0,1,1\n", "is not a"),
        (b"\xff\xfe\x00r", "is not a text file in UTF-8"),
        (b"a\0b,c\n", "its first line must name the columns"),
        (b"PK\x03\x04", "is not a CSV table: it holds an .npz file"),
        (b"PAR1", "is not a CSV table: it holds a Parquet table"),
        (b"\x1f\x8b\x08", "is not a CSV table: it holds gzip content"),
    ],
)
def test_text_that_is_no_table(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    assert sentence in refused(path)


def test_a_single_empty_prediction_among_others(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("run,example,label,prediction\n0,a,1,1\n0,b,1,\n")
    assert "row 2 (run 0, example b), prediction is missing (−1)" in refused(path)


def test_files_that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    assert "no file at" in refused(tmp_path / "absent.npz")
    (tmp_path / "r.pkl").write_bytes(b"\x80\x04")
    assert "has the ending '.pkl'; expected one of .npz, .csv, .parquet" in refused(tmp_path / "r.pkl")
    (tmp_path / "r.npz").write_bytes(b"\x93NUMPY\x01\x00")
    assert "is not an .npz file: it holds .npy content" in refused(tmp_path / "r.npz")
    (tmp_path / "s.npz").write_text("run,example,label\n")
    assert "is not an .npz file: it holds text" in refused(tmp_path / "s.npz")
    (tmp_path / "r.parquet").write_bytes(b"PAR1 and nothing else")
    assert "is not a sound Parquet file" in refused(tmp_path / "r.parquet")
    (tmp_path / "d.npz").mkdir()
    assert "cannot read" in refused(tmp_path / "d.npz")


def test_columns_of_lists_are_no_numbers(tmp_path: Path) -> None:
    frame(arrays("predictions")).assign(label=[[1]] * 72).to_parquet(tmp_path / "r.parquet")
    assert "column label holds list" in refused(tmp_path / "r.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "r.parquet", arrays())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'varbench[parquet]'" in refused(path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    trap = np.array([Trap() for _ in range(6)], dtype=object)
    assert "condition holds Python objects" in refused(write(tmp_path / "r.npz", arrays(condition=trap)))
    read_results(write(tmp_path / "s.npz", arrays(notes=trap)))
    assert not (tmp_path / "sprung").exists()


def member(shape: object, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return npy.magic(1, 0) + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "logits has no readable array header"),
        (member((10**6, 10**4, 10**3)) + bytes(100), "logits announces 40000000000000 bytes, but has 100"),
        (member((6, 12, 3)) + bytes(863), "logits announces 864 bytes, but has 863"),
        (member("(6, -12, -3)") + bytes(864), "logits announces 864 bytes, but has 864"),
        (member((1,), "|O") + b"cos\nsystem\n", "logits holds Python objects"),
    ],
)
def test_a_header_is_not_believed(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = write(tmp_path / "r.npz", arrays("logits", logits=None))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("logits.npy", content)
    assert sentence in refused(path)


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet"])
def test_what_would_not_fit_is_refused_before_it_is_unpacked(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb of zeros: small on the disk, 80 MB in memory, on a machine of 20 MB."""
    path = tmp_path / f"r{ending}"
    if ending == ".npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("labels.npy", "w") as stream:
                np.save(stream, np.zeros(10, int))
            with archive.open("logits.npy", "w", force_zip64=True) as stream:
                stream.write(member((2 * 10**6, 10, 1)))
                for _ in range(80):
                    stream.write(bytes(10**6))
        assert path.stat().st_size < 2**20
    elif ending == ".csv":
        path.write_text("run,example,label,prediction\n")
        os.truncate(path, 2 * 10**7)
    else:
        zeros = np.zeros(4 * 10**5, np.int8)
        pd.DataFrame({"run": zeros, "example": zeros, "label": zeros, "prediction": zeros}).to_parquet(path)
    monkeypatch.setattr("os.sysconf", lambda name: 5_000 if name == "SC_PHYS_PAGES" else 4096)
    text = refused(path)
    assert "GB, more than half of this machine's memory (0.01 GB)" in text


def read_or_refused(path: Path) -> None:
    try:
        read_results(path)
    except InputError:
        refused(path)


CONTENT = {
    ".npz": (lambda stream: np.savez(stream, **arrays("logits"))),
    ".csv": (lambda stream: frame(arrays()).to_csv(stream, index=False)),
    ".parquet": (lambda stream: frame(arrays()).to_parquet(stream, index=False)),
}


@pytest.mark.parametrize("ending", sorted(CONTENT))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    """Cut anywhere, or with a few bytes changed: never anything but an `InputError`."""
    stream = io.BytesIO()
    CONTENT[ending](stream)
    content = bytearray(stream.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / f"r{ending}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    read_or_refused(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_below_a_header_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(b"run,example,label,prediction,condition\n" + text.encode())
    read_or_refused(path)
