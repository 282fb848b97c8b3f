"""What comes from outside the package: registered by a name, or handed to a training as an object."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from netsim import analyse, plot, study
from netsim.data.dataset import Dataset
from netsim.data.places import Place
from netsim.data.source import Source
from netsim.data.stimuli import Stimuli
from netsim.description import describe, to_markdown
from netsim.engines import make_engine
from netsim.errors import RunError, SpecificationError
from netsim.files import file_sha256
from netsim.learning import BatchGradients, Constraint, Learner
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.learning.optimizers.adam import Adam
from netsim.learning.optimizers.sgd import SGD
from netsim.models.presets import load_preset
from netsim.runs.folder import RunFolder, create_run, describe_run
from netsim.runs.model import load_model
from netsim.runs.plugins import plugins_of
from netsim.seams import connectivities, constraints, datasets, encoders, feedbacks, learners, scopes, targets
from netsim.specification import Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Training
from netsim.specification.feedback import RandomFeedback
from netsim.specification.scopes import PopulationWinners
from netsim.specification.toml import network_from_dict, network_to_dict
from netsim.training.callbacks import Callbacks
from netsim.training.loop import run_training
from netsim.training.opening import open_training
from netsim.training.starting import start_training
from netsim.weights.initial import initial_weights
from netsim.weights.layout import ON_TIME, Delayed, Weights

MakeStimuli = Callable[..., Stimuli]
Registered = Callable[..., None]


class Hebb(Learner):
    """Output weights follow the spikes of the label's neuron."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.batches = 0

    @classmethod
    def from_network(cls, network: Network) -> Self:
        return cls(network)

    def learn(
        self, latencies: Mapping[str, np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        self.batches += 1
        early, outputs = np.isfinite(latencies["hidden"]).astype(float), latencies["output"]
        wanted = np.eye(self.network.outputs)[labels] - 1 / self.network.outputs
        return BatchGradients({"output.kernel": -early.T @ wanted / len(labels)}, self.loss(outputs, labels))

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (outputs.argmin(axis=1) != labels).astype(float)


class Quantised(Constraint):
    """Weights are multiples of a quarter."""

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        return cls() if network.learning.balanced else None

    def enforce(self, weights: Weights) -> None:
        weights["output.kernel"][:] = np.round(4 * weights["output.kernel"]) / 4

    def describe(self, network: Network) -> tuple[str, str]:
        return "Quantisation", "Weights are rounded to multiples of $1/4$"


class ToAll(Dense):
    """All to all."""


class Everybody(PopulationWinners):
    """As among all neurons."""


class Mirrored(RandomFeedback):
    """As drawn weights."""


class Halved(IntensityEncoder):
    """Half the latencies of intensities."""


class Cards(Source):
    """A deck."""

    notation = "cards"
    summary = "a deck"

    def load(self, *arguments: Any) -> Dataset:
        raise NotImplementedError

    def places(self, *arguments: Any) -> list[Place]:
        return []


def _drawn(**settings: Any) -> Learning:
    """Settings of a training that begins with weights as they are drawn."""
    return Learning(**({"fitted": False, "edges": "pass"} | settings))  # type: ignore[arg-type]


def _network(**learning: Any) -> Network:
    return Network.chain(
        "small",
        IntensityEncoder((6, 6, 1), 16.0),
        (
            Layer("hidden", Dense(12), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
            Layer("output", Dense(4), Neurons("phased", 3.0, 16.0, 48.0, 128.0, 1.0, bias=True)),
        ),
        128.0,
        training=Training(epochs=2, batch=20, precision="double"),
        learning=_drawn(**({"rate": 0.01, "schedule": "constant"} | learning)),
    )


def _trained(network: Network, make: MakeStimuli, optimizer: Any = None, **parts: Any) -> Weights:
    state = start_training(network, 0, optimizer)
    stimuli = make(network.encoder, 60, 4)
    run_training(make_engine("event", network), network, stimuli, stimuli, state, 0, **parts)
    return state.weights


def _same(first: Weights, second: Weights) -> bool:
    return all((first[name] == second[name]).all() for name in first)


def test_a_learner_of_another_module_is_chosen_by_its_name(random_stimuli: MakeStimuli, registered: Registered) -> None:
    registered(learners, "hebb", Hebb)
    network = _network(learner="hebb")
    assert network_from_dict(network_to_dict(network)) == network
    before = start_training(network, 0).weights
    after = _trained(network, random_stimuli)
    assert (after["output.kernel"] != before["output.kernel"]).any()
    np.testing.assert_array_equal(after["hidden.kernel"], before["hidden.kernel"])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda gradients: vars(gradients), "must return netsim.learning.BatchGradients, not dict"),
        (
            lambda gradients: BatchGradients({"otput.kernel": gradients.gradients["output.kernel"]}, gradients.loss),
            "gives a gradient of 'otput.kernel', which is no weight; did you mean 'output.kernel'?",
        ),
        (
            lambda gradients: BatchGradients(
                {"output.kernel": gradients.gradients["output.kernel"][0]}, gradients.loss
            ),
            "gives a gradient of output.kernel of shape (4,); it must be (12, 4)",
        ),
    ],
)
def test_what_a_learner_makes_of_no_use_is_refused(
    made: Callable[[BatchGradients], Any], message: str, random_stimuli: MakeStimuli
) -> None:
    class Wrong(Hebb):
        def learn(self, *arguments: Any) -> Any:
            return made(super().learn(*arguments))

    network = _network()
    with pytest.raises(SpecificationError) as error:
        _trained(network, random_stimuli, learner=Wrong.from_network(network))
    assert str(error.value) == f"learner Wrong: {message}"


