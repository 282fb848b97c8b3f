"""Checks of a whole network. Each message names the part and a remedy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from netsim.errors import SpecificationError, nearest
from netsim.seams import families
from netsim.specification.checks import require
from netsim.specification.feedback import Feedback
from netsim.specification.populations import BIAS_ONLY, STIMULUS, InitialWeights, Population, Projection
from netsim.specification.psps import PSP
from netsim.specification.wiring import Wiring, by_end, reached

LARGEST = 2**31
"""Maximum number of neurons of a population or weights of a projection. Larger numbers exceed memory."""


def check_takes_psp(population: Population, where: str) -> None:
    """Refuse a given postsynaptic potential of a projection if the family of its target determines it."""
    family = population.dynamics.family
    need = f"has no meaning for neurons of the family {family}, whose time constants determine it; remove it"
    require(families[family].has_psp, f"{where}.psp", need)


def completed(network: Wiring) -> Iterator[Projection]:
    """Yield the projections in the order of their targets, with names and fitted parameters.

    Raises
    ------
    SpecificationError
        If an end does not exist, a name is used twice, or a connectivity does not fit its ends.
    """
    for projection in network.projections:
        where = network.key_of(projection)
        for end, name in (("source", projection.source), ("target", projection.target)):
            if name not in network.shapes:  # the search for similar names is slow
                hint = nearest(name, network.shapes)
                raise SpecificationError(f"{where}.{end}", f"{name!r} is no population{hint}")
        receives = "is the stimulus, which receives nothing; name a population"
        require(projection.target != STIMULUS, f"{where}.target", receives)
    given, names, by_target = {each.name for each in network.projections}, set(), by_end(network.projections, "target")
    for population in network.populations:
        incoming = by_target.get(population.name, ())
        require(bool(incoming), f"populations.{population.name}", "has no incoming projection; add one")
        for number, projection in enumerate(incoming):
            further = number > 0 or population.name in given
            name = projection.name or (f"{projection.source}_to_{population.name}" if further else population.name)
            require(name not in names, "projections.name", f"{name!r} is used twice; each needs its own")
            names.add(name)
            yield _fitted(network, projection if projection.name == name else replace(projection, name=name))


def _fitted(network: Wiring, projection: Projection) -> Projection:
    """Fill in parameters of a connectivity that follow from its ends. This lists no synapses."""
    source, target = network.ends(projection)
    where, onto, neurons = f"{network.key_of(projection)}.connectivity", projection.target, math.prod(target)
    try:
        connectivity = projection.connectivity.fitted(source, target)
        connectivity.check(source, target)
        shape = connectivity.weight_shape(source, target)
    except SpecificationError as error:
        raise SpecificationError(f"{where}.{error.field}".rstrip("."), error.message) from error
    need = f"has weights whose last axis is {shape[-1:]}; it must run over maps or neurons of {onto}"
    require(connectivity.per_synapse or shape[-1:] in ((), (target[-1],), (neurons,)), where, need)
    weights = math.prod(shape) if shape else 0
    size = f"has {neurons:,} neurons and {weights:,} weights; at most {LARGEST:,} of each are possible"
    require(max(neurons, weights) <= LARGEST, network.key_of(network.population(onto)), size)
    unchanged = connectivity is projection.connectivity
    return projection if unchanged else replace(projection, connectivity=connectivity)


def check_consistent(network: Wiring) -> None:
    """Raise SpecificationError unless completed populations and projections fit each other and the presentation."""
    _check_output(network)
    _check_passage(network)
    for population in network.populations:
        _check_inputs(network, population)
    for population in network.integrating:
        _check_times(network, population)
    earliest_spikes = _earliest_spikes(network)
    for projection in network.projections:
        _check_delays(network, projection)
        _check_arrivals(network, projection, earliest_spikes)
        _check_sign(network, projection)
        if projection.feedback is not None:
            _check_feedback(network, projection, projection.feedback)


def _check_output(network: Wiring) -> None:
    output = network.populations[-1]
    decides = output.integrates and len(output.shape) == 1
    require(decides, "layers", "the last layer is the output and must be dense")
    require(output.dropout == 0, f"{network.key_of(output)}.dropout", "must be 0: every output spike counts")
    alone = output.inhibitory is None or bool(network.outgoing(output.name))
    where = f"{network.key_of(output)}.inhibitory"
    require(alone, where, "has no meaning for the output, which has no outgoing projection; remove it")
    where = f"{network.key_of(output)}.rest_below"
    require(output.rest_below is None, where, "must not be given: an output that stays silent decides nothing")
    heard = reached(output.name, [(projection.target, projection.source) for projection in network.projections])
    for population in network.populations:
        lost = f"has no outgoing projection; only the last population, {output.name}, is read out; add a projection"
        others = [
            projection for projection in network.outgoing(population.name) if projection.target != population.name
        ]
        require(bool(others) or population is output, f"populations.{population.name}", lost)
        lost = f"does not reach {output.name}, the last population, which alone is read out; add a projection"
        require(population.name in heard, f"populations.{population.name}", lost)


def _check_passage(network: Wiring) -> None:
    """Refuse populations that the stimulus does not reach, and impossible loops."""
    fed = reached(STIMULUS, [(projection.source, projection.target) for projection in network.projections])
    for population in network.populations:
        remedy = "is not reached by the stimulus; add a projection onto it from where spikes come"
        require(population.name in fed, f"populations.{population.name}", remedy)
    for component in network.components:
        looped = any(map(network.is_recurrent, network.incoming(component[0].name)))
        relays = next((population for population in component if looped and not population.integrates), None)
        if relays is not None:
            members = " and ".join(population.name for population in component)
            need = f"are relays in a loop ({members}), which must pass through neurons that integrate alone"
            raise SpecificationError(f"populations.{relays.name}.neurons", need)
        kinds = {population.dynamics.family for population in component if population.integrates}
        mixed = f"differ within a loop ({' and '.join(sorted(kinds))}); use one family"
        require(not looped or len(kinds) == 1, f"populations.{component[0].name}.neurons.family", mixed)
        whole = "scales the displacements of a layer by all of them, which a loop does not know in time; remove it"
        require(not (looped and network.learning.normalised), "learning.normalised", whole)


def _check_inputs(network: Wiring, population: Population) -> None:
    where, incoming = network.key_of(population), network.incoming(population.name)
    for projection in incoming:
        weighted = bool(network.weight_shape(projection))
        if population.integrates:
            remedy = 'make them relays (neurons = "relays", in Python None)'
            lack = f"integrate, but the projection from {projection.source} has no weights; {remedy}"
            require(weighted, f"{where}.neurons", lack)
            if projection.psp != PSP():
                check_takes_psp(population, network.key_of(projection))
        else:
            require(not weighted, f"{where}.neurons", "are relays, whose connectivity has no weights")
            of_weights = (projection.psp, projection.initial, projection.plastic, projection.sign)
            remedy = "has no weights, so that psp, initial, plastic and sign have no meaning there; remove them"
            require(of_weights == (PSP(), InitialWeights(), True, "any"), where, remedy)
    single = population.integrates or len(incoming) == 1
    require(single, where, f"are relays, which receive by one projection, not by {len(incoming)}")
    targets = [projection.target for projection in network.outgoing(population.name)]
    if population.integrates and population.dropout:
        remedy = f"where another spike takes the place; put it on {', '.join(targets)}"
        integrate = all(network.population(target).integrates for target in targets)
        require(integrate, f"{where}.dropout", f"has no meaning before pooling, {remedy}")
    drawn = any(projection.initial.bias != 0 for projection in incoming)
    require(population.has_bias or not drawn, f"{where}.initial.bias", BIAS_ONLY)


def _check_times(network: Wiring, population: Population) -> None:
    where, neurons = f"{network.key_of(population)}.neurons", population.dynamics
    late = f"ms is after the end of the presentation ({network.duration} ms); choose an earlier time"
    require(neurons.onset < network.duration, f"{where}.onset", f"{neurons.onset} {late}")
    require(neurons.end <= network.duration or neurons.end == math.inf, f"{where}.end", f"{neurons.end} {late}")


def _check_delays(network: Wiring, projection: Projection) -> None:
    where, delays = f"{network.key_of(projection)}.delay", projection.delays
    given = {"": projection.common_delay}
    if delays is not None:
        given = {".mean": delays.mean, ".shortest": delays.shortest}
        given |= {".longest": delays.longest} if delays.longest < math.inf else {}
        weighted = delays.per == "axon" or network.weight_shape(projection)
        require(bool(weighted), f"{where}.per", "must be axon where there are no weights, as onto relays")
    for field_name, delay in given.items():
        long = f"{delay} ms is not shorter than the presentation ({network.duration} ms); choose a shorter one"
        require(delay < network.duration, f"{where}{field_name}", long)


def _check_arrivals(network: Wiring, projection: Projection, earliest_spikes: Mapping[str, float]) -> None:
    """Refuse a projection whose spikes all arrive too late to count."""
    population = network.population(projection.target)
    if not population.integrates:
        return
    gated = population.dynamics.gated and not network.is_recurrent(projection)
    field_name, until = ("onset", population.dynamics.gate) if gated else ("end", network.window_end(population))
    effect = min((delay for delay, change in projection.psp.kernel if change), default=0.0)
    earliest = earliest_spikes[projection.source] + projection.shortest_delay + effect
    shorter = earliest_spikes[projection.source] + effect < until
    sooner = "or a shorter delay" if shorter else f"or an earlier window of {projection.source}"
    late = (
        f"is too early: spikes from {projection.source} count from {earliest:g} ms on at the earliest, and until"
        f" {until:g} ms only; set a later one, {sooner}"
    )
    require(earliest < until, f"{network.key_of(population)}.neurons.{field_name}", late)


def _check_sign(network: Wiring, projection: Projection) -> None:
    of_neurons, source, where = network.signs(projection.source), projection.source, network.key_of(projection)
    of_source = "" if of_neurons is None else f"{network.key_of(network.population(source))}.inhibitory"
    signed = of_neurons is not None or projection.sign != "any"
    remedy = "has no meaning for binary weights, which are nothing but signs; remove it"
    require(not network.weighting.is_binary or not signed, of_source or f"{where}.sign", remedy)
    twice = f"is given twice: the neurons of {source} have signs ({of_source}); remove one"
    require(of_neurons is None or projection.sign == "any", f"{where}.sign", twice)


def _earliest_spikes(network: Wiring) -> dict[str, float]:
    """Return the earliest possible spike (ms) of the stimulus and each population."""
    earliest = {STIMULUS: 0.0}
    for population in network.in_order:
        if population.integrates:
            earliest[population.name] = population.dynamics.onset
        else:
            (projection,) = network.incoming(population.name)
            earliest[population.name] = earliest[projection.source] + projection.shortest_delay
    return earliest


def _check_feedback(network: Wiring, projection: Projection, feedback: Feedback) -> None:
    where = f"{network.key_of(projection)}.feedback"
    from_stimulus = "has no meaning from the stimulus, which does not learn; remove it"
    require(projection.source != STIMULUS, where, from_stimulus)
    weighted = bool(network.weight_shape(projection))
    require(weighted, where, "has no meaning where there are no weights; remove it")
    nothing = "is in units of initial.spread, which is 0, so that nothing is handed back; give a spread"
    require(projection.initial.spread > 0, where, nothing)
    across = feedback.direct and network.is_recurrent(projection)
    require(not across, where, "passes all targets by, which has no meaning within a loop; take random")
