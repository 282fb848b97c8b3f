"""Data sets: IDX files, the digits that come with scikit-learn, downloads with checksums, and tonic's recordings."""

from netsim.data.dataset import VALIDATION_SEED, Dataset, check_dataset, load_dataset, split_validation
from netsim.data.download import fetch
from netsim.data.idx import read_idx, write_idx
from netsim.data.recordings import Recordings, Tell, convert, tell_nobody
from netsim.data.sources import KNOWN, SOURCES, Place, Source, where

__all__ = [
    "KNOWN",
    "SOURCES",
    "VALIDATION_SEED",
    "Dataset",
    "Place",
    "Recordings",
    "Source",
    "Tell",
    "check_dataset",
    "convert",
    "fetch",
    "load_dataset",
    "read_idx",
    "split_validation",
    "tell_nobody",
    "where",
    "write_idx",
]
