"""What is exported comes back: times, silence, shapes, names, labels and numbers, in every format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from netsim.analysis.tables import layer_names
from netsim.errors import DataError, RunError, SpecificationError
from netsim.exchange import KINDS, export, read_layer, read_stimuli
from netsim.exchange.presentations import first_spikes, spikes_in_trials
from netsim.exchange.trains import session_times
from netsim.measuring.simulation import Simulation

FILES = [(kind, f"spikes{suffix}") for kind, known in KINDS.items() if known.is_read for suffix in known.suffixes]
WRITTEN = [(kind, f"spikes{known.suffixes[-1]}") for kind, known in KINDS.items()]
PICOSECOND = 1e-9  # in ms
TABLES = ("csv", "parquet")


def _need(kind: str) -> None:
    for package in KINDS[kind].packages:
        pytest.importorskip(package, reason=f"the format {kind} needs {package}, of the extra 'exchange'")


def _in_order(kind: str, simulation: Simulation) -> np.ndarray:
    """Presentations as the file has them."""
    return np.argsort(simulation.indices) if kind in TABLES else np.arange(len(simulation.indices))


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_everything_comes_back(kind: str, name: str, simulation: Simulation) -> None:
    _need(kind)
    export(kind, simulation, name)
    order = _in_order(kind, simulation)
    assert simulation.labels is not None
    for layer, latencies in zip(layer_names(simulation.network), simulation.latencies, strict=True):
        if kind == "csv" and layer == "hidden":
            continue  # rows of spikes do not tell of a layer that never fired
        back = read_layer(name, layer, latencies.shape[1:])
        np.testing.assert_allclose(back.latencies, latencies[order], rtol=0, atol=0 if kind in TABLES else PICOSECOND)
        assert back.labels is not None
        assert back.labels.tolist() == simulation.labels[order].tolist()
        assert back.indices.tolist() == np.array(simulation.indices)[order].tolist()
    assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_chosen_layers_without_labels_are_stimuli(kind: str, name: str, simulation: Simulation) -> None:
    _need(kind)
    export(kind, dataclasses.replace(simulation, labels=None), name, layers=["output", "stimulus"])
    encoder = simulation.network.encoder
    back = read_stimuli(name, encoder.shape)
    assert back.labels is None
    stimuli = back.stimuli(encoder)
    assert len(stimuli) == 4
    chosen = np.array([2, 0])
    expected = simulation.latencies[0][_in_order(kind, simulation)[chosen]]
    np.testing.assert_allclose(stimuli.latencies(chosen), expected, rtol=0, atol=PICOSECOND)
    np.testing.assert_array_equal(stimuli.pick(chosen).latencies(np.array([1])), stimuli.latencies(chosen[1:]))
    with pytest.raises(DataError, match=r"no layer or population called 'conv'; there are: output, stimulus"):
        read_layer(name, "conv", (2, 3, 3))


@pytest.mark.parametrize(("kind", "name"), FILES)
@pytest.mark.parametrize("shape", [(5, 4, 2), (4, 5, 1), (2, 10, 2), (40,)])
def test_another_shape_is_refused(kind: str, name: str, shape: tuple[int, ...], simulation: Simulation) -> None:
    _need(kind)
    export(kind, simulation, name, layers=["stimulus"])
    with pytest.raises(DataError, match=name):
        read_layer(name, "stimulus", shape)


@pytest.mark.parametrize(("kind", "name"), WRITTEN)
def test_what_cannot_be_exported(kind: str, name: str, simulation: Simulation) -> None:
    _need(kind)
    with pytest.raises(SpecificationError, match=r"'hiden'.*hidden"):
        export(kind, simulation, name, layers=["hiden"])
    with pytest.raises(RunError, match=r"nosuch/.*cannot be written"):
        export(kind, simulation, Path("nosuch") / name)
    with pytest.raises(DataError, match=f"the format {kind} is called"):
        export(kind, simulation, "spikes.txt")
    with pytest.raises(DataError, match=r"format 'pdf': is not known; choose one of nwb"):
        export("pdf", simulation, name)
    with pytest.raises(DataError, match=r"spikes.txt: cannot be read as spikes; .*\.nwb"):
        read_stimuli("spikes.txt", (4, 5, 2))
    assert list(Path().iterdir()) == []


@st.composite
def _sessions(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    """Latencies (presentations, neurons) below a duration, both in ms."""
    duration = draw(st.floats(0.5, 5000))
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 4)))
    times = st.one_of(st.just(np.inf), st.floats(0, duration - 1e-6))
    return draw(arrays.arrays(np.float64, shape, elements=times)), duration


@given(_sessions(), st.sampled_from([1.0, 1e-3]))
@settings(max_examples=60, deadline=None)
def test_latencies_survive_a_session(session: tuple[np.ndarray, float], per_ms: float) -> None:
    latencies, duration = session
    count, neurons = latencies.shape
    bounds = np.arange(count + 1) * (duration * per_ms)
    times = session_times(latencies, bounds, per_ms)
    fired = np.isfinite(times)
    assert (times[fired] < np.broadcast_to(bounds[1:, np.newaxis], times.shape)[fired]).all()
    where = np.broadcast_to(np.arange(neurons), times.shape)[fired]
    spikes, presentations, back = spikes_in_trials(Path("file"), times[fired], bounds[:-1], bounds[1:], per_ms)
    result = first_spikes(Path("file"), back, presentations, where[spikes], count, (neurons,))
    np.testing.assert_allclose(result, latencies, rtol=0, atol=PICOSECOND)


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("per_ms", [1.0, 1e-3])
def test_times_on_a_grid_are_exact(dt: float, per_ms: float) -> None:
    latencies = np.arange(0, 768, dt)[np.newaxis].repeat(500, axis=0)
    bounds = np.arange(501) * (768 * per_ms)
    times = session_times(latencies, bounds, per_ms)
    _, _, back = spikes_in_trials(Path("file"), times.ravel(), bounds[:-1], bounds[1:], per_ms)
    np.testing.assert_array_equal(back.reshape(latencies.shape), latencies)
