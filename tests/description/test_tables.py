"""What a description says is what the specification says, and what the code does."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netsim
from netsim.description import Description, describe, to_markdown
from netsim.description.optimization import optimization_table
from netsim.engines.protocol import EngineEntry
from netsim.errors import SpecificationError
from netsim.learning.constraints import constraints_of
from netsim.learning.learners._stidi_bp_rule import SMALLEST_SLOPE
from netsim.learning.protocol import Targets
from netsim.models.presets import load_preset, preset_names
from netsim.seams import SEAMS, engines, psps, schedules, targets
from netsim.specification import (
    PSP,
    Connectivity,
    Dense,
    EdgeList,
    Encoder,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Projection,
    PSPShape,
    Scale,
    Shape,
    Training,
    Weighting,
)
from netsim.training.fitting import describe_fit

_PSPS = (PSP(), PSP("plateau", 3.0), PSP("triangle", 3.0, 4.0), PSP("breakpoints", breakpoints=((1.0, 2.0),)))


def _cells(description: Description, letter: str) -> dict[str, str]:
    """The rows of a labelled table."""
    (table,) = (table for table in description.tables if table.letter == letter)
    return {row[0]: row[1] for row in table.rows}


def _candidates(value: Any, hint: Any) -> tuple[Any, ...]:
    """Other values of a field."""
    if isinstance(value, PSPShape):
        return _PSPS
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if value is None:
        kinds = [kind for kind in typing.get_args(hint) if isinstance(kind, type)]
        bases = tuple(kind for kind in kinds if dataclasses.is_dataclass(kind))
        entries = [entry for registry in SEAMS for entry in registry.values()] if bases else []
        made = tuple(entry() for entry in entries if isinstance(entry, type) and issubclass(entry, bases))
        if made:
            return made
    for registry in SEAMS:
        if value in registry:
            return tuple(registry)
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, str):
        return (f"{value}2",)
    if hint == Shape:
        return tuple((value[0] + step, *value[1:]) for step in (1, -1))
    if isinstance(value, tuple):
        return (((0.5, 1.0), (3.0, -1.0)), (0.5,))
    given_value = 0.0 if value is None or math.isinf(value) else value
    return (given_value + 0.125, given_value + 1, given_value / 2, 0.5, 50.0, math.inf)


def _variants(part: Any) -> Iterator[tuple[str, Any]]:
    """A part of a specification with one field changed, for every field that can be, and the field's name."""
    hints = typing.get_type_hints(type(part))
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        changed: list[tuple[str, Any]] = []
        if dataclasses.is_dataclass(value):
            changed += _variants(value)
        if isinstance(value, tuple) and dataclasses.is_dataclass(value[0] if value else None):
            changed += _varied(value)
        elif not dataclasses.is_dataclass(value) or isinstance(value, PSPShape):
            name = f"{type(part).__name__}.{field.name}"
            changed += [(name, new) for new in _candidates(value, hints[field.name]) if new != value]
        for name, new in changed:
            with contextlib.suppress(SpecificationError, TypeError):
                yield name, _learnable(dataclasses.replace(part, **{field.name: new}))
    if isinstance(part, Network):
        for name, layers in _varied(part.layers() or ()):
            with contextlib.suppress(SpecificationError):
                yield name, _learnable(part.with_layers(layers))


def _learnable(part: Any) -> Any:
    """A part of a specification; a network only if constraints can hold in it, else a SpecificationError."""
    if isinstance(part, Network):
        constraints_of(part)
    return part


