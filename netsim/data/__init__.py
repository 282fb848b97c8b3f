"""Data sets: IDX files, the digits that come with scikit-learn, and downloads with checksums."""

from netsim.data.dataset import VALIDATION_SEED, Dataset, check_dataset, load_dataset, split_validation
from netsim.data.download import fetch
from netsim.data.idx import read_idx, write_idx
from netsim.data.sources import KNOWN, SOURCES, Place, Source, where

__all__ = [
    "KNOWN",
    "SOURCES",
    "VALIDATION_SEED",
    "Dataset",
    "Place",
    "Source",
    "check_dataset",
    "fetch",
    "load_dataset",
    "read_idx",
    "split_validation",
    "where",
    "write_idx",
]
