"""The model description of STiDi-BP."""

from netsim.learning.postsynaptic import SMALLEST_SLOPE
from netsim.learning.protocol import EXACTNESS, Row
from netsim.seams import targets
from netsim.specification import Feedback, Network, Population
from netsim.specification.families import Described
from netsim.specification.phrases import DELAY, END, GAP, GATE, ONSET, T_MAX, grouped, in_ms, names, number
from netsim.specification.traits import has_bias, has_delays, has_relays, in_loops, returns, shares_weights, unless_all


def summary(network: Network) -> str:
    """Return the rule in one line."""
    settings = network.learning
    phased = all(population.dynamics.gated for population in network.integrating) and not in_loops(network)
    derivative = "" if phased else f" and `{settings.derivative}` derivative"
    return f"STiDi-BP with `{settings.targets}` targets{derivative}"


def rule(network: Network) -> list[Row]:
    """Return the learning rule, from the displacements of the output neurons to the gradients of all weights."""
    output = targets[network.learning.targets].describe(network)
    rows = [
        (
            "Rule",
            "STiDi-BP, spike time displacement based error backpropagation (Mirsadeghi et al. 2023,"
            " doi:10.1007/s00521-023-08567-0), as implemented in netsim. After each batch every layer converts the"
            r" displacements $\Delta_j$ of its neurons, the wanted changes of their latencies $t_j$ (ms), to a"
            " gradient of its own weights, and passes displacements to the layer below. $w_{ij}$: weight that fed"
            " forward, from neuron $i$ to neuron $j$.",
        ),
        (
            "Output displacement",
            f"{output}. The label is $y$; a silent output neuron counts as firing at ${END}$.{_edges(network)}",
        ),
    ]
    if len(network.integrating) > 1:
        rows.append(("Hidden displacement", _hidden_displacement(network)))
    if _priced(network):
        price = number(network.learning.activity)
        rows.append((
            "Price of spikes",
            rf"$\Delta_j \leftarrow \Delta_j + {price}{GAP}{T_MAX}$ for each hidden neuron $j$ whose latency can move,"
            rf" as if its spike cost ${price}{GAP}({END} - t_j) / {T_MAX}$ of the loss, which metrics do not show",
        ))  # fmt: skip
    if network.learning.normalised:
        rows.append((
            "Normalisation",
            rf"$\Delta_j \leftarrow {T_MAX}{GAP}\Delta_j / \sqrt{{\sum_l \Delta_l^2}}$, over each layer with weights"
            " and each presentation",
        ))  # fmt: skip
    looped = in_loops(network)
    kinds = grouped(
        network.integrating,
        lambda population: (
            population.dynamics.gated,
            population.dynamics.gated and population in looped,
            _described(population),
        ),
    )
    alike = kinds.values()
    rows.append(("Signal", "\n".join(_signal(chosen, network) for chosen in alike)))
    rows.append(("Gradient", _gradient(network)))
    if any(projection.learns_delays for projection in network.delayed):
        rows.append(("Gradient of delays", _delay_gradient(network)))
    if len(network.populations) > 1:
        rows.append(("Propagation", _propagation(network)))
    if looped:
        rows.append(("Loops", _loops(network)))
    rows.append((EXACTNESS, _exactness(network)))
    return rows


def _edges(network: Network) -> str:
    """Return the treatment of displacements that point out of the output window."""
    if network.learning.edges == "pass":
        return ""
    onset = rf"if $t_k \leq {ONSET}$ and $\Delta_k < 0$, or " if network.output.dynamics.onset > 0 else ""
    return rf" $\Delta_k$ is set to 0 {onset}if $t_k \geq {END}$ and $\Delta_k > 0$."


def _priced(network: Network) -> bool:
    """Return whether any spikes have a price."""
    return network.learning.activity > 0 and len(network.integrating) > 1


def _exactness(network: Network) -> str:
    """Return in which sense the step is a gradient of the loss of the targets with respect to the weights."""
    learning = network.learning
    fed_back = any(projection.feedback is not None for projection in network.projections)
    if learning.normalised or learning.propagation != "slope" or fed_back:
        return "The step is the gradient of no loss: displacements are weighed otherwise than by the chain rule"
    end = "as long as no spike appears or vanishes, and every output neuron fires after its onset"
    if returns(network):
        end += ", except for displacements of hidden neurons at the edges of their windows"
    binary = (
        "\nThe latent weights follow the gradient of those that feed forward, as if the sign were the identity: an"
        " approximation"
        if network.weighting.is_binary
        else ""
    )
    loss = "the loss given under output displacement,"
    if not getattr(targets[learning.targets], "follows_loss", False):
        loss = "a loss whose negative gradient the output displacement is, if there is one,"
    if _priced(network):
        loss = f"{loss} and of the price of spikes,"
    if dt := network.training.dt:
        loss += (
            f" taken at exact times and evaluated at the latencies of the grid of ${in_ms(dt)}$ (approximate: on the"
            " grid latencies are rounded, and the loss is constant except for jumps),"
        )
    looped = in_loops(network)
    rough = [population for population in network.integrating if not population.dynamics.gated or population in looped]
    if not rough or learning.derivative == "exact":
        exact = "" if dt else "exact "
        return f"The step is the {exact}gradient of {loss} passed on population by population, {end}{binary}"
    where = unless_all(rough, network.integrating)
    return (
        f"The step approximates the gradient of {loss} passed on population by population: the slope at threshold"
        f" is assumed{where}. This gradient is the gradient of the loss {end}{binary}"
    )