def _varied(parts: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Parts with one of them changed, and the name of the changed field."""
    for position, part in enumerate(parts):
        for name, new in _variants(part):
            yield name, (*parts[:position], new, *parts[position + 1 :])


def _is_phased(network: Network) -> bool:
    return all(population.dynamics.regime == "phased" for population in network.integrating)


def _same_windows(old: Network, new: Network) -> bool:
    return list(map(old.window_end, old.integrating)) == list(map(new.window_end, new.integrating))


def _same_edges(old: Network, new: Network) -> bool:
    """Whether hidden neurons return in neither network, or in both: normalised displacements do not let them."""
    return old.learning.normalised and "pass" not in (old.learning.edges, new.learning.edges)


def _same_phased(old: Network, new: Network) -> bool:
    """Whether only phased populations, which have their exact derivative, assume another slope."""
    pairs = zip(old.integrating, new.integrating, strict=True)
    return all(a == b or a.dynamics.regime == "phased" for a, b in pairs)


WITHOUT_MEANING: dict[str, Callable[[Network, Network], bool]] = {
    "Learning.clip": lambda old, new: old.weighting.kind == "real",
    "Learning.margin": lambda old, new: old.learning.targets == "softmax",
    "Learning.sharpness": lambda old, new: old.learning.targets == "relative",
    "Learning.label_smoothing": lambda old, new: old.learning.targets == "relative",
    "Learning.edges": _same_edges,
    "Learning.derivative": lambda old, new: _is_phased(old),
    "Neurons.crossing_slope": _same_phased,
    "Neurons.end": _same_windows,
}
"""When a field changes nothing that is simulated."""

NEVER_ALONE = {"Projection.source", "Projection.target", "Network.populations", "Network.projections"}
NEVER_ALONE |= {"EventEncoder.constant"}  # takes a channel from the polarities
"""Fields that others have to change with."""


_KNOWN: dict[str, list[tuple[str, Network]]] = {}


def _all_variants(network: Network) -> list[tuple[str, Network]]:
    """All variants of one of the networks, which takes seconds, made once."""
    if network.name not in _KNOWN:
        _KNOWN[network.name] = list(_variants(network))
    return _KNOWN[network.name]


def _texts(network: Network) -> list[Any]:
    """All that the description of a network says, without its layout."""
    description = describe(network)
    tables = [(table.letter, table.title, table.headings, table.rows, table.notes) for table in description.tables]
    return [description.title, description.introduction, *tables]


def test_every_changed_field_changes_the_text(network: Network) -> None:
    texts = _texts(network)
    tried = 0
    for name, changed in _all_variants(network):
        meaning = WITHOUT_MEANING.get(name)
        if meaning is not None and meaning(network, changed):
            continue
        tried += 1
        assert _texts(changed) != texts, f"{name} is not told"
    assert tried > 80


def test_every_field_was_changed(networks: dict[str, Network]) -> None:
    changed = {
        name
        for network in networks.values()
        for name, new in _all_variants(network)
        if name not in WITHOUT_MEANING or not WITHOUT_MEANING[name](network, new)
    }
    types: set[Any] = {type(network.encoder) for network in networks.values()}
    types |= {type(each.connectivity) for network in networks.values() for each in network.projections}
    types |= {Network, Layer, Projection, Neurons, *psps.values(), InitialWeights, Weighting, Learning, Training}
    nested = {*types, PSPShape, Connectivity, Encoder, Neurons | None, Scale | None}
    fields = {
        f"{part.__name__}.{field.name}"
        for part in types
        for field in dataclasses.fields(part)
        if typing.get_type_hints(part)[field.name] not in nested
    }
    assert fields - changed == NEVER_ALONE


def test_parameters_stand_below_their_headings() -> None:
    neurons = Neurons("staggered", threshold=1.5, tau=16.0, onset=10.0, end=60.0, drive=0.5, bias=True)
    initial = InitialWeights("uniform", mean=0.75, spread=2.5)
    layers = (Layer("hidden", Dense(30), neurons, initial=initial), Layer("output", Dense(10)))
    training = Training(batch=70, epochs=4, shift=2, occlusion=5, jitter=0.25)
    network = Network.chain("told", IntensityEncoder((4, 5, 1), 20.0), layers, 100.0, training=training)
    tables = {table.letter: table for table in describe(network).tables}
    row = dict(zip(tables["D2"].headings, tables["D2"].rows[0], strict=True))
    shown = [row[heading] for heading in (r"$\theta$", r"$\tau$ (ms)", "$D$", "$b_j$")]
    assert shown == ["$1.5$", "$16$", "$0.5$", "learned"]
    onset, end = (row[f"${symbol}$ (ms)"] for symbol in (r"t_{\mathrm{on}}", r"t_{\mathrm{end}}"))
    assert (onset, end) == ("$10$", "$60$")
    row = dict(zip(tables["C"].headings, tables["C"].rows[0], strict=True))
    assert row["Initial weights"] == r"uniform, $a = 0.75$, $\sigma = 2.5$"
    assert (row["Synapses"], row["Inputs $n$"]) == ("600", "20")
    assert "Inputs $n$: synapses onto a neuron, on average over the target" in " ".join(tables["C"].notes)
    augmentation = _cells(describe(network), "E")["Augmentation"]
    assert "from $-2$ to $2$" in augmentation
    assert "a square of 5 by 5 pixels" in augmentation
    assert r"a standard deviation of $0.25 \text{ ms}$" in augmentation
    assert r"spikes at or after $T$ are removed" in augmentation
    assert "4 epochs, in batches of $N = 70$" in _cells(describe(network), "G2")["Training"]


def test_inputs_are_a_mean_and_biases_have_a_unit() -> None:
    """Seven synapses onto four neurons are 1.75; a current of 1 is 2.5 pA, so a bias of 3 is 7.5 pA."""
    Path("edges.csv").write_text("pre,post\n0,0\n1,0\n2,1\n3,1\n0,2\n1,3\n2,3\n", encoding="utf-8")
    neurons = Neurons(bias=True, scale=Scale(potential=0.1, current=2.5, rest=-70.0))
    layers = (
        Layer("hidden", EdgeList(4, "edges.csv"), neurons, initial=InitialWeights(bias=3.0)),
        Layer("output", Dense(2), Neurons(bias=True), initial=InitialWeights(bias=0.5)),
    )
    tables = describe(Network.chain("few", IntensityEncoder((2, 2, 1), 8.0), layers, 40.0)).tables
    (table,) = (each for each in tables if each.letter == "C")
    assert [row[list(table.headings).index("Inputs $n$")] for row in table.rows] == ["1.75", "4"]
    notes = " ".join(table.notes)
    assert r"Biases begin at $7.5 \text{ pA}$ in `hidden`, 0.5 (in the unit of weights) in `output`." in notes
    assert "Initial weights are drawn with $n$ rounded up." in notes


def test_numbers_are_told_to_the_last_digit(mixed: Network) -> None:
    changed = dataclasses.replace(mixed, learning=Learning(rate=0.1 + 0.2, weight_decay=1.5e-7))
    rows = _cells(describe(changed), "G2")
    assert "0.30000000000000004" in rows["Learning rate"]
    assert r"1.5 \times 10^{-7}" in rows["Optimizer"]


@given(rise=st.floats(0.1, 100), fall=st.floats(0.1, 100))
def test_breakpoints_are_those_of_the_psp(rise: float, fall: float) -> None:
    psp = PSP("triangle", rise, fall)
    network = Network.chain("net", IntensityEncoder((2, 2, 1), 5.0), (Layer("output", Dense(2), psp=psp),), 10.0)
    line = _cells(describe(network), "D1")["Postsynaptic potential"].splitlines()[1]
    pairs = [eval(pair) for pair in re.findall(r"\$(\([^$]*\))\$", line)[1:]]
    assert pairs == [pytest.approx(pair) for pair in psp.kernel]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_learning_rate_is_that_of_the_optimizer(mixed: Network, schedule: Any) -> None:
    settings = Learning(rate=0.003, schedule=schedule)
    network = dataclasses.replace(mixed, learning=settings)
    cells = _cells(describe(network), "G2")["Learning rate"]
    formulas = re.findall(r"\\eta = ([^$]*)\$", cells)
    for old, new in {
        r"\times": "*", r"\hspace{0.17em}": "*", r"\frac{1}{2}": "0.5 *", r"\cos \pi z": r"\cos (\pi * z)",
        r"\pi": "math.pi", r"\cos": "math.cos",
    }.items():  # fmt: skip
        formulas = [formula.replace(old, new) for formula in formulas]
    for z in (0.0, 0.1, 0.2, 0.3, 0.7, 1.0):
        formula = formulas[0] if z < 0.25 else formulas[-1]
        assert eval(formula, {"math": math, "z": z}) == pytest.approx(0.003 * schedules[schedule](z))


def test_bounds_are_those_of_the_learner(mixed: Network) -> None:
    assert f"{SMALLEST_SLOPE}" r" \hspace{0.17em} \kappa" in _cells(describe(mixed), "G1")["Signal"]


def test_tables_are_those_of_the_paper(network: Network) -> None:
    letters = [table.letter for table in describe(network).tables]
    assert letters == ["A", "B", "C", "D1", "D2", "E", "F", "G1", "G2"]
    for table in describe(network).tables:
        assert sum(table.shares) == pytest.approx(1)
        assert all(len(row) == len(table.headings) for row in table.rows)


def test_what_a_network_lacks_is_not_told(networks: dict[str, Network]) -> None:
    phased = to_markdown(describe(networks["phased"]))
    for word in ("onvolution", "ooling", "bias", "Dropout", "Binary", "`free`", "`staggered`", "Revival", "Averaging"):
        assert word not in phased
    assert "Propagation" in phased
    perceptron = networks["phased"].with_layers([Layer("output", Dense(3))])
    assert "Propagation" not in to_markdown(describe(perceptron))


@pytest.mark.parametrize("name", preset_names())
def test_presets_tell_their_sizes(name: str) -> None:
    network = load_preset(name)
    description = describe(network)
    assert description.title == f"Model description: `{name}`"
    populations, connectivity, parameters = (
        next(table for table in description.tables if table.letter == letter) for letter in ("B", "C", "D2")
    )
    assert [row[0] for row in populations.rows] == [f"`{name}`" for name in network.shapes]
    assert [row[3] for row in populations.rows] == [f"{math.prod(shape):,}" for shape in network.shapes.values()]
    assert len(connectivity.rows) == len(network.projections)
    thresholds = [population.dynamics.threshold for population in network.integrating]
    assert [row[2] for row in parameters.rows] == [f"${threshold:g}$" for threshold in thresholds]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.25, "the last 5 neurons are inhibitory, the others excitatory"), (1.0, "all neurons are inhibitory")],
)
def test_populations_say_which_neurons_are_inhibitory(share: float, text: str) -> None:
    layers = [Layer("hidden", Dense(20), inhibitory=share), Layer("output", Dense(2))]
    network = Network.chain("dale", IntensityEncoder((4, 4, 1), 16.0), layers, 64.0)
    table = next(each for each in describe(network).tables if each.letter == "B")
    elements = {row[0]: row[1] for row in table.rows}
    assert elements["`hidden`"] == f"Integrating neurons, `{network.population('hidden').dynamics.regime}`; {text}"
    assert "inhibitory" not in elements["`output`"]


def test_a_graph_tells_every_projection(networks: dict[str, Network]) -> None:
    description = describe(networks["graph"])
    connectivity = next(table for table in description.tables if table.letter == "C")
    assert list(connectivity.columns)[-3:] == ["Name", "Delay $e_{ij}$ (ms)", "Sign"]
    assert [(row[0], row[1], *row[-3:]) for row in connectivity.rows] == [
        ("`stimulus`", "`maps`", "`maps`", "$0$", "any"),
        ("`maps`", "`pool`", "`pool`", "$1$", "any"),
        ("`pool`", "`output`", "`output`", "$2.5$", "excitatory"),
        ("`stimulus`", "`output`", "`skip`", "$0$", "inhibitory"),
    ]
    summary = _cells(description, "A")
    assert summary["Connectivity"].startswith("Feed-forward: convolution with shared weights (`maps`),")
    assert "and 3 populations of" in summary["Populations"]
    assert summary["Synapse model"].endswith("conduction delays as in table C")
    assert r"t \geq t_i + e_{ij} + d_k" in _cells(description, "D1")["Synaptic current"]
    assert r"\varepsilon(L_j - t_i - e_{ij})" in _cells(description, "G1")["Gradient"]
    assert "the weights of `output`, and" in _cells(description, "G2")["Dropout"]


def test_listed_weights_are_not_said_to_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post,weight\n0,1,0.5\n1,0,0.5\n")
    layer = Layer("output", EdgeList(2, str(tmp_path / "edges.csv")), plastic=False)
    network = Network.chain("listed", IntensityEncoder((2, 1, 1), 16.0), [layer], 64.0)
    description = describe(network)
    connectivity = next(table for table in description.tables if table.letter == "C")
    assert connectivity.rows[0][-1] == "as listed"
    assert "drawn" not in " ".join(connectivity.notes)
    assert "stay those of table C" in _cells(description, "G2")["Static weights"]


def test_weights_of_any_sign_are_told_beside_signed_ones(networks: dict[str, Network]) -> None:
    message = "Weights without a fixed sign are neither scaled nor counted there."
    signed = networks["graph"]
    assert message not in to_markdown(describe(signed))
    *others, skip = signed.projections
    half = dataclasses.replace(signed, projections=(*others, dataclasses.replace(skip, sign="any")))
    assert message in to_markdown(describe(half))


def test_delays_are_not_told_where_there_are_none(networks: dict[str, Network]) -> None:
    for network in networks.values():
        has_delays = any(projection.delay for projection in network.projections)
        assert ("e_{ij}" in to_markdown(describe(network))) == has_delays


def test_the_loss_is_that_of_the_gradient_and_no_gradient_is_exact_on_a_grid(networks: dict[str, Network]) -> None:
    exact = networks["phased"]
    cells = _cells(describe(exact), "G1")
    assert "the exact gradient of the loss" in cells["Exactness"]
    assert r"$-\frac{1}{\beta} \sum_k q_k \ln p_k$" in cells["Output displacement"]
    gridded = dataclasses.replace(exact, training=dataclasses.replace(exact.training, dt=0.5))
    cells = _cells(describe(gridded), "G1")
    assert "exact gradient" not in cells["Exactness"]
    assert r"of the grid of $0.5 \text{ ms}$ (approximate" in cells["Exactness"]


def test_a_loss_that_targets_may_not_follow_is_not_said_to_be_that_of_the_step(networks: dict[str, Network]) -> None:
    class Lead(Targets):
        """The neuron of the label should fire first."""

    targets.register("lead")(Lead)
    network = networks["phased"]
    network = dataclasses.replace(network, learning=dataclasses.replace(network.learning, targets="lead"))
    cells = _cells(describe(network), "G1")
    assert cells["Output displacement"].startswith("The neuron of the label should fire first. The label is")
    assert "a loss whose negative gradient the output displacement is, if there is one" in cells["Exactness"]


@pytest.mark.parametrize("hidden", [0, 1, 2])
def test_hidden_displacements_and_prices_are_those_of_hidden_populations(hidden: int) -> None:
    layers = [*(Layer(f"hidden{number}", Dense(3)) for number in range(hidden)), Layer("output", Dense(2))]
    network = Network.chain("deep", IntensityEncoder((2, 2, 1), 8.0), layers, 40.0, learning=Learning(activity=0.25))
    cells = _cells(describe(network), "G1")
    assert [row in cells for row in ("Hidden displacement", "Price of spikes")] == [hidden > 0] * 2


def test_an_assumed_slope_makes_an_approximation() -> None:
    free = load_preset("rcsnn-fashion-free")
    rough = dataclasses.replace(free, learning=dataclasses.replace(free.learning, derivative="linear"))
    cells = _cells(describe(rough), "G1")["Exactness"]
    assert cells.startswith("The step approximates the gradient of the loss given under output displacement,")
    assert "the slope at threshold is assumed. This gradient is the gradient of the loss as long as no spike" in cells


def test_a_foreign_engine_is_not_described_as_its_stand_in(mixed: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EngineEntry(lambda network, **settings: None, "leaky neurons", exact=False)  # type: ignore[arg-type]
    monkeypatch.setitem(engines._entries, "leaky", entry)
    monkeypatch.setitem(engines._modules, "leaky", "leaky_engine")
    described = describe(mixed)
    foreign = dataclasses.replace(mixed, training=dataclasses.replace(mixed.training, engine="leaky"))
    foreign_tables = describe(foreign)
    who = "the engine 'leaky' of leaky_engine"
    for row in ("Neuron model", "Synapse model", "Simulation"):
        assert who in _cells(foreign_tables, "A")[row]
        assert who not in _cells(described, "A")[row]
    assert "stand-in" in _cells(foreign_tables, "A")["Neuron model"]
    assert "exact integration" in _cells(described, "D1")["Time"]
    assert "exact" not in _cells(foreign_tables, "D1")["Time"]
    titles = {table.letter: (table.title, *table.notes) for table in foreign_tables.tables}
    for text in (titles["D1"][0], titles["D2"][0], titles["D2"][-1]):
        assert "stand-in" in text
    assert _cells(foreign_tables, "G1")["Exactness"].startswith("Of the stand-in")


def test_rates_of_a_foreign_engine_are_measured(mixed: Network) -> None:
    learning = dataclasses.replace(mixed.learning, fitted=True, optimizer="adam")
    fitted = dataclasses.replace(mixed, learning=learning, weighting=Weighting())
    handed_in = {"seam": "engine", "name": "own", "module": "__main__", "handed_in": True}
    records: list[dict[str, Any]] = [{}, {"plugins": [handed_in]}]
    tables = [optimization_table(fitted, record) for record in records]
    measured, foreign = (next(text for name, text in table.rows if name == "Fitting") for table in tables)
    assert "learning rates are measured" in foreign
    assert "equations of the neurons" not in foreign
    assert "measured" not in measured


def test_loops_take_turns_and_few_stimuli_are_all_used(mixed: Network) -> None:
    chain = load_preset("digits")
    texts = [describe_fit(network, stimuli=count) for network, count in ((chain, 40), (chain, None), (mixed, 500))]
    assert "with all 40 training stimuli." in texts[0]
    assert "with 100 training stimuli drawn by the seed, or all if there are fewer." in texts[1]
    assert ["turns" in text for text in texts] == [False, False, any(map(mixed.is_recurrent, mixed.projections))]


def test_a_run_that_stopped_early_has_the_epochs_and_stimuli_that_it_used(tmp_path: Path) -> None:
    preset = load_preset("digits")
    network = dataclasses.replace(preset, training=dataclasses.replace(preset.training, epochs=9, validation=60))
    stops = netsim.Callbacks(stop=lambda progress: len(progress) == 2)
    netsim.open_training(tmp_path / "run", network, limit=40).train(stops)
    training = _cells(netsim.describe(tmp_path / "run", provenance=False), "G2")["Training"]
    assert training.startswith("2 of 9 planned epochs, in batches of")
    assert "The network learns from 40 training stimuli." in training


def test_a_recurrent_current_moves_potentials_after_the_onset() -> None:
    loop = describe(load_preset("ei-mnist"), provenance=False)
    chain = describe(load_preset("digits"), provenance=False)
    assert "the recurrent current $R_j$ moves that of" in _cells(loop, "D1")["Regime"]
    assert "R_j" not in _cells(chain, "D1")["Regime"]


def test_units_are_printed(networks: dict[str, Network]) -> None:
    leaky = networks["leaky"]
    layers = leaky.layers()
    assert layers is not None
    scale = Scale(potential=0.5, current=5.0, rest=-70.0)
    scaled = dataclasses.replace(layers[0], neurons=Neurons(family="leaky", tau_syn=5.0, bias=True, scale=scale))
    notes = [note for table in describe(leaky.with_layers((scaled, layers[1]))).tables for note in table.notes]
    (units,) = [note for note in notes if note.startswith("Units (`hidden`)")]
    for quantity in (r"-69.5 \text{ mV}", r"640 \text{ pF}", r"10 \text{ nS}", r"5 \text{ pA}"):
        assert quantity in units
    assert not any("Units" in note for table in describe(leaky).tables for note in table.notes)
