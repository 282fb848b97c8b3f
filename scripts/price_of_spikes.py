"""The price of spikes: the network of a preset with rectified linear units in place of neurons, trained alike in torch.

    pip install '.[bench]'
    python scripts/price_of_spikes.py rcsnn-mnist                       # resumes after the last epoch that is done
    python scripts/price_of_spikes.py rcsnn-mnist --page docs/accuracy  # also price.csv for the documentation

Both learn from the same stimuli in the same order with the same augmentation, for as many epochs in batches of one
size, with Adam, the learning rate and its schedule, weight decay, smoothed labels, dropout and an EMA of the weights
as the preset has them; the epoch is chosen by validation, or is the last one if the preset sets no stimuli aside, and
the test set is read once. What differs is the unit, the initial weights and the draws of dropout, which are torch's
own; balanced weights, a price on activity and the revival of silent neurons are of spikes, and have no counterpart.
Presets with more than that are refused.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from benchmarks.rows import MissingLibraryError
from benchmarks.torch_rows import imported
from reproducing.records import REPOSITORY

from netsim.errors import NetsimError, SpecificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from netsim.data.stimuli import Stimuli
    from netsim.specification import Learning, Network
    from netsim.weights.layout import Weights

_AT_ONCE = 500
_NORMAL_95 = 1.96


def main(
    rows: Annotated[list[str], typer.Argument(help="Preset with trained weights; repeatable.")],
    seed: Annotated[list[int] | None, typer.Option(help="Seed of the dense network; repeatable.")] = None,
    runs: Annotated[Path, typer.Option(help="Where results are kept.")] = REPOSITORY / "runs" / "price",
    page: Annotated[Path | None, typer.Option(help="Folder for price.csv.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Where the data sets lie.")] = None,
) -> None:
    """Train what is missing, and tabulate."""
    import pandas as pd

    from netsim.files import write_text

    table = pd.DataFrame([_compared(row, number, runs, data_dir) for row in rows for number in seed or [0]])
    print(table.to_string(index=False, float_format="{:.2f}".format))
    if page is not None:
        page.mkdir(parents=True, exist_ok=True)
        write_text(page / "price.csv", table.to_csv(index=False, float_format="%.4f"))


def _compared(row: str, seed: int, runs: Path, data_dir: str | None) -> dict[str, Any]:
    """Test accuracies (%) of the trained weights and of the dense network, and their difference over test stimuli.

    The interval is that of the mean over test stimuli, of which each is decided by both; what another seed would change
    is not in it.
    """
    from netsim.data.stimuli import load_splits
    from netsim.files import write_json
    from netsim.runs.model import load_model
    from netsim.specification.toml import network_to_dict

    model = load_model(row)
    if model.origin != "trained":
        raise SpecificationError(row, "has no trained weights to compare with")
    _check(model.network)
    splits = load_splits(model.network, None, data_dir)
    kept, settings = runs / f"{row}-seed{seed}.json", network_to_dict(model.network)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        result = _trained(model.network, splits.training, splits.validation, splits.test, seed, kept.with_suffix(".pt"))
        write_json(kept, result | {"network": settings})
    kept.with_suffix(".pt").unlink(missing_ok=True)
    dense = json.loads(kept.read_text())
    if dense["network"] != json.loads(json.dumps(settings)):
        raise SpecificationError(str(kept), f"was made with other settings of {row}; move it away")
    right = spiking_decisions(model.network, model.weights, splits.test)
    of_dense = np.array(dense["choices"]) == splits.test.labels
    difference = of_dense.astype(float) - right
    return {
        "row": row,
        "seed": seed,
        "epochs": model.network.training.epochs,
        "best_epoch": dense["best_epoch"],
        "dense_validation": 100 * dense.get("validation_accuracy", math.nan),
        "dense_test": 100 * of_dense.mean(),
        "spiking_test": 100 * right.mean(),
        "price": 100 * difference.mean(),
        "half_width_95": 100 * _NORMAL_95 * difference.std() / math.sqrt(len(difference)),
        "minutes": dense["minutes"],
    }


def spiking_decisions(network: Network, weights: Weights, stimuli: Stimuli) -> np.ndarray:
    """Which stimuli are decided right by the first output spike, a tie being an error."""
    from netsim.engines import Batch, make_engine
    from netsim.measuring.metrics import decide

    engine, right = make_engine("event", network), []
    for part in _parts(len(stimuli)):
        outputs = engine.present(Batch(stimuli.latencies(part), weights))[network.output.name]
        right.append(decide(outputs).strictly_correct(stimuli.labels[part]))
    return np.concatenate(right)


def _check(network: Network) -> None:
    """Refuse what a training here would leave out."""
    learning = network.learning
    left_out = {
        "weighting": network.weighting.is_binary,
        "training.jitter": network.training.jitter > 0,
        "encoder.constant": bool(network.encoder.constant),
        "learning.optimizer": learning.optimizer != "adam",
        "learning.targets": learning.targets != "softmax",
    }
    for setting, given in left_out.items():
        if given:
            raise SpecificationError(network.name, f"has a setting of {setting} that the dense network would not have")


@dataclass
class _Training:
    """A dense network that learns, its optimizer, the EMA of its weights, and the best epoch by validation so far."""

    torch: Any
    dense: Any
    optimizer: Any
    mean: dict[str, Any]
    epoch: int = 0
    seconds: float = 0.0
    best_score: tuple[float, float] = (-1.0, -math.inf)
    best_epoch: int = 0
    best_weights: dict[str, Any] | None = None

    _PLAIN = ("mean", "epoch", "seconds", "best_score", "best_epoch", "best_weights")

    def save(self, file: Path, network: str) -> None:
        """Write a checkpoint, with the state of torch's generator, which dropout is drawn from."""
        from netsim.files import write_atomically

        state = {name: getattr(self, name) for name in self._PLAIN}
        modules = {"dense": self.dense.state_dict(), "optimizer": self.optimizer.state_dict()}
        content = state | modules | {"drawn": self.torch.get_rng_state(), "network": network}
        write_atomically(file, lambda stream: self.torch.save(content, stream))

    def resume(self, file: Path, network: str) -> None:
        """Go on where a checkpoint was written; a SpecificationError if it is of other settings."""
        try:
            state = self.torch.load(file, weights_only=True)
            begun = state.pop("network")
        except Exception as error:  # of several kinds, by what is wrong with the file
            raise SpecificationError(str(file), "is no checkpoint; move it away") from error
        if begun != network:
            raise SpecificationError(str(file), "was begun with other settings; move it away")
        self.torch.set_rng_state(state.pop("drawn"))
        self.dense.load_state_dict(state.pop("dense"))
        self.optimizer.load_state_dict(state.pop("optimizer"))
        for name, value in state.items():
            setattr(self, name, value)