def test_the_learner_that_is_usual_is_not_written_down() -> None:
    assert "learner" not in network_to_dict(_network())["learning"]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("learner", "learning.learner: must be stdp or stidi-bp, not 'hebb'"),
        ("targets", "learning.targets: must be softmax or relative, not 'hebb'"),
        ("optimizer", "learning.optimizer: must be one of adam, sgd, weight-norm, not 'hebb'"),
        ("schedule", "learning.schedule: must be one of constant, cosine, one-cycle, not 'hebb'"),
    ],
)
def test_a_name_that_nobody_registered_is_refused(field: str, message: str) -> None:
    with pytest.raises(SpecificationError) as error:
        dataclasses.replace(Learning(), **{field: "hebb"})  # type: ignore[arg-type]
    hint = "; or load the plug-in that registers it (--plugin FILE; in Python netsim.load_plugin)"
    assert str(error.value) == f"{message}{hint}"


def test_objects_take_the_place_of_what_the_settings_name(random_stimuli: MakeStimuli) -> None:
    network = _network(momentum=0.8, targets="relative")
    other = dataclasses.replace(network, learning=dataclasses.replace(network.learning, targets="softmax"))
    learner = STiDiBP(other, targets["relative"].from_network(other))
    handed = _trained(other, random_stimuli, Adam(momentum=0.8), learner=learner)
    assert _same(_trained(network, random_stimuli), handed)
    assert not _same(_trained(network, random_stimuli, SGD(momentum=0.8)), handed)


def test_constraints_hold_after_every_step(random_stimuli: MakeStimuli, registered: Registered) -> None:
    registered(constraints, "quantised", Quantised)
    for weights in (
        _trained(_network(balanced=True), random_stimuli),
        _trained(_network(), random_stimuli, constraints=[Quantised()]),
    ):
        assert (weights["output.kernel"] % 0.25 == 0).all()


def test_constraints_from_python_are_added_to_those_of_the_network(random_stimuli: MakeStimuli) -> None:
    class Halved(Quantised):
        def enforce(self, weights: Weights) -> None:
            weights["output.kernel"] *= 0.5

    network = _network(balanced=True)
    for own in ([], [Halved()]):
        kernel = _trained(network, random_stimuli, constraints=own)["output.kernel"]
        np.testing.assert_allclose(kernel.mean(axis=0), 0, atol=1e-6)
    assert not _same(_trained(network, random_stimuli, constraints=[Halved()]), _trained(network, random_stimuli))


def _digits(**learning: Any) -> Network:
    digits = load_preset("digits")
    return dataclasses.replace(
        digits,
        learning=dataclasses.replace(digits.learning, **learning),
        training=dataclasses.replace(digits.training, epochs=1, validation=20),
    )


def test_a_run_says_what_does_not_come_with_netsim(registered: Registered) -> None:
    registered(learners, "hebb", Hebb)
    registered(constraints, "quantised", Quantised)
    digits = _digits(learner="hebb", balanced=True)
    run = create_run("run", digits, describe_run(0))
    plugins = run.record()["plugins"]
    assert [(plugin["seam"], plugin["name"], plugin["module"]) for plugin in plugins] == [
        ("learner", "hebb", __name__),
        ("constraint", "quantised", __name__),
    ]
    assert create_run("plain", _digits(), describe_run(0)).record()["plugins"] == []


