"""Specifications as TOML."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim.models
from netsim.errors import FormerWarning, SpecificationError
from netsim.models.presets import load_preset, preset_names
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    EventEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    PopulationEncoder,
    Scale,
    Weighting,
)
from netsim.specification.keys import editable, with_settings
from netsim.specification.toml import (
    dumps_network,
    loads_toml,
    network_from_dict,
    network_to_dict,
    read_network,
    write_network,
)


@pytest.mark.parametrize("name", preset_names())
def test_presets_survive_writing_and_reading(name: str, tmp_path: Path) -> None:
    network = load_preset(name)
    write_network(network, tmp_path / "network.toml")
    assert read_network(tmp_path / "network.toml") == network


def test_every_kind_of_part_survives() -> None:
    network = Network.chain(
        "all",
        EventEncoder((9, 9, 2), 7.5, windows=2, polarity="merged", origin="first-event"),
        (
            Layer(
                "conv",
                Convolution(2, 3, stride=2, padding=1),
                psp=PSP("breakpoints", breakpoints=((0.0, 1.0), (2.5, -0.25))),
                neurons=Neurons("staggered", onset=2.0, drive=0.5, end=30.0, crossing_slope=0.3, scale=Scale(0.5)),
            ),
            Layer("pool", Pooling(2, stride=1), dropout=0.25),
            Layer("output", Dense(3), psp=PSP("triangle", rise=2.0, fall=3.0)),
        ),
        40.0,
        weighting=Weighting("binary", "layer"),
        learning=Learning(targets="relative", optimizer="sgd"),
        description='a "quoted" line',
    )
    assert network_from_dict(tomllib.loads(dumps_network(network))) == network


def test_projections_beside_layers_are_part_of_the_network() -> None:
    table = {
        "name": "skip",
        "duration": 64.0,
        "encoder": {"shape": [2, 2, 1], "t_max": 16.0},
        "layers": [{"name": name, "kind": "dense", "size": size} for name, size in (("hidden", 5), ("output", 2))],
        "projections": [{"source": "stimulus", "target": "output", "connectivity": {"rule": "dense"}}],
    }
    ends = [(projection.source, projection.target) for projection in network_from_dict(table).projections]
    assert ends == [("stimulus", "hidden"), ("hidden", "output"), ("stimulus", "output")]


T_MAX, UNKNOWN = "t_max = 16.0", "is not a key here; did you mean"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("size = 200", "sise = 200"), f"layers.hidden.sise: {UNKNOWN} 'layers.hidden.size'?"),
        (("size = 200", ""), "layers.hidden.size: is missing"),
        (("size = 200", 'size = "200"'), "layers.hidden.size: must be of type int"),
        (('name = "hidden"', 'name = "a b"'), "layers.a b.name: must be a word of ASCII letters"),
        (("size = 200", "size = 0"), "layers.hidden.size: must be an integer >= 1"),
        (("size = 200", "size = true"), "layers.hidden.size: must be of type int"),
        (('rule = "dense"', 'rule = "dance"'), "layers.hidden.rule: must be one of "),
        (
            ("threshold = 2.0", "treshold = 2.0"),
            f"layers.hidden.neurons.treshold: {UNKNOWN} 'layers.hidden.neurons.thresh",
        ),
        (("threshold = 2.0", "threshold = -2.0"), "layers.hidden.neurons.threshold: must be positive"),
        (("threshold = 2.0", "threshold = nan"), "layers.hidden.neurons.threshold: must be positive"),
        (
            ("size = 200", "size = 200\npsp = { rise = 8.0 }"),
            "layers.hidden.psp.rise: is not a key here; known are shape",
        ),
        (("shape = [8, 8, 1]", "shape = [8, 8]"), "encoder.shape: needs three positive integers"),
        (("shape = [8, 8, 1]", "shape = 8"), "encoder.shape: must be a list"),
        (("t_max = 16.0", "t_max = -16.0"), "encoder.t_max: must be a positive time"),
        ((T_MAX, f"{T_MAX}\nwindow = 2"), f"encoder.window: {UNKNOWN} 'encoder.windows'?"),
        ((T_MAX, f"{T_MAX}\nwindows = 2"), 'encoder.windows: has a meaning for recordings, kind = "events"'),
        ((T_MAX, f'{T_MAX}\npolarity = "merged"'), 'encoder.polarity: has a meaning for recordings, kind = "events"'),
        ((T_MAX, f'{T_MAX}\norigin = "first-event"'), 'encoder.origin: has a meaning for recordings, kind = "events"'),
        ((T_MAX, f'{T_MAX}\nkind = "movie"'), "encoder.kind: must be one of intensity, events, "),
        ((T_MAX, f'{T_MAX}\nkind = "event"'), "encoder.kind: must be one of intensity, events, "),
        (('dataset = "digits"', 'dataset = ""'), "training.dataset: must name a data set, a file or a folder"),
        (("[training]", "[trainings]"), f"trainings: {UNKNOWN} 'training'?"),
        (("[training]", "= broken"), "is not TOML"),
        (("dt = 1.0", "dt = 20.0"), "training.dt: 20.0 ms is larger than the encoding window of 16.0 ms"),
    ],
)
def test_mistakes_are_named(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    text = (Path(netsim.models.__file__).parent / "presets" / "digits.toml").read_text()
    old, new = change
    assert old in text
    path = tmp_path / "mistake.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SpecificationError) as caught:
        read_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("part", "key", "message"),
    [
        ("projections", "source", "projections.[1].source: is missing"),
        ("projections", "target", "projections.[1].target: is missing"),
        ("projections", "connectivity", "projections.hidden_to_output.connectivity: must be a table such as"),
        ("populations", "name", "populations.[1].name: is missing"),
    ],
)
def test_a_part_without_a_name_is_told_by_its_place(part: str, key: str, message: str) -> None:
    table: dict[str, Any] = {
        "name": "two",
        "duration": 20.0,
        "encoder": {"shape": [2, 2, 1], "t_max": 5.0},
        "populations": [{"name": name, "shape": [2]} for name in ("hidden", "output")],
        "projections": [
            {"source": source, "target": target, "connectivity": {"rule": "dense"}}
            for source, target in (("stimulus", "hidden"), ("hidden", "output"))
        ],
    }
    network_from_dict(table)
    del table[part][1][key]
    with pytest.raises(SpecificationError) as caught:
        network_from_dict(table)
    assert str(caught.value).startswith(message)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match="cannot be read"):
        read_network(tmp_path / "none.toml")
    with pytest.raises(SpecificationError, match="cannot be read"):
        read_network(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecificationError, match="is not TOML"):
        read_network(tmp_path / "binary.toml")


def test_files_of_earlier_versions_are_read_with_a_warning() -> None:
    network = load_preset("digits")
    table = network_to_dict(network)
    for layer in table["layers"]:
        layer["kind"] = layer.pop("rule")
    with pytest.warns(FormerWarning, match="the key kind is now called rule"):
        assert network_from_dict(table) == network


def test_many_columns_are_read_back() -> None:
    """A file that is written can be read, and one that could not be is not written."""
    rows = np.random.default_rng(0).normal(size=(4, 24000))

    def of(columns: int) -> Network:
        encoder = PopulationEncoder.of(rows[:, :columns], neurons=3, t_max=16.0)
        return Network.chain("wide", encoder, (Layer("output", Dense(2), Neurons("free", 1.0, 16.0)),), 64.0)

    assert network_from_dict(loads_toml(dumps_network(of(8000)), "wide")) == of(8000)
    with pytest.raises(SpecificationError, match=r"wide: takes 1,\d+,\d+ bytes as TOML; at most 1,000,000"):
        dumps_network(of(24000))
    edited = editable(of(120), "netsim train wide.toml")
    assert network_from_dict(loads_toml(edited, "edited")) == of(120)


def test_a_stride_follows_the_size_of_a_field() -> None:
    network = load_preset("rcsnn-mnist")
    assert "stride" not in network_to_dict(network)["layers"][1]
    (projection,) = with_settings(network, {"layers.pool1.size": 3}).incoming("pool1")
    assert projection.connectivity == Pooling(3, 3)


def test_settings_may_be_numpy_numbers() -> None:
    given = {"training.epochs": np.int64(3), "learning.rate": np.float32(0.1)}
    changed = with_settings(load_preset("digits"), given)
    assert (changed.training.epochs, changed.learning.rate) == (3, 0.1)


def test_a_description_names_the_settings_that_it_may_contradict(tmp_path: Path) -> None:
    digits = load_preset("digits")
    changed = with_settings(digits, {"layers.hidden.size": 30, "name": "small"})
    assert changed.description == f"{digits.description}; changed: layers.hidden.size"
    again = with_settings(changed, {"learning.rate": 0.1, "layers.hidden.size": 20})
    assert again.description == f"{digits.description}; changed: layers.hidden.size, learning.rate"
    assert with_settings(digits, {"learning.rate": 0.1, "description": "mine"}).description == "mine"
    assert with_settings(dataclasses.replace(digits, description=""), {"learning.rate": 0.1}).description == ""
    assert network_from_dict(network_to_dict(again)).description == again.description
    assert dataclasses.replace(digits, description="another") == digits


def test_the_keys_of_a_network_that_is_no_chain_are_named() -> None:
    network = load_preset("ei-mnist")
    name = network.populations[0].name
    with pytest.raises(SpecificationError, match=rf"no layer '{name}', because .* name populations\.{name} or"):
        with_settings(network, {f"layers.{name}.dropout": 0.1})