def _hidden_displacement(network: Network) -> str:
    hidden = network.integrating[:-1]
    late = [population for population in hidden if population.dynamics.onset > 0]
    early = f" or fired at ${ONSET}$ already" if late else ""
    where = unless_all(late, hidden) if late else ""
    text = rf"$\Delta_j$ is set to 0 where neuron $j$ stayed silent{early}{where}: its latency cannot move."
    if any(population.winners is not None for population in network.populations):
        text += " Neurons that competition silenced are silent; which neurons win is taken as given."
    if returns(network):
        silenced = any(population.dropout or population.winners is not None for population in hidden)
        only = " Populations with dropout or competition are left out." if silenced else ""
        if late:
            text += f"\nException: a neuron that fired at ${ONSET}$ keeps a displacement $\\Delta_j > 0${where}."
        text += (
            "\nException: a silent neuron keeps a displacement $\\Delta_j < 0$. Its targets send it as if it had fired"
            f" with the latest spike of its population, and before {_deadlines(network)}. The weights onto the targets"
            f" do not learn from it.{only}"
        )
    return text


def _deadlines(network: Network) -> str:
    """Say until when hidden neurons are heard."""
    hidden = {population.name for population in network.integrating} - {network.output.name}
    heard_by = {projection.target for projection in network.weighted if projection.source in hidden}
    gated = {network.population(name).dynamics.gated for name in heard_by}
    if gated == {False}:
        return "the first spike of its targets"
    return "the gates of its targets" + (", or the first spike of targets without a gate" if False in gated else "")


def _signal(chosen: list[Population], network: Network) -> str:
    """Return the signal of populations that are either all gated or all ungated, from their displacement."""
    who = unless_all(chosen, network.integrating)
    if chosen[0].dynamics.gated and chosen[0] in in_loops(network):
        if network.learning.derivative == "linear":
            return rf"$\delta_j = \Delta_j / D$, $L_j = {GATE}$: linear, because $R_j$ is ignored{who}"
        return (
            rf"$\delta_j = \Delta_j / \max(D + R_j(t_j),{GAP}{number(SMALLEST_SLOPE)}{GAP}D)$, $L_j = {GATE}$: exact,"
            f" with the recurrent current just before the spike, and without it for silent neurons{who}"
        )
    if chosen[0].dynamics.gated:
        return (
            rf"$\delta_j = \Delta_j / D$, $L_j = {GATE}$: exact, because $\mathrm{{d}} t_j / \mathrm{{d}} v_j({ONSET})"
            rf" = -\tau / D$ once the gate has closed{who}"
        )
    limit = rf"$L_j = \min(t_j,{GAP}{END})$"
    slopes = ", ".join(
        rf"$\kappa = {slope}${unless_all(alike, network.integrating)}"
        for slope, alike in grouped(chosen, _assumed_slope).items()
    )
    if network.learning.derivative == "linear":
        return (
            rf"$\delta_j = \Delta_j / (\tau \kappa)$, {limit}: linear, because"
            rf" $\mathrm{{d}} t_j / \mathrm{{d}} v_j \approx -1 / \kappa$ is assumed{who}; {slopes}"
        )
    drive = " + D" if any(population.dynamics.drive for population in chosen) else ""
    if chosen[0].dynamics.kind.currents_from_onset and any(population in in_loops(network) for population in chosen):
        drive += " + R_j(t_j)"
    described = _described(chosen[0])
    slope = described.potential.partition(" = ")[2].replace("(t)", "(t_j)") + ("" if described.further else drive)
    return (
        rf"$\delta_j = \Delta_j / (\tau \max(v_j'(t_j),{GAP}{number(SMALLEST_SLOPE)}{GAP}\kappa))$, {limit}: exact,"
        r" because $\mathrm{d} t_j / \mathrm{d} v_j = -1 / v_j'(t_j)$, with the slope"
        rf" $v_j'(t_j) = ({slope}) / \tau$ just before the spike, and $\kappa$ for silent neurons{who};"
        f" {slopes}"
    )


def _described(population: Population) -> Described:
    """Return the texts of a population's family."""
    return population.dynamics.kind.describe(population.dynamics)


def _assumed_slope(population: Population) -> str:
    """Return the slope of the potential at threshold that the linear derivative assumes."""
    neurons = population.dynamics
    if neurons.crossing_slope is not None:
        return rf"{number(neurons.crossing_slope)} \text{{ per ms}}"
    if neurons.drive > 0:
        return r"D / \tau"
    steepness = neurons.kind.steepness
    return rf"{'' if steepness == 1 else f'{number(steepness)}{GAP}'}\theta / \tau"


