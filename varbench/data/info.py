"""What is known of a data set before it is loaded."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from varbench.data.dataset import Dataset, Kind
from varbench.data.files import DataFile, data_directory
from varbench.errors import InputError


@dataclass(frozen=True)
class DatasetInfo:
    """A data set as `varbench list` shows it; making one loads nothing.

    Attributes:
        name: The name that recipes use.
        title: One phrase.
        shape: Shape of one example.
        n_train: Number of training examples.
        n_test: Number of test examples.
        classes: Number of classes.
        kind: What the axes of one example are.
        license: Terms of use.
        source: Citation, with an address.
        loader: `(info, directory) -> Dataset`; imports what it needs when called.
        content_sha256: Expected `Dataset.checksum()`; None where only checksums of the files are known.
        files: The published files; none for a data set that needs no download.
        mean: See `Dataset.mean`.
        std: See `Dataset.std`.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    n_train: int
    n_test: int
    classes: int
    kind: Kind
    license: str
    source: str
    loader: Callable[[DatasetInfo, Path], Dataset]
    content_sha256: str | None = None
    files: tuple[DataFile, ...] = ()
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def needs_download(self) -> bool:
        """Whether files must be there before it can be loaded."""
        return bool(self.files)

    @property
    def checksum(self) -> str:
        """One SHA-256 that identifies the data set; "" if nothing is known.

        Of the content (`Dataset.checksum`) where that is known, else of the published file; if there are several, of
        their SHA-256 in hexadecimal, joined in order.
        """
        if self.content_sha256 is not None:
            return self.content_sha256
        hashes = [file.sha256 for file in self.files]
        return hashlib.sha256("".join(hashes).encode()).hexdigest() if len(hashes) > 1 else "".join(hashes)

    def checksums(self) -> dict[str, str]:
        """SHA-256 of "content" (`Dataset.checksum`), where known, and of each published file by name."""
        content = {"content": self.content_sha256} if self.content_sha256 else {}
        return content | {file.name: file.sha256 for file in self.files}

    def load(self, directory: Path | None = None) -> Dataset:
        """The data set.

        Args:
            directory: Where its files are; `data_directory()` if None. Not read by data sets without files.

        Returns:
            The data set; `verified` is False and `note` says why if its checksum is not the expected one.

        Raises:
            InputError: If a file is missing, damaged or not the published one, or arrays are not as stated.
        """
        dataset = self.loader(self, data_directory() if directory is None else directory)
        stated = (self.shape, self.n_train, self.n_test, self.classes)
        found = (dataset.shape, len(dataset.y_train), len(dataset.y_test), dataset.classes)
        if stated != found:
            raise InputError(
                f"{self.name}: shape, training examples, test examples and classes should be {stated}, "
                f"but its loader gave {found}"
            )
        if self.content_sha256 and dataset.verified and dataset.checksum() != self.content_sha256:
            note = (
                f"The content of {self.name} has SHA-256 {dataset.checksum()} and not {self.content_sha256}: "
                "numbers may differ from those measured on the expected content."
            )
            return dataclasses.replace(dataset, verified=False, note=note)
        return dataset
