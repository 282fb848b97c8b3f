"""The protocol of a neuron family."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from netsim.errors import SpecificationError
from netsim.seams import families, regimes
from netsim.specification.checks import require


class Described(NamedTuple):
    """Texts of a family for the model description. Equations are LaTeX mathematics with the symbols of its other rows.

    Attributes
    ----------
    potential : str
        Equation of the potential, for example ``\\tau v_j'(t) = -v_j(t) + I_j(t)``. Its right side at ``t_j`` is also
        printed as the slope at threshold. With PSPs, the bias is part of ``I_j(t)``. The description adds the drive,
        and the current of loops.
    time : str
        Sentence on the potential between events.
    bias : str
        Effect of a constant current of 1 on the potential by ``L_j``, times ``1 / \\tau``, if the family is additive.
    current : str
        Sentence on the synaptic current. With PSPs, the default says that it changes at their breakpoints.
    psp : str
        Effect ``\\varepsilon(t)`` of a spike on the potential, times ``w_{ij} / \\tau``, if the family is additive. A
        PSP has delays ``d_k`` and changes ``c_k``.
    further : str
        Equations of further variables, separated by commas. The drive is then added to the last of them, which has
        ``I_j(t)``.
    """

    potential: str
    time: str
    bias: str = ""
    current: str = ""
    psp: str = ""
    further: str = ""


class Parameters(Protocol):
    """The parameters of neurons (`netsim.specification.Neurons`) that families read."""

    @property
    def regime(self) -> str:
        """Name of the regime."""

    @property
    def threshold(self) -> float:
        """Firing threshold."""

    @property
    def tau(self) -> float:
        """Membrane time constant (ms)."""

    @property
    def tau_syn(self) -> float | None:
        """Time constant of the synaptic current (ms)."""


class Family:
    """How the potential of a neuron moves between events.

    A subclass is one file. It is registered in `netsim.seams.families` and has no instances.

    The state of neurons is an array of shape (states, ...): the potential, its synaptic current, and any further
    variables. All are 0 at the start. An event adds an amount to the current: the weight of a spike, times the change
    at a breakpoint of the PSP if the family has PSPs. No event moves the potential. `rest` is the constant current,
    bias and drive. Times and parameters `p` are in the unit of the engine: ms, or steps of its grid. All functions are
    vectorised with numpy.

    A family needs `parameters`, `advance`, `crossing` and `field` for the event engine, `jacobian` for learning, and
    `equations` for Brian2. The other functions have defaults.

    Attributes
    ----------
    regimes : tuple of str
        Names of the regimes that the family supports. Empty means all. A regime with a gate needs `straight`.
    has_psp : bool
        Whether projections choose a postsynaptic potential (`netsim.PSP`). Otherwise the neurons determine it.
    additive : bool
        Whether a potential is the sum of the `response` to each event. Read-outs of potentials, causes of spikes, and
        the fit of initial weights need it.
    straight : bool
        Whether a potential is a line between two events. Its recording and its figure then need no further samples.
    currents_from_onset : bool
        Whether the currents of loops count from the onset of their target only.
    fading : bool
        Whether the effect of a spike fades.
    states : int
        Number of state variables.
    kernels : str
        Fast loops that replace the generic ones in the event engine and in learning (`netsim.engines.event.stages`).
        Empty if the family has none.
    cell : str
        Standard neuron of other simulators: ``integrator`` (no leak, breakpoints), ``exponential`` (leak, exponential
        current), or empty if they have none. Exchange formats read it.
    method : str
        Brian2's method for the equations, unless `step` returns a closed form.
    phrase : str
        The family in words.
    currents, potentials : str
        In words, the synaptic currents of a family without PSPs, or the kind of postsynaptic potentials of others.
    in_double : bool
        Whether the event engine always computes in double precision.
    steepness : float
        Slope of the potential at threshold that learning assumes without a drive, in ``threshold/tau``.

    Examples
    --------
    >>> import netsim
    >>> family = netsim.seams.families["quadratic"]
    >>> p = family.parameters(netsim.Neurons(tau=10.0, family="quadratic"))
    >>> potential, current = family.advance(np.array([[0.0], [1.0]]), 0.0, 5.0, p)
    >>> potential.round(6).tolist()  # tan(5/10)
    [0.546302]
    """

    regimes: ClassVar[tuple[str, ...]] = ()
    has_psp: ClassVar[bool] = False
    additive: ClassVar[bool] = False
    straight: ClassVar[bool] = False
    currents_from_onset: ClassVar[bool] = False
    fading: ClassVar[bool] = False
    states: ClassVar[int] = 2
    kernels: ClassVar[str] = ""
    cell: ClassVar[str] = ""
    method: ClassVar[str] = "exact"
    phrase: ClassVar[str] = ""
    currents: ClassVar[str] = ""
    potentials: ClassVar[str] = ""
    in_double: ClassVar[bool] = True
    steepness: ClassVar[float] = 1.0
    _with_rates: ClassVar[type[Family] | None] = None
    """The class `Exponential`, which this module does not import."""

    def __init_subclass__(cls) -> None:
        """Let a family of netsim 0.3, which defined its rates alone, have the functions that follow from them."""
        super().__init_subclass__()
        exponential = Family._with_rates
        if "rates" in vars(cls) and exponential is not None and not issubclass(cls, exponential):
            replaced = "derive families with rates from netsim.specification.families.Exponential, not from Family"
            warnings.warn(f"{cls.__qualname__}: {replaced}", DeprecationWarning, stacklevel=2)
            cls.__bases__ = (exponential,)

    @classmethod
    def check(cls, neurons: Parameters) -> None:
        """Refuse parameters that the family does not support.

        Raises
        ------
        SpecificationError
            The error names a field ``neurons.<name>``.
        """
        name = families.name_of(cls)
        supported = not cls.regimes or neurons.regime in cls.regimes
        remedy = f"is {neurons.regime}, which the family {name} does not support; use {' or '.join(cls.regimes)}"
        require(supported, "neurons.regime", remedy)
        gate = f"is {neurons.regime}, whose gate is for potentials that are lines between events; use another regime"
        require(cls.straight or not regimes[neurons.regime].gated, "neurons.regime", gate)
        message = 'has a meaning for neurons with a decaying current only, such as family = "leaky"; remove it'
        require(not cls.has_psp or neurons.tau_syn is None, "neurons.tau_syn", message)

    @classmethod
    def parameters(cls, neurons: Parameters, dt: float = 0.0) -> Any:
        """Return a NamedTuple of numbers in ms, or in steps of `dt` ms."""
        raise NotImplementedError

    @classmethod
    def advance(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Any) -> np.ndarray:
        """Return the state after a time `span` without events."""
        raise NotImplementedError

    @classmethod
    def arrive(cls, state: np.ndarray, amount: np.ndarray, p: Any) -> np.ndarray:
        """Return the state after an event: `amount` is added to the current."""
        moved = state.copy()
        moved[1] += amount
        return moved

    @classmethod
    def crossing(
        cls, state: np.ndarray, rest: np.ndarray, threshold: np.ndarray, limit: np.ndarray, p: Any
    ) -> np.ndarray:
        """Return the time until the potential first reaches threshold without events.

        It is 0 at or above threshold, and ``inf`` or later than `limit` without a crossing by then.
        """
        raise NotImplementedError

    @classmethod
    def field(cls, state: np.ndarray, rest: np.ndarray, p: Any) -> np.ndarray:
        """Return the derivative of the state by time. Its first row is the slope of the potential."""
        raise NotImplementedError

    @classmethod
    def jacobian(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Any) -> np.ndarray:
        """Return the derivative of `advance` by the state and by `rest`, shape (states, states + 1, ...)."""
        raise NotImplementedError

    @classmethod
    def response(cls, neurons: Parameters, since: np.ndarray) -> np.ndarray:
        """Return the potential times `tau` at times (ms) after an event that adds 1 to the current, 0 before it.

        It follows from `arrive` and `advance`. Only families that are `additive` have one.
        """
        return cls._moved(neurons, 1.0, 0.0, since)

    @classmethod
    def response_to_constant(cls, neurons: Parameters, since: np.ndarray) -> np.ndarray:
        """Return the potential times `tau` that a constant current of 1 adds in times (ms), 0 for negative times."""
        return cls._moved(neurons, 0.0, 1.0, since)

    @classmethod
    def _moved(cls, neurons: Parameters, amount: float, rest: float, since: np.ndarray) -> np.ndarray:
        if not cls.additive:
            lack = "has a potential that is no sum of the effects of single spikes, which this needs"
            raise SpecificationError("neurons.family", f"{families.name_of(cls)} {lack}; use another family")
        since, p = np.maximum(since, 0.0), cls.parameters(neurons)
        state = cls.arrive(np.zeros((cls.states, *since.shape)), np.full(since.shape, amount), p)
        moved: np.ndarray = neurons.tau * cls.advance(state, np.full(since.shape, rest), since, p)[0]
        return moved

    @classmethod
    def equations(cls, neurons: Parameters, looped: bool = False) -> str:
        """Return the equations in Brian2 of the potential ``v`` and the current ``current``, in the units of `Neurons`.

        They may use ``tau``, ``tau_syn``, the ``leak`` and ``decay`` of families with rates, and ``rest``, which is the
        sum of bias and drive within a step. `looped` tells whether there is a separate current ``recurrent``
        (`currents_from_onset`). The default raises an error.
        """
        name = families.name_of(cls)
        raise SpecificationError("neurons.family", f"{name} has no equations for Brian2; use the engine event")

    @classmethod
    def step(cls, neurons: Parameters) -> str:
        """Return a step of the equations in closed form, as abstract code of Brian2, or an empty text for `method`.

        The code updates ``v`` and ``current`` by the step ``dt``.
        """
        return ""

    @classmethod
    def describe(cls, neurons: Parameters) -> Described:
        """Return what the model description says. The default raises an error."""
        raise SpecificationError("neurons.family", f"{families.name_of(cls)} has no description; define describe")
