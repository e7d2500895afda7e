"""Files that are whole or absent, and records that say when they were changed."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.errors import InputError
from varbench.store.files import read_record, sha256, sha256_file, write_atomically, write_record

CONTENT = {"b": [1, 2.5, None, True], "a": {"é": "ü"}, "text": "line\nbreak"}


def test_hashes_are_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 100_000)
    expected = hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert sha256(b"abc" * 100_000) == sha256_file(tmp_path / "file") == expected


def test_writing_makes_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_content(tmp_path, monkeypatch, function):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("replace"), replace(a, b)))
    write_atomically(tmp_path / "file", b"content")
    assert events == ["fsync", "replace", "fsync"]


def test_records_come_back_and_carry_their_own_hash(tmp_path):
    write_record(tmp_path / "record.json", CONTENT)
    assert read_record(tmp_path / "record.json") == CONTENT
    raw = json.loads((tmp_path / "record.json").read_text())
    assert raw.pop("sha256") == sha256((json.dumps(raw, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode())


def test_equal_records_are_equal_bytes(tmp_path):
    write_record(tmp_path / "one", CONTENT)
    write_record(tmp_path / "two", dict(reversed(CONTENT.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_changed_bit_of_a_record_is_found(tmp_path):
    path = tmp_path / "record.json"
    write_record(path, CONTENT)
    sound = path.read_bytes()
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ (1 << place % 8)]) + sound[place + 1 :])
        with pytest.raises(InputError, match="is truncated or was edited: its checksum does not fit"):
            read_record(path)


def test_truncated_and_longer_records_are_found(tmp_path):
    path = tmp_path / "record.json"
    write_record(path, CONTENT)
    sound = path.read_bytes()
    for content in (*(sound[:end] for end in range(len(sound))), sound + b"\n", b" " + sound):
        path.write_bytes(content)
        with pytest.raises(InputError, match="truncated or was edited"):
            read_record(path)


@pytest.mark.parametrize("content", [b"[]", b"3", b"null", b"{}", b'{"sha256": 3}', b'{"sha256": null}', b"\xff\xfe"])
def test_other_json_is_no_record(tmp_path, content):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or was edited"):
        read_record(path)


def test_a_missing_record_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / "none.json")


def test_numbers_that_json_does_not_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path / "record.json", {"loss": float("nan")})
    assert not (tmp_path / "record.json").exists()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text().filter(lambda key: key != "sha256"), values, max_size=4))
def test_any_record_comes_back(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("records") / "record.json"
    write_record(path, content)
    assert read_record(path) == content
