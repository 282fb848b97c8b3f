"""Tables of spikes as stimuli: what is enough, and what is refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsim.data.stimuli import Stimuli
from netsim.errors import DataError, DataWarning
from netsim.exchange import export, read_stimuli
from netsim.specification import Dense, LatencyEncoder, Layer, Network
from netsim.spikes import Spikes

SHAPE = (2, 3, 1)


def _read(text: str, shape: tuple[int, ...] = SHAPE) -> tuple[list[list[float]], list[int] | None, list[int]]:
    Path("spikes.csv").write_text(text, encoding="utf-8")
    back = read_stimuli("spikes.csv", shape)
    labels = None if back.labels is None else back.labels.tolist()
    return back.latencies.reshape(len(back.latencies), -1).tolist(), labels, back.indices.tolist()


def test_number_and_latency_are_enough() -> None:
    times, labels, indices = _read(
        "presentation,neuron,latency_ms\n5,0,1.5\n2,5,0.1\n2,0,inf\n2,5,0.30000000000000004\n"
    )
    assert times == [[np.inf] * 5 + [0.1], [1.5] + [np.inf] * 5]
    assert labels is None
    assert indices == [2, 5]


def test_places_stand_for_the_number() -> None:
    times, labels, _ = _read("presentation,label,y,x,latency_ms\n0,7,1,2,3\n")
    assert times == [[np.inf] * 5 + [3.0]]
    assert labels == [7]
    assert _read("presentation,neuron,x,latency_ms\n0,5,2,3\n")[0] == times  # a column alone is no place
    with_channels = "presentation,y,x,channel,latency_ms\n0,0,1,1,3\n"
    assert _read(with_channels, (1, 2, 2))[0] == [[np.inf, np.inf, np.inf, 3.0]]


def test_a_silent_presentation_can_have_a_row() -> None:
    times, labels, indices = _read("presentation,label,neuron,latency_ms\n0,1,0,2\n1,0,0,inf\n")
    assert times == [[2.0] + [np.inf] * 5, [np.inf] * 6]
    assert (labels, indices) == ([1, 0], [0, 1])
    assert _read("presentation,label,neuron,latency_ms\n0,1,0,2\n1,0,,inf\n") == (times, labels, indices)
    assert _read("presentation,label,y,x,latency_ms\n0,1,0,0,2\n1,0,,,inf\n") == (times, labels, indices)


def test_the_stimulus_or_the_only_layer_is_read() -> None:
    head = "presentation,layer,neuron,latency_ms\n"
    assert _read(head + "0,hidden,999,4\n0,stimulus,0,2\n1,hidden,3,1\n")[0] == [[2.0] + [np.inf] * 5, [np.inf] * 6]
    assert _read(head + "0,retina,0,2\n")[0] == [[2.0] + [np.inf] * 5]
    with pytest.raises(DataError, match="no layer or population called 'stimulus'; it has lgn, retina"):
        _read(head + "0,retina,0,2\n0,lgn,0,2\n")


ENCODER = LatencyEncoder(SHAPE, t_max=10.0)
NETWORK = Network.chain("small", ENCODER, [Layer("output", Dense(3))], 20.0)


def _stimuli(text: str, **more: Any) -> Stimuli:
    Path("spikes.csv").write_text(text, encoding="utf-8")
    return read_stimuli("spikes.csv", SHAPE).stimuli(ENCODER, **more)


def test_what_is_left_out_is_counted_and_said() -> None:
    rows = ["0,1,2", "0,1,3", "0,1,4", "0,2,5", "1,2,5", "1,3,inf"]
    message = "spikes.csv: 2 of 5 spikes are not the first of their neuron in a presentation, and are left out"
    with pytest.warns(DataWarning, match=rf"^{message}$") as caught:
        _stimuli("presentation,neuron,latency_ms\n" + "\n".join(rows))
    assert [warning.filename for warning in caught] == [__file__]
    late = "; 2 of 6 spikes come after the encoding window of 10 ms, and may have no effect"
    with pytest.warns(DataWarning, match=rf"^{message.replace('5', '6')}{late}$"):
        _stimuli("presentation,neuron,latency_ms\n" + "\n".join([*rows[:-2], "1,2,10.5", "1,3,11"]), network=NETWORK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _stimuli("presentation,neuron,latency_ms\n0,1,2\n0,2,10\n1,1,2\n2,0,inf\n", network=NETWORK)


def test_labels_may_be_names_of_classes() -> None:
    words = "presentation,label,neuron,latency_ms\n4,go,0,1\n4,go,1,1\n7,stop,0,1\n"
    stimuli = _stimuli(words, classes=("stop", "go"))
    assert (stimuli.labels.tolist(), stimuli.classes) == ([1, 0], ("stop", "go"))
    with pytest.raises(DataError, match=r"spikes.csv: has words as labels, such as 'go', but no classes are given"):
        _stimuli(words)
    with pytest.raises(DataError, match=r"spikes.csv: the label 'stop' is not a class; did you mean 'stops'\?"):
        _stimuli(words, classes=("go", "stops"))
    with pytest.raises(DataError, match=r"spikes.csv: label is not a number in row 1 below the heading: 'go'"):
        _stimuli(words.replace("stop", "3"), classes=("stop", "go"))


def test_labels_are_output_neurons() -> None:
    head = "presentation,label,neuron,latency_ms\n5,2,0,1\n"
    assert _stimuli(head, network=NETWORK).labels.tolist() == [2]
    message = "spikes.csv: presentation 9 has the label 7, but small has output neurons 0 to 2; correct"
    with pytest.raises(DataError, match=message):
        _stimuli(head + "9,7,0,1\n", network=NETWORK)


HEAD = "presentation,label,y,x,neuron,latency_ms\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table of spikes"),
        ("presentation,neuron,latency_ms\n", "has no presentations"),
        ("a,b\n1,2\n", "lacks the columns presentation and latency_ms"),
        ("presentation,neuron,latency_ms\n0,1,3,9\n1,2,4,9\n", "rows have more values than the heading has columns"),
        ("presentation,layer,neuron,latency_ms\n0,a,1,3\n1,,2,4\n", "layer is missing in row 2 below the heading"),
        ("presentation,latency_ms\n0,1\n", "does not identify the neurons; it needs y, x, map or neuron"),
        (HEAD + "0,1,0,0,0,nan\n", "latency_ms is missing in row 1"),
        (HEAD + "0,1,0,0,0,1\n0,1,0,0,0,\n", "latency_ms is missing in row 2"),
        (HEAD + "0,1,0,0,0,soon\n", "latency_ms is not a number in row 1 .*'soon'"),
        (HEAD + "0,1,0,0,0,-1\n", "negative times"),
        (HEAD + "0,1,0,0,0,-inf\n", "negative times"),
        (HEAD + "0,1,0,0,6,1\n", "neuron ranges from 6 to 6.*only 0 to 5; correct the numbers$"),
        (HEAD + "0,1,2,0,0,1\n", "y ranges from 2 to 2.*only 0 to 1; correct the numbers$"),
        (HEAD + "0,1,0,0,-1,1\n", "neuron ranges from -1 to -1"),
        (HEAD + "0,1,0,0,,1\n0,1,0,1,1,1\n", "neuron is missing in row 1"),
        (HEAD + "0,1,0,0,9,inf\n", "neuron ranges from 9 to 9.*only 0 to 5; correct the numbers$"),
        (HEAD + "0,1,1,0,2,1\n", "y, x, map and neuron contradict each other"),
        (HEAD + "0,1,0,0,0.5,1\n", "neuron must contain integers"),
        (HEAD + "x,1,0,0,0,1\n", "presentation is not a number in row 1"),
        (HEAD + "inf,1,0,0,0,1\n", "presentation must contain integers"),
        (HEAD + "1e300,1,0,0,0,1\n", "presentation must contain integers"),
        (HEAD + "0,1,0,0,0,1\n0,2,0,1,1,1\n", "several labels in one presentation"),
        (HEAD + "0,1,0,0,0,1\n1,,0,1,1,1\n", "label is missing in row 2"),
        (HEAD + "0,-1,0,0,0,1\n", "label must be 0 or more"),
        (HEAD + "0,1,0,0,0,1,9,9,9\n", "spikes.csv"),
        (HEAD + '0,1,0,0,0,"1\n', "cannot be read as a table of spikes"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"spikes.csv: .*{message}" if "csv" not in message else message):
        _read(text)


def test_bytes_that_are_no_text() -> None:
    Path("spikes.csv").write_bytes(b"presentation,neuron,latency_ms\n\xff\xfe\x00,0,1\n")
    with pytest.raises(DataError, match="cannot be read as a table of spikes"):
        read_stimuli("spikes.csv", SHAPE)


@pytest.mark.parametrize("name", ["spikes.parquet", "spikes.csv"])
def test_a_table_says_what_was_simulated(name: str, simulation: Spikes) -> None:
    record = {"weights": "trained", "seed": 3}
    export(simulation, name, name.rpartition(".")[2], record=record)
    if name.endswith(".parquet"):
        parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow, of the extra 'exchange'")
        schema = parquet.read_schema(name)
        said = schema.metadata[b"netsim"].decode("utf-8")
        columns = pd.read_parquet(name).attrs["columns"]
        assert json.loads(schema.metadata[b"columns"]) == columns
        assert schema.field("latency_ms").metadata[b"unit"] == b"ms"
        assert parquet.read_table(name).to_pandas().equals(pd.read_parquet(name))
    else:
        said, columns = Path("spikes.csv.provenance.json").read_text(encoding="utf-8"), {}
    content = json.loads(said)
    columns = content.pop("columns", None) or columns
    assert content == record
    assert columns["latency_ms"]["unit"] == "ms"
    assert all(each["description"] for each in columns.values())
    assert list(columns) == ["presentation", "label", "layer", "channel", "y", "x", "neuron", "latency_ms"]


def test_a_table_without_a_record_does_not_keep_that_of_an_older_one(simulation: Spikes) -> None:
    export(simulation, "spikes.csv", record={"seed": 1})
    export(simulation, "spikes.csv")
    assert [path.name for path in Path().iterdir()] == ["spikes.csv"]
