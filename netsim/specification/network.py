"""The network: encoder, populations, projections and settings, with the checks of its own values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from netsim.errors import SpecificationError
from netsim.reprs import html_table, limited
from netsim.specification.checks import (
    check_kind,
    check_magnitudes,
    check_parts,
    check_types,
    finite,
    plain_number,
    require,
)
from netsim.specification.consistency import LARGEST, check_consistent, completed
from netsim.specification.encoders import Encoder
from netsim.specification.populations import STIMULUS, Layer, Population, Projection, Shape, expand_layers, layers_of
from netsim.specification.settings import Learning, Training, Weighting
from netsim.specification.wiring import Wiring

MOST_STEPS = 10**9
"""Maximum number of steps of a presentation."""


@dataclass(frozen=True)
class Network(Wiring):
    """A network and its learning.

    Populations may be in any order, except that the last is the output. Populations that form a loop, such as a
    population that projects onto itself, are one component. `components` lists them in the order of propagation.

    Parameters
    ----------
    name : str
        At most 100 letters, digits, ``_``, ``-`` and ``.``. netsim names folders by it.
    encoder : Encoder
    populations : sequence of Population
        The last population is the output. Its first spike is the decision.
    projections : sequence of Projection
    duration : float
        Length of a presentation (ms).
    weighting, learning, training
        Settings of weights, learning and training: `Weighting`, `Learning` and `Training`.
    description : str
        One line for lists of presets. Networks are equal even if their descriptions differ.

    Raises
    ------
    SpecificationError
        If a part is invalid. The message names the field.

    Examples
    --------
    >>> from netsim import Dense, IntensityEncoder, Network, Population, Projection
    >>> network = Network(
    ...     "skip",
    ...     IntensityEncoder((8, 8, 1), t_max=16.0),
    ...     (Population("hidden", (20,)), Population("output", (10,))),
    ...     (
    ...         Projection("stimulus", "hidden", Dense()),
    ...         Projection("hidden", "output", Dense()),
    ...         Projection("stimulus", "output", Dense()),
    ...     ),
    ...     duration=64.0,
    ... )
    >>> [projection.name for projection in network.incoming("output")]
    ['output', 'stimulus_to_output']
    """

    name: str
    encoder: Encoder
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    duration: float
    weighting: Weighting = field(default_factory=Weighting)
    learning: Learning = field(default_factory=Learning)
    training: Training = field(default_factory=Training)
    description: str = field(default="", compare=False)

    def __repr__(self) -> str:
        lines = [f"{name} {shape}: {text}" for name, shape, text in self._rows()]
        return limited([f"Network {self.name!r}:", *(f"  {line}" for line in lines), f"  {self._extent()}"])

    def _repr_html_(self) -> str:
        return html_table(f"{self.name}: {self._extent()}", self._rows(), ("population", "shape", "receives"))

    def _rows(self) -> list[tuple[str, Shape, str]]:
        """Return name, shape and a short text for the stimulus and for each population."""
        rows = [(STIMULUS, self.encoder.shape, f"{type(self.encoder).__name__}, t_max {self.encoder.t_max:g} ms")]
        for population in self.populations:
            regime = "relays" if population.neurons is None else population.neurons.regime
            sources = [
                f"{projection.connectivity!r} from {projection.source}" for projection in self.incoming(population.name)
            ]
            rows.append((population.name, population.shape, f"{regime}, {' and '.join(sources)}"))
        return rows

    def _extent(self) -> str:
        count = sum(math.prod(self.weight_shape(projection)) for projection in self.weighted)
        return f"{self.duration:g} ms, {count:,} {self.weighting.kind} weights"

    @classmethod
    def chain(cls, name: str, encoder: Encoder, layers: Sequence[Layer], duration: float, **settings: Any) -> Network:
        """Make a network in which each layer receives from the preceding layer, and the first from the stimulus.

        Parameters
        ----------
        name, encoder, duration
            See `Network`.
        layers : sequence of Layer
        **settings
            Other parameters of `Network`.

        Returns
        -------
        Network

        Raises
        ------
        SpecificationError
            If a part is invalid. The message names the field.

        Examples
        --------
        >>> from netsim import Dense, IntensityEncoder, Layer, Network
        >>> layers = [Layer("hidden", Dense(50)), Layer("output", Dense(10))]
        >>> network = Network.chain("mine", IntensityEncoder((8, 8, 1), t_max=16.0), layers, duration=64.0)
        >>> network.shapes
        {'stimulus': (8, 8, 1), 'hidden': (50,), 'output': (10,)}
        """
        check_kind(encoder, Encoder, "encoder", "such as IntensityEncoder((8, 8, 1), t_max=16.0)")
        populations, projections = expand_layers(layers, encoder.shape)
        return cls(name, encoder, populations, projections, duration, **settings)

    def with_layers(self, layers: Sequence[Layer]) -> Network:
        """Return the same network with other layers."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("populations", "projections")}
        return Network.chain(layers=layers, **given)

    def layers(self) -> tuple[Layer, ...] | None:
        """The layers that `chain` makes this network from, or None if it is not a chain."""
        if len(self.populations) != len(self.projections):
            return None
        layers = layers_of(self.populations, self.projections)
        try:
            made = expand_layers(layers, self.encoder.shape)
        except SpecificationError:
            return None
        return layers if made == (self.populations, self.projections) else None

    def __post_init__(self) -> None:
        check_types(self, "")
        kinds: tuple[tuple[str, type], ...] = (("populations", Population), ("projections", Projection))
        for name, kind in kinds:
            object.__setattr__(self, name, check_parts(getattr(self, name), kind, name))
        require(
            re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", self.name) is not None,
            "name",
            "must be at most 100 letters, digits, '_', '-' and '.', with neither '-' nor '.' at the start, for folders"
            f" are called by it, not {self.name!r}",
        )
        require(
            finite(self.duration) and self.duration >= self.encoder.t_max,
            "duration",
            f"must be a time in ms of at least encoder.t_max ({self.encoder.t_max} ms), not {self.duration}",
        )
        check_magnitudes(self, "", ["duration"])
        late = f"has a spike at the end of the presentation ({self.duration} ms); choose a longer duration"
        require(self.duration not in self.encoder.constant, "encoder.constant", late)
        require(
            math.prod(self.encoder.shape) <= LARGEST,
            "encoder.shape",
            f"has more than {LARGEST:,} pixels; use smaller samples",
        )
        require(len(self.populations) > 0, "layers", "needs at least one layer")
        names = [population.name for population in self.populations]
        sort = "layers" if self.of_layers else "populations"  # must precede the naming of projections
        twice = next((name for name, count in Counter(names).items() if count > 1), "")
        need = f"is used twice; each of the {sort} needs a unique name"
        require(not twice, f"{sort}.name", f"{twice!r} {need}")
        object.__setattr__(self, "projections", tuple(completed(self)))
        check_consistent(self)
        if self.training.dt:
            self.check_dt(self.training.dt, "training.dt")

    def check_dt(self, dt: float, where: str = "dt") -> float:
        """Check a time step (ms) and return it as a Python number. `where` names it in messages.

        Raises
        ------
        SpecificationError
            If it is not positive, too small, or longer than ``encoder.t_max``.
        """
        t_max, dt = self.encoder.t_max, plain_number(dt)
        require(finite(dt) and dt > 0, where, f"must be a positive time in ms, not {dt}")
        require(dt <= t_max, where, f"{dt} ms is larger than the encoding window of {t_max} ms; choose a smaller step")
        few = self.duration / dt <= MOST_STEPS
        require(few, where, f"{dt} ms cuts a presentation into more than {MOST_STEPS:,} steps; choose a larger step")
        return float(dt)
