"""The table of the learning rule: what `netsim.learning.learner` computes from the latencies of a batch."""

from __future__ import annotations

from netsim.description.document import Table
from netsim.learning.learner import SMALLEST_SLOPE
from netsim.specification import Convolution, Network, Pooling, WeightedLayer
from netsim.specification.phrases import END, GAP, GATE, ONSET, T_MAX, grouped, in_ms, names, number
from netsim.specification.traits import has, has_bias, of_layers


def rule_in_short(network: Network) -> str:
    """Learning in a line."""
    settings = network.learning
    phased = all(_is_gated(layer) for layer in network.weighted_layers)
    derivative = "" if phased else f" and `{settings.derivative}` derivative"
    return (
        f"Supervised, between batches of presentations: STiDi-BP with `{settings.targets}` targets{derivative};"
        f" optimizer `{settings.optimizer}`"
    )


def rule_table(network: Network) -> Table:
    """The learning rule, from the displacements of the output neurons to the gradients of all weights."""
    targets = {"softmax": _softmax_targets, "relative": _relative_targets}[network.learning.targets]
    rows = [
        (
            "Rule",
            "STiDi-BP, spike time displacement based error backpropagation (Mirsadeghi et al. 2023,"
            " doi:10.1007/s00521-023-08567-0), as netsim realises it. After each batch every layer turns the"
            r" displacements $\Delta_j$ of its neurons, the wanted changes of their latencies $t_j$ (ms), into a"
            " gradient of its own weights, and hands displacements to the layer below. $w_{ij}$: weight that fed"
            " forward, from neuron $i$ to neuron $j$.",
        ),
        (
            "Output displacement",
            f"{targets(network)}. The label is $y$; a silent output neuron counts as firing at ${END}$.",
        ),
    ]
    if len(network.weighted_layers) > 1:
        rows.append(("Hidden displacement", _hidden_displacement(network)))
    if network.learning.normalised:
        rows.append((
            "Normalisation",
            rf"$\Delta_j \leftarrow {T_MAX}{GAP}\Delta_j / \sqrt{{\sum_l \Delta_l^2}}$, over each layer with weights"
            " and each presentation",
        ))  # fmt: skip
    gated = grouped(network.weighted_layers, _is_gated)
    rows.append(("Signal", "\n".join(_signal(is_gated, chosen, network) for is_gated, chosen in gated.items())))
    rows.append(("Gradient", _gradient(network)))
    if len(network.layers) > 1:
        rows.append(("Propagation", _propagation(network)))
    return Table("G1", "Plasticity: learning rule", tuple(rows))


def _is_gated(layer: WeightedLayer) -> bool:
    return layer.neurons.gate_time <= layer.neurons.onset


def _softmax_targets(network: Network) -> str:
    settings = network.learning
    target, smoothing = "[k = y]", ""
    if settings.label_smoothing:
        target = rf"(1 - \zeta){GAP}[k = y] + \zeta / {network.outputs}"
        smoothing = rf", $\zeta = {number(settings.label_smoothing)}$"
    return (
        rf"$\displaystyle \Delta_k = {T_MAX}{GAP}(p_k - q_k)$, $\displaystyle p_k ="
        rf" \frac{{\exp(-\beta t_k / {T_MAX})}}{{\sum_l \exp(-\beta t_l / {T_MAX})}}$, $q_k = {target}$,"
        rf" $\beta = {number(settings.sharpness)}${smoothing}"
        "\nThis descends the cross-entropy $-\\sum_k q_k \\ln p_k$"
    )


def _relative_targets(network: Network) -> str:
    first = r"t_{\mathrm{first}}"
    return (
        rf"$\Delta_k = T_k - t_k$, with $T_y = {first} = \min_l t_l$, and"
        rf" $T_k = \max(t_k,{GAP}\min({first} + \gamma,{GAP}{END}))$ for $k \neq y$;"
        rf" $T_y = {END} - \gamma$ if all are silent; $\gamma = {in_ms(network.learning.margin)}$"
        f"\nThis descends $\\frac{{1}}{{2}} \\sum_k (\\Delta_k / {T_MAX})^2$"
    )


