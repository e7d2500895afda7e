"""Reading the document: what must be there, names as file names, canonical JSON."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.errors import InputError
from varbench.report.canonical import canonical_json
from varbench.report.document import file_stem, read_document


@pytest.mark.parametrize("key", ["schema", "id", "name", "title", "estimates", "manifest"])
def test_missing_key_is_named(minimal, key):
    del minimal[key]
    with pytest.raises(InputError, match=f"lacks {key}"):
        read_document(minimal)


def test_other_schema_is_refused(minimal):
    with pytest.raises(InputError, match="schema 2"):
        read_document({**minimal, "schema": 2})


def test_conditions_known_only_from_estimates_and_plots_are_kept(minimal):
    minimal["estimates"] = [{"condition": "b", "measure": "loss", "value": 1.0}]
    minimal["plots"] = {"c": {}, "a": {}}
    minimal["conditions"] = [{"condition": "z", "label": "Z"}]
    assert [c.name for c in read_document(minimal).conditions] == ["z", "b", "a", "c"]


def test_missing_value_without_reason_says_so(minimal):
    minimal["estimates"] = [{"condition": "b", "measure": "loss", "value": float("nan")}]
    quantity = read_document(minimal).quantity("b", "loss")
    assert quantity is not None
    assert (quantity.value, quantity.reason) == (None, "no reason recorded")


def test_series_is_sorted_by_number(document):
    sizes = [at for at, _ in read_document(document).series("mnist1d-cnn", "ensemble_accuracy")]
    assert sizes == [1, 2, 4]


@given(st.text(min_size=1), st.text(min_size=1))
def test_file_stem_is_harmless_and_tells_names_apart(a, b):
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", file_stem(a))
    assert (file_stem(a) == file_stem(b)) == (a == b)


def test_plain_names_are_their_own_stems():
    assert file_stem("mnist1d-mlp") == "mnist1d-mlp"
    assert ".." not in file_stem("../../etc/passwd")


def test_control_characters_become_visible(minimal):
    assert read_document({**minimal, "title": "a\x00b\x1b"}).text("title") == "a\ufffdb\ufffd"


def test_canonical_json_is_sorted_exact_and_finite():
    flat = [{"y": 1, "x": None}]
    document = {"b": [0.1 + 0.2, float("nan")], "a": {"é": np.float32(0.5), "m": np.eye(2)}, "e": [], "f": flat}
    lines = [
        "{",
        '"a":{',
        '"m":[',
        "[1.0,0.0],",
        "[0.0,1.0]",
        "],",
        '"é":0.5',
        "},",
        '"b":[0.30000000000000004,null],',
        '"e":[],',
        '"f":[',
        '{"x":null,"y":1}',
        "]",
        "}",
        "",
    ]
    assert canonical_json(document).split("\n") == lines


def test_canonical_json_does_not_depend_on_the_order_of_keys(document):
    reordered = json.loads(canonical_json(document))
    assert list(reordered) != list(document)
    assert canonical_json(reordered) == canonical_json(document)
