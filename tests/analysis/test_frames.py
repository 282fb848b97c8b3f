"""Every figure takes its table as pandas makes it or as it was read from a file, and refuses what is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import (
    accuracy_over_time,
    confident_errors,
    confusion_matrix,
    decision_table,
    displacement_figure,
    displacement_table,
    group_raster,
    kernels,
    latency_histograms,
    learning_curves,
    network_diagram,
    potential_figure,
    potential_table,
    projection_table,
    raster,
    silent_curves,
    spike_count_table,
    spike_table,
    spikes_per_layer,
    study_panels,
    study_table,
    weight_table,
    write_table,
)
from netsim.data.stimuli import load_splits
from netsim.engines import Batch, Recorded, make_engine
from netsim.errors import DataError
from netsim.models.presets import load_preset
from netsim.runs.model import Model
from netsim.studies.plans import make_plan
from netsim.studies.runner import StudyRunner
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights

Drawing = Callable[[Any], Any]


@pytest.fixture(scope="module")
def drawings() -> dict[str, tuple[Drawing, pd.DataFrame]]:
    """Every figure with its table, of a small part of `digits`."""
    network = load_preset("digits")
    weights = forward_weights(network, initial_weights(network, seed=0))
    stimuli = load_splits(network).test.first(8)
    engine = make_engine("event", network, record=[Recorded("hidden", 3)])
    latencies = engine.present(Batch(stimuli.latencies(np.arange(8)), weights))
    spikes = spike_table(network, latencies, stimuli.labels)
    decisions = decision_table(network, latencies["output"], stimuli.labels)
    plan = make_plan(network, "spike-jitter", levels=[1.0, 2.0], seeds=(0, 1))
    study = StudyRunner(plan, Model(network, weights), stimuli, partial(make_engine, "event", network)).run()
    metrics = {"epoch": [1.0, 2.0], "training_strict_accuracy": [0.5, 0.75], "validation_strict_accuracy": [0.6, 0.7]}
    return {
        "raster": (lambda frame: raster(frame, network, 0), spikes),
        "group-raster": (lambda frame: group_raster(frame, network, "hidden"), spikes),
        "latencies": (lambda frame: latency_histograms(frame, network), spikes),
        "potentials": (lambda frame: potential_figure(frame, network, None, 0), potential_table(engine.potentials)),
        "spikes": (spikes_per_layer, spike_count_table(network, latencies)),
        "displacements": (displacement_figure, displacement_table(network, latencies["output"], stimuli.labels)),
        "kernels": (kernels, weight_table(network, weights, ["hidden"])),
        "learning": (learning_curves, pd.DataFrame(metrics)),
        "silent": (silent_curves, pd.DataFrame({"epoch": [1.0, 2.0], "silent_hidden": [0.5, 0.6]})),
        "confusion": (confusion_matrix, decisions),
        "decision-time": (accuracy_over_time, decisions),
        "errors": (confident_errors, decisions),
        "study": (study_panels, study_table(study)),
        "network": (network_diagram, projection_table(network)),
    }


NAMES = (
    "raster", "group-raster", "latencies", "potentials", "spikes", "displacements", "kernels", "learning", "silent",
    "confusion", "decision-time", "errors", "study", "network",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_tables_from_files_are_drawn_without_a_warning(
    name: str, drawings: dict[str, tuple[Drawing, pd.DataFrame]], tmp_path: Path
) -> None:
    draw, frame = drawings[name]
    write_table(frame, tmp_path / "table.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(pd.read_csv(tmp_path / "table.csv"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_such_table_is_refused(name: str, drawings: dict[str, tuple[Drawing, pd.DataFrame]]) -> None:
    draw, frame = drawings[name]
    infinite = frame.assign(**dict.fromkeys(map(str, frame.select_dtypes("float64")), np.inf))
    for wrong, words in (
        (None, "is a NoneType"),
        ([1.0, 2.0], "is a list"),
        (pd.DataFrame({"a": [1]}), "lacks the column"),
        (frame.astype(str), "does not contain numbers"),
        (infinite, "contains infinite values"),
    ):
        if name in ("spikes", "confusion", "network") and wrong is infinite:
            continue  # they draw whole numbers
        with pytest.raises(DataError, match=f"^table: .*{words}"):
            draw(wrong)
