"""The tables of the neuron and synapse model, and of its parameters."""

from collections.abc import Mapping, Sequence
from typing import Literal

from netsim.description.document import Table, plain
from netsim.seams import regimes
from netsim.specification import Network, Population, Regime, Scale, Winners
from netsim.specification.families import Described
from netsim.specification.grid import TOLERANCE
from netsim.specification.phrases import DELAY, END, GAP, GATE, ONSET, grouped, in_ms, names, number
from netsim.specification.traits import has_delays, has_relays, in_loops, unless_all

_TAU_SYN = r"$\tau_s$ (ms)"
_STAND_IN = ", the stand-in that the learner uses"
"""Suffix of titles if the engine of a plug-in simulated."""


def neurons_table(network: Network, foreign: str = "") -> Table:
    """Return the equations of neurons and synapses. With a `foreign` engine, return only equations of the learner."""
    by_regime = grouped(network.integrating, lambda population: population.dynamics.regime)
    potentials = []
    for (described, regime), chosen in _described(network).items():
        potential = f"{described.potential},{GAP}{described.further}" if described.further else described.potential
        if regimes[regime].gated:
            potential = potential.replace("I_j(t)", f"I_j(t){GAP}[t < {GATE}]")
        drive = rf" + D{GAP}[t \geq {ONSET}]" if regimes[regime].has_drive else ""
        potentials.append(rf"${potential}{drive}$, $v_j(0) = 0${unless_all(chosen, network.integrating)}")
    looped = [population for population in in_loops(network) if population.dynamics.kind.currents_from_onset]
    if looped:
        potentials.append(
            rf"plus $R_j(t){GAP}[t \geq {ONSET}]$ on the right{unless_all(looped, network.integrating)}: the current of"
            " the projections of loops"
        )
    rows = [("Stand-in", stand_in(foreign))] if foreign else []
    rows += [
        ("Membrane potential", "\n".join(potentials)),
        ("Synaptic current", _synaptic_current(network)),
    ]
    if looped:
        rows.append(("Recurrent current", _recurrent_current(network)))
    rows += [
        ("Postsynaptic potential", _postsynaptic_potential(network)),
        (
            "Spike",
            rf"$t_j$ is the first $t$ with ${ONSET} \leq t < {END}$ and $v_j(t) \geq \theta$. A neuron without such a"
            r" $t$ is silent, $t_j = \infty$; a neuron fires at most once in a presentation.",
        ),
        ("Regime", "\n".join(f"`{name}`: {_summary(regimes[name], of, looped)}" for name, of in by_regime.items())),
    ]
    competing = grouped(
        (population for population in network.populations if population.winners is not None),
        lambda population: population.winners,
    )
    if competing:
        rows.append(("Winner take all", _competition(competing)))
    if has_relays(network):
        earliest = rf"(t_i + {DELAY})" if has_delays(network) else "t_i"
        rows.append((
            "Pooling neurons",
            rf"$t_j = \min_i {earliest}$ over the field of $j$: the earliest spike is passed on at once. No potential,"
            " no weights.",
        ))  # fmt: skip
    rows += [
        ("Presentation", f"$0 \\leq t < T$, $T = {in_ms(network.duration)}$; begins without potentials and spikes"),
        ("Time", _foreign_time(network) if foreign else _time(network)),
    ]
    return Table("D1", f"Neuron and synapse model{_STAND_IN if foreign else ''}", tuple(rows))


def _described(network: Network) -> dict[tuple[Described, str], list[Population]]:
    """Return populations by the texts of their family and by regime. Those with PSPs come first."""
    return grouped(
        _psps_first(network),
        lambda population: (population.dynamics.kind.describe(population.dynamics), population.dynamics.regime),
    )


def _psps_first(network: Network) -> list[Population]:
    return sorted(network.integrating, key=lambda population: not population.dynamics.kind.has_psp)


def _summary(regime: type[Regime], chosen: Sequence[Population], looped: Sequence[Population]) -> str:
    """Describe the regime of some populations in a clause. Those in `looped` receive a recurrent current."""
    if regime.gated:
        moved = [population.name for population in chosen if population in looped]
        also = ""
        if moved:
            also = (
                f"; the recurrent current $R_j$ moves that of {names(moved)} too, so that this form does not hold there"
            )
        return (
            rf"a neuron integrates until its onset, where the gate closes, ${GATE} = {ONSET}$; from there the drive $D$"
            rf" alone moves its potential, so that $t_j = {ONSET} + \max(0,{GAP}\tau (\theta - v_j({ONSET})) / D)$ if"
            rf" that is before ${END}${also}"
        )
    fires = "all layers run at once; a neuron may fire whenever it is at threshold"
    if regime.has_onset:
        fires = rf"a neuron integrates from the start but fires only from its onset ${ONSET}$ on"
    return fires + ", helped by the constant drive $D$ from there" * regime.has_drive


