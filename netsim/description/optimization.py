"""The table of optimization: binary weights, optimizer, dropout and training schedule."""

import inspect
from collections.abc import Mapping
from typing import Any

from netsim.data.dataset import VALIDATION_SEED
from netsim.description.document import Table, plain
from netsim.learning.constraints import constraints_of
from netsim.runs.plugins import foreign_engine, handed_in
from netsim.seams import constraints, optimizers, schedules
from netsim.specification import Network, Projection
from netsim.specification.phrases import DELAY, GAP, counted, grouped, names, number
from netsim.specification.traits import has_bias, is_chain, onto, unless_all
from netsim.training.fitting import describe_fit
from netsim.weights.layout import projections_with_learned_scales


def optimization_table(network: Network, record: Mapping[str, Any], finished: int | None = None) -> Table:
    """Describe how gradients change weights, and for how long. The record of a run may be empty.

    `finished` is the number of epochs that the run has finished, if known.
    """
    settings, plugins = network.learning, record.get("plugins", [])
    optimizer = optimizers[settings.optimizer].describe(network)
    if handed := handed_in(plugins, optimizers):
        optimizer = not_told(handed)
    # the docstring of a schedule describes it
    schedule = " ".join((inspect.getdoc(schedules[settings.schedule]) or "").split())
    schedule = schedule.replace("{peak}", number(settings.rate))
    rows = []
    if network.weighting.is_binary:
        rows.append(("Binary weights", _binary_weights(network)))
    if static := [projection for projection in network.weighted if not projection.plastic]:
        rows.append(("Static weights", _static(static, network)))
    rows.append(("Optimizer", f"{optimizer}. $x$: {_learned(network)}; $g$: its gradient"))
    rows.append(("Learning rate", schedule))
    if settings.fitted:
        rows.append(("Fitting", describe_fit(network, not foreign_engine(network, plugins), record.get("training"))))
    rows += filter(None, (constraint.describe(network) for constraint in constraints_of(network)))
    if handed := handed_in(plugins, constraints):
        rows.append(("After each step", not_told(handed)))
    if settings.averaging:
        rows.append((
            "Averaging",
            r"After update $r$, $\bar{x} \leftarrow \rho \bar{x} + (1 - \rho) x$ with"
            rf" $\rho = \min({number(settings.averaging)},{GAP}(1 + r) / (10 + r))$; $\bar{{x}} = x$ before and after a"
            r" revival. Validation, if any, and the stored weights use $\bar{x}$.",
        ))  # fmt: skip
    if any(population.dropout for population in network.populations):
        rows.append(("Dropout", _dropout(network)))
    revived = [each for each in network.integrating[:-1] if all(p.plastic for p in network.incoming(each.name))]
    if settings.revive_below and revived:
        which = unless_all(revived, network.integrating[:-1])
        factor = ", times the factor of the fit" * settings.fitted
        biases = " Their biases begin anew as well." * has_bias(network)
        separate_scales = projections_with_learned_scales(network) and not network.weighting.shares_scale
        scales = r", and $\alpha$ with them" if separate_scales else ""
        rows.append((
            "Revival",
            f"After each epoch, the incoming weights of every hidden map or dense neuron{which} that fired in less than"
            f" a fraction ${number(settings.revive_below)}$ of its presentations are drawn anew (table C{factor})"
            f"{scales}; a map fires when one of its neurons does.{biases}",
        ))  # fmt: skip
    rows += [("Training", _training(network, record, finished)), ("Arithmetic", _arithmetic(network))]
    return Table("G2", "Plasticity: optimization", tuple(rows))


def not_told(handed: str) -> str:
    """Describe objects that were passed to a training in Python, see `netsim.runs.plugins.handed_in`."""
    return f"{plain(handed)}, handed in from Python; what it does is not in the specification"


def _binary_weights(network: Network) -> str:
    shared = {"channel": "map or dense neuron", "layer": "layer" if is_chain(network) else "projection"}[
        network.weighting.scale
    ]
    mean = rf"the mean of $\lvert u_{{ij}} \rvert$ over the weights of a {shared}"
    scale = mean
    if learned := projections_with_learned_scales(network):
        factor = number(network.weighting.scale_rate)
        scale = (
            rf"{mean} at the start; {'' if len(learned) == len(network.weighted) else 'where weights change, '}"
            r"$\ln \alpha$ is updated as well, with the gradient $\sum w_{ij} g_{ij}$ over those weights, $g_{ij}$"
            r" being that of $w_{ij}$" + ("" if factor == "1" else rf", and $\eta$ times {factor}")
        )
    return (
        rf"$w_{{ij}} = \alpha \operatorname{{sgn}}(u_{{ij}})$, with $\operatorname{{sgn}}(0) = 1$ and $\alpha$ {scale}."
        r" The real-valued set $u_{ij}$"
        f" is {'taken from pretrained weights' if network.training.pretrained else 'drawn (table C)'}"
        " and updated, each with the gradient of its $w_{ij}$, and bounded after each update:"
        rf" $\lvert u_{{ij}} \rvert \leq {number(network.learning.clip)}{GAP}\sigma / \sqrt{{n}}$."
        + (" Biases are real-valued." if has_bias(network) else "")
    )


