"""Ablations: one setting changed at a time, on a fixed budget, and judged by validation stimuli alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from netsim.data.stimuli import load_splits
from netsim.engines import make_engine
from netsim.errors import RunError
from netsim.measuring.evaluation import evaluate
from netsim.runs.folder import is_run, open_run
from netsim.runs.model import Model
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    PositionWinners,
    Projection,
    Training,
    Weighting,
)
from netsim.training.opening import open_training
from netsim.weights.binary import forward_weights
from reproducing.records import training_record

IMAGES = 10_000
EPOCHS = 6
SEED = 0

Change = Callable[[Network], Network]


def base(regime: str) -> Network:
    """16C5-P2-32C5-P2-200-10 for Fashion-MNIST, with the neurons of the presets of a regime."""
    phases = ((64.0, 192.0), (192.0, 320.0), (320.0, 448.0), (448.0, 768.0))
    onsets = (48.0, 96.0, 144.0, 192.0)
    alone = 96.0  # when a constant current brings a neuron to threshold by itself

    def neurons(depth: int) -> Neurons:
        if regime == "phased":
            onset, end = phases[depth]
            return Neurons("phased", 2.0 if depth < 3 else 3.0, 64.0, onset, end, 1.0, bias=True)
        if regime == "staggered":
            return Neurons("staggered", 2.0, 64.0, onsets[depth], drive=1.0, bias=True)
        return Neurons("free", 1.0, alone, end=alone if depth < 3 else math.inf, bias=True)

    def initial(depth: int) -> InitialWeights:
        if regime == "free":
            return InitialWeights(spread=0.35, bias=1.0)
        return InitialWeights(spread=1.0) if depth == 3 else InitialWeights()

    return Network.chain(
        f"ablation-{regime}",
        IntensityEncoder((28, 28, 1), 64.0),
        (
            Layer("conv1", Convolution(16, 5, padding=2), neurons=neurons(0), initial=initial(0)),
            Layer("pool1", Pooling(2)),
            Layer("conv2", Convolution(32, 5), neurons=neurons(1), initial=initial(1)),
            Layer("pool2", Pooling(2), dropout=0.1),
            Layer("hidden", Dense(200), neurons(2), initial=initial(2), dropout=0.2),
            Layer("output", Dense(10), neurons(3), initial=initial(3)),
        ),
        duration={"phased": 768.0, "staggered": 384.0, "free": 256.0}[regime],
        learning=Learning(
            rate=0.001 if regime == "free" else 0.002,
            sharpness=256.0 if regime == "free" else 4.0,
            label_smoothing=0.05,
        ),
        training=Training("fashion-mnist", epochs=EPOCHS, flips=True),
    )


def _learning(**settings: Any) -> Change:
    return lambda network: replace(network, learning=replace(network.learning, **settings))


def _training(**settings: Any) -> Change:
    return lambda network: replace(network, training=replace(network.training, **settings))


def _weighting(**settings: Any) -> Change:
    return lambda network: replace(network, weighting=Weighting(**settings))


def _projections(network: Network, **settings: Any) -> tuple[Projection, ...]:
    """The projections, those with weights with other settings."""
    return tuple(replace(one, **settings) if one in network.weighted else one for one in network.projections)


def _psp(*shape: Any) -> Change:
    return lambda network: replace(network, projections=_projections(network, psp=PSP(*shape)))


def _without_dropout(network: Network) -> Network:
    return replace(network, populations=tuple(replace(one, dropout=0.0) for one in network.populations))


def _strong_synapses(network: Network) -> Network:
    return replace(network, projections=_projections(network, initial=InitialWeights(bias=1.0)))


def _by_synapses_alone(network: Network) -> Network:
    """Free neurons that nothing but presynaptic spikes brings to threshold."""
    alone = Neurons("free", 1.0, 16.0)
    network = replace(
        network,
        populations=tuple(replace(one, neurons=one.neurons and alone) for one in network.populations),
        projections=_projections(network, initial=InitialWeights(mean=1.0, spread=1.0)),
    )
    return _learning(rate=0.001, sharpness=8.0, revive_below=0.001)(network)


def _winners(network: Network) -> Network:
    """An eighth of the maps at each position silence the others."""
    return replace(
        network,
        populations=tuple(
            replace(one, winners=PositionWinners(first=one.shape[2] // 8))
            if one.neurons and len(one.shape) == 3
            else one
            for one in network.populations
        ),
    )


def _as_is(network: Network) -> Network:
    return network


ABLATIONS: dict[str, tuple[str, str, Change]] = {
    "phased": ("regime", "phased", _as_is),
    "staggered": ("regime", "staggered", _as_is),
    "free": ("regime", "free", _as_is),
    "staggered-exact": ("derivative: exact, staggered", "staggered", _learning(derivative="exact")),
    "free-exact": ("derivative: exact, free", "free", _learning(derivative="exact")),
    "phased-plateau-64": ("PSP: plateau, rise of 64 ms, phased", "phased", _psp("plateau", 64.0)),
    "phased-plateau-16": ("PSP: plateau, rise of 16 ms, phased", "phased", _psp("plateau", 16.0)),
    "phased-triangle": ("PSP: triangle, 64 ms up and 64 ms down, phased", "phased", _psp("triangle", 64.0, 64.0)),
    "free-plateau-64": ("PSP: plateau, rise of 64 ms, free", "free", _psp("plateau", 64.0)),
    "free-plateau-16": ("PSP: plateau, rise of 16 ms, free", "free", _psp("plateau", 16.0)),
    "free-strong-synapses": ("synapses as strong as the constant current, free", "free", _strong_synapses),
    "free-dull": ("softmax of sharpness 32 for 256, free", "free", _learning(sharpness=32.0)),
    "free-without-current": ("no constant current, positive mean weights instead, free", "free", _by_synapses_alone),
    "free-relative": ("targets: relative, margin of 8 ms, free", "free", _learning(targets="relative", margin=8.0)),
    "free-normalised": ("displacements of unit length, free", "free", _learning(normalised=True)),
    "free-causal": (
        "PSP: plateau, rise of 16 ms, propagation by the order of spikes alone, free",
        "free",
        lambda network: _learning(propagation="causal")(_psp("plateau", 16.0)(network)),
    ),
    "phased-winners": ("an eighth of the maps at each position silence the others, phased", "phased", _winners),
    "free-winners": ("an eighth of the maps at each position silence the others, free", "free", _winners),
    "phased-relative": (
        "targets: relative, margin of 32 ms, phased",
        "phased",
        _learning(targets="relative", margin=32.0),
    ),
    "binary-channel": ("weights: binary, a scale a channel, phased", "phased", _weighting(kind="binary")),
    "binary-layer": ("weights: binary, a scale a layer, phased", "phased", _weighting(kind="binary", scale="layer")),
    "binary-learned-scale": (
        "weights: binary, a learned scale a channel, phased",
        "phased",
        _weighting(kind="binary", scale_rate=10.0),
    ),
    "binary-balanced": (
        "weights: binary, a scale a channel, balanced, phased",
        "phased",
        lambda network: _learning(balanced=True)(_weighting(kind="binary")(network)),
    ),
    "no-dropout": ("without dropout, phased", "phased", _without_dropout),
    "no-flips": ("without augmentation, phased", "phased", _training(flips=False)),
    "more-augmentation": ("flips, moves and occlusion, phased", "phased", _training(shift=1, occlusion=8)),
}
"""Name, what it shows, the regime, and what is changed in it."""


def run_ablations(runs: Path, data_dir: str | None, on_run: Callable[[str], None]) -> None:
    """Train all ablations that are not finished yet, and judge them by all validation stimuli.

    Parameters
    ----------
    runs : Path
        Where run folders are kept; what is there is gone on with.
    data_dir : str, optional
    on_run : callable
        Is told the name of each that is trained.

    Raises
    ------
    RunError
        If a run folder was made with other settings.
    """
    for name, (what, regime, change) in ABLATIONS.items():
        folder = runs / name
        network = replace(change(base(regime)), name=f"ablation-{name}")
        if is_run(folder) and open_run(folder).network() != network:
            raise RunError(f"{folder}: was made with other settings; move it away")
        if (folder / "result.json").exists():
            continue
        on_run(name)
        run = open_training(folder, network, SEED, IMAGES, data_dir, resume=is_run(folder))
        history = run.train()
        weights = forward_weights(network, run.folder.weights(network))
        measured = evaluate(
            Model(network, weights, data_dir=data_dir),
            load_splits(network, None, data_dir).validation,
            engine=make_engine("event", network),
        )
        run.folder.write_json(
            "result.json",
            {
                "name": name,
                "what": what,
                "regime": regime,
                **training_record(run.folder),
                "training_strict_accuracy": history[-1]["training_strict_accuracy"],
                "validation": measured.to_dict(),
            },
        )