def stand_in(foreign: str) -> str:
    """Explain the equations for a network that a plug-in's engine simulated."""
    return (
        f"{plain(foreign)[:1].upper()}{plain(foreign)[1:]} simulated, whose equations are not in the specification and"
        " need not be these. Neurons and synapses here are the stand-in that the learner uses."
    )


def _foreign_time(network: Network) -> str:
    grid = f"Latencies are on a grid of ${in_ms(network.training.dt)}$" if network.training.dt else "Latencies are read"
    return f"{grid} as the engine gives them; how it integrates is not in the specification."


def _synaptic_current(network: Network) -> str:
    arrival, delay, texts = "t_i", "", []
    if has_delays(network):
        arrival, delay = f"t_i + {DELAY}", f"; ${DELAY}$: conduction delay (table C)"
    for (text, has_psp), chosen in _texts(network, "current").items():
        biased = [population for population in chosen if population.has_bias]
        current, bias, breakpoints = f"{text}, at ${arrival}$", "; $b_j = 0$", ""
        if has_psp:
            bias = ""
            breakpoints = (
                "; $d_k$, $c_k$: delays of the breakpoints of a postsynaptic potential, and changes of its slope there"
            )
        if biased:
            bias = f"; $b_j$: constant current of a map or dense neuron{unless_all(biased, chosen)}"
        if has_psp and not text:
            sums = rf"\sum_i w_{{ij}} \sum_k c_k{GAP}[t \geq {arrival} + d_k]"
            current = rf"$\displaystyle I_j(t) = {'b_j + ' if biased else ''}{sums}$"
        texts.append(
            f"{current}{unless_all(chosen, network.integrating)}\n$t_i$: latency of the presynaptic neuron $i$,"
            f" infinite if it is silent; $w_{{ij}}$: weight{bias}{delay}{breakpoints}"
        )
    return "\n".join(texts)


def _texts(network: Network, name: Literal["current", "psp"]) -> dict[tuple[str, bool], list[Population]]:
    """Return populations by a text of their family, and by whether it has PSPs. Those with PSPs come first."""
    return grouped(
        _psps_first(network),
        lambda population: (
            getattr(population.dynamics.kind.describe(population.dynamics), name),
            population.dynamics.kind.has_psp,
        ),
    )


def _recurrent_current(network: Network) -> str:
    loops = [projection for projection in network.projections if network.is_recurrent(projection)]
    same = "step" if network.training.dt else "instant"
    return (
        rf"$R_j(t)$ is such a sum over the synapses of {names(projection.name for projection in loops)},"
        rf" which do not contribute to $I_j(t)$. It counts from ${ONSET}$ on in every regime, also after a gate has"
        rf" closed for $I_j(t)$. A spike only changes slopes, so spikes of one {same} do not affect each other."
    )


def _competition(competing: Mapping[Winners | None, Sequence[Population]]) -> str:
    lines = [
        f"{names(population.name for population in chosen)}: {winners.describe()}"
        for winners, chosen in competing.items()
        if winners is not None
    ]
    lines.append(
        "The others are silent, as if they had not reached threshold. Among neurons that reach it at the same time,"
        rf" those with greater $v_j - \theta$ come first, and among equal ones (to ${number(TOLERANCE)}{GAP}\theta$)"
        " those with the lower number."
    )
    return "\n".join(lines)


def _postsynaptic_potential(network: Network) -> str:
    since = f", at a time $t$ after the presynaptic spike{' has arrived' if has_delays(network) else ''}"
    texts = []
    for (psp, _), chosen in _texts(network, "psp").items():
        effect = rf"$\displaystyle \varepsilon(t) = {psp}$, times $w_{{ij}} / \tau$"
        if not psp:
            effect = rf"A current $\varepsilon'(t) = \sum_k c_k{GAP}[t > d_k]$, times $w_{{ij}}$"
        texts.append(f"{effect}{since}{unless_all(chosen, network.integrating)}")
    projections = [projection for projection in network.weighted if network.neurons(projection.target).kind.has_psp]
    for shape, alike in grouped(projections, lambda projection: projection.psp).items():
        pairs = ", ".join(f"$({delay}, {change})$" for delay, change in shape.written_kernel())
        texts.append(f"{shape.phrase}{unless_all(alike, network.weighted)}: $(d_k, c_k)$ = {pairs}")
    return "\n".join(texts)