def _learned(network: Network) -> str:
    """Return the symbols of the quantities that an update changes."""
    symbols = [f"a weight ${'u' if network.weighting.is_binary else 'w'}_{{ij}}$"]
    if has_bias(network):
        symbols.append("a bias $b_j$")
    if projections_with_learned_scales(network):
        symbols.append(r"$\ln \alpha$")
    if any(projection.learns_delays for projection in network.delayed):
        symbols.append(rf"a delay ${DELAY}$")
    return f"{', '.join(symbols[:-1])} or {symbols[-1]}" if len(symbols) > 1 else symbols[0]


def _static(static: list[Projection], network: Network) -> str:
    kept = "that the training begins with" if network.training.pretrained else "of table C"
    weights = "real-valued weights" if network.weighting.is_binary else "weights"
    return f"The {weights} {onto(static, network)} stay those {kept}; what changes weights changes the others."


def _dropout(network: Network) -> str:
    dropped = {each.name: each.dropout for each in network.populations if each.dropout}
    fractions = ", ".join(
        f"$p = {number(fraction)}$ ({names(alike)})"
        for fraction, alike in grouped(dropped, dropped.__getitem__).items()
    )
    scaled = [projection for projection in network.weighted if projection.source in dropped]
    text = f"In training each neuron is prevented from firing in a presentation with probability $p$: {fractions}."
    if scaled:
        text += f" Meanwhile the weights {onto(scaled, network)}, and their gradients, are multiplied by $1 / (1 - p)$."
    return text


def _training(network: Network, record: Mapping[str, Any], finished: int | None) -> str:
    settings, begins = network.training, ""
    sizes = record.get("data", {}).get("sizes", {})
    aside = f"A share of {settings.validation:g}" if settings.validation < 1 else f"{settings.validation:,}"
    if "train" in sizes:
        aside = f"{settings.set_aside(sizes['train']):,}"
    validation = (
        f"{aside} of the training stimuli are set aside for validation, the same for all"
        f" seeds of the training (drawn with seed {VALIDATION_SEED})."
    )
    kept = (
        "The weights of the epoch with the best strict validation accuracy (among equal ones, the lowest loss) are"
        " kept. Validation uses neither dropout nor augmentation."
    )
    if "validation" in sizes:
        validation = "The data set has validation stimuli of its own."
    elif not settings.validation:
        validation = "No training stimuli are set aside for validation."
        kept = "The weights of the last epoch are kept."
        if "data" not in record:
            kept = f"{kept[:-1]}, unless the data set has validation stimuli of its own, which then choose the epoch."
    if settings.pretrained:  # replaces the weights of table C
        parts = ["weights", *["biases"] * has_bias(network), *["delays"] * bool(network.delayed)]
        begins = f"The training begins with the {names(parts)} of the trained network `{settings.pretrained}`. "
    if record.get("limit") is not None and record.get("validation"):
        kept = f"The first {record['validation']:,} of them choose the epoch: {kept[0].lower()}{kept[1:]}"
    epochs = counted(settings.epochs, "epoch")
    if finished is not None and finished < settings.epochs:
        epochs = f"{finished:,} of {settings.epochs:,} planned epochs"
    if record.get("limit") is not None and record.get("training"):
        kept = f"{kept} The network learns from {record['training']:,} training stimuli."
    return (
        f"{begins}{epochs}, in batches of $N = {settings.batch}$, in a new random order each"
        f" time. {validation} {kept} Test stimuli are not used."
    )


def _arithmetic(network: Network) -> str:
    settings = network.training
    if settings.precision == "double":
        return "Double precision"
    doubled = [population.name for population in network.integrating if population.dynamics.kind.in_double]
    if settings.dt or len(doubled) == len(network.integrating):
        return "Weights and learning in single precision, presentations in double"
    those = f"{names(doubled)} and " if doubled else ""
    return f"Training in single precision; {those}later presentations in double"
