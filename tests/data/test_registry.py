import dataclasses
import hashlib
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from varbench.data import (
    DATASETS,
    Dataset,
    DatasetInfo,
    data_directory,
    info_of,
    load,
    mnist1d,
    names,
    register,
)
from varbench.errors import InputError

SHA256 = re.compile("[0-9a-f]{64}")


@pytest.mark.parametrize("info", DATASETS.values(), ids=DATASETS)
def test_every_data_set_states_what_it_is(info):
    assert DATASETS[info.name] is info
    assert info.title
    assert info.license
    assert "https://" in info.source or "http://" in info.source
    assert SHA256.fullmatch(info.checksum)
    assert info.checksums()
    assert all(SHA256.fullmatch(checksum) for checksum in info.checksums().values())
    assert info.needs_download == bool(info.files)
    for file in info.files:
        assert file.url.endswith(file.name)
        assert file.content_sha256 is None or SHA256.fullmatch(file.content_sha256)


@pytest.mark.parametrize("name", [name for name in DATASETS if not DATASETS[name].files])
def test_an_embedded_data_set_is_as_stated(name, tmp_path, generated, monkeypatch):
    monkeypatch.setattr(mnist1d, "generate", lambda *, shuffled: generated[shuffled])
    monkeypatch.setenv("VARBENCH_DATA", str(tmp_path / "nothing here"))
    info, dataset = info_of(name), load(name)
    assert (dataset.name, dataset.kind, dataset.shape) == (name, info.kind, info.shape)
    assert (len(dataset.x_train), len(dataset.x_test), dataset.classes) == (info.n_train, info.n_test, info.classes)
    assert dataset.checksum() == info.checksum
    assert set(dataset.y_train.tolist()) == set(dataset.y_test.tolist()) == set(range(info.classes))
    assert dataset.verified


def test_one_checksum_stands_for_all_files():
    assert DATASETS["cifar10"].checksum == DATASETS["cifar10"].files[0].sha256
    joined = "".join(file.sha256 for file in DATASETS["fashion-mnist"].files)
    assert DATASETS["fashion-mnist"].checksum == hashlib.sha256(joined.encode()).hexdigest()
    assert DATASETS["mnist"].checksum == DATASETS["mnist"].checksums()["content"]


def test_a_named_data_set_is_loaded_once():
    assert load("digits") is load("digits")


def test_listing_imports_nothing_heavy():
    script = (
        "import sys; from varbench.data import registry; [i.checksums() for i in registry.DATASETS.values()]; "
        "print({'sklearn', 'mnist1d', 'scipy', 'jax', 'flax', 'pooch', 'requests', 'matplotlib', 'rich', 'pandas'} "
        "& set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("minst1d", "mnist1d"), ("MNIST", "mnist"), ("cifar", "cifar10"), ("fashion", "fashion-mnist")],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_all(wrong, meant):
    with pytest.raises(InputError) as error:
        load(wrong)
    assert f"unknown data set {wrong!r}: did you mean {meant!r}?" in str(error.value)
    assert ", ".join(names()) in str(error.value)


def test_a_name_like_no_other_gets_the_list_alone():
    with pytest.raises(InputError, match="unknown data set 'qqq': known are digits, "):
        load("qqq")


@pytest.mark.parametrize("name", [name for name in DATASETS if DATASETS[name].files])
def test_nothing_is_downloaded_implicitly(name, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("VARBENCH_DATA", str(tmp_path))
    file = info_of(name).files[0]
    with pytest.raises(InputError) as error:
        load(name)
    for part in (file.name, file.url, file.sha256, f"varbench data fetch {name}", str(tmp_path)):
        assert part in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_data_directory_is_varbench_data_or_the_cache(monkeypatch):
    monkeypatch.setenv("VARBENCH_DATA", "~/somewhere")
    assert data_directory() == Path.home() / "somewhere"
    for unset in ("", None):
        monkeypatch.delenv("VARBENCH_DATA") if unset is None else monkeypatch.setenv("VARBENCH_DATA", unset)
        assert data_directory().name == "varbench"
        assert data_directory().is_absolute()


def own(info: DatasetInfo, directory: Path) -> Dataset:
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    return Dataset(info.name, x, [0, 1] * 3, x[:2], [1, 0], classes=2, kind="vector")


OWN = DatasetInfo("own", "mine", (2,), 6, 2, 2, "vector", "none", "me", own)


def test_a_data_set_of_ones_own_can_be_registered(monkeypatch):
    monkeypatch.delitem(DATASETS, "own", raising=False)
    register(OWN)
    register(OWN)
    assert "own" in names()
    assert load("own").y_train.tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(InputError, match="'own' exists already"):
        register(dataclasses.replace(OWN, title="another"))
    with pytest.raises(InputError, match="'mnist' exists already"):
        register(dataclasses.replace(OWN, name="mnist"))
    del DATASETS["own"]


def test_a_loader_that_gives_something_else_is_found_out():
    with pytest.raises(InputError, match=r"own: shape, .* should be \(\(2,\), 7, 2, 2\)"):
        dataclasses.replace(OWN, n_train=7).load()


def test_other_content_than_stated_is_marked():
    right = OWN.load().checksum()
    assert dataclasses.replace(OWN, content_sha256=right).load().verified
    dataset = dataclasses.replace(OWN, content_sha256="0" * 64).load()
    assert not dataset.verified
    assert right in dataset.note
    assert "0" * 64 in dataset.note
