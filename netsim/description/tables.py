"""All tables of a description. Summary, input and measurements are here, the others have separate modules.

Order and letters follow Nordlie, Gewaltig and Plesser (2009), doi:10.1371/journal.pcbi.1000456.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from netsim import __version__
from netsim.description.document import Description, Table, plain
from netsim.description.neurons import neurons_table, parameters_table, stand_in
from netsim.description.optimization import not_told, optimization_table
from netsim.description.provenance import metrics_of, provenance_table
from netsim.description.structure import connectivity_table, populations_table
from netsim.errors import DataError
from netsim.learning import Learner
from netsim.learning.protocol import EXACTNESS
from netsim.runs.folder import RunFolder
from netsim.runs.model import Subject, open_model
from netsim.runs.plugins import foreign_engine, handed_in
from netsim.seams import engines, families, learners, optimizers, targets
from netsim.specification import Network
from netsim.specification.phrases import counted, distinct, grouped, in_ms, names
from netsim.specification.summary import summarise
from netsim.specification.traits import has_delays, has_relays, in_loops, is_chain, unless_all

_INTRODUCTION = (
    "Tables after Nordlie, Gewaltig and Plesser (2009), doi:10.1371/journal.pcbi.1000456. Times are in ms and count"
    " from the start of a presentation; potentials, currents and weights have no unit, or the stated units. $[C]$"
    " is 1 where the condition $C$ holds and 0 elsewhere."
)


def describe(network: Subject, run: RunFolder | None = None, provenance: bool = True) -> Description:
    """Describe a model for a methods section: tables and equations, from its specification.

    Parameters
    ----------
    network : Network, Model, str or Path
        A network, a model, or the name of a run, preset or TOML file.
    run : RunFolder, optional
        Run that trained the network, by default the run of the model. Objects that were passed to the training in
        Python are named instead of the entries of the specification.
    provenance : bool
        Add the provenance of the run.

    Returns
    -------
    Description
        Input of `netsim.to_markdown` and `netsim.to_latex`.

    Raises
    ------
    SpecificationError
        If the name does not exist, or `network` has another type.
    RunError
        If the record of the run is missing or damaged.

    Examples
    --------
    >>> import netsim
    >>> description = netsim.describe("digits")
    >>> netsim.to_markdown(description).splitlines()[0]
    '# Model description: `digits`'
    """
    if not isinstance(network, Network):
        model = open_model(network)
        network, run = model.network, run or model.run
    learner = learners[network.learning.learner]
    record = {} if run is None else run.record()
    plugins = record.get("plugins", [])
    rule = tuple(learner.rule(network))
    if handed := handed_in(plugins, learners):
        rule = (("Rule", not_told(handed)),)
    elif handed := handed_in(plugins, targets):
        rule = (*rule, ("Targets", f"In place of those above: {not_told(handed)}"))
    if foreign := foreign_engine(network, plugins):
        # the learner does not depend on the engine
        ours = f"Of the stand-in (table D1), and of nothing that {plain(foreign)} simulated: "
        rule = tuple((label, f"{ours if label == EXACTNESS else ''}{text}") for label, text in rule)
    tables = [
        _summary(network, learner, plugins),
        populations_table(network),
        connectivity_table(network),
        neurons_table(network, foreign),
        parameters_table(network, foreign),
        _input(network),
        _measurements(network),
        Table("G1", "Plasticity: learning rule", rule),
        optimization_table(network, record, None if run is None else _finished(run)),
    ]
    if run is not None and provenance:
        tables.append(provenance_table(run))
    caution = f" {stand_in(foreign)}" if foreign else ""
    introduction = (
        f"{_INTRODUCTION}{caution} Made by netsim {plain(__version__)} from the specification `{network.name}`."
    )
    return Description(f"Model description: `{network.name}`", introduction, tuple(tables))


def _integrators(network: Network) -> str:
    """Return the neurons in words, by family."""
    by_family = grouped(network.integrating, lambda population: population.dynamics.family)
    text = " and ".join(
        f"{families[family].phrase}{unless_all(chosen, network.integrating)}" for family, chosen in by_family.items()
    )
    return text[:1].upper() + text[1:]


def _potentials(network: Network) -> str:
    """Return the postsynaptic potentials in words, for a list."""
    kinds = {projection.name: network.neurons(projection.target).kind for projection in network.weighted}
    shapes = ", ".join(distinct(each.psp.phrase for each in network.weighted if kinds[each.name].has_psp))
    of_psps = {f"{each.potentials} ({shapes})": None for each in kinds.values() if each.has_psp}
    words = ", ".join((*of_psps, *distinct(each.currents for each in kinds.values() if not each.has_psp)))
    return f"{words[:1].upper()}{words[1:]}, "


def _finished(run: RunFolder) -> int | None:
    """Return how many epochs a run has finished, or None if its metrics cannot be read."""
    try:
        return len(metrics_of(run))
    except DataError:  # the table of provenance warns
        return None


def _summary(network: Network, learner: type[Learner], plugins: Sequence[Mapping[str, Any]]) -> Table:
    rule = not_told(handed) if (handed := handed_in(plugins, learners)) else learner.summary(network)
    optimizer = f"optimizer `{network.learning.optimizer}`"
    if handed := handed_in(plugins, optimizers):
        optimizer = plain(handed)
    sizes = summarise(network)
    foreign = foreign_engine(network, plugins)
    assumed = f"That of {plain(foreign)}, not in the specification; stand-in that the learner uses: " if foreign else ""
    pooling = "; pooling neurons pass on the earliest spike" if has_relays(network) else ""
    part, way = ("layer", ", from layer to layer") if is_chain(network) else ("population", "")
    delays = "conduction delays as in table C" if has_delays(network) else "no conduction delays"
    maps = [name for name, shape in network.shapes.items() if len(shape) > 1]
    vectors = [name for name, shape in network.shapes.items() if len(shape) == 1]
    by_phrase = grouped(network.projections, lambda projection: projection.connectivity.phrase)
    patterns = (f"{phrase} ({names(each.name for each in chosen)})" for phrase, chosen in by_phrase.items())
    rows = [("Description", plain(network.description))] if network.description else []
    rows += [
        (
            "Populations",
            f"Stimulus, and {counted(len(network.populations), part)} of {counted(sizes['neurons'], 'neuron')} in all:"
            f" {names(population.name for population in network.populations)}",
        ),
        ("Topology", f"{names(maps)}: maps on a grid of rows and columns; {names(vectors)}: none"),
        (
            "Connectivity",
            f"{'With loops' if in_loops(network) else f'Feed-forward{way}'}: {', '.join(patterns)};"
            f" {counted(sizes['synapses'], 'weighted synapse')},"
            f" {counted(sizes['parameters'], 'learned parameter')}",
        ),
        (
            "Neuron model",
            f"{assumed}{_integrators(network)}, with a fixed threshold, that fire at most once in a presentation,"
            f" regime {names(distinct(population.dynamics.regime for population in network.integrating))}{pooling}",
        ),
        ("Channel models", "Not in the specification" if foreign else "None"),
        (
            "Synapse model",
            f"{assumed}{_potentials(network)}{network.weighting.kind} weights, {delays}",
        ),
        (
            "Plasticity",
            f"{'Supervised' if learner.supervised else 'Unsupervised'}, between batches of presentations: {rule};"
            f" {optimizer}",
        ),
        ("Input", f"Latency-coded stimuli of {plain(network.training.dataset)}, at most one spike per stimulus neuron"),
        ("Measurements", "First-spike latencies of all neurons; the first output spike decides"),
        ("Simulation", _simulation(network, plugins)),
    ]
    return Table("A", "Model summary", tuple(rows))


def _simulation(network: Network, plugins: Sequence[Mapping[str, Any]]) -> str:
    settings = network.training
    length = f"Presentations of ${in_ms(network.duration)}$, independent of each other"
    if handed := handed_in(plugins, engines):
        return f"{length}; {not_told(handed)}"
    if foreign := foreign_engine(network, plugins):
        text = f"{length}; {engines[settings.engine].phrase}: {plain(foreign)}, which is not of netsim"
        return f"{text}; time grid of ${in_ms(settings.dt)}$" if settings.dt else text
    grid = f"on a time grid of ${in_ms(settings.dt)}$" if settings.dt else "with exact spike times"
    engine = engines[settings.engine].phrase
    return f"{length}; {engine}, {grid}"


def _input(network: Network) -> Table:
    stimuli = f"{plain(network.training.dataset)}, {network.encoder.stimuli_text()}"
    code, changes = network.encoder.code_text(), _augmentation(network)
    rows = [("Stimuli", stimuli), ("Latency code", code)]
    if constant := network.encoder.constant:
        times = ", ".join(f"{time:g}" for time in constant)
        which = f"the last {counted(len(constant), 'channel')} of the stimulus"
        rows.append(("Constant spikes", f"The neurons of {which} fire in every presentation, at {times} ms"))
    return Table("E", "Input", (*rows, ("Augmentation", changes)))


def _augmentation(network: Network) -> str:
    settings = network.training
    ways = []
    if settings.flips:
        ways.append("mirrored from left to right with probability $1/2$")
    if settings.shift:
        ways.append(
            "moved up or down and left or right, each by a whole number of pixels drawn uniformly from"
            f" $-{settings.shift}$ to ${settings.shift}$, silent pixels coming in"
        )
    if settings.occlusion:
        ways.append(
            f"covered by a square of {settings.occlusion} by {counted(settings.occlusion, 'pixel')} whose middle is"
            " drawn uniformly from all pixels, and which is silent"
        )
    if settings.jitter:
        ways.append(
            f"with normal jitter of spike times with a standard deviation of ${in_ms(settings.jitter)}$ (times below 0"
            " become 0, spikes at or after $T$ are removed)"
        )
    return f"In training, each stimulus anew: {'; '.join(ways)}" if ways else "None"


def _measurements(network: Network) -> Table:
    rows = (
        ("Recorded", "First-spike latencies of the stimulus and of all layers, infinite for silent neurons"),
        (
            "Decision",
            rf"$\hat{{y}} = \arg\min_k t_k$ over the {counted(network.outputs, 'neuron')} of"
            f" `{network.output.name}`: the first output spike decides; no decision if all are silent",
        ),
        (
            "Accuracy",
            r"Share of presentations with $\hat{y} = y$, the label; no decision is an error. If several outputs"
            " fire first, the neuron with the lowest number decides; in the strict accuracy such a tie is an error.",
        ),
    )
    return Table("F", "Measurements", rows)
