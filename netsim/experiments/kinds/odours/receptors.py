"""Recorded responses of the receptors of the fly, and the first spikes that a model of their kinetics makes of them."""

from __future__ import annotations

import csv
import importlib.util
import io
from pathlib import Path

import numpy as np

from netsim.data.places import data_folders
from netsim.errors import DataError
from netsim.files import read_text

FILE = "Hallem_Carlson_2006.csv"
"""Responses of 24 receptors to 110 odours (spikes/s above the spontaneous rate), which the package drosolf ships."""
ODOURS, RECEPTORS = 110, 24
_HEADINGS, _SPONTANEOUS, _LARGEST = 2, "spontaneous firing rate", 2**20
"""Lines of headings, the row that is no odour, and the largest size of the file (bytes)."""
_BISECTIONS = 40
"""Steps that find a first spike to 1e-10 ms."""


def receptor_responses(data_dir: str | None) -> np.ndarray:
    """Return the recorded responses (spikes/s above the spontaneous rate), shape (odours, receptors).

    Raises
    ------
    DataError
        If the file is nowhere, or is another one.
    """
    path = _find(data_dir)
    try:
        lines = list(csv.reader(io.StringIO(read_text(path, _LARGEST))))[_HEADINGS:]
        rows = [line[1 : 1 + RECEPTORS] for line in lines if line[:1] != [_SPONTANEOUS]]
        responses = np.array(rows, dtype=float)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not {FILE} of the package drosolf ({error}); get that file") from error
    if responses.shape != (ODOURS, RECEPTORS):
        raise DataError(f"{path}: has {responses.shape} responses, not ({ODOURS}, {RECEPTORS}); get {FILE} of drosolf")
    return responses


def _find(data_dir: str | None) -> Path:
    """Return the file in a data folder, in its folder neural, or in the installed package drosolf."""
    places = [folder / within for _, folder in data_folders(data_dir) for within in (FILE, f"neural/{FILE}")]
    if data_dir is None and (package := importlib.util.find_spec("drosolf")) is not None:
        places += [Path(folder) / FILE for folder in package.submodule_search_locations or ()]
    for path in places:
        if path.is_file():
            return path
    where = "in the data folders" if data_dir is None else f"in {data_dir}"
    raise DataError(f"{FILE}: is not {where}; pip install drosolf, which ships it, or point --data-dir to its folder")


class Kinetics:
    """A receptor that odour activates and that deactivates, and a neuron that fires after one unit of drive.

    The active fraction obeys dA/dt = (x (1 - A) - A) / tau. x is the concentration over the concentration that
    activates half of the receptors. The neuron fires at the rate ``highest`` times A.

    Parameters
    ----------
    highest : float
        Largest rate (spikes/s).
    deactivation : float
        Time constant tau (ms).
    window : float
        Time after the arrival of the odour that counts (ms).
    """

    def __init__(self, highest: float, deactivation: float, window: float) -> None:
        self._per_ms, self._tau, self._window = highest / 1000, deactivation, window
        self._highest = highest

    def half_activations(self, rates: np.ndarray) -> np.ndarray:
        """Return the recorded concentration in units of half activation, from steady rates (spikes/s)."""
        active = np.clip(rates / self._highest, 0.0, 0.99)
        return active / (1 - active)

    def counts(self, x: np.ndarray, until: np.ndarray | float | None = None) -> np.ndarray:
        """Return the expected number of spikes until a time (ms); by default in the window."""
        time = self._window if until is None else until
        rate = (1 + x) / self._tau
        return self._per_ms * x / (1 + x) * (time + np.expm1(-rate * time) / rate)

    def latencies(self, x: np.ndarray) -> np.ndarray:
        """Return when the first unit of drive is complete (ms), ``inf`` after the window."""
        low, high = np.zeros_like(x), np.full_like(x, self._window)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            early = self.counts(x, middle) < 1
            low, high = np.where(early, middle, low), np.where(early, high, middle)
        return np.where(self.counts(x) >= 1, high, np.inf)