def _hidden_displacement(network: Network) -> str:
    hidden = network.weighted_layers[:-1]
    late = [layer for layer in hidden if layer.neurons.onset > 0]
    early = f" or fired at ${ONSET}$ already" if late else ""
    where = f" ({names(layer.name for layer in late)})" if late and len(late) < len(hidden) else ""
    return rf"$\Delta_j$ is set to 0 where neuron $j$ stayed silent{early}{where}: its latency cannot move."


def _signal(gated: bool, chosen: list[WeightedLayer], network: Network) -> str:
    """What a displacement means to the synapses of some layers."""
    who = of_layers(chosen, network)
    if gated:
        return (
            rf"$\delta_j = \Delta_j / D$, $L_j = {GATE}$: exact, for $\mathrm{{d}} t_j / \mathrm{{d}} v_j({ONSET}) ="
            rf" -\tau / D$ once the gate has closed{who}"
        )
    limit = rf"$L_j = \min(t_j,{GAP}{END})$"
    slopes = ", ".join(
        rf"$\kappa = {slope}${of_layers(alike, network)}" for slope, alike in grouped(chosen, _assumed_slope).items()
    )
    if network.learning.derivative == "linear":
        return (
            rf"$\delta_j = \Delta_j / (\tau \kappa)$, {limit}: linear, for"
            rf" $\mathrm{{d}} t_j / \mathrm{{d}} v_j \approx -1 / \kappa$ is assumed{who}; {slopes}"
        )
    drive = " + D" if any(layer.neurons.drive for layer in chosen) else ""
    return (
        rf"$\delta_j = \Delta_j / (\tau \max(v_j'(t_j),{GAP}{number(SMALLEST_SLOPE)}{GAP}\kappa))$, {limit}: exact, for"
        r" $\mathrm{d} t_j / \mathrm{d} v_j = -1 / v_j'(t_j)$, with the slope"
        rf" $v_j'(t_j) = (I_j(t_j){drive}) / \tau$ just before the spike, and $\kappa$ for silent neurons{who};"
        f" {slopes}"
    )


def _assumed_slope(layer: WeightedLayer) -> str:
    """Slope of the potential at threshold, as the linear derivative takes it."""
    if layer.neurons.crossing_slope is not None:
        return rf"{number(layer.neurons.crossing_slope)} \text{{ per ms}}"
    return r"D / \tau" if layer.neurons.drive > 0 else r"1 / \tau"


def _gradient(network: Network) -> str:
    mean = rf"\frac{{1}}{{N {T_MAX}^2}} \sum"
    bias = rf", for biases $\displaystyle g_j = {mean} \delta_j L_j$" if has_bias(network) else ""
    positions = "; in a convolution also over positions" if has(network, Convolution) else ""
    return (
        rf"$\displaystyle g_{{ij}} = {mean} \delta_j{GAP}\varepsilon(L_j - t_i)$ for weights{bias}, summed over the $N$"
        f" presentations of a batch{positions}. Weights move against their gradients."
    )


def _propagation(network: Network) -> str:
    if network.learning.propagation == "slope":
        factor = rf"\varepsilon'(L_j - t_i)$, with $\varepsilon'(t) = \sum_k c_k{GAP}[t > d_k]$"
    else:
        factor = "[t_i < L_j]$, by the order of spikes alone"
    text = rf"$\displaystyle \Delta_i = \sum_j w_{{ij}}{GAP}\delta_j{GAP}{factor}"
    if has(network, Pooling):
        text += (
            "\nA pooling neuron hands its displacement to the neuron whose spike it passed on (of several, the first by"
            " row and column), and to none if it is silent."
        )
    return text