def test_parts_of_the_network_are_plugins_too(registered: Registered) -> None:
    registered(connectivities, "to-all", ToAll)
    registered(encoders, "halved", Halved)
    registered(datasets, "cards", Cards())
    network = Network.chain(
        "outside",
        Halved((6, 6, 1), 16.0),
        (Layer("hidden", ToAll(12)), Layer("output", ToAll(4))),
        128.0,
        training=Training(dataset="cards"),
    )
    assert [(plugin["seam"], plugin["name"]) for plugin in plugins_of(network)] == [
        ("encoder", "halved"),
        ("connectivity", "to-all"),
        ("data set", "cards"),
    ]


def test_what_comes_from_outside_is_described(registered: Registered) -> None:
    registered(learners, "hebb", Hebb)
    registered(constraints, "quantised", Quantised)
    text = to_markdown(describe(_digits(learner="hebb", balanced=True)))
    assert "between batches of presentations: Hebb; optimizer `adam`" in text
    assert "| Output weights follow the spikes of the label's neuron |" in text
    assert "Weights are rounded to multiples of" in text
    assert "STiDi-BP" not in text


def test_a_run_whose_plugin_is_missing_is_refused(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setitem(learners._entries, "hebb", Hebb)
        here.setitem(learners._modules, "hebb", __name__)
        digits = _digits(learner="hebb")
        run = create_run("run", digits, describe_run(0), initial_weights(digits, 0))
        assert load_model("run").network == digits
    with pytest.raises(RunError, match=rf"^run: needs the learner 'hebb' of {__name__}, which cannot be loaded; "):
        load_model("run")
    record = run.record()
    record["plugins"][0] |= {"distribution": "hebbian", "version": "1.2"}
    run.write_json("run.json", record)
    with pytest.raises(RunError, match=r"which cannot be loaded; install hebbian 1\.2$") as error:
        run.network()
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_all_plugins_that_are_missing_are_named_at_once() -> None:
    run = create_run("run", _digits(), describe_run(0))
    module: dict[str, Any] = {"module": "mine", "distribution": None, "file": "mine.py"}
    other = {"seam": "target", "name": "late", "module": "late", "distribution": "later", "version": "1.2"}
    mine = [{"seam": "learner", "name": "hebb"} | module, {"seam": "schedule", "name": "slow"} | module]
    run.write_json("run.json", run.record() | {"plugins": [*mine, other]})
    with pytest.raises(RunError) as error:
        run.network()
    assert str(error.value) == (
        "run: needs the learner 'hebb' of mine, the schedule 'slow' of mine, which cannot be loaded;"
        " give --plugin mine.py, or import it in Python first;"
        " needs the target 'late' of late, which cannot be loaded; install later 1.2"
    )


@pytest.mark.parametrize(
    "plugins", [3, [3], [{}], [{"seam": "learner", "name": 1, "module": "m"}], {"seam": "learner"}]
)
def test_a_record_with_other_plugins_is_refused(plugins: Any) -> None:
    run = create_run("run", _digits(), describe_run(0))
    run.write_json("run.json", run.record() | {"plugins": plugins})
    with pytest.raises(RunError, match="plugins is missing or wrong"):
        run.record()


def test_a_plugin_of_a_seam_that_is_unknown_is_refused() -> None:
    run = create_run("run", _digits(), describe_run(0))
    run.write_json("run.json", run.record() | {"plugins": [{"seam": "cortex", "name": "v1", "module": "brain"}]})
    with pytest.raises(
        RunError, match=r"needs the cortex 'v1' of brain, which cannot be loaded; give --plugin FILE, or"
    ):
        run.network()


def test_a_run_of_before_has_no_plugins() -> None:
    run = create_run("run", _digits(), describe_run(0))
    record = run.record()
    del record["plugins"]
    run.write_json("run.json", record)
    assert run.network() == _digits()


def test_a_run_with_the_optimizer_that_netsim_had_once_is_refused_in_one_line() -> None:
    run = create_run("run", _digits(), describe_run(0))
    path = Path("run/network.toml")
    path.write_text(
        path.read_text(encoding="utf-8").replace('optimizer = "adam"', 'optimizer = "lazy-adam"', 1), encoding="utf-8"
    )
    run.write_json("run.json", run.record() | {"specification_sha256": file_sha256(path)})
    with pytest.raises(SpecificationError) as error:
        run.network()
    assert str(error.value).endswith("optimizer: lazy-adam is no longer part of netsim; use adam, which learns as well")


def test_settings_that_an_optimizer_cannot_follow_leave_no_folder() -> None:
    digits = load_preset("digits")
    normed = dataclasses.replace(
        digits, learning=dataclasses.replace(digits.learning, optimizer="weight-norm", weight_decay=0.1)
    )
    with pytest.raises(SpecificationError, match=r"^learning.weight_decay: must be 0 with the optimizer weight-norm"):
        open_training(Path("run"), normed, limit=60)
    assert not Path("run").exists()


def test_all_parts_of_a_network_that_come_from_elsewhere_are_recorded(registered: Registered) -> None:
    registered(scopes, "everybody", Everybody)
    registered(feedbacks, "mirrored", Mirrored)
    network = _network()
    hidden = dataclasses.replace(network.populations[0], winners=Everybody(3))
    last = dataclasses.replace(network.projections[-1], feedback=Mirrored(2))
    changed = dataclasses.replace(
        network,
        populations=(hidden, *network.populations[1:]),
        projections=(*network.projections[:-1], last),
    )
    assert {(plugin["seam"], plugin["name"]) for plugin in plugins_of(changed)} == {
        ("scope", "everybody"),
        ("feedback", "mirrored"),
    }
    assert plugins_of(network) == []


def test_a_run_is_resumed_with_the_objects_it_was_handed() -> None:
    digits = _digits()
    made: dict[str, Any] = {"limit": 60, "optimizer": Adam(momentum=0.5), "constraints": [Quantised()]}
    open_training(Path("run"), digits, 0, **made)
    (optimizer, constraint) = json.loads(Path("run/run.json").read_text(encoding="utf-8"))["plugins"]
    assert optimizer["name"] == "Adam"
    assert optimizer["module"] == "netsim.learning.optimizers.adam"
    assert (constraint["name"], constraint["module"], constraint["handed_in"]) == ("Quantised", __name__, True)
    with pytest.raises(RunError, match=r"^run: was started with the optimizer 'Adam' of .*; resume it"):
        open_training(Path("run"), digits, 0, limit=60, resume=True)
    resumed = open_training(Path("run"), digits, 0, resume=True, **made)
    for name, part, to_be_given in (
        ("optimizer", SGD(momentum=0.5), "optimizer"),
        ("training", resumed.validation, "data"),
        ("engine", object(), "engine"),
    ):
        with pytest.raises(
            RunError, match=f"^run: its record says another {name}; give {to_be_given} to open_training"
        ):
            dataclasses.replace(resumed, **{name: part}).train()  # type: ignore[arg-type]
    epochs: list[dict[str, Any]] = []
    history = resumed.train(Callbacks(on_epoch=epochs.append))
    assert epochs == history
    assert RunFolder(Path("run")).network() == digits  # is there without the objects


def test_what_was_handed_in_is_told_in_place_of_the_settings() -> None:
    made: dict[str, Any] = {"limit": 60, "optimizer": Adam(momentum=0.5), "constraints": [Quantised()]}
    run = open_training(Path("run"), _digits(), 0, learner=Hebb(_digits()), **made).folder
    tables = {table.letter: str(table.rows) for table in describe(run.network(), run).tables}
    assert "the optimizer 'Adam' of netsim.learning.optimizers.adam, handed in from Python" in tables["G2"]
    assert "the constraint 'Quantised'" in tables["G2"]
    assert r"\beta_1" not in tables["G2"]
    assert "the learner 'Hebb' of " in tables["G1"]
    assert "STiDi-BP" not in tables["A"] + tables["G1"]
    assert Path(__file__).name in tables["H"]
    assert "H" not in [table.letter for table in describe(run.network(), run, provenance=False).tables]


def test_no_other_engine_is_taken_for_one_that_was_handed_in() -> None:
    origin = {"seam": "engine", "name": "Mine", "module": "mine", "handed_in": True}
    create_run("run", _digits(), describe_run(0) | {"plugins": [origin]}, initial_weights(_digits(), 0))
    model = load_model("run")
    refused = r"run: was trained with the engine 'Mine' of mine, an object in Python; .* with --engine event or "
    uses: list[Callable[[], Any]] = [
        lambda: plot(model, "raster"),
        lambda: study(model, "lesion-neurons", stimuli=model.splits().test),
        lambda: analyse(model, "latencies", limit=5),
        lambda: analyse(model, "importance", limit=5, units=1),
    ]
    for use in uses:
        with pytest.raises(RunError, match=refused):
            use()
    table = analyse(model, "importance", limit=5, engine=make_engine("event", model.network), units=1).table
    assert len(table) == 1
    assert "the engine 'Mine' of mine, handed in" in str(describe(model.network, model.run).tables[0].rows)
