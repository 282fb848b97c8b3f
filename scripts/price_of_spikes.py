"""Measure the cost of spiking: compare a preset with an equally trained network of rectified linear units.

    python scripts/price_of_spikes.py rcsnn-mnist deep-mnist     # needs torch: pip install 'netsim-snn[bench]'
    python scripts/price_of_spikes.py deep-cifar10 --folder DIR  # an interrupted training continues

docs/results/accuracy.md says what both trainings share. A price on activity and the revival of silent neurons apply
only to spikes and have no counterpart. The script refuses presets with other settings.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from command import run

import netsim
from netsim.data.augmentation import augment
from netsim.errors import RunError, SpecificationError
from netsim.files import write_atomically
from netsim.seams import schedules
from netsim.specification.toml import dumps_network
from netsim.training.session import generator_of_batch, order_of_presentations, share_kept

torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
AT_ONCE = 500
NORMAL_95 = 1.96


def main(
    rows: Annotated[list[str], typer.Argument(help="Preset with trained weights; repeatable.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the dense network.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Store each epoch here, and continue from it.")] = None,
) -> None:
    """Train a dense network for each preset, and compare the decisions of both on the test stimuli.

    The interval covers the draw of paired stimuli, but not the effect of another seed.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    print("row,seed,best_epoch,dense_validation,dense_test,spiking_test,price,half_width_95")
    for row in rows:
        model = netsim.load_model(row)
        if model.origin != "trained":
            raise SpecificationError(row, "has no trained weights to compare with")
        check(model.network)
        splits = netsim.load_splits(model.network)
        test, (best, validation, choices) = splits.test, trained(model.network, splits, seed, folder)
        spiking, dense = decided(model, test), choices == test.labels
        price = dense.astype(float) - spiking
        half_width = NORMAL_95 * price.std() / math.sqrt(len(price))
        figures = (validation, 100 * dense.mean(), 100 * spiking.mean(), 100 * price.mean(), 100 * half_width)
        print(row, seed, best, *(f"{each:.4f}" for each in figures), sep=",", flush=True)


def decided(model: netsim.Model, stimuli: netsim.Stimuli) -> np.ndarray:
    """Return which stimuli the first output spike decides correctly. Ties are errors."""
    spikes = netsim.present(model, stimuli, engine=netsim.make_engine("event", model.network))
    return netsim.decide(spikes[model.network.output.name]).strictly_correct(stimuli.labels)


def check(network: netsim.Network) -> None:
    """Refuse presets with settings that the dense training does not support."""
    left_out = {
        "weighting": network.weighting.is_binary,
        "training.jitter": network.training.jitter > 0,
        "encoder.constant": bool(network.encoder.constant),
        "learning.optimizer": network.learning.optimizer not in {"adam", "weight-norm"},
        "learning.fitted": network.learning.fitted,
        "learning.targets": network.learning.targets != "softmax",
        "training.pretrained": bool(network.training.pretrained),
        "winners": any(each.winners is not None for each in network.populations),
    }
    for setting, given in left_out.items():
        if given:
            raise SpecificationError(network.name, f"has a setting of {setting} that the dense network would not have")


def dense_network(network: netsim.Network) -> Any:
    """Return the chain of a preset with rectified linear units, max pooling and dropout instead of spikes."""
    nn, modules = torch.nn, []
    for layer in network.layers() or ():
        rule = layer.connectivity
        if isinstance(rule, netsim.Pooling):
            modules.append(nn.MaxPool2d(rule.size, rule.step))
        elif isinstance(rule, netsim.Convolution):
            modules += [nn.LazyConv2d(rule.maps, rule.kernel, rule.stride, rule.padding), nn.ReLU()]
        elif isinstance(rule, netsim.Dense):
            modules += [nn.Flatten(), nn.LazyLinear(rule.size), nn.ReLU()]
        else:
            modules = []
            break
        modules += [nn.Dropout(layer.dropout)] if layer.dropout else []
    if not modules:
        raise SpecificationError(network.name, "is no chain of convolution, pooling and dense layers")
    dense = nn.Sequential(*modules[:-1])  # the largest output decides, whatever its sign
    height, width, channels = network.encoder.shape
    dense(torch.zeros(1, channels, height, width))  # initialises lazy layers
    if network.learning.optimizer == "weight-norm":
        for projection, module in zip(network.weighted, weighted_modules(dense), strict=True):
            with torch.no_grad():  # the spread of initial weights sets how far a step turns them
                module.weight.normal_(0, projection.initial.spread / math.sqrt(module.weight[0].numel()))
            if projection.target != network.output.name:
                nn.utils.parametrizations.weight_norm(module)
                nn.utils.parametrize.register_parametrization(module, "weight", _centred(nn))
    return dense


def weighted_modules(dense: Any) -> list[Any]:
    """Return the modules of a dense network that have weights."""
    return [module for module in dense if hasattr(module, "weight")]


