"""MNIST and Fashion-MNIST from their IDX files."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from varbench.data.dataset import Dataset
from varbench.data.files import DataFile, find_path, mismatch, missing, read_content
from varbench.data.info import DatasetInfo
from varbench.errors import InputError

UNSIGNED_BYTE = 8
"""The IDX code of the only element type that these files have."""


def parse_idx(content: bytes, *, where: str) -> UInt8[np.ndarray, " ..."]:
    """The array of unsigned bytes in an IDX file.

    The format: two zero bytes, a type code (8), the rank, one big-endian uint32 per dimension, then the
    elements in row-major order.

    Args:
        content: All bytes, decompressed.
        where: What the bytes came from, for the message.

    Raises:
        InputError: If the magic number is wrong, or there are fewer or more bytes than the header announces.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST Database of Handwritten Digits.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE or content[3] == 0:
        raise InputError(
            f"{where} starts with the bytes {content[:4].hex(' ') or '(none)'}, "
            "but an IDX file of unsigned bytes starts with 00 00 08 and its rank"
        )
    rank = content[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise InputError(f"{where} is truncated: its header of {header} bytes ends after {len(content)}; get it again")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", count=rank, offset=4))
    if len(content) != header + math.prod(shape):
        raise InputError(f"{where} announces {_times(shape)} bytes, but {len(content) - header} follow; get it again")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def load_idx(info: DatasetInfo, directory: Path) -> Dataset:
    """A data set from four IDX files, with or without gzip; what they hold must have the published SHA-256.

    Args:
        info: With `files` in the order training images, training labels, test images, test labels.
        directory: Holds the files, or a folder with them that is called like the data set.

    Raises:
        InputError: Naming the file that is missing, damaged, of the wrong size, or not the published one.
    """
    height, width, _ = info.shape
    shapes = [(info.n_train, height, width), (info.n_train,), (info.n_test, height, width), (info.n_test,)]
    arrays = [
        _array(info.name, file, shape, directory=directory) for file, shape in zip(info.files, shapes, strict=True)
    ]
    return Dataset(
        info.name,
        arrays[0][..., None],
        arrays[1],
        arrays[2][..., None],
        arrays[3],
        classes=info.classes,
        kind=info.kind,
        mean=info.mean,
        std=info.std,
    )


def _array(dataset: str, file: DataFile, shape: tuple[int, ...], *, directory: Path) -> np.ndarray:
    path = find_path(dataset, (file.name, file.unpacked_name), directory=directory)
    if path is None:
        raise missing(dataset, file, directory=directory)
    content = read_content(path, limit=4 + 4 * len(shape) + math.prod(shape))
    array = parse_idx(content, where=str(path))
    if array.shape != shape:
        raise InputError(f"{path} holds {_times(array.shape)} bytes, but {dataset} has {_times(shape)} there")
    found = hashlib.sha256(content).hexdigest()
    if file.content_sha256 is not None and found != file.content_sha256:
        raise mismatch(dataset, path, expected=file.content_sha256, found=found)
    return array


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _files(base: str, hashes: tuple[tuple[str, str, str], ...]) -> tuple[DataFile, ...]:
    return tuple(DataFile(f"{name}.gz", f"{base}{name}.gz", packed, content) for name, packed, content in hashes)


MNIST = DatasetInfo(
    name="mnist",
    title="MNIST, handwritten digits, 28 × 28 gray",
    shape=(28, 28, 1),
    n_train=60_000,
    n_test=10_000,
    classes=10,
    kind="image",
    license="CC BY-SA 3.0",
    source="Y. LeCun, C. Cortes, C. Burges: The MNIST Database of Handwritten Digits (1998), "
    "http://yann.lecun.com/exdb/mnist/",
    loader=load_idx,
    content_sha256="b6620485f5fa786ac101c04fb621b59c15ccf26ec0a1ad3ed504f33f0f628e18",
    files=_files(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            (
                "train-images-idx3-ubyte",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "train-labels-idx1-ubyte",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "t10k-images-idx3-ubyte",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "t10k-labels-idx1-ubyte",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
    mean=(33.318421449829934,),
    std=(78.56748998339798,),
)

FASHION_MNIST = DatasetInfo(
    name="fashion-mnist",
    title="Fashion-MNIST, articles of clothing, 28 × 28 gray",
    shape=(28, 28, 1),
    n_train=60_000,
    n_test=10_000,
    classes=10,
    kind="image",
    license="MIT",
    source="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST (2017), https://arxiv.org/abs/1708.07747",
    loader=load_idx,
    files=_files(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
        "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/",
        (
            (
                "train-images-idx3-ubyte",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            (
                "train-labels-idx1-ubyte",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            (
                "t10k-images-idx3-ubyte",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            (
                "t10k-labels-idx1-ubyte",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
    ),
    mean=(72.94035223214286,),
    std=(90.02118235130519,),
)