def _time(network: Network) -> str:
    dt = network.training.dt
    between = "; ".join(dict.fromkeys(described.time for described, _ in _described(network)))
    if not dt:
        return (
            f"No time step: {between}. A neuron fires where its potential meets the threshold, computed to"
            " rounding; events are processed in order of time."
        )
    gate = f" ${GATE}$," if any(population.dynamics.gated for population in network.integrating) else ""
    breakpoints = any(population.dynamics.kind.has_psp for population in network.integrating)
    delays = " and ".join([*["$d_k$"] * breakpoints, *[f"${DELAY}$"] * has_delays(network)])
    moved = f"stimulus latencies and delays {delays}" if delays else "stimulus latencies"
    return (
        f"Steps of ${in_ms(dt)}$, with exact integration: {between}. ${ONSET}$,{gate}"
        f" ${END}$ and $T$ move to the first step at or after them; {moved} to the nearest step, halves up (a spike"
        rf" that would fall on $T$ is left out). A neuron fires in the first step with $v_j \geq (1 -"
        rf" {number(TOLERANCE)}){GAP}\theta$."
    )


def parameters_table(network: Network, foreign: str = "") -> Table:
    """Return the parameters of integrating neurons, one row per population. See `neurons_table` for `foreign`."""
    columns = {"Layer": 0.16, "Regime": 0.14, r"$\theta$": 0.08, r"$\tau$ (ms)": 0.11, f"${ONSET}$ (ms)": 0.11}
    columns |= {f"${END}$ (ms)": 0.11, f"${GATE}$ (ms)": 0.12, "$D$": 0.08, "$b_j$": 0.09}
    leaks = not all(population.dynamics.kind.has_psp for population in network.integrating)
    if leaks:
        columns = {name: width - 0.01 * (name != "Layer") for name, width in columns.items()} | {_TAU_SYN: 0.1}
        columns["Layer"] -= 0.02
    rows = []
    for population in network.integrating:
        neurons = population.dynamics
        values = (neurons.threshold, neurons.tau, neurons.onset, network.window_end(population), neurons.gate,
                  neurons.drive)  # fmt: skip
        bias = "learned" if neurons.bias else "none"
        rows.append(
            (f"`{population.name}`", f"`{neurons.regime}`", *(f"${number(value)}$" for value in values), bias)
            + (
                ()
                if not leaks
                else ("none" if neurons.kind.has_psp else f"${number(neurons.tau_syn or neurons.tau)}$",)
            )
        )
    note = (
        rf"$\theta$: threshold; $\tau$: membrane time constant; ${ONSET}$, ${END}$: window in which the neurons may"
        f" fire; ${GATE}$: end of the synaptic current; $D$: drive; $b_j$: constant current of a map or dense neuron."
    )
    if leaks:
        note = note.removesuffix(".") + r"; $\tau_s$: time constant of the synaptic current."
    units = _units(network)
    title = f"Parameters of the integrating neurons{_STAND_IN if foreign else ''}"
    notes = (note, *units, stand_in(foreign)) if foreign else (note, *units)
    return Table("D2", title, tuple(rows), columns, notes)


def _units(network: Network) -> list[str]:
    """Return physical units of populations with a scale."""
    scaled = [population for population in network.integrating if population.dynamics.scale is not None]
    texts = []
    for (scale, tau, threshold, leaks), chosen in grouped(scaled, _unit_of).items():
        assert scale is not None
        leak = rf", leak ${_with(scale.conductance, 'nS')}$" if leaks else ""
        texts.append(
            rf"Units{unless_all(chosen, network.integrating)}: a potential of 1 is ${_with(scale.potential, 'mV')}$"
            rf" above rest, a current, weight or bias of 1 is ${_with(scale.current, 'pA')}$. Rest"
            rf" ${_with(scale.rest, 'mV')}$, threshold ${_with(scale.in_mv(threshold), 'mV')}$, capacitance"
            rf" ${_with(scale.capacitance(tau), 'pF')}${leak}."
        )
    return texts


def _unit_of(population: Population) -> tuple[Scale | None, float, float, bool]:
    neurons = population.dynamics
    return neurons.scale, neurons.tau, neurons.threshold, bool(neurons.rates and neurons.rates.leak)


def _with(value: float, unit: str) -> str:
    return rf"{number(value)} \text{{ {unit}}}"