def _centred(nn: Any) -> Any:
    """Return a module that subtracts the mean of each unit's weights."""

    class Centred(nn.Module):
        """Weights minus their mean."""

        def forward(self, weights: Any) -> Any:
            """Return weights with a mean of zero."""
            return weights - weights.mean(tuple(range(1, weights.ndim)), keepdim=True)

    return Centred()


def adam(dense: Any, learning: netsim.Learning) -> Any:
    """Return Adam with the momentum of the preset and its decoupled decay of weights (not biases)."""
    weights, biases = (
        [parameter for parameter in dense.parameters() if (parameter.ndim > 1) == many] for many in (True, False)
    )
    groups = [{"params": weights, "weight_decay": learning.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning.rate, betas=(learning.momentum, 0.999))


def trained(
    network: netsim.Network, splits: netsim.Splits, seed: int, folder: Path | None = None
) -> tuple[int, float, np.ndarray]:
    """Train a dense network. Return best epoch, validation accuracy (%), and decisions on the test stimuli."""
    torch.manual_seed(seed)
    dense, learning, settings = dense_network(network), network.learning, network.training
    optimizer, training = adam(dense, learning), splits.training
    mean = {name: array.clone() for name, array in dense.state_dict().items()}
    best: tuple[tuple[float, float], int, dict[str, Any]] = ((-1.0, -math.inf), 0, mean)
    batches, first = math.ceil(len(training) / settings.batch), 0
    stored = folder / f"{network.name}-seed{seed}.pt" if folder else None
    if stored and stored.exists():
        state = torch.load(stored)
        if state["network"] != dumps_network(network):
            raise RunError(f"{stored}: belongs to other settings of {network.name}; choose another folder")
        dense.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["draws"])
        mean, best, first = state["mean"], state["best"], state["epochs"]
    for epoch in range(first, settings.epochs):
        dense.train()
        order = order_of_presentations(seed, epoch, len(training))
        for number in range(batches):
            chosen = order[number * settings.batch : (number + 1) * settings.batch]
            generator = generator_of_batch(seed, epoch, number)
            drawn = (settings.flips, settings.shift, settings.occlusion)
            times = augment(training.latencies(chosen), generator, *drawn)
            done = epoch * batches + number
            for group in optimizer.param_groups:
                group["lr"] = learning.rate * schedules[learning.schedule](done / batches / settings.epochs)
            optimizer.zero_grad()
            _loss(network, dense(_intensities(network, times)), training.labels[chosen]).backward()
            optimizer.step()
            keep = share_kept(learning.averaging, done + 1) if learning.averaging else 0.0
            with torch.no_grad():
                for name, array in dense.state_dict().items():
                    mean[name].lerp_(array, 1 - keep)
        score = float(epoch), 0.0  # without validation, later epochs are better
        if len(splits.validation):
            choices, loss = presented(dense, mean, network, splits.validation)
            score = float((choices == splits.validation.labels).mean()), -loss
        print(f"epoch {epoch + 1} of {settings.epochs}, validation {score[0]:.4f}", file=sys.stderr)
        if score > best[0]:
            best = score, epoch + 1, {name: array.clone() for name, array in mean.items()}
        if stored:
            state = {"network": dumps_network(network), "epochs": epoch + 1, "mean": mean, "best": best}
            state |= {"weights": dense.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"draws": torch.get_rng_state()}
            write_atomically(stored, functools.partial(torch.save, state))
    validation = 100 * best[0][0] if len(splits.validation) else math.nan
    return best[1], validation, presented(dense, best[2], network, splits.test)[0]


def presented(
    dense: Any, weights: dict[str, Any], network: netsim.Network, stimuli: netsim.Stimuli
) -> tuple[np.ndarray, float]:
    """Return decisions and mean loss with given weights."""
    dense.eval()
    choices, loss = [], 0.0
    with torch.inference_mode():
        for part in np.split(np.arange(len(stimuli)), range(AT_ONCE, len(stimuli), AT_ONCE)):
            inputs = _intensities(network, stimuli.latencies(part))
            outputs = torch.func.functional_call(dense, weights, (inputs,))
            loss += float(_loss(network, outputs, stimuli.labels[part])) * len(part) / len(stimuli)
            choices.append(outputs.argmax(1).numpy())
    return np.concatenate(choices), loss


def _intensities(network: netsim.Network, times: np.ndarray) -> Any:
    """Convert latencies to intensities from 0 to 1, channels first."""
    values = np.where(np.isfinite(times), 1 - times / network.encoder.t_max, 0).astype(np.float32)
    return torch.from_numpy(values).permute(0, 3, 1, 2)


def _loss(network: netsim.Network, outputs: Any, labels: np.ndarray) -> Any:
    wanted, smoothing = torch.from_numpy(labels).long(), network.learning.label_smoothing
    return torch.nn.functional.cross_entropy(outputs, wanted, label_smoothing=smoothing)


if __name__ == "__main__":
    if torch is None:
        sys.exit("price_of_spikes: torch is not installed; pip install 'netsim-snn[bench]'")
    run(main)
