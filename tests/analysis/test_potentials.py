"""The potential figure shows where the spike decides and where it does not."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from netsim.analysis import potential_figure, potential_table, spike_table
from netsim.engines import Batch, Potential, Recorded, make_engine
from netsim.errors import DataError
from netsim.models.presets import load_preset
from netsim.specification import Network
from netsim.specification.toml import network_from_dict, network_to_dict
from netsim.weights.initial import initial_weights


@pytest.fixture
def frame() -> pd.DataFrame:
    time = np.array([0.0, 24.0, 32.0, 64.0])
    return potential_table(
        [
            Potential(0, "hidden", 2, time, np.array([0.0, 1.0, 2.0, 6.0])),  # reaches 2 at 32 ms
            Potential(0, "hidden", 5, time, np.array([0.0, -3.0, -2.0, 4.0])),  # at 56 ms, after the window
            Potential(1, "output", 0, np.array([0.0, 40.0, 64.0]), np.array([0.0, 1.5, 2.5])),  # held back to the onset
        ],
        indices=[7, 8],
    )


def thick(axes: Axes) -> dict[str, np.ndarray]:
    """By label, the part of each trace that counts."""
    labelled = {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    return {
        label: np.array(line.get_xydata(), dtype=float) for label, line in labelled.items() if label != "breakpoints"
    }


def discs(axes: Axes) -> list[tuple[float, float]]:
    return [tuple(np.asarray(line.get_xydata())[0]) for line in axes.lines if line.get_marker() == "o"]


def test_the_spike_is_marked_and_ends_what_counts(network: Network, frame: pd.DataFrame) -> None:
    axes = potential_figure(frame, network, presentation=7)
    traces = thick(axes)
    assert list(traces) == ["hidden:2", "hidden:5 (silent)"]
    assert traces["hidden:2"].tolist() == [[0, 0], [24, 1], [32, 2]]
    # the window ends at 40 ms, between two samples
    assert traces["hidden:5 (silent)"].tolist() == [[0, 0], [24, -3], [32, -2], [40, -0.5]]
    assert discs(axes) == [(32.0, 2.0)]
    assert axes.get_title(loc="left") == "presentation 7"
    assert "ms" in axes.get_xlabel()
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_texts()[-1].get_text() == "without effect:\nspike or window over"
    after = [np.asarray(line.get_xydata()).tolist() for line in axes.lines if line.get_linestyle() == ":"]
    assert [[32, 2], [64, 6]] in after


def test_breakpoints_are_ticks_as_long_as_they_count(network: Network, frame: pd.DataFrame) -> None:
    (ticks,) = [line for line in potential_figure(frame, network, presentation=7).lines if line.get_marker() == "|"]
    # hidden:2 bends at 24 and, with its spike, at 32 ms; hidden:5 at 24 and 32 ms; no sample later counts
    assert np.asarray(ticks.get_xdata()).tolist() == [24.0, 32.0]


def test_a_neuron_held_back_fires_at_its_onset(network: Network, frame: pd.DataFrame) -> None:
    axes = potential_figure(frame, network, presentation=8)
    assert discs(axes) == [(40.0, 1.5)]


def test_the_spikes_of_a_table_count_more_than_the_trace(network: Network, frame: pd.DataFrame) -> None:
    latencies = {name: np.full((1, *shape), np.inf) for name, shape in network.shapes.items()}
    latencies["hidden"][0, 5] = 36.0
    axes = potential_figure(frame, network, spike_table(network, latencies, indices=[7]), presentation=7)
    assert list(thick(axes)) == ["hidden:2 (silent)", "hidden:5"]
    assert discs(axes) == [(36.0, -1.25)]


def test_threshold_and_onset_are_drawn_for_each_layer(network: Network, frame: pd.DataFrame) -> None:
    frame = frame.assign(presentation=0)
    axes = potential_figure(frame, network)
    thresholds = [np.asarray(line.get_xydata()).tolist() for line in axes.lines if line.get_linestyle() == "--"]
    assert thresholds == [[[24, 2], [40, 2]], [[40, 1], [64, 1]]]
    dotted = [np.asarray(line.get_xdata()) for line in axes.lines if line.get_linestyle() == ":"]
    onsets = [times[0] for times in dotted if len(times) == 2 and times[0] == times[1]]
    assert onsets == [24, 40]
    assert [text.get_text() for text in axes.texts] == ["hidden", "output"]


def test_a_layer_may_begin_with_an_underscore(network: Network, frame: pd.DataFrame) -> None:
    """Matplotlib leaves such labels out of a legend."""
    renamed = network_from_dict(json.loads(json.dumps(network_to_dict(network)).replace('"hidden"', '"_hidden"')))
    axes = potential_figure(frame.assign(layer=frame["layer"].replace("hidden", "_hidden")), renamed, presentation=7)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text().strip() for text in legend.get_texts()][:2] == ["_hidden:2", "_hidden:5 (silent)"]


def test_recorded_potentials_and_spikes_agree(network: Network) -> None:
    record = [Recorded("conv", 4), Recorded("hidden", 1), Recorded("output", 2)]
    engine = make_engine("event", network, record=record)
    stimuli = np.random.default_rng(0).uniform(0, 16, (1, 6, 5, 1))
    latencies = engine.present(Batch(stimuli, initial_weights(network, seed=3)))
    frame = potential_table(engine.potentials)
    by_trace = discs(potential_figure(frame, network))
    by_table = discs(potential_figure(frame, network, spike_table(network, latencies)))
    assert len(by_table) == sum(np.isfinite(latencies[name][0].ravel()[neuron]) for name, neuron in record)
    np.testing.assert_allclose(by_trace, by_table, atol=1e-6)


def test_given_axes_are_used(network: Network, frame: pd.DataFrame) -> None:
    figure, axes = plt.subplots()
    assert potential_figure(frame, network, presentation=8, ax=axes) is axes
    assert plt.get_fignums() == [figure.number]


def test_bad_tables_are_refused(network: Network, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="has 2 presentations; choose the one"):
        potential_figure(frame, network)
    with pytest.raises(DataError, match="presentation 3: has no potentials"):
        potential_figure(frame, network, presentation=3)
    with pytest.raises(DataError, match="lacks the column time_ms; a potential table is needed"):
        potential_figure(frame.drop(columns="time_ms"), network, presentation=7)
    with pytest.raises(DataError, match="potentials of pool, which small lacks; give its network"):
        potential_figure(frame.assign(layer="pool"), network, presentation=7)


def test_potentials_with_leak_have_no_breakpoints() -> None:
    model = load_preset("leaky-yin-yang")
    time = np.array([0.0, 5.0, 20.0, 60.0])
    trace = potential_table([Potential(0, "hidden", 2, time, np.array([0.0, 0.1, 0.2, 0.1]))])
    axes = potential_figure(trace, model)
    assert [line for line in axes.lines if line.get_marker() == "|"] == []
