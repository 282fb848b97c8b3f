"""SONATA files: read by libsonata, and stimuli from those of other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError, DataWarning
from netsim.exchange import export, read_spikes, read_stimuli
from netsim.spikes import Spikes

h5py = pytest.importorskip("h5py", reason="SONATA needs h5py, of the extra 'exchange'")

LAYERS = ["stimulus", "conv", "pool", "hidden", "output"]


@pytest.fixture
def file(simulation: Spikes) -> Path:
    export(simulation, "spikes.h5", "sonata", record={"weights": "trained"})
    return Path("spikes.h5")


def test_libsonata_reads_the_same_spikes(file: Path, simulation: Spikes) -> None:
    libsonata = pytest.importorskip("libsonata", reason="SONATA is read by libsonata, of the extra 'test'")
    reader = libsonata.SpikeReader(str(file))
    assert sorted(reader.get_population_names()) == sorted(LAYERS)
    for layer, latencies in zip(LAYERS, simulation.values(), strict=True):
        population = reader[layer]
        assert population.sorting == "by_time"
        spikes = population.get_dict()
        flat = latencies.reshape(4, -1)
        presentations, neurons = np.nonzero(np.isfinite(flat))
        times = presentations * 64.3 + flat[presentations, neurons]
        order = np.argsort(times)
        assert spikes["node_ids"].tolist() == neurons[order].tolist()
        np.testing.assert_allclose(spikes["timestamps"], times[order], rtol=0, atol=1e-9)
    second = reader["output"].get(tstart=64.3, tstop=2 * 64.3)
    assert len(second) == np.isfinite(simulation["output"][1]).sum()


def test_presentations_lie_beside_the_spikes(file: Path) -> None:
    with h5py.File(file) as content:
        group = content["presentations"]
        np.testing.assert_allclose(group["start_time"], np.arange(4) * 64.3)
        np.testing.assert_allclose(group["stop_time"], np.arange(1, 5) * 64.3)
        assert group["start_time"].attrs["units"] == content["spikes/conv/timestamps"].attrs["units"] == b"ms"
        assert group["label"][:].tolist() == [1, 0, 2, 1]
        assert tuple(content["spikes/stimulus"].attrs["shape"]) == (4, 5, 2)
        assert json.loads(content["simulation"][()]) == {"weights": "trained"}


def test_layers_keep_their_order(file: Path) -> None:
    assert [*read_spikes(file).sizes] == LAYERS
    with h5py.File(file, "r+") as content:
        del content["spikes/conv"].attrs["position"]
    with pytest.warns(DataWarning, match=r"spikes.h5: the file does not say .*, so that stimulus counts as the output"):
        assert [*read_spikes(file).sizes] == sorted(LAYERS)


def _foreign(nodes: list[int], times: list[float], population: str = "lgn", units: str | None = None) -> Path:
    """Only what the format asks for."""
    with h5py.File("foreign.h5", "w") as content:
        group = content.create_group(f"spikes/{population}")
        group["node_ids"] = np.array(nodes, np.uint64)
        group["timestamps"] = np.array(times)
        if units:
            group["timestamps"].attrs["units"] = units
    return Path("foreign.h5")


@pytest.mark.parametrize("units", [None, "ms", "milliseconds"])
def test_the_only_population_is_one_presentation(units: str | None) -> None:
    back = read_stimuli(_foreign([3, 0, 3], [20.25, 7.5, 3.125], units=units), (2, 2, 1))
    assert back.latencies.ravel().tolist() == [7.5, np.inf, np.inf, 3.125]
    assert back.labels is None


def test_a_population_without_a_shape_ends_with_its_last_node_that_fired() -> None:
    spikes = read_spikes(_foreign([3, 0, 5], [20.25, 7.5, 3.125]))
    assert spikes["lgn"].tolist() == [[7.5, np.inf, np.inf, 20.25, np.inf, 3.125]]


@pytest.mark.parametrize(
    ("nodes", "times", "options", "message"),
    [
        ([4], [1.0], {}, "neuron ranges from 4 to 4.*only 0 to 3; correct the numbers$"),
        ([0], [np.nan], {}, "NaN"),
        ([0], [-1.0], {}, "negative times"),
        ([0, 1], [1.0], {}, "damaged: 2 node_ids for 1 timestamps"),
        ([0], [1.0], {"units": "s"}, "timestamps in 's'"),
    ],
)
def test_what_is_refused(nodes: list[int], times: list[float], options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"foreign.h5: .*{message}"):
        read_stimuli(_foreign(nodes, times, **options), (2, 2, 1))


def _replace(content: Any, name: str, values: Any) -> None:
    del content[name]
    content[name] = values


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            "file.move('spikes/stimulus', 'spikes/lgn')",
            "no layer .* called 'stimulus'; it has conv, hidden, lgn, output, pool",
        ),
        ("del file['spikes']", "has no spikes"),
        ("_replace(file, 'spikes', 3)", "has no spikes"),
        ("del file['spikes/stimulus/node_ids']", "cannot be read as SONATA"),
        ("_replace(file, 'presentations/start_time', np.arange(3.0))", "is damaged: columns of the presentations"),
        ("[_replace(shown, name, np.empty(0)) for name in [*shown]]", "has no presentations"),
        ("_replace(file, 'presentations/label', ['a', 'b', 'c', 'd'])", "label must contain integers"),
    ],
)
def test_damaged_files_are_refused(damage: str, message: str, file: Path) -> None:
    with h5py.File(file, "r+") as content:
        exec(damage, globals() | {"file": content, "shown": content["presentations"]})
    with pytest.raises(DataError, match=f"spikes.h5: .*{message}"):
        read_stimuli(file, (4, 5, 2))
