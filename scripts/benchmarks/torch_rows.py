"""Rows of torch and of simulators on top of it: the dense network of the same size, snnTorch, SpikingJelly."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.event_rows import RATE
from benchmarks.rows import (
    ANN_FORWARD,
    ANN_FORWARD_ONE,
    ANN_ONLINE,
    ANN_TRAINING,
    CHANNELS_LAST,
    MissingLibraryError,
    Prepared,
    Row,
    Setting,
)

_DECAY = 0.9
"""Of the membrane potential from step to step, in snnTorch."""


def imported(module: str) -> Any:
    """A module of a library that comes with the extra ``bench``.

    Raises
    ------
    MissingLibraryError
        If it cannot be imported.
    """
    library = module.split(".")[0]
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        reason = "is not installed" if getattr(error, "name", "") == library else f"does not import ({error})"
        raise MissingLibraryError(f"{library} {reason}; pip install 'netsim-snn[bench]'") from error


def dense_network(torch: Any, seed: int) -> Any:
    """32C5-P2-64C5-P2-1000-10 with rectified linear units."""
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 1000), nn.ReLU(), nn.Linear(1000, 10),
    )  # fmt: skip


def second_convolution(torch: Any, seed: int) -> Any:
    """64C5-P2-10 of 12×12 pixels with 32 channels, with rectified linear units."""
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10))


def _images(torch: Any, setting: Setting) -> Any:
    # channels first, in the layout that torch gives a tensor by default
    return torch.from_numpy(setting.images).float().permute(0, 3, 1, 2).contiguous() / 255


def _placed(
    torch: Any, setting: Setting, last: bool, build: Callable[[Any, int], Any] = dense_network
) -> tuple[Any, Any]:
    """A network and the images in the default layout, or with the channels last, which oneDNN prefers."""
    network, images = build(torch, setting.seed), _images(torch, setting)
    if last:
        network = network.to(memory_format=torch.channels_last)
        # strides say the layout; with one channel they have to be made
        images = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    return network, images


def ann_forward(
    setting: Setting,
    channels_last: bool = False,
    size: int | None = None,
    build: Callable[[Any, int], Any] = dense_network,
) -> Prepared:
    """A network of torch, without a gradient, all images at a time or so many."""
    torch = imported("torch")
    network, images = _placed(torch, setting, channels_last, build)
    batches = images.split(size or len(images))

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches:
                network(batch)

    return Prepared(forward, len(images))


def _ann_training(setting: Setting, channels_last: bool = False, online: bool = False) -> Prepared:
    torch = imported("torch")
    network, images = _placed(torch, setting, channels_last)
    size = 1 if online else len(images)
    batches = list(zip(images.split(size), torch.from_numpy(setting.labels).long().split(size), strict=True))
    optimizer = (torch.optim.SGD if online else torch.optim.Adam)(network.parameters(), lr=RATE)

    def step() -> None:
        for batch, labels in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(batch), labels).backward()
            optimizer.step()

    return Prepared(step, len(images))


def _spike_steps(images: Any, steps: int) -> Any:
    """The step at which each pixel fires; one of intensity 0 has none."""
    fired = ((1 - images) * (steps - 1)).round().long()
    fired[images == 0] = steps
    return fired


def _snntorch(setting: Setting) -> Prepared:
    torch, snntorch = imported("torch"), imported("snntorch")
    torch.manual_seed(setting.seed)
    nn = torch.nn
    pool = nn.MaxPool2d(2)
    layers = (nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5), nn.Linear(1600, 1000), nn.Linear(1000, 10))
    neurons = [snntorch.Leaky(beta=_DECAY) for _ in layers]
    fired = _spike_steps(_images(torch, setting), setting.clocked_steps)

    def forward() -> None:
        potentials = [neuron.init_leaky() for neuron in neurons]
        with torch.inference_mode():
            for step in range(setting.clocked_steps):
                spikes = (fired == step).float()
                for depth, (layer, neuron) in enumerate(zip(layers, neurons, strict=True)):
                    spikes, potentials[depth] = neuron(layer(spikes), potentials[depth])
                    spikes = pool(spikes) if depth < 2 else spikes
                    spikes = spikes.flatten(1) if depth == 1 else spikes

    return Prepared(forward, len(fired))


def _spikingjelly(setting: Setting) -> Prepared:
    torch, base = imported("torch"), "spikingjelly.activation_based"
    layer, neuron = imported(f"{base}.layer"), imported(f"{base}.neuron")
    functional = imported(f"{base}.functional")
    torch.manual_seed(setting.seed)
    network = torch.nn.Sequential(
        layer.Conv2d(1, 32, 5, padding=2), neuron.IFNode(), layer.MaxPool2d(2),
        layer.Conv2d(32, 64, 5), neuron.IFNode(), layer.MaxPool2d(2),
        layer.Flatten(), layer.Linear(1600, 1000), neuron.IFNode(), layer.Linear(1000, 10), neuron.IFNode(),
    )  # fmt: skip
    fired = _spike_steps(_images(torch, setting), setting.clocked_steps)

    def forward() -> None:
        functional.reset_net(network)
        with torch.inference_mode():
            for step in range(setting.clocked_steps):
                network((fired == step).float())

    return Prepared(forward, len(fired))


def _in_both_layouts(name: str, what: str, prepare: Callable[..., Prepared]) -> tuple[Row, Row]:
    last = Row(name + CHANNELS_LAST, f"{what}, channels last", partial(prepare, channels_last=True), name)
    return Row(name, what, prepare, name), last


ROWS = (
    *_in_both_layouts(ANN_FORWARD, "dense network, rectified linear units", ann_forward),
    *_in_both_layouts(ANN_FORWARD_ONE, "dense network, one image at a time", partial(ann_forward, size=1)),
    Row("snntorch", "leaky integrate-and-fire", _snntorch),
    Row("spikingjelly", "integrate-and-fire", _spikingjelly),
    *_in_both_layouts(ANN_TRAINING, "dense network, forward, backward, Adam", _ann_training),
    *_in_both_layouts(ANN_ONLINE, "dense network, a step an image, SGD", partial(_ann_training, online=True)),
)
