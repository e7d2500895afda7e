"""Data sets: arrays, a checksum and a license note each. Nothing is downloaded but by `fetch`."""

from varbench.data.dataset import Dataset, Kind, standardize
from varbench.data.download import fetch
from varbench.data.files import DataFile, data_directory
from varbench.data.info import DatasetInfo
from varbench.data.npz import load_npz
from varbench.data.registry import DATASETS, info_of, load, names, register

__all__ = [
    "DATASETS",
    "DataFile",
    "Dataset",
    "DatasetInfo",
    "Kind",
    "data_directory",
    "fetch",
    "info_of",
    "load",
    "load_npz",
    "names",
    "register",
    "standardize",
]
