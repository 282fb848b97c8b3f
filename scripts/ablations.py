"""Ablations: change one setting at a time on a fixed budget, and compare by validation stimuli.

python scripts/ablations.py          # all, seed 0; continues interrupted runs, skips finished runs
python scripts/reproduce.py --ship   # for maintainers: RESULTS.md
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from command import run
from pages import markdown
from run_records import RUNS, Result, read_records, training_record

import netsim
from netsim import PSP, InitialWeights, Learning, Network, Neurons, PSPShape, Training, Weighting
from netsim.measuring.evaluation import Evaluation

IMAGES, EPOCHS, SEED = 10_000, 6, 0
ALONE = 96.0
"""Time (ms) at which the constant current alone brings a neuron to threshold, in `free`."""


def _neurons(regime: str, depth: int) -> Neurons:
    last = depth == 3
    if regime == "phased":
        onset = 64.0 + 128.0 * depth
        return Neurons("phased", 3.0 if last else 2.0, 64.0, onset, 768.0 if last else onset + 128.0, 1.0, bias=True)
    if regime == "staggered":
        return Neurons("staggered", 2.0, 64.0, 48.0 * (depth + 1), drive=1.0, bias=True)
    return Neurons("free", 1.0, ALONE, end=math.inf if last else ALONE, bias=True)


def base(
    regime: str,
    neurons: Neurons | None = None,
    initial: InitialWeights | None = None,
    psp: PSPShape = PSP(),  # noqa: B008
    weighting: Weighting = Weighting(),  # noqa: B008
    winners: bool = False,
    dropout: bool = True,
    training: dict[str, Any] | None = None,
    **learning: Any,
) -> Network:
    """Return 16C5-P2-32C5-P2-200-10 for Fashion-MNIST, with the neurons of a regime's presets by default.

    With `winners`, an eighth of the maps at each position silence the others.
    """
    free = regime == "free"

    def layer(name: str, depth: int, rule: netsim.Connectivity, dropped: float = 0.0) -> netsim.Layer:
        spread = InitialWeights(spread=0.35, bias=1.0) if free else InitialWeights(spread=1.0)
        chosen = initial or (spread if free or depth == 3 else InitialWeights())
        maps = rule.maps if winners and isinstance(rule, netsim.Convolution) else None
        silenced = netsim.PositionWinners(maps // 8) if maps else None
        given = neurons or _neurons(regime, depth)
        return netsim.Layer(name, rule, given, psp, chosen, dropped * dropout, winners=silenced)

    layers = (
        layer("conv1", 0, netsim.Convolution(16, 5, padding=2)),
        netsim.Layer("pool1", netsim.Pooling(2)),
        layer("conv2", 1, netsim.Convolution(32, 5)),
        netsim.Layer("pool2", netsim.Pooling(2), dropout=0.1 * dropout),
        layer("hidden", 2, netsim.Dense(200), 0.2),
        layer("output", 3, netsim.Dense(10)),
    )
    settings: dict[str, Any] = {"rate": 0.001, "sharpness": 256.0} if free else {"rate": 0.002, "sharpness": 4.0}
    trained: dict[str, Any] = {"epochs": EPOCHS, "flips": True} | (training or {})
    return Network.chain(
        f"ablation-{regime}",
        netsim.IntensityEncoder((28, 28, 1), 64.0),
        layers,
        duration={"phased": 768.0, "staggered": 384.0, "free": 256.0}[regime],
        weighting=weighting,
        learning=Learning(**(settings | {"label_smoothing": 0.05, "derivative": "linear", "edges": "stop"} | learning)),
        training=Training("fashion-mnist", **trained),
    )


PLATEAU_16, PLATEAU_64, BINARY = PSP("plateau", 16.0), PSP("plateau", 64.0), Weighting("binary")
EXCITED = InitialWeights(mean=1.0, spread=1.0)
WINNERS = "an eighth of the maps at each position silence the others"
ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "phased": ("phased", {}),
    "staggered": ("staggered", {}),
    "free": ("free", {}),
    "staggered-exact": ("derivative: exact, staggered", {"derivative": "exact"}),
    "free-exact": ("derivative: exact, free", {"derivative": "exact"}),
    "phased-plateau-64": ("PSP: plateau, rise of 64 ms, phased", {"psp": PLATEAU_64}),
    "phased-plateau-16": ("PSP: plateau, rise of 16 ms, phased", {"psp": PLATEAU_16}),
    "phased-triangle": ("PSP: triangle, 64 ms up and 64 ms down, phased", {"psp": PSP("triangle", 64.0, 64.0)}),
    "free-plateau-64": ("PSP: plateau, rise of 64 ms, free", {"psp": PLATEAU_64}),
    "free-plateau-16": ("PSP: plateau, rise of 16 ms, free", {"psp": PLATEAU_16}),
    "free-strong-synapses": (
        "synapses as strong as the constant current, free", {"initial": InitialWeights(bias=1.0)}
    ),
    "free-dull": ("softmax of sharpness 32 for 256, free", {"sharpness": 32.0}),
    "free-without-current": (
        "no constant current, positive mean weights instead, free",
        {"neurons": Neurons("free", 1.0, 16.0), "initial": EXCITED, "sharpness": 8.0, "revive_below": 0.001},
    ),
    "free-relative": ("targets: relative, margin of 8 ms, free", {"targets": "relative", "margin": 8.0}),
    "free-normalised": ("displacements of unit length, free", {"normalised": True}),
    "free-causal": (
        "PSP: plateau, rise of 16 ms, propagation by the order of spikes alone, free",
        {"psp": PLATEAU_16, "propagation": "causal"},
    ),
    "phased-winners": (f"{WINNERS}, phased", {"winners": True}),
    "free-winners": (f"{WINNERS}, free", {"winners": True}),
    "phased-relative": ("targets: relative, margin of 32 ms, phased", {"targets": "relative", "margin": 32.0}),
    "binary-channel": ("weights: binary, a scale a channel, phased", {"weighting": BINARY}),
    "binary-layer": ("weights: binary, a scale a layer, phased", {"weighting": replace(BINARY, scale="layer")}),
    "binary-learned-scale": (
        "weights: binary, a learned scale a channel, phased", {"weighting": replace(BINARY, scale_rate=10.0)}
    ),
    "binary-balanced": (
        "weights: binary, a scale a channel, balanced, phased", {"weighting": BINARY, "balanced": True}
    ),
    "no-dropout": ("without dropout, phased", {"dropout": False}),
    "no-flips": ("without augmentation, phased", {"training": {"flips": False}}),
    "more-augmentation": ("flips, moves and occlusion, phased", {"training": {"shift": 1, "occlusion": 8}}),
}  # fmt: skip
"""Description (ending with the regime) and arguments of `base`, by name."""


def network_of(name: str) -> Network:
    """Return the network of an ablation."""
    what, changes = ABLATIONS[name]
    return replace(base(what.rpartition(", ")[2], **changes), name=f"ablation-{name}")


def measured(folder: Path, network: Network, seed: int = SEED) -> Evaluation:
    """Train a network, or continue its run folder, and evaluate it on all validation stimuli."""
    model = netsim.train(network, folder, seed=seed, limit=IMAGES, resume=True)
    validation, engine = netsim.load_splits(network).validation, netsim.make_engine("event", network)
    return netsim.evaluate(model, validation, engine=engine)


def ablations_table(results: list[Result]) -> str:
    """Return the table of validation accuracies, in the order of `ABLATIONS`."""

    def cells(record: Result) -> list[str]:
        measured, what = record["validation"], record["what"]
        percents = (measured["strict_accuracy"], record["training_strict_accuracy"])
        return [
            f"**{record['regime']}**" if what == "regime" else what,
            *(f"{100 * share:.1f}" for share in percents),
            *(f"{100 * measured['tie_rate']:.2f}", f"{measured['mean_decision_latency_ms']:.0f}"),
            f"{sum(measured['spikes_per_presentation'].values()):,.0f}",
        ]

    known = {record["name"]: record for record in results}
    headings = ("setting", "validation, strict (%)", "training, last epoch (%)", "ties (%)", "decision (ms)")
    return markdown((*headings, "spikes per presentation"), [cells(known[name]) for name in ABLATIONS if name in known])


def main(runs: Path = RUNS / "ablations") -> None:
    """Train missing networks, and print the table."""
    for name, (what, changes) in ABLATIONS.items():
        folder = runs / name
        if (folder / "result.json").exists():
            continue
        print(name, file=sys.stderr)
        evaluation = measured(folder, network_of(name))
        record = {"name": name, "what": what if changes else "regime", "regime": what.rpartition(", ")[2]}
        run = netsim.open_run(folder)
        run.write_json("result.json", {**record, **training_record(run), "validation": evaluation.to_dict()})
    print(ablations_table(read_records(runs, "*/result.json")))


if __name__ == "__main__":
    run(main)
