"""What a study does: its kind, levels, seeds and layers, checked against the network before anything is presented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netsim.errors import SpecificationError, nearest
from netsim.specification import Convolution, Network
from netsim.studies.kinds import STUDY_KINDS, Kind

ALL = "all"
"""Stands for all layers that a kind of study may disturb."""


@dataclass(frozen=True)
class Plan:
    """What is presented.

    Attributes
    ----------
    kind : str
        One of `STUDY_KINDS`.
    levels : tuple of float
    seeds : tuple of int
        Empty if nothing is drawn at random.
    curves : dict of tuple of str
        By the name of a curve, the layers that are disturbed together; one with no layers if the kind has none.
    """

    kind: str
    levels: tuple[float, ...]
    seeds: tuple[int, ...]
    curves: dict[str, tuple[str, ...]]

    @property
    def passes(self) -> int:
        """How many times all stimuli are presented; an undisturbed pass is one of them."""
        if self.kind == "early-readout":
            return 1
        disturbed = [level for level in self.levels if level > 0]
        controls = 1 if STUDY_KINDS[self.kind].control else 0
        return 1 + len(self.curves) * len(disturbed) * (max(1, len(self.seeds)) + controls)

    def to_dict(self) -> dict[str, Any]:
        """Kind and what it is, levels, seeds and layers of each curve, ready for JSON."""
        return {
            "kind": self.kind,
            "disturbance": STUDY_KINDS[self.kind].summary,
            "levels": list(self.levels),
            "seeds": list(self.seeds),
            "layers": {name: list(layers) for name, layers in self.curves.items() if name},
        }


def make_plan(
    network: Network,
    kind: str,
    levels: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    layers: Sequence[str] | None = None,
) -> Plan:
    """Plan a study of a network.

    Parameters
    ----------
    network : Network
    kind : str
        One of `STUDY_KINDS`.
    levels : sequence of float, optional
        By default those of the kind; of ``early-readout`` none, which stands for times chosen from the decisions.
    seeds : sequence of int
        For each, everything is drawn anew; left out where nothing is random.
    layers : sequence of str, optional
        A curve for each of them; ``all`` stands for all that the kind disturbs together by default.

    Raises
    ------
    SpecificationError
        If there is no such kind, a level or seed is out of bounds, or a layer does not exist or does not suit the kind.
    """
    if kind not in STUDY_KINDS:
        raise SpecificationError(f"study {kind!r}", f"is not known{nearest(kind, STUDY_KINDS)}")
    chosen = STUDY_KINDS[kind]
    if levels is None:
        window = network.encoder.t_max if chosen.in_windows else 1.0
        levels = [level * window for level in chosen.levels]
    for level in levels:
        _check_level(network, kind, level)
    for seed in seeds:
        if not 0 <= seed < 2**63:
            raise SpecificationError(f"seed {seed}", "must be a whole number from 0 to 2^63 - 1")
    curves = _curves(network, kind, chosen, layers)
    return Plan(kind, tuple(sorted(set(map(float, levels)))), tuple(seeds) if chosen.random else (), curves)


def _check_level(network: Network, kind: str, level: float) -> None:
    chosen = STUDY_KINDS[kind]
    if not chosen.least <= level <= chosen.most or (chosen.whole and level != int(level)):
        number = "a whole number" if chosen.whole else "a number"
        bounds = f"from {chosen.least:g} to {chosen.most:g}"
        raise SpecificationError(f"level {level:g}", f"must be {number} {bounds} for {kind} ({chosen.level})")
    if kind == "time-step":
        network.check_dt(level)


def _curves(network: Network, kind: str, chosen: Kind, layers: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """The layers of each curve."""
    if chosen.layers == "none":
        if layers:
            raise SpecificationError(f"layer {layers[0]!r}", f"cannot be chosen: {kind} is not about single layers")
        return {"": ()}
    output = network.layers[-1]
    together = tuple(
        layer.name
        for layer in network.weighted_layers
        if not (chosen.layers == "hidden" and layer is output)
        and not (chosen.layers == "maps" and not isinstance(layer, Convolution))
    )
    curves = {}
    for name in layers or [ALL]:
        if name != ALL:
            layer = network.layer(name)
            suits = isinstance(layer, Convolution) if chosen.layers == "maps" else layer in network.weighted_layers
            if not suits:
                needed = "is no convolution" if chosen.layers == "maps" else "is a pooling layer"
                raise SpecificationError(f"layer {name!r}", f"{needed}, which {kind} cannot disturb")
        elif not together:
            needed = "convolutions" if chosen.layers == "maps" else "hidden layers; choose one"
            raise SpecificationError(f"study {kind!r}", f"{network.name} has no {needed}")
        curves[name] = together if name == ALL else (name,)
    return curves
