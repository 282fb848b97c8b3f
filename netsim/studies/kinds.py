"""The kinds of studies by name, without anything heavy: for help texts, defaults and axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Kind:
    """What a study varies.

    Parameters
    ----------
    summary : str
        One line for help texts.
    level : str
        What its levels are, with the unit, as an axis says it.
    levels : tuple of float
        Levels by default; none if they depend on the decisions.
    least, most : float
        Bounds of a level; numbers beyond these are slips.
    whole : bool
        Whether levels are whole numbers.
    in_windows : bool
        Whether the levels by default are multiples of the encoding window, for levels in ms.
    random : bool
        Whether seeds matter.
    layers : {"none", "weighted", "hidden", "maps"}
        Which layers can be chosen, and are disturbed together by default: those with weights, those between stimulus
        and output, or convolutions.
    control : str
        What is presented at the same levels to compare with, if anything.
    """

    summary: str
    level: str
    levels: tuple[float, ...]
    least: float = 0.0
    most: float = 1e6
    whole: bool = False
    in_windows: bool = False
    random: bool = True
    layers: Literal["none", "weighted", "hidden", "maps"] = "none"
    control: str = ""


_TENTHS = tuple(tenth / 10 for tenth in range(10))

STUDY_KINDS = {
    "spike-jitter": Kind(
        "normal jitter of input spike times; none comes before 0 ms (level: SD in ms)",
        "jitter of input spikes, SD (ms)",
        (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2),
        in_windows=True,
    ),
    "spike-deletion": Kind(
        "input spikes are deleted at random (level: fraction)", "deleted input spikes", _TENTHS, most=1.0
    ),
    "spurious-spikes": Kind(
        "input spikes are added at random places and times (level: number per input neuron)",
        "spurious spikes per input neuron",
        (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5),
        most=100.0,
    ),
    "spatial-jitter": Kind(
        "input spikes move by a normal jitter; what leaves the image is lost (level: SD in pixels)",
        "spatial jitter, SD (pixels)",
        (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3),
    ),
    "weight-noise": Kind(
        "normal noise on all synaptic weights (level: SD in units of that of the layer's weights)",
        "SD of noise / SD of weights",
        (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
        layers="weighted",
    ),
    "weight-bits": Kind(
        "weights are whole multiples of the step that suits the layer best; 1 bit is the sign (level: bits)",
        "bits per weight",
        (8, 7, 6, 5, 4, 3, 2, 1),
        least=1,
        most=16,
        whole=True,
        random=False,
        layers="weighted",
    ),
    "lesion-neurons": Kind(
        "neurons are silenced at random (level: fraction)", "silenced neurons", _TENTHS, most=1.0, layers="hidden"
    ),
    "lesion-maps": Kind(
        "whole maps of convolutions are silenced at random (level: fraction)",
        "silenced maps",
        _TENTHS,
        most=1.0,
        layers="maps",
    ),
    "threshold-heterogeneity": Kind(
        "log-normal thresholds, one a neuron, with the mean of the layer (level: coefficient of variation)",
        "coefficient of variation of thresholds",
        (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
        layers="weighted",
    ),
    "delay-jitter": Kind(
        "half-normal conduction delays, one an axon; the control delays all by the mean, 0.8 σ (level: σ in ms)",
        "conduction delays, σ (ms)",
        (0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4),
        in_windows=True,
        layers="weighted",
        control="all delays equal",
    ),
    "time-step": Kind(
        "the same network on a time grid, compared with exact times (level: time step in ms)",
        "time step (ms)",
        (1 / 256, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4),
        in_windows=True,
        random=False,
    ),
    "early-readout": Kind(
        "only output spikes up to a time count (level: time in ms)", "time of read-out (ms)", (), random=False
    ),
}
"""Kinds in the order in which one meets them on the way from the stimulus to the decision."""
