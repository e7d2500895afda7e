"""CIFAR-10 from its binary version: the published archive, or the files unpacked from it."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from varbench.data.dataset import Dataset
from varbench.data.files import DataFile, find_path, mismatch, missing, read_content, sha256_of
from varbench.data.info import DatasetInfo
from varbench.errors import InputError

FOLDER = "cifar-10-batches-bin"
BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
SIDE, CHANNELS = 32, 3
RECORD = 1 + CHANNELS * SIDE * SIDE

BATCH_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
"""MD5 of the files in the archive, as other projects record them; the authors publish only the archive's."""


def parse_batch(content: bytes, *, where: str) -> tuple[UInt8[np.ndarray, "N 32 32 3"], UInt8[np.ndarray, " N"]]:
    """Images and labels of one batch file: records of a label byte and 3 × 32 × 32 pixel bytes.

    Args:
        content: All bytes of the file.
        where: What the bytes came from, for the message.

    Raises:
        InputError: If the bytes are not a whole number of records, or a label is above 9.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; binary version.
    """
    if not content or len(content) % RECORD:
        raise InputError(
            f"{where} has {len(content)} bytes, which is no whole number of records of {RECORD}; get it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    if (labels > 9).any():
        i = int(np.argmax(labels > 9))
        raise InputError(f"{where} has label {labels[i]} in record {i}, but labels are 0 … 9: it is no CIFAR-10 batch")
    images = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels


def load_cifar10(info: DatasetInfo, directory: Path) -> Dataset:
    """CIFAR-10 from the archive if it is there, else from the unpacked files.

    The archive must have the published SHA-256. Unpacked files with other MD5 sums than the archive's are
    accepted, but the data set is then not `verified` and its `note` says so.

    Args:
        info: With the archive as its one file.
        directory: Holds the archive or the files, or a folder with them that is called like the data set.

    Raises:
        InputError: Naming the file that is missing, damaged, of the wrong size, or not the published one.
    """
    (archive,) = info.files
    path = find_path(info.name, (archive.name,), directory=directory)
    if path is not None:
        found = sha256_of(path)
        if found != archive.sha256:
            raise mismatch(info.name, path, expected=archive.sha256, found=found)
        contents, where = _from_archive(path), str(path)
        strange: list[str] = []
    else:
        first = find_path(info.name, (f"{FOLDER}/{BATCHES[0]}", BATCHES[0]), directory=directory)
        if first is None:
            raise missing(info.name, archive, directory=directory)
        contents, where = _from_folder(first.parent, limit=info.n_train * RECORD), str(first.parent)
        strange = [name for name in BATCHES if hashlib.md5(contents[name]).hexdigest() != BATCH_MD5[name]]
    sizes = dict.fromkeys(BATCHES[:-1], info.n_train // 5) | {BATCHES[-1]: info.n_test}
    parts = [_batch(contents[name], records=sizes[name], where=f"{where}/{name}") for name in BATCHES]
    note = (
        f"These are not the published CIFAR-10 files ({', '.join(strange)} in {where} differ): "
        "numbers are not comparable with published ones."
    )
    return Dataset(
        info.name,
        np.concatenate([images for images, _ in parts[:-1]]),
        np.concatenate([labels for _, labels in parts[:-1]]),
        *parts[-1],
        classes=info.classes,
        kind=info.kind,
        mean=info.mean,
        std=info.std,
        verified=not strange,
        note=note if strange else "",
    )


def _batch(content: bytes, *, records: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = parse_batch(content, where=where)
    if len(labels) != records:
        raise InputError(f"{where} has {len(labels)} records, but it should have {records}; get it again")
    return images, labels


def _from_archive(path: Path) -> dict[str, bytes]:
    """The batches in the archive by file name; nothing is unpacked to disk."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.removeprefix(f"{FOLDER}/")
                stream = archive.extractfile(member) if name in BATCHES else None
                if stream is not None:
                    contents[name] = stream.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(f"{path} is a damaged archive ({error}): get it again") from None
    absent = [name for name in BATCHES if name not in contents]
    if absent:
        raise InputError(f"{path} has no {', '.join(absent)} in {FOLDER}: it is not the binary version of CIFAR-10")
    return contents


def _from_folder(folder: Path, *, limit: int) -> dict[str, bytes]:
    for name in BATCHES:
        if not (folder / name).exists():
            raise InputError(f"{folder} has {BATCHES[0]} but no {name}: unpack the archive {ARCHIVE.name} again")
    return {name: read_content(folder / name, limit=limit) for name in BATCHES}


ARCHIVE = DataFile(
    "cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)

CIFAR10 = DatasetInfo(
    name="cifar10",
    title="CIFAR-10, photographs of ten things, 32 × 32 color",
    shape=(SIDE, SIDE, CHANNELS),
    n_train=50_000,
    n_test=10_000,
    classes=10,
    kind="image",
    license="none stated; its authors ask to cite the source",
    source="A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009), "
    "https://www.cs.toronto.edu/~kriz/cifar.html",
    loader=load_cifar10,
    files=(ARCHIVE,),
    mean=(125.306918046875, 122.950394140625, 113.86538318359375),
    std=(62.99321927813685, 62.088707640014405, 66.70489964063101),
)
