"""What is exported comes back: times, silence, shapes, names, labels and numbers, in every format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from netsim.errors import DataError, RunError, SpecificationError
from netsim.exchange import export, read_layer, read_stimuli
from netsim.exchange.presentations import first_spikes, spikes_in_trials
from netsim.exchange.trains import session_times
from netsim.seams import spike_formats
from netsim.spikes import Spikes

FILES = [(to, f"spikes{suffix}") for to, known in spike_formats.items() if known.read for suffix in known.suffixes]
WRITTEN = [(to, f"spikes{known.suffixes[-1]}") for to, known in spike_formats.items()]
PICOSECOND = 1e-9  # in ms
TABLES = ("csv", "parquet")


def _need(to: str) -> None:
    for package in spike_formats[to].packages:
        pytest.importorskip(
            package.partition(">")[0], reason=f"the format {to} needs {package}, of the extra 'exchange'"
        )


def _in_order(to: str, simulation: Spikes) -> np.ndarray:
    """Presentations as the file has them."""
    return np.argsort(simulation.indices) if to in TABLES else np.arange(simulation.presentations)


@pytest.mark.parametrize(("to", "name"), FILES)
def test_everything_comes_back(to: str, name: str, simulation: Spikes) -> None:
    _need(to)
    export(simulation, name, to)
    order = _in_order(to, simulation)
    assert simulation.labels is not None
    for layer, latencies in zip(simulation.network.shapes, simulation.values(), strict=True):
        if to == "csv" and layer == "hidden":
            continue  # rows of spikes do not tell of a layer that never fired
        back = read_layer(name, layer, latencies.shape[1:])
        np.testing.assert_allclose(back.latencies, latencies[order], rtol=0, atol=0 if to in TABLES else PICOSECOND)
        assert back.labels is not None
        assert back.labels.tolist() == simulation.labels[order].tolist()
        assert back.indices.tolist() == np.array(simulation.indices)[order].tolist()
    assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.parametrize(("to", "name"), FILES)
def test_chosen_layers_without_labels_are_stimuli(to: str, name: str, simulation: Spikes) -> None:
    _need(to)
    export(dataclasses.replace(simulation, labels=None), name, to, populations=["output", "stimulus"])
    encoder = simulation.network.encoder
    back = read_stimuli(name, encoder.shape)
    assert back.labels is None
    stimuli = back.stimuli(encoder)
    assert len(stimuli) == 4
    chosen = np.array([2, 0])
    expected = simulation["stimulus"][_in_order(to, simulation)[chosen]]
    np.testing.assert_allclose(stimuli.latencies(chosen), expected, rtol=0, atol=PICOSECOND)
    np.testing.assert_array_equal(stimuli.pick(chosen).latencies(np.array([1])), stimuli.latencies(chosen[1:]))
    with pytest.raises(DataError, match=r"no layer or population called 'conv'; it has output, stimulus"):
        read_layer(name, "conv", (2, 3, 3))


@pytest.mark.parametrize(("to", "name"), WRITTEN)
def test_spikes_of_some_populations_tell_no_decisions(to: str, name: str, simulation: Spikes) -> None:
    _need(to)
    export(simulation.only(["stimulus", "conv"]), name, to)
    if spike_formats[to].read:
        back = read_layer(name, "conv", simulation.shapes["conv"])
        expected = simulation["conv"][_in_order(to, simulation)]
        np.testing.assert_allclose(back.latencies, expected, rtol=0, atol=PICOSECOND)
        assert back.labels is not None


@pytest.mark.parametrize(("to", "name"), FILES)
@pytest.mark.parametrize("shape", [(5, 4, 2), (4, 5, 1), (2, 10, 2), (40,)])
def test_another_shape_is_refused(to: str, name: str, shape: tuple[int, ...], simulation: Spikes) -> None:
    _need(to)
    export(simulation, name, to, populations=["stimulus"])
    with pytest.raises(DataError, match=name):
        read_layer(name, "stimulus", shape)


@pytest.mark.parametrize(("to", "name"), WRITTEN)
def test_what_cannot_be_exported(to: str, name: str, simulation: Spikes) -> None:
    _need(to)
    with pytest.raises(SpecificationError, match=r"'hiden'.*hidden"):
        export(simulation, name, to, populations=["hiden"])
    with pytest.raises(SpecificationError, match="populations: must name at least one population"):
        export(simulation, name, to, populations=[])
    for value in (np.int64(3), float("nan"), float("inf")):
        with pytest.raises(DataError, match="record: is not JSON"):
            export(simulation, name, to, record={"value": value})
    with pytest.raises(SpecificationError, match=r"path: must be a path, .* not int"):
        export(simulation, 3)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"nosuch/.*cannot be written"):
        export(simulation, Path("nosuch") / name, to)
    with pytest.raises(DataError, match=f"the format {to} are named"):
        export(simulation, "spikes.txt", to)
    with pytest.raises(DataError, match=r"format 'pdf': is not known; known are nwb"):
        export(simulation, name, "pdf")
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


@pytest.mark.parametrize("per_ms", [1.0, 1e-3])
def test_a_spike_just_before_the_end_stays_in_its_presentation(per_ms: float) -> None:
    """Its time in the session would be rounded to the start of the next presentation."""
    duration, count = 64.3, 100
    latencies = np.full((count, 1), np.nextafter(duration, 0))
    bounds = np.arange(count + 1) * (duration * per_ms)
    assert (bounds[:-1] + latencies[:, 0] * per_ms >= bounds[1:]).any()
    times = session_times(latencies, bounds, per_ms)[:, 0]
    assert (times < bounds[1:]).all()
    spikes, presentations, back = spikes_in_trials(Path("file"), times, bounds[:-1], bounds[1:], per_ms)
    assert spikes.tolist() == presentations.tolist() == list(range(count))
    np.testing.assert_allclose(back, duration, rtol=0, atol=PICOSECOND)


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("per_ms", [1.0, 1e-3])
def test_times_on_a_grid_are_exact(dt: float, per_ms: float) -> None:
    latencies = np.arange(0, 768, dt)[np.newaxis].repeat(500, axis=0)
    bounds = np.arange(501) * (768 * per_ms)
    times = session_times(latencies, bounds, per_ms)
    _, _, back = spikes_in_trials(Path("file"), times.ravel(), bounds[:-1], bounds[1:], per_ms)
    np.testing.assert_array_equal(back.reshape(latencies.shape), latencies)