def _trained(
    network: Network, training: Stimuli, validation: Stimuli, test: Stimuli, seed: int, checkpoint: Path
) -> dict[str, Any]:
    """Train a dense network, choose its epoch by validation, and read the test set once."""
    from netsim.specification.toml import dumps_network
    from netsim.training.loop import generator_of_batch, order_of_presentations, share_kept

    torch = imported("torch")
    torch.manual_seed(seed)
    dense = dense_network(torch, network)
    learning, settings, specification = network.learning, network.training, dumps_network(network)
    optimizer = adam(torch, dense, learning)
    state = _Training(torch, dense, optimizer, {name: array.clone() for name, array in dense.state_dict().items()})
    if checkpoint.exists():
        state.resume(checkpoint, specification)
    per_epoch = math.ceil(len(training) / settings.batch)
    for epoch in range(state.epoch, settings.epochs):
        began = time.monotonic()
        dense.train()
        order = order_of_presentations(seed, epoch, len(training))
        for number in range(per_epoch):
            chosen, done = order[number * settings.batch : (number + 1) * settings.batch], epoch * per_epoch + number
            _step(torch, dense, optimizer, network, training, chosen, generator_of_batch(seed, epoch, number), done)
            keep = share_kept(learning.averaging, done + 1) if learning.averaging else 0.0
            with torch.no_grad():
                for name, array in dense.state_dict().items():
                    state.mean[name].lerp_(array, 1 - keep)
        score, came_to = (float(epoch), 0.0), "done"  # without validation a later epoch is the better one
        if len(validation):
            choices, loss = _presented(torch, dense, state.mean, network, validation)
            score = float((choices == validation.labels).mean()), -loss
            came_to = f"validation accuracy {score[0]:.2%}, loss {loss:.4f}"
        print(f"epoch {epoch + 1}: {came_to}", file=sys.stderr)
        if score > state.best_score:
            state.best_score, state.best_epoch = score, epoch + 1
            state.best_weights = {name: array.clone() for name, array in state.mean.items()}
        state.epoch, state.seconds = epoch + 1, state.seconds + time.monotonic() - began
        state.save(checkpoint, specification)
    assert state.best_weights is not None
    choices, _ = _presented(torch, dense, state.best_weights, network, test)
    return {
        "torch": torch.__version__,
        "best_epoch": state.best_epoch,
        **({"validation_accuracy": state.best_score[0]} if len(validation) else {}),
        "choices": choices.tolist(),
        "minutes": state.seconds / 60,
    }


