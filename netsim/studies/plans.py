"""Plans of studies: levels, seeds and layers, checked against the network before anything is presented."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from netsim.reprs import short_repr
from netsim.seams import studies
from netsim.specification import Network
from netsim.specification.checks import names_in, plain_number, require, whole
from netsim.studies.study import Study


@dataclass(frozen=True)
class Plan:
    """The presentations of a study.

    Attributes
    ----------
    study : str
        Name of the study.
    levels : tuple of float
    seeds : tuple of int
        Empty if nothing is random.
    curves : dict of tuple of str
        Layers that are disturbed together, by the name of the curve. A study without layers has one empty curve.
    """

    study: str
    levels: tuple[float, ...]
    seeds: tuple[int, ...]
    curves: dict[str, tuple[str, ...]]

    __repr__ = short_repr

    @property
    def passes(self) -> int:
        """Number of presentations of all stimuli, including the undisturbed pass."""
        if studies[self.study].reads_once:
            return 1
        disturbed = sum(level != studies[self.study].neutral for level in self.levels)
        return 1 + len(self.curves) * disturbed * (max(1, len(self.seeds)) + self.controls)

    @property
    def controls(self) -> int:
        """Number of controls per level."""
        return int(bool(studies[self.study].control))

    def to_dict(self) -> dict[str, Any]:
        """Return study, disturbance, levels, seeds and the layers of each curve, ready for JSON."""
        return {
            "kind": self.study,
            "disturbance": studies[self.study].summary,
            "levels": list(self.levels),
            "seeds": list(self.seeds),
            "layers": {name: list(layers) for name, layers in self.curves.items() if name},
        }


def make_plan(
    network: Network,
    study: str,
    levels: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    layers: str | Sequence[str] | None = None,
) -> Plan:
    """Plan a study of a network.

    Parameters
    ----------
    network : Network
    study : str
        A name in `netsim.seams.studies`.
    levels : sequence of float, optional
        By default the levels of the study. ``early-readout`` has none, and derives times from the decisions.
    seeds : sequence of int
        Seeds of repetitions. They are dropped if nothing is random.
    layers : str or sequence of str, optional
        Names of layers; each gets a curve. ``all`` disturbs all default layers of the study together.

    Returns
    -------
    Plan

    Raises
    ------
    SpecificationError
        If the study does not exist, a level or seed is out of bounds, or a layer does not exist or does not suit the
        study.
    """
    chosen: Study = studies.require(study)
    if levels is None:
        window = network.encoder.t_max if chosen.in_windows else 1.0
        levels = [level * window for level in chosen.levels]
    else:
        iterable = isinstance(levels, Iterable)
        require(iterable, "levels", f"must be a sequence of levels, such as [0.1, 0.5], not {levels!r}")
        levels = [plain_number(level) for level in levels]
        require(len(levels) > 0, "levels", "are empty; give at least one level, or leave levels out")
    layers = None if layers is None else names_in(layers, "layers")
    require(layers is None or len(layers) > 0, "layers", "are empty; give at least one layer, or leave layers out")
    for level in levels:
        is_number = isinstance(level, int | float) and not isinstance(level, bool)
        require(is_number, "levels", f"must be numbers, not {level!r}")
        chosen.check_level(network, level)
    require(isinstance(seeds, Iterable), "seeds", f"must be a sequence of seeds, such as range(5), not {seeds!r}")
    drawn = [whole(seed, "seeds", least=0) for seed in seeds]
    for seed in drawn:
        require(seed < 2**63, f"seed {seed}", "must be a whole number from 0 to 2^63 - 1")
    require(len(set(drawn)) == len(drawn), "seeds", f"must be different, because equal seeds draw equally: {drawn}")
    require(bool(drawn) or not chosen.random, "seeds", f"are missing; {study} draws at random, give at least one")
    curves = chosen.curves(network, layers)
    return Plan(study, tuple(sorted(set(map(float, levels)))), tuple(drawn) if chosen.random else (), curves)
