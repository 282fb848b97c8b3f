"""NIR graphs that other tools made: what is read of them, what is refused, and files that are no graphs."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.lib.stride_tricks import sliding_window_view

from netsim.engines import Batch, make_engine
from netsim.errors import DataError, NetsimError
from netsim.exchange import export, import_network
from netsim.models.presets import load_preset
from netsim.runs.model import Model
from netsim.specification import PSP, Convolution, Dense, Layer, Neurons, Pooling
from netsim.weights.initial import initial_weights

nir = pytest.importorskip("nir", reason="graphs of NIR need nir, of the extra 'exchange'")

from netsim.exchange.networks._graph import from_graph  # noqa: E402


def _neurons(*shape: int, threshold: float = 1.0, r: float = 1000.0) -> Any:
    return nir.IF(r=np.full(shape, r), v_threshold=np.full(shape, threshold))


def _chain(*nodes: Any) -> Any:
    named = {f"{position}.{type(node).__name__}": node for position, node in enumerate(nodes)}
    return nir.NIRGraph(named, list(pairwise(named)))


def _vision(**options: Any) -> Any:
    """A convolution, sums, and a dense layer, in single precision as from PyTorch."""
    generator = np.random.default_rng(0)
    settings = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1, "bias": np.zeros(3, np.float32)} | options
    return _chain(
        nir.Input(np.array([2, 6, 5])),
        nir.Conv2d(input_shape=(6, 5), weight=generator.random((3, 2, 3, 3)).astype(np.float32), **settings),
        _neurons(3, 6, 5, threshold=2.5),
        nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        nir.Flatten(np.array([3, 3, 2]), start_dim=0, end_dim=-1),
        nir.Affine(generator.random((4, 18)).astype(np.float32), np.array([0, 0.25, 0, -1], np.float32)),
        _neurons(4),
        nir.Output(np.array([4])),
    )


def test_a_chain_of_layers_becomes_a_network() -> None:
    nir.write("made-elsewhere.nir", _vision())
    imported = import_network("made-elsewhere.nir")
    network, weights = imported.network, imported.weights
    assert network.name == "made-elsewhere"
    assert network.encoder.shape == (6, 5, 2)
    jump = PSP("plateau", rise=1.0)
    assert network.layers() == (
        Layer("layer_1_Conv2d", Convolution(3, 3, padding=1), neurons=Neurons(threshold=2.5, tau=1.0), psp=jump),
        Layer("layer_3_SumPool2d", Pooling(2)),
        Layer("layer_5_Affine", Dense(4), Neurons(tau=1.0, bias=True), jump),
    )
    graph = nir.read("made-elsewhere.nir")
    kernel = graph.nodes["1.Conv2d"].weight
    assert weights["layer_1_Conv2d.kernel"][2, 0, 1, 2] == kernel[2, 1, 2, 0]
    assert weights["layer_5_Affine.bias"].tolist() == [0, 0.25, 0, -1]
    # row 2, column 1 and channel 1 of 3x2 places of 3 channels
    assert weights["layer_5_Affine.kernel"][(2 * 2 + 1) * 3 + 1, 3] == graph.nodes["5.Affine"].weight[3, 6 + 2 * 2 + 1]
    assert imported.record == {}
    assert imported.assumed == (
        "one spike per neuron",
        "a time step of 1 ms, which r of IF stands for, so that a spike adds its weight",
        "images coded in 64 ms",
        "presentations of 256 ms",
        "pooling of the earliest spike",
    )


def _averaged(kernel: int, stride: int, *behind: Any, first: Any = None) -> Any:
    pool = nir.AvgPool2d(np.full(2, kernel), np.full(2, stride), np.zeros(2, int))
    return _chain(nir.Input(np.array([2, 6, 9])), *([first] if first else []), pool, *behind)


def _conv(generator: np.random.Generator, size: int, padding: int) -> Any:
    return nir.Conv2d(None, generator.normal(size=(3, 2, size, size)), 1, padding, 1, 1, np.arange(3.0))


@pytest.mark.parametrize(("kernel", "stride", "size", "padding"), [(3, 3, 2, 1), (3, 3, 2, 0), (3, 1, 2, 0)])
def test_means_are_worked_into_the_weights_behind_them(kernel: int, stride: int, size: int, padding: int) -> None:
    """As in torch: of a picture, the convolution of its means is the larger convolution of the picture."""
    generator = np.random.default_rng(0)
    picture, conv = generator.random((2, 6, 9)), _conv(generator, size, padding)
    pooled = _fields(picture, (kernel, kernel), stride).mean(axis=(-2, -1))
    expected = _convolved(pooled, conv.weight, 1, padding)
    flatten = nir.Flatten(np.array(expected.shape), start_dim=0, end_dim=-1)
    dense = nir.Linear(np.ones((4, expected.size)))
    graph = _averaged(
        kernel, stride, conv, _neurons(*expected.shape), flatten, dense, _neurons(4), nir.Output(np.array([4]))
    )
    back = from_graph(graph, "file")
    projection = back.network.projections[0]
    window = back.network.window(projection)
    assert window is not None
    weight = back.weights[f"{projection.name}.kernel"].reshape(window.size, window.size, 2, 3).transpose(3, 2, 0, 1)
    assert (window.shape[2], *window.shape[:2]) == expected.shape
    np.testing.assert_allclose(_convolved(picture, weight, window.stride, window.padding), expected)


def test_means_of_means_and_padding_in_words_are_refused() -> None:
    generator = np.random.default_rng(0)
    pool = nir.AvgPool2d(np.full(2, 3), np.full(2, 3), np.zeros(2, int))
    conv, end = _conv(generator, 1, 0), (_neurons(3, 2, 3), nir.Output(np.array([3, 2, 3])))
    with pytest.raises(DataError, match=r"is followed by the AvgPool2d .*; merge both into one"):
        from_graph(_averaged(1, 1, pool, conv, *end), "file")
    conv.padding = "same"
    with pytest.raises(DataError, match="has the padding 'same'; one integer"):
        from_graph(_averaged(3, 3, conv, *end), "file")


def _convolved(picture: np.ndarray, weight: np.ndarray, stride: int, padding: int) -> np.ndarray:
    padded = np.pad(picture, [(0, 0), (padding, padding), (padding, padding)])
    return np.einsum("cyxij,mcij->myx", _fields(padded, weight.shape[2:], stride), weight)


def _fields(picture: np.ndarray, size: tuple[int, ...], stride: int) -> np.ndarray:
    """What windows over height and width see, shape (channels, rows, columns, *size)."""
    windows = sliding_window_view(picture, (len(picture), *size))[0]
    return np.moveaxis(windows, 2, 0)[:, ::stride, ::stride]


@pytest.mark.parametrize("stride", [3, 1])
def test_means_are_worked_into_a_matrix(stride: int) -> None:
    """Also where fields overlap."""
    generator = np.random.default_rng(0)
    picture = generator.random((2, 6, 9))
    pooled = _fields(picture, (3, 3), stride).mean(axis=(-2, -1))
    weight = generator.normal(size=(4, pooled.size))
    flatten = nir.Flatten(np.array(pooled.shape), start_dim=0, end_dim=-1)
    graph = _averaged(3, stride, flatten, nir.Linear(weight), _neurons(4), nir.Output(np.array([4])))
    back = from_graph(graph, "file")
    (kernel,) = back.weights.values()
    np.testing.assert_allclose(np.moveaxis(picture, 0, -1).ravel() @ kernel, weight @ pooled.ravel())


def test_lif_without_leak_is_read_as_if() -> None:
    """As snnTorch writes its Leaky of beta 1."""
    endless = np.full(3, np.inf)
    neurons = nir.LIF(tau=endless, r=endless, v_leak=np.zeros(3), v_threshold=np.full(3, 0.5))
    back = from_graph(_chain(nir.Input([2]), nir.Linear(np.ones((3, 2))), neurons, nir.Output([3])), "file")
    assert back.network.output.dynamics == Neurons(threshold=0.5, tau=1.0)


_QUARTERS = st.integers(-8, 8).map(lambda number: number / 4)  # whose sums are exact


@st.composite
def _vectors(draw: st.DrawFn) -> tuple[list[np.ndarray], list[float], np.ndarray, np.ndarray]:
    """Weights (neurons, inputs) and thresholds of a few layers, a bias of the first, and steps of input spikes."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    weights = [draw(arrays.arrays(float, (out, into), elements=_QUARTERS)) for into, out in pairwise(sizes)]
    thresholds = draw(st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=len(weights), max_size=len(weights)))
    bias = draw(arrays.arrays(float, sizes[1], elements=st.sampled_from([0, 0, 1 / 64, -0.5])))
    return weights, thresholds, bias, draw(arrays.arrays(int, sizes[0], elements=st.integers(0, 40)))