def dense_network(torch: Any, network: Network) -> Any:
    """The chain of a preset with rectified linear units, max pooling and dropout where it has spikes.

    Raises
    ------
    SpecificationError
        If the network is no chain of convolution, pooling and dense layers.
    """
    from netsim.specification import Convolution, Dense, Pooling

    nn, modules = torch.nn, []

    def convolution(rule: Convolution, channels: int) -> list[Any]:
        return [nn.Conv2d(channels, rule.maps, rule.kernel, rule.stride, rule.padding), nn.ReLU()]

    def pooling(rule: Pooling, _: int) -> list[Any]:
        return [nn.MaxPool2d(rule.size, rule.step)]

    def dense(rule: Dense, _: int) -> list[Any]:
        return [nn.Flatten(), nn.LazyLinear(rule.size), nn.ReLU()]

    builders: dict[type, Callable[[Any, int], list[Any]]] = {
        Convolution: convolution,
        Pooling: pooling,
        Dense: dense,
    }
    layers, channels = network.layers() or (), network.encoder.shape[-1]
    if not layers or any(type(layer.connectivity) not in builders for layer in layers):
        raise SpecificationError(network.name, "is no chain of convolution, pooling and dense layers")
    for layer in layers:
        modules += builders[type(layer.connectivity)](layer.connectivity, channels)
        if layer is layers[-1]:
            modules.pop()  # the decision is the largest output, no matter of what sign
        elif layer.dropout:
            modules.append(nn.Dropout(layer.dropout))
        channels = network.shapes[layer.name][-1]
    built = nn.Sequential(*modules)
    built(torch.zeros(1, network.encoder.shape[-1], *network.encoder.shape[:-1]))  # lazy layers learn their shapes
    return built


def adam(torch: Any, dense: Any, learning: Learning) -> Any:
    """Adam with the momentum of the preset, and its decoupled decay of weights, but not of biases."""
    weights, biases = ([one for one in dense.parameters() if (one.ndim > 1) == many] for many in (True, False))
    groups = [{"params": weights, "weight_decay": learning.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning.rate, betas=(learning.momentum, 0.999))


def _step(
    torch: Any,
    dense: Any,
    optimizer: Any,
    network: Network,
    stimuli: Stimuli,
    chosen: np.ndarray,
    generator: np.random.Generator,
    done: int,
) -> None:
    """One update by a batch."""
    from netsim.data.augmentation import augment
    from netsim.seams import schedules

    settings, learning = network.training, network.learning
    times = augment(
        stimuli.latencies(chosen),
        generator,
        settings.flips,
        settings.shift,
        settings.occlusion,
    )
    steps = settings.epochs * math.ceil(len(stimuli) / settings.batch)
    for group in optimizer.param_groups:
        group["lr"] = learning.rate * schedules[learning.schedule](done / steps)
    optimizer.zero_grad()
    outputs = dense(_intensities(torch, network, times))
    _loss(torch, network, outputs, stimuli.labels[chosen]).backward()
    optimizer.step()


def _intensities(torch: Any, network: Network, times: np.ndarray) -> Any:
    """What latencies stand for, from 0 to 1, channels first."""
    values = np.where(np.isfinite(times), 1 - times / network.encoder.t_max, 0)
    return torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)


def _presented(
    torch: Any, dense: Any, weights: dict[str, Any], network: Network, stimuli: Stimuli
) -> tuple[np.ndarray, float]:
    """Decisions, and the mean loss, with other weights than the network's own."""
    dense.eval()
    choices, losses = [], 0.0
    with torch.inference_mode():
        for part in _parts(len(stimuli)):
            inputs = _intensities(torch, network, stimuli.latencies(part))
            outputs = torch.func.functional_call(dense, weights, (inputs,))
            losses += float(_loss(torch, network, outputs, stimuli.labels[part], "sum"))
            choices.append(outputs.argmax(1).numpy())
    return np.concatenate(choices), losses / len(stimuli)


def _loss(torch: Any, network: Network, outputs: Any, labels: np.ndarray, reduction: str = "mean") -> Any:
    smoothing, wanted = network.learning.label_smoothing, torch.from_numpy(labels).long()
    return torch.nn.functional.cross_entropy(outputs, wanted, label_smoothing=smoothing, reduction=reduction)


def _parts(count: int) -> list[np.ndarray]:
    return [np.arange(first, min(first + _AT_ONCE, count)) for first in range(0, count, _AT_ONCE)]


if __name__ == "__main__":
    try:
        typer.run(main)
    except (NetsimError, MissingLibraryError) as error:
        sys.exit(f"price_of_spikes: {error}")
