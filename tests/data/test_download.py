import dataclasses
import functools
import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from varbench.data import DATASETS, DataFile, fetch, load
from varbench.data.idx import MNIST
from varbench.errors import InputError

from .test_idx import ARRAYS, NAMES, idx_bytes


class Handler(http.server.SimpleHTTPRequestHandler):
    """Like some servers, calls a .gz file a compressed transfer if the client accepts that: it is then unpacked."""

    def do_GET(self):
        self.server.requested.append(self.path)
        super().do_GET()

    def end_headers(self):
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")
        super().end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """A server of tmp_path/published on the loopback interface, which notes what it is asked for."""
    (tmp_path / "published").mkdir()
    handler = functools.partial(Handler, directory=tmp_path / "published")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requested = []
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def published(tmp_path, server, monkeypatch):
    """Files on the server, and a data set `little` that is made of them."""
    files = []
    for name, array in zip(NAMES, ARRAYS, strict=True):
        content = idx_bytes(array)
        packed = gzip.compress(content)
        (tmp_path / "published" / f"{name}.gz").write_bytes(packed)
        sums = (hashlib.sha256(bytes_).hexdigest() for bytes_ in (packed, content))
        files.append(DataFile(f"{name}.gz", f"{server.url}{name}.gz", *sums))
    info = dataclasses.replace(
        MNIST, name="little", shape=(4, 3, 1), n_train=5, n_test=2, files=tuple(files), content_sha256=None
    )
    monkeypatch.setitem(DATASETS, "little", info)
    return info


@pytest.mark.parametrize("progress", [False, True])
def test_fetched_files_are_the_published_ones_and_load(tmp_path, published, progress, capfd):
    paths = fetch("little", tmp_path / "mine", progress=progress)
    assert [path.name for path in paths] == [f"{name}.gz" for name in NAMES]
    for path in paths:
        assert path.parent == tmp_path / "mine" / "little"
        assert path.read_bytes() == (tmp_path / "published" / path.name).read_bytes()
    dataset = load("little", directory=tmp_path / "mine")
    np.testing.assert_array_equal(dataset.x_train[..., 0], ARRAYS[0])
    out, err = capfd.readouterr()
    assert out == ""
    assert (NAMES[0] in err) == progress


def test_the_directory_is_varbench_data_if_none_is_given(tmp_path, published, monkeypatch):
    monkeypatch.setenv("VARBENCH_DATA", str(tmp_path / "here"))
    assert all(path.parent == tmp_path / "here" / "little" for path in fetch("little", progress=False))
    assert load("little").verified


def test_what_is_there_is_not_fetched_again(tmp_path, published, server):
    fetch("little", tmp_path, progress=False)
    assert len(server.requested) == 4
    fetch("little", tmp_path, progress=False)
    assert len(server.requested) == 4


def test_a_copy_packed_again_or_unpacked_is_as_good(tmp_path, published, server):
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(gzip.compress(idx_bytes(ARRAYS[0]), 1))
    (tmp_path / NAMES[1]).write_bytes(idx_bytes(ARRAYS[1]))
    paths = fetch("little", tmp_path, progress=False)
    assert paths[:2] == (tmp_path / f"{NAMES[0]}.gz", tmp_path / NAMES[1])
    assert server.requested == [f"/{NAMES[2]}.gz", f"/{NAMES[3]}.gz"]


@pytest.mark.parametrize("where", ["little", ""])
def test_a_damaged_file_gives_way_to_the_published_one(tmp_path, published, server, where):
    path = tmp_path / where / f"{NAMES[0]}.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(idx_bytes(ARRAYS[0]))[:-5])
    fetch("little", tmp_path, progress=False)
    assert load("little", directory=tmp_path).verified


def test_a_file_that_is_not_the_published_one_is_not_kept(tmp_path, published):
    (tmp_path / "published" / f"{NAMES[2]}.gz").write_bytes(b"another file")
    with pytest.raises(InputError) as error:
        fetch("little", tmp_path / "mine", progress=False)
    found = hashlib.sha256(b"another file").hexdigest()
    for part in (published.files[2].url, published.files[2].sha256, found):
        assert part in str(error.value)
    assert sorted(p.name for p in (tmp_path / "mine" / "little").iterdir()) == sorted(f"{n}.gz" for n in NAMES[:2])


@pytest.mark.parametrize("progress", [False, True])
def test_a_failed_download_says_what_to_do(tmp_path, published, progress, capfd):
    (tmp_path / "published" / f"{NAMES[0]}.gz").unlink()
    with pytest.raises(InputError, match=r"could not download .*404.*: try again, or put the file \(SHA-256 "):
        fetch("little", tmp_path / "mine", progress=progress)


def test_no_server_is_told_in_one_sentence(tmp_path, published, monkeypatch):
    files = tuple(dataclasses.replace(file, url="http://127.0.0.1:9/x.gz") for file in published.files)
    monkeypatch.setitem(DATASETS, "little", dataclasses.replace(published, files=files))
    with pytest.raises(InputError, match=r"little: could not download http://127\.0\.0\.1:9/x\.gz"):
        fetch("little", tmp_path, progress=False)


def test_a_place_that_cannot_be_written_is_told(tmp_path, published):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="little: cannot write"):
        fetch("little", tmp_path / "file", progress=False)


def test_data_sets_without_files_need_nothing(tmp_path):
    assert fetch("digits", tmp_path, progress=False) == ()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="did you mean 'cifar10'"):
        fetch("cifar-10")