@given(_vectors())
@settings(max_examples=80, deadline=None)
def test_first_spikes_come_a_step_later_with_every_layer(
    drawn: tuple[list[np.ndarray], list[float], np.ndarray, np.ndarray],
) -> None:
    weights, thresholds, bias, steps = drawn
    nodes: list[Any] = [nir.Input(np.array(steps.shape)), nir.Affine(weights[0], bias)]
    for weight, threshold in zip(weights, thresholds, strict=True):
        nodes += [] if weight is weights[0] else [nir.Linear(weight)]
        nodes.append(_neurons(len(weight), threshold=threshold))
    back = from_graph(_chain(*nodes, nir.Output(np.array([len(weights[-1])]))), "file")
    stimuli = np.where(steps < 30, steps, np.inf)[np.newaxis, np.newaxis, :, np.newaxis]  # in ms
    latencies = make_engine("event", back.network, 1.0).present(Batch(stimuli, back.weights))

    potentials = [np.zeros(len(weight)) for weight in weights]
    first = [np.full(len(weight), np.inf) for weight in weights]
    for step in range(256):
        fires = steps == step if step < 30 else np.zeros(steps.shape, bool)
        for layer, (weight, threshold) in enumerate(zip(weights, thresholds, strict=True)):
            potentials[layer] += weight @ fires + (bias if layer == 0 else 0)
            fires = (potentials[layer] >= threshold) & np.isinf(first[layer])
            first[layer][fires] = step
    for layer, (expected, population) in enumerate(zip(first, back.network.populations, strict=True)):
        later = expected + layer + 1
        np.testing.assert_array_equal(latencies[population.name][0], np.where(later < 256, later, np.inf))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "nodes['6.IF'] = LIF(tau=one, r=one, v_leak=0 * one, v_threshold=one)",
            "node '6.IF': leaks; a LIF is supported only",
        ),
        ("nodes['2.IF'].v_threshold[0, 0, 0] = 1", "node '2.IF': has different thresholds"),
        ("nodes['6.IF'] = _neurons(4, r=1.0)", "IF with different r"),
        ("graph.edges.append(('6.IF', '5.Affine'))", "node '6.IF': has several edges"),
        ("graph.edges.remove(('4.Flatten', '5.Affine'))", "not a single chain of nodes"),
        ("nodes['more'] = Input(np.array([4]))", "2 Inputs and 1 Outputs"),
        ("nodes['0.Input'].output_type['output'] = [2, 6.5, 5]", r"node '0.Input': has the shape \[2.0, 6.5, 5.0\]"),
        (
            "graph = _chain(Input([3]), Affine(np.eye(3), np.ones(3)), Output([3]))",
            "node '1.Affine': is not followed by IF",
        ),
        ("graph = _chain(*[*nodes.values()][:3], Output([3, 6, 5]))", "the last layer is the output and must be dense"),
        ("nodes['5.Affine'].weight[0, 0] = np.inf", "contains NaN"),
        ("nodes['6.IF'].v_threshold[:] = -1", "threshold: must be positive"),
        ("for name in ('2.IF', '6.IF'): nodes[name].r[:] = -1", "node '6.IF': has a resistance r that is not above 0"),
        ("nodes['3.SumPool2d'].padding = np.array([1, 0])", "node '3.SumPool2d': has padding"),
        ("nodes['1.Conv2d'].padding = (1, 2)", r"node '1.Conv2d': has the padding \(1, 2\)"),
        ("graph = _vision(groups=2)", "node '1.Conv2d': has groups"),
    ],
)
def test_what_has_no_counterpart_is_refused(change: str, message: str) -> None:
    graph = _vision()
    names = globals() | vars(nir) | {"graph": graph, "nodes": graph.nodes, "one": np.ones(4)}
    exec(change, names)
    with pytest.raises(NetsimError, match=f"^file: .*{message}"):
        from_graph(names["graph"], "file")