def _since(network: Network) -> str:
    """Return the time from the arrival of a spike until a neuron fires or its gate closes."""
    return f"L_j - t_i - {DELAY}" if has_delays(network) else "L_j - t_i"


def _gradient(network: Network) -> str:
    mean = rf"\frac{{1}}{{N {T_MAX}^2}} \sum"
    bias = rf", for biases $\displaystyle g_j = {mean} \delta_j L_j$" if has_bias(network) else ""
    biased = [population for population in network.integrating if population.has_bias]
    effects = grouped(biased, lambda population: _described(population).bias or "L_j")
    if list(effects) not in ([], ["L_j"]):
        bias = ", for biases " + " and ".join(
            rf"$\displaystyle g_j = {mean} \delta_j{GAP}{effect}${unless_all(chosen, biased)}"
            for effect, chosen in effects.items()
        )
    shared = any(shares_weights(network, projection) for projection in network.weighted)
    positions = "; in a convolution also over positions" if shared else ""
    potential = rf"\varepsilon({_since(network)})"
    return (
        rf"$\displaystyle g_{{ij}} = {mean} \delta_j{GAP}{potential}$ for weights{bias}, summed over the $N$"
        f" presentations of a batch{positions}. Weights move against their gradients.{_no_sums(network)}"
    )


def _no_sums(network: Network) -> str:
    """Say what replaces effects of single spikes if potentials are no sums of them."""
    chosen = [population for population in network.integrating if not population.dynamics.kind.additive]
    if not chosen:
        return ""
    return (
        f"\nPotentials of {names(each.name for each in chosen)} are no sums of effects of single spikes. There,"
        rf" $\varepsilon$ and $w_{{ij}}{GAP}\varepsilon'$ are the changes of $\tau v_j(t_j)$ by the weight and by an"
        " earlier arrival, and $L_j$ is its change by the bias: the local derivative of the family."
    )


def _slope(network: Network) -> str:
    """Return the factor of a displacement at a synapse."""
    if network.learning.propagation == "slope":
        return rf"\varepsilon'({_since(network)})"
    return f"[{f't_i + {DELAY}' if has_delays(network) else 't_i'} < L_j]"


def _delay_gradient(network: Network) -> str:
    learning = [projection for projection in network.delayed if projection.learns_delays]
    steps = " The rounding of delays on a grid is ignored." if network.training.dt else ""
    return (
        rf"$\displaystyle -\frac{{1}}{{N {T_MAX}^2}} \sum w_{{ij}}{GAP}\delta_j{GAP}{_slope(network)}$ for the delays"
        f" ${DELAY}$ of {names(each.name for each in learning)}, summed over presentations and the synapses that share"
        f" a delay.{steps}"
    )


def _fed_back(feedback: Feedback) -> str:
    seed = getattr(feedback, "seed", None)
    drawn = "" if seed is None else f" (seed {seed})"
    past = "; target and slope are ignored" if feedback.direct else ""
    return f"{feedback.summary}{drawn}{past}"


def _loops(network: Network) -> str:
    """Return the learning of projections in loops."""
    recurrent = [projection.name for projection in network.projections if network.is_recurrent(projection)]
    order = "Displacements pass from spike to spike in reverse order of time; each is complete before it is passed on."
    if not any(population.dynamics.kind.currents_from_onset for population in in_loops(network)):
        return f"{order} Currents of loops count at any time, like others."
    delay = f" - {DELAY}" if has_delays(network) else ""
    until, onset = (rf"\varepsilon({time} - t_i{delay})" for time in (rf"\min(t_j,{GAP}{END})", ONSET))
    slopes = r", and the difference of $\varepsilon'$ likewise" if network.learning.propagation == "slope" else ""
    return (
        f"At the synapses of {names(recurrent)}, whose current counts from ${ONSET}$ on, ${until} - {onset}$"
        rf" replaces $\varepsilon(L_j - t_i{delay})${slopes}. {order}"
    )


def _propagation(network: Network) -> str:
    if network.learning.propagation == "slope":
        factor = rf"{_slope(network)}$, with the derivative $\varepsilon'$ of $\varepsilon$ from the left"
    else:
        factor = f"{_slope(network)}$, by the order of spikes alone"
    text = rf"$\displaystyle \Delta_i = \sum_j w_{{ij}}{GAP}\delta_j{GAP}{factor}"
    for feedback, chosen in grouped(network.projections, lambda projection: projection.feedback).items():
        if feedback is not None:
            text += f"\nOf {names(each.name for each in chosen)} $w_{{ij}}$ is here replaced by {_fed_back(feedback)}."
    if has_relays(network):
        text += (
            "\nA pooling neuron passes its displacement to the neuron whose spike it passed on (among several, the"
            " first by row and column), and to none if it is silent."
        )
    return text
