"""Recognition of leaky neurons in Brian2 networks of users, which netsim then solves without a time step."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import brian2 as b2
import numpy as np
import sympy
from brian2.core.variables import ArrayVariable, Constant
from brian2.equations.equations import PARAMETER
from brian2.groups.group import CodeRunner, Group
from brian2.groups.neurongroup import SubexpressionUpdater
from brian2.input.poissoninput import PoissonInput
from brian2.parsing.statements import parse_statement
from brian2.parsing.sympytools import str_to_sympy
from brian2.synapses.synapses import SummedVariableUpdater
from brian2.utils.stringtools import get_identifiers

from netsim.engines.brian2.own import OwnBrian2Engine, OwnNetwork, extent_of, root_of
from netsim.errors import DataWarning, SpecificationError, warn_user
from netsim.specification import PSP, Network, Neurons, Population, Projection, Scale
from netsim.specification.checks import check_kind

_SAME = 1e-9
"""Relative difference up to which two constants are equal."""
_DIGITS = 14
"""Significant digits of parameters; products of units leave rounding errors behind them."""
_MONITORS = b2.EventMonitor | b2.StateMonitor | b2.PopulationRateMonitor
_CONSTANT = ""
"""Key of the constant term of a linear equation."""


class _Cell(NamedTuple):
    """Constants of the neurons of a population, in base units of Brian2.

    Attributes
    ----------
    tau : float
        Membrane time constant.
    rest, threshold : float
        Resting potential, and threshold above it.
    currents : dict of tuple
        Time constant of each decaying current, and the change of the potential's level per current, by name.
    bias : float
        Change of the potential's level per unit of the bias variable, 0 without bias.
    """

    tau: float
    rest: float
    threshold: float
    currents: Mapping[str, tuple[float, float]]
    bias: float


def match_family(engine: OwnBrian2Engine) -> Network:
    """Return the network of leaky neurons that equals your Brian2 model, or refuse and name the difference.

    The function reads equations, thresholds, initial values and synapses. A model matches if all neurons are leaky
    integrate-and-fire neurons, spikes add weights to a current that decays exponentially, and neurons fire once::

        dv/dt = (E_L - v + R*current + bias) / tau_m
        dcurrent/dt = -current / tau_s

    Names, units and the order of terms are free. The returned network has the populations and settings of the engine's
    network, with neurons of the family ``leaky`` and the delays of the synapses. Its training uses exact times. Weights
    and biases have the same values in both, so both engines accept them. Potentials are relative to rest, in units of
    the change that a weight of 1 causes. Firing windows of the engine's network are dropped, because the equations have
    none.

    Parameters
    ----------
    engine : OwnBrian2Engine
        From `netsim.brian2_engine`. Its `potentials` name the potentials.

    Returns
    -------
    Network
        For `netsim.make_engine("event", network) <netsim.make_engine>` and `netsim.train`. No `fit_psp` is needed.

    Raises
    ------
    SpecificationError
        If the engine is not from `brian2_engine`, or the model differs from the family. The message names the
        population or projection, and the difference.

    Warns
    -----
    netsim.errors.DataWarning
        If the method of Brian2 makes the potential NaN. ``"exact"`` does so for equal time constants that have
        different names. The returned network is right.

    References
    ----------
    The equations: Gerstner, Kistler, Naud and Paninski (2014), Neuronal Dynamics, chapter 1.3.

    Examples
    --------
    >>> import brian2 as b2
    >>> import netsim
    >>> b2.defaultclock.dt = 0.1 * b2.ms
    >>> leaky = "dv/dt = (I - v)/(20*ms) : 1\\ndI/dt = -I/(5*ms) : 1"
    >>> pixels = b2.SpikeGeneratorGroup(4, [], [] * b2.ms)
    >>> cells = b2.NeuronGroup(2, leaky, threshold="v > 0.3", refractory="True", method="exact")
    >>> synapses = b2.Synapses(pixels, cells, "w : 1", on_pre="I_post += w", delay=2 * b2.ms)
    >>> synapses.connect()
    >>> layers = [netsim.Layer("cells", netsim.Dense(2))]
    >>> network = netsim.Network.chain("own", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 40.0)
    >>> groups = {"stimulus": pixels, "cells": cells}
    >>> engine = netsim.brian2_engine(network, b2.Network(pixels, cells, synapses), groups, {"cells": synapses})
    >>> exact = netsim.match_family(engine)
    >>> exact.population("cells").neurons
    Neurons(threshold=0.3, tau=20.0, family='leaky', tau_syn=5.0)
    >>> exact.projection("cells").delay
    2.0
    """
    check_kind(engine, OwnBrian2Engine, "engine", "from netsim.brian2_engine")
    network, model = engine.network, engine.model
    _check_objects(model)
    populations, projections = [], {}
    for population in network.populations:
        where = f"populations.{population.name}"
        _require(population.integrates, where, "has relays, which are not read from Brian2 equations; leave them out")
        _require(population.winners is None, where, "has winners, which your equations do not have; remove them")
        cell = _cell(model, population, where)
        incoming = network.incoming(population.name)
        effects = {each.name: _effect(model, each, cell) for each in incoming}
        for each in incoming:
            projections[each.name] = dataclasses.replace(each, psp=PSP(), delay=effects[each.name][2])
        populations.append(dataclasses.replace(population, neurons=_neurons(model, population, cell, effects)))
    return dataclasses.replace(
        network,
        populations=tuple(populations),
        projections=tuple(projections[each.name] for each in network.projections),
        training=dataclasses.replace(network.training, engine="event", dt=0.0),
    )


def _check_objects(model: OwnNetwork) -> None:
    """Refuse objects that act on the named populations and synapses. Monitors and readouts do not act on them."""
    named = {root_of(group).name: (f"populations.{name}", root_of(group)) for name, group in model.groups.items()}
    named |= {owner.name: (f"projections.{name}", owner) for name, owner in model.owners.items()}
    for key, owner in named.values():
        idle = [part.name for part in (owner, *owner.contained_objects) if not part.active]
        _require(not idle, key, f"{', '.join(idle)} is not active; set active = True")
    for each in model.network.sorted_objects:
        if each.name in named:
            continue
        acts = next((named[name][0] for name in _targets(each) if name in named), None)
        if not isinstance(each, Group | CodeRunner | _MONITORS):
            acts = "the network"  # its code may do anything
        remedy = "which only Brian2 simulates; remove it, or use netsim.fit_psp"
        _require(acts is None, "simulation", f"{each.name} acts on {acts}, {remedy}")


def _targets(each: Any) -> list[str]:
    """Return the names of the groups and synapses that an object of Brian2 changes, except its own equations."""
    if isinstance(each, b2.Synapses):
        codes = [part.code for part in each._pathways]
        codes += [part.abstract_code for part in each.contained_objects if type(part) is CodeRunner]
        changes_source = any(name.endswith("_pre") for code in codes for name in _changed(code))
        return [root_of(each.target).name, *([root_of(each.source).name] if changes_source else [])]
    if isinstance(each, SummedVariableUpdater):
        return [root_of(each.target).name]
    if isinstance(each, PoissonInput):
        return [root_of(each._group).name]
    return [root_of(each.group).name] if type(each) is CodeRunner else []  # run_regularly


def _changed(code: str | None) -> list[str]:
    """Return the variables that statements of Brian2 assign."""
    return [parse_statement(line)[0] for line in _statements(code)]


def _statements(code: str | None) -> list[str]:
    return [line.strip() for line in re.split(r"[\n;]", code or "") if line.strip()]


def _check_events(group: b2.NeuronGroup, where: str) -> None:
    """Refuse events other than spikes, and resets that change more than the neuron that has fired."""
    for event, code in group.event_codes.items():
        others = [name for name in _changed(code) if name not in group.equations.diff_eq_names]
        _require(event == "spike", where, f"runs {code!r} at events {event!r}; the family leaky has only spikes")
        _require(
            not others, where, f"the reset {code!r} changes {', '.join(others)}; reset only potential and currents"
        )


def _cell(model: OwnNetwork, population: Population, where: str) -> _Cell:
    """Return the constants of a population, or refuse its equations."""
    group, name = root_of(model.groups[population.name]), model.name_of_potential(population.name)
    _require(isinstance(group, b2.NeuronGroup), where, f"{group.name} has no equations; give a NeuronGroup")
    _check_events(group, where)
    substituted = group.equations.get_substituted_expressions(group.variables)
    equations = {each: expression.code for each, expression in substituted if each in group.equations.diff_eq_names}
    remedy = f"name the potential, as in netsim.brian2_engine(..., potentials={{{population.name!r}: 'V'}})"
    _require(name in equations, where, f"{name} has no differential equation; {remedy}")
    bias = model.biases[population.name][1] if population.has_bias else None
    varies = f"the bias {bias} changes over time; the family leaky needs a parameter, such as {bias} : 1"
    _require(bias is None or _is_constant(model, group.variables[bias]), where, varies)
    moving = [*equations, *([bias] if bias else [])]
    potential = _linear(model, population, equations[name], moving, f"d{name}/dt", where)
    leak = -potential.pop(name, 0.0)
    _require(leak > 0, where, f"{name} does not leak; the family leaky needs d{name}/dt = (... - {name})/tau")
    level = potential.pop(_CONSTANT, 0.0) / leak
    coupling = potential.pop(bias, 0.0) / leak if bias else 0.0
    currents = {}
    for current, slope in potential.items():
        decaying = _linear(model, population, equations[current], moving, f"d{current}/dt", where)
        decay = -decaying.pop(current, 0.0)
        more = ", ".join(key or "a constant" for key in decaying)
        only = f"d{current}/dt also has {more}; the family leaky needs d{current}/dt = -{current}/tau_s"
        _require(not decaying, where, only)
        _require(decay > 0, where, f"{current} does not decay; the family leaky needs d{current}/dt = -{current}/tau_s")
        currents[current] = 1 / decay, slope / leak
    _require(bool(currents), where, f"d{name}/dt has no current that decays; the family leaky needs one")
    threshold = _threshold(model, population, name, where)
    for variable, value in ((name, level), *((current, 0.0) for current in currents)):
        start = group.variables[variable].get_value()[extent_of(model.groups[population.name])]
        at_rest = bool(np.all(np.abs(start - value) <= _SAME * abs(threshold - level)))
        given = f"starts at {_shown(group, variable, start.ravel()[0])}, rests at {_shown(group, variable, value)}"
        _require(at_rest, where, f"{variable} {given}; begin at rest, such as group.{variable} = ...")
    refractory = str(group._refractory) == "True"
    _require(refractory, where, f'neurons may fire repeatedly (refractory={group._refractory!r}); set "True"')
    return _Cell(1 / leak, level, threshold - level, currents, coupling)


def _threshold(model: OwnNetwork, population: Population, potential: str, where: str) -> float:
    """Return the threshold of a population, or refuse another condition than ``v > constant``."""
    group = root_of(model.groups[population.name])
    text = str(group.events["spike"])
    condition = _parsed(text, group, "threshold", where)
    if isinstance(condition, sympy.StrictLessThan | sympy.LessThan):
        condition = condition.reversed
    above = isinstance(condition, sympy.StrictGreaterThan | sympy.GreaterThan) and str(condition.lhs) == potential
    _require(above, where, f"the threshold {text!r} has another form than {potential} > constant; change it")
    constant = _linear(model, population, str(condition.rhs), list(group.equations.diff_eq_names), "threshold", where)
    moving = ", ".join(key for key in constant if key)
    _require(not moving, where, f"the threshold changes with {moving}; the family leaky needs a constant")
    return constant.get(_CONSTANT, 0.0)


def _effect(model: OwnNetwork, projection: Projection, cell: _Cell) -> tuple[float, float, float]:
    """Return how far a weight of 1 moves the potential's level, the time constant of the current, and the delay.

    The delay is in ms. Refuse synapses that do more than add their weight to a current.
    """
    where, owner = f"projections.{projection.name}", model.owners[projection.name]
    _require(isinstance(owner, b2.Synapses), where, "has its weights in a group; only those in Synapses are recognised")
    variable, unit, _ = model.kernels[projection.name]
    lines = [line for pathway in owner._pathways for line in _statements(pathway.code)]
    remedy = f"family leaky needs one statement such as current_post += {variable.name}"
    by_spikes = [pathway.prepost == "pre" and pathway.event == "spike" for pathway in owner._pathways] == [True]
    _require(len(lines) == 1 and by_spikes, where, f"{owner.name} runs {lines}; {remedy}")
    silent = not any("summed" in each.flags for each in owner.equations.values()) and _is_constant(model, variable)
    _require(silent, where, f"{owner.name} has equations that change over time; the family leaky has constant weights")
    changed, operator, expression, _ = parse_statement(lines[0])
    current = changed.removesuffix("_post")
    known = operator in ("+=", "-=") and current in cell.currents
    _require(known, where, f"{lines[0]!r} adds to none of {', '.join(cell.currents)}; {remedy}")
    coefficients = _linear_in_synapses(model, owner, expression, variable.name, where)
    strength = coefficients.pop(variable.name, 0.0) * (1 if operator == "+=" else -1)
    _require(not any(coefficients.values()), where, f"{lines[0]!r} adds more than the weight; {remedy}")
    tau, coupling = cell.currents[current]
    delays = np.unique(owner._pathways[0].variables["delay"].get_value())
    several = f"{owner.name} has delays from {delays.min() * 1e3:g} to {delays.max() * 1e3:g} ms; give all the same"
    _require(delays.size <= 1, where, several)
    return strength * unit * coupling, tau, _rounded(float(delays.max(initial=0.0)) * 1e3)


def _neurons(
    model: OwnNetwork, population: Population, cell: _Cell, effects: Mapping[str, tuple[float, float, float]]
) -> Neurons:
    """Return the neurons of the family, or refuse projections and biases that differ in their units."""
    (name, (scale, tau, _)), *others = effects.items()
    positive = f"a weight of 1 changes the potential by {scale:.4g}; spikes must raise it"
    _require(scale > 0, f"projections.{name}", positive)
    for other, (size, time, _) in others:
        where = f"projections.{other}"
        differ = f"currents decay with {time * 1e3:g} ms, those of {name} with {tau * 1e3:g} ms; the family has one"
        _require(_equal(time, tau), where, differ)
        variable, unit, _ = model.kernels[other]
        remedy = f"a weight of 1 has {size / scale:.4g} times the effect of {name}"
        fitting = b2.Quantity(unit * scale / size, dim=variable.dim) if size > 0 else "another sign"
        _require(_equal(size, scale), where, f"{remedy}; give the unit {fitting} to weights in netsim.brian2_engine")
    if population.has_bias:
        group, variable_name, unit = model.biases[population.name]
        where, size = f"biases.{population.name}", unit * cell.bias
        _require(size > 0, where, f"{variable_name} does not raise the potential; the family leaky needs ... + bias")
        remedy = f"a bias of 1 has {size / scale:.4g} times the effect of a weight of 1 on {name}"
        fitting = b2.Quantity(scale / cell.bias, dim=group.variables[variable_name].dim)
        _require(_equal(size, scale), where, f"{remedy}; give the unit {fitting} to the bias in netsim.brian2_engine")
    above = f"threshold is {cell.threshold:.4g} above rest; neurons must rest below their threshold"
    _require(cell.threshold > 0, f"populations.{population.name}", above)
    tau_syn = None if _equal(tau, cell.tau) else _rounded(tau * 1e3)
    if tau_syn is None:
        _warn_of_nan(model, population)
    threshold = _rounded(cell.threshold / scale)
    membrane, physical = _rounded(cell.tau * 1e3), _scale(model, population, cell, scale)
    return Neurons(
        "free", threshold, membrane, bias=population.has_bias, family="leaky", tau_syn=tau_syn, scale=physical
    )


def _warn_of_nan(model: OwnNetwork, population: Population) -> None:
    """Warn if a step of Brian2 is NaN, as its exact solution of equal time constants with different names."""
    group, extent = root_of(model.groups[population.name]), extent_of(model.groups[population.name])
    settings = {"threshold": group.events["spike"], "refractory": group._refractory, "method": group.method_choice}
    one = b2.NeuronGroup(1, group.user_equations, **settings, namespace=group.namespace, dt=group.clock.dt)
    for name, equation in group.user_equations.items():
        if equation.type == PARAMETER:
            values = np.ravel(group.variables[name].get_value())
            one.variables[name].set_value(values[extent][0] if values.size > 1 else values[0])
    b2.Network(one).run(group.clock.dt, namespace=model.namespace)
    variable = model.name_of_potential(population.name)
    if np.isnan(one.variables[variable].get_value()).any():
        wrong = f"{variable} becomes NaN in Brian2, whose exact solution divides by the difference of two equal"
        remedy = "time constants; give both the same name in your equations, or use method='euler'"
        warn_user(f"populations.{population.name}: {wrong} {remedy}", DataWarning)


def _scale(model: OwnNetwork, population: Population, cell: _Cell, scale: float) -> Scale | None:
    """Return the units of a population in mV and pA, or None if its variables have other dimensions."""
    variables = root_of(model.groups[population.name]).variables
    current, (_, coupling) = next(iter(cell.currents.items()))
    potential = variables[model.name_of_potential(population.name)].dim
    if potential != b2.volt.dim or variables[current].dim != b2.amp.dim:
        return None
    return Scale(_rounded(scale * 1e3), _rounded(scale / coupling * 1e12), _rounded(cell.rest * 1e3))


def _linear(
    model: OwnNetwork, population: Population, code: str, moving: Iterable[str], label: str, where: str
) -> dict[str, float]:
    """Return the coefficients of a linear expression by variable, without zeros. The key of its constant is empty."""
    group, extent = root_of(model.groups[population.name]), extent_of(model.groups[population.name])
    return _coefficients(model, group, extent, code, moving, label, where)


def _linear_in_synapses(model: OwnNetwork, owner: Any, code: str, weight: str, where: str) -> dict[str, float]:
    return _coefficients(model, owner, slice(None), code, [weight], "on_pre", where)


def _parsed(code: str, owner: Any, label: str, where: str) -> Any:
    """Parse an expression of Brian2. Refuse functions, except those that are constant until a neuron fires."""
    code = re.sub(r"\bint\(\s*not_refractory(_post)?\s*\)", "1", code)  # each neuron has a single spike
    try:
        expression = str_to_sympy(code, owner.variables)
    except (SyntaxError, TypeError, ValueError, NotImplementedError):
        raise SpecificationError(where, f"{label}: netsim cannot read {code!r}; simplify it") from None
    random = sorted({name for name in get_identifiers(code) if name in ("rand", "randn", "poisson", "binomial")})
    _require(not random, where, f"{label} depends on {', '.join(random)}; the family leaky has constant parameters")
    return expression


def _is_constant(model: OwnNetwork, variable: Any) -> bool:
    """Return whether a variable is a parameter of a named group or synapses, which no equation changes."""
    if isinstance(variable, Constant):
        return True
    owners = {root_of(group).name for group in model.groups.values()} | {each.name for each in model.owners.values()}
    if not isinstance(variable, ArrayVariable) or variable.owner.name not in owners:
        return False
    equations, parts = getattr(variable.owner, "equations", {}), variable.owner.contained_objects
    updated = [
        name for each in parts if isinstance(each, SubexpressionUpdater) for name in _changed(each.abstract_code)
    ]
    known = variable.name in equations and variable.name not in updated
    return known and equations[variable.name].type == PARAMETER


def _coefficients(
    model: OwnNetwork, owner: Any, extent: slice, code: str, moving: Iterable[str], label: str, where: str
) -> dict[str, float]:
    moving = list(moving)
    expression = _parsed(code, owner, label, where)
    names = sorted(str(symbol) for symbol in expression.free_symbols)
    known = owner.resolve_all({name for name in names if name not in moving} & get_identifiers(code), model.namespace)
    values = {}
    for name in names:
        if name in moving:
            continue
        variable = known.get(name)
        stays = f"{label} depends on {name}; the family leaky has constant parameters"
        _require(_is_constant(model, variable), where, stays)
        array = np.ravel(variable.get_value())
        array = array[extent] if isinstance(variable, ArrayVariable) and array.size > 1 else array
        spread = (
            f"{label} depends on {name}, which is {array.min():.4g} to {array.max():.4g}; give all neurons the same"
        )
        _require(array.size > 0 and _equal(array.min(), array.max()), where, spread)
        values[sympy.Symbol(name, real=True)] = float(array[0])
    expression = sympy.expand(expression.subs(values))
    symbols = [sympy.Symbol(name, real=True) for name in moving]
    nonlinear = f"{label} is not linear in {', '.join(moving)}; the family leaky is"
    try:
        terms = sympy.Poly(expression, *symbols).terms()
        pairs = [(powers, float(number)) for powers, number in terms]
    except (sympy.PolynomialError, TypeError, ValueError):
        raise SpecificationError(where, nonlinear) from None
    _require(all(sum(powers) <= 1 for powers, _ in pairs), where, nonlinear)
    return {
        next((name for name, power in zip(moving, powers, strict=True) if power), _CONSTANT): number
        for powers, number in pairs
        if number
    }


def _shown(group: Any, variable: str, value: float) -> str:
    return str(b2.Quantity(value, dim=group.variables[variable].dim))


def _equal(first: float, second: float) -> bool:
    return bool(abs(first - second) <= _SAME * max(abs(first), abs(second)))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _require(holds: bool, where: str, reason: str) -> None:
    if not holds:
        raise SpecificationError(where, reason)