def _refused(path: str) -> None:
    with pytest.raises(DataError) as refused:
        import_network(path)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.fixture
def whole() -> bytes:
    """A file that `export_network` wrote."""
    network = load_preset("digits")
    export(Model(network, initial_weights(network, 0)), "whole.nir", "nir")
    return Path("whole.nir").read_bytes()


@pytest.mark.usefixtures("scanned_here")
def test_no_file_or_another_one(whole: bytes) -> None:
    with pytest.raises(DataError, match=r"nosuch.nir: no such file"):
        import_network("nosuch.nir")
    for content in (b"", b"some text\n", whole[: len(whole) // 2], whole[:-30]):
        Path("file.nir").write_bytes(content)
        _refused("file.nir")
    Path("folder.nir").mkdir()
    _refused("folder.nir")


def test_a_half_written_file_is_called_so(whole: bytes) -> None:
    Path("half.nir").write_bytes(whole[: len(whole) // 2])
    sizes = f"{len(whole) // 2:,} of {len(whole):,} bytes"
    with pytest.raises(DataError, match=f"^half.nir: is incomplete, it has {sizes}; write or copy it again$"):
        import_network("half.nir")


def test_changed_bytes_are_read_or_refused(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.exchange.hdf5.check_hdf5", lambda path: None)  # it is slow, and tested below
    generator = np.random.default_rng(0)
    strings = whole.index(b"GCOL"), whole.rindex(b"GCOL") + 4096
    for _ in range(20):
        changed = bytearray(whole)
        for position in generator.integers(0, len(whole), 20):
            if not strings[0] <= position < strings[1]:
                changed[position] = generator.integers(0, 256)
        Path("file.nir").write_bytes(changed)
        with contextlib.suppress(NetsimError):
            assert import_network("file.nir").network == load_preset("digits")


def test_hdf5_does_not_hang_on_damaged_strings(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.hdf5._SECONDS", 1)
    changed = bytearray(whole)
    heap = whole.index(b"GCOL")  # where HDF5 keeps strings: objects of an index, 6 other bytes and their size
    position = heap + 16
    while index := int.from_bytes(whole[position : position + 2], "little"):
        assert index < 1000
        position += 16 + -(-int.from_bytes(whole[position + 8 : position + 16], "little") // 8) * 8
    changed[position + 8 : position + 16] = bytes(8)  # free space of no size: the next object is this one again
    Path("file.nir").write_bytes(changed)
    with pytest.raises(DataError, match=r"file.nir: is damaged: HDF5 does not finish reading it"):
        import_network("file.nir")


def test_a_small_file_of_many_zeros_is_refused() -> None:
    h5py = pytest.importorskip("h5py", reason="NIR needs h5py")
    with h5py.File("zeros.nir", "w") as file:
        file.create_dataset("node/weight", (2**20, 2**15), "f8", compression="gzip")
    with pytest.raises(DataError, match=r"zeros.nir: promises \d+ bytes"):
        import_network("zeros.nir")
