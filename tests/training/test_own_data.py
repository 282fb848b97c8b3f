"""Training on data of one's own: kept with the run or referred to, found again by every command, and never another."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netsim.analysis import analyse
from netsim.data.dataset import described
from netsim.data.loading import load_dataset
from netsim.data.making import make_dataset
from netsim.data.packed import write_dataset
from netsim.data.stimuli import Stimuli
from netsim.description.provenance import record_facts
from netsim.engines import make_engine
from netsim.errors import DataError, RunError, SpecificationError
from netsim.measuring.evaluation import evaluate
from netsim.models.presets import load_preset
from netsim.presenting.present import present
from netsim.runs.folder import RunFolder, create_run, describe_run
from netsim.runs.model import Model, change_of_data, load_model
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons, Training
from netsim.training.loop import run_training
from netsim.training.opening import TrainingRun, open_training
from netsim.training.starting import beginning_of, start_training
from netsim.training.training import train
from netsim.weights.initial import initial_weights

GENERATOR = np.random.default_rng(8)
IMAGES, LABELS = GENERATOR.random((120, 36)), np.arange(120) % 3
NETWORK = Network.chain(
    "small",
    IntensityEncoder((6, 6, 1), 16.0),
    (
        Layer("hidden", Dense(12), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
        Layer("output", Dense(3), Neurons("phased", 3.0, 16.0, 48.0, 128.0, 1.0, bias=True)),
    ),
    128.0,
    training=Training(epochs=1, batch=20, validation=10),
)


def _train(path: str, **options: object) -> TrainingRun:
    data = make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine")
    run = open_training(path, NETWORK, **({"data": data} | options))  # type: ignore[arg-type]
    run.train()
    return run


@pytest.fixture(scope="module")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "run"
    _train(str(path))
    return path


@pytest.fixture
def run(_trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(_trained, tmp_path / "run")
    return tmp_path / "run"


def test_data_are_kept_and_found_wherever_the_run_lies(run: Path) -> None:
    data = make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine")
    moved = run.rename(run.with_name("moved"))
    record = RunFolder(moved).record()
    assert record["data"]["sha256"] == data.sha256
    assert record["data"]["sizes"] == {"train": 96, "test": 24}
    model = load_model(str(moved))
    splits = model.splits()
    assert splits.dataset.sha256 == data.sha256
    assert model.network.training.dataset == "mine.npz"
    engine = make_engine("event", model.network, model.network.training.dt)
    assert evaluate(model, splits.test, engine=engine).presentations == 24
    assert evaluate(model).presentations == 24
    facts = {fact.name: fact.value for fact in record_facts(record)}
    assert "classes of the output neurons" not in facts  # they are the numbers themselves
    assert facts["data set"] == "mine, of samples given in Python"
    assert facts["SHA-256 of its stimuli and labels"] == data.sha256


def test_a_run_goes_on_with_its_own_data_only(run: Path) -> None:
    data = make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine")
    again = open_training(run, NETWORK, data=data, resume=True)
    assert len(again.train()) == 1
    assert len(open_training(run, RunFolder(run).network(), resume=True).training) == 86
    other = make_dataset((IMAGES[::-1], LABELS), NETWORK.encoder, name="mine")
    with pytest.raises(RunError, match=r"mine has changed since the training: sha256 \w+ then and \w+ now; restore"):
        open_training(run, NETWORK, data=other, resume=True)
    brighter = make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine", intensity_max=2.0)
    with pytest.raises(RunError, match=r"intensity_max 0.9\d+ then and 2.0 now"):
        open_training(run, NETWORK, data=brighter, resume=True)


def test_changed_data_are_named_where_they_are_presented(run: Path) -> None:
    other = make_dataset((IMAGES, (LABELS + 1) % 3), NETWORK.encoder, name="mine")
    write_dataset(other, run / "data" / "mine.npz")
    with pytest.warns(UserWarning, match="mine has changed since the training: sha256"):
        load_model(str(run)).splits()


def test_changed_data_are_named_where_they_are_analysed(run: Path) -> None:
    other = make_dataset((IMAGES, (LABELS + 1) % 3), NETWORK.encoder, name="mine")
    write_dataset(other, run / "data" / "mine.npz")
    model = load_model(str(run))
    for use in (lambda: present(model), lambda: analyse(model, "latencies")):
        with pytest.warns(UserWarning, match="mine has changed since the training: sha256"):
            assert use() is not None


def test_data_that_are_too_small_to_set_some_aside_are_analysed(run: Path) -> None:
    few = make_dataset((IMAGES[:12], LABELS[:12]), NETWORK.encoder, name="few")
    write_dataset(few, "few.npz")
    model = load_model(str(run))
    settings = dataclasses.replace(model.network.training, dataset="few.npz", validation=100)
    small = dataclasses.replace(model, network=dataclasses.replace(model.network, training=settings))
    shown = len(small.splits().test)
    assert present(small).presentations == shown
    assert set(analyse(small, "psth", populations="output").table["presentations"]) >= {shown}


def test_a_known_data_set_has_its_checksum_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = dataclasses.replace(NETWORK, training=dataclasses.replace(NETWORK.training, dataset="a.npz"))
    data = write_dataset(make_dataset((IMAGES, LABELS), NETWORK.encoder), tmp_path / "a.npz")
    before = open_training("run", network)
    assert not (tmp_path / "run" / "data").exists()
    assert before.folder.record()["data"]["sha256"] == make_dataset((IMAGES, LABELS), NETWORK.encoder).sha256
    write_dataset(make_dataset((1 - IMAGES, LABELS), NETWORK.encoder), data)
    with pytest.raises(RunError, match="data has changed since the training: sha256"):
        open_training("run", network, resume=True)
    record = before.folder.record()
    del record["data"]  # of a run that was begun earlier
    before.folder.write_json("run.json", record)
    open_training("run", network, resume=True)


def test_a_name_leads_no_data_out_of_the_run(tmp_path: Path) -> None:
    """Names come with the files of others, and the data of a run are kept under theirs."""
    precious = tmp_path / "precious" / "best.npz"
    precious.parent.mkdir()
    precious.write_text("precious")
    data = dataclasses.replace(make_dataset((IMAGES, LABELS), NETWORK.encoder), name="../../precious/best")
    with pytest.raises(DataError, match=r"data: '../../precious/best' is not a valid name for a .*data set"):
        open_training("run", NETWORK, data=data)
    assert precious.read_text() == "precious"
    assert not Path("run").exists()


def test_a_stream_is_referred_to(tmp_path: Path) -> None:
    def drawn(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        generator = np.random.default_rng(seed)
        for _ in range(count // 20):
            yield generator.random((20, 36)), generator.integers(0, 3, 20)

    data = make_dataset(drawn(200, 0), NETWORK.encoder, drawn(40, 1), file=tmp_path / "drawn.npz")
    run = open_training("run", NETWORK, data=data)
    assert run.network.training.dataset == str(tmp_path / "drawn.npz")
    assert len(run.train()) == 1
    assert not run.folder.data.exists()
    assert len(load_model("run").splits().test) == 40
    (tmp_path / "drawn.npz").unlink()
    with pytest.raises(DataError, match=r"drawn.npz: no such file"):
        load_model("run").splits()


def test_a_validation_split_of_ones_own_is_told(tmp_path: Path) -> None:
    data = make_dataset((IMAGES, LABELS), NETWORK.encoder, validation=(IMAGES[:30], LABELS[:30]))
    run = open_training("run", NETWORK, data=data)
    assert (len(run.training), len(run.validation)) == (96, 30)


def test_small_unlabelled_data_can_be_presented(run: Path) -> None:
    """They need no validation stimuli, of which the network sets more aside than there are."""
    few = make_dataset((IMAGES[:9], None), NETWORK.encoder, name="few")
    network = dataclasses.replace(
        NETWORK, training=dataclasses.replace(NETWORK.training, dataset=str(write_dataset(few, run / "few.npz")))
    )
    splits = load_model(str(run)).splits(network)
    assert [len(part) for part in (splits.training, splits.validation, splits.test)] == [7, 0, 2]
    assert splits.of("test", network.training.validation) is splits.test
    with pytest.raises(DataError, match="few: is too small to set validation images aside"):
        splits.of("validation", network.training.validation)
    with pytest.raises(DataError, match="validation: cannot set aside 10 of 7 training images"):
        open_training("new", network)
    assert not Path("new").exists()


def test_unlabelled_data_are_not_learned_from() -> None:
    with pytest.raises(DataError, match="data: has no labels to learn from"):
        open_training("run", NETWORK, data=make_dataset((IMAGES, None), NETWORK.encoder))
    assert not Path("run").exists()


def test_no_half_made_run_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    data = make_dataset((IMAGES, LABELS), NETWORK.encoder)
    with monkeypatch.context() as patch:
        patch.setattr("netsim.runs.folder.write_text", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_training("run", NETWORK, data=data)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run" / "data").mkdir(parents=True)  # what a killed process leaves
    (tmp_path / "run" / "run.json").write_text("{}")
    assert open_training("run", NETWORK, data=data).folder.data.is_dir()


def test_other_versions_are_named(run: Path) -> None:
    record = RunFolder(run).record()
    record["versions"]["numpy"], record["netsim"] = "1.0", "0.0.9"
    RunFolder(run).write_json("run.json", record)
    with pytest.warns(UserWarning, match=r"other versions.*netsim 0.0.9 then and .*numpy 1.0 then and 2"):
        open_training(run, RunFolder(run).network(), resume=True)


def test_a_record_from_elsewhere_is_refused() -> None:
    run = create_run("run", NETWORK, describe_run(0) | {"data": ["hostile"]})
    with pytest.raises(RunError, match="data is missing or wrong"):
        run.record()
    (run.path / "run.json").write_text(json.dumps(describe_run(0) | {"data": {"sha256": [1], "classes": 7}}))
    assert "classes 7 then and" in change_of_data(run, described(make_dataset((IMAGES, LABELS), NETWORK.encoder)))


def test_a_stimulus_without_a_label_is_neither_learned_from_nor_right() -> None:
    """It was once taken for one of the last class, and silence for its right answer."""
    labels = np.where(np.arange(120) == 7, -1, LABELS)
    stimuli = Stimuli(IMAGES.reshape(-1, 6, 6, 1), labels, 1.0, NETWORK.encoder)
    state = start_training(NETWORK, 0)
    with pytest.raises(DataError, match="stimuli: include a stimulus without a label; labels from 0 to 2"):
        run_training(make_engine("event", NETWORK), NETWORK, stimuli, stimuli.first(5), state, 0)
    silent = {name: np.zeros_like(array) for name, array in initial_weights(NETWORK, 0).items()}
    with pytest.raises(DataError, match="without a label"):
        evaluate(Model(NETWORK, silent), stimuli, engine=make_engine("event", NETWORK))


def test_a_pretrained_run_is_looked_for_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _train("first").train()
    fine = dataclasses.replace(NETWORK, training=dataclasses.replace(NETWORK.training, pretrained="first"))
    data = make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine")
    open_training("second", fine, data=data).train()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SpecificationError, match=r"first is neither a preset nor a run folder seen from .*elsewhere"):
        open_training("../second", fine, resume=True)


def test_a_file_found_in_a_data_folder_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    write_dataset(make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine"), tmp_path / "data" / "mine.npz")
    monkeypatch.chdir(tmp_path)
    data = load_dataset("mine.npz", data_dir="data")
    assert data.reference == str(tmp_path / "data" / "mine.npz")
    found = train(NETWORK, "run", epochs=1, data=data)
    assert len(found.splits().test) == len(data.test_labels)


def test_another_data_set_is_not_looked_for_in_the_folder_of_the_run(run: Path) -> None:
    """The run keeps its own data, and other data sets lie elsewhere."""
    model = load_model(run)
    network = dataclasses.replace(
        load_preset("digits"), training=dataclasses.replace(NETWORK.training, dataset="digits", validation=9)
    )
    assert len(model.splits(network).test) == 360
    begun = beginning_of(str(run), {"training.dataset": "mnist"})
    assert begun.data_dir is None
    assert beginning_of(str(run)).data_dir is not None


def test_a_limit_that_leaves_out_classes_is_noticed(tmp_path: Path) -> None:
    order = np.argsort(LABELS, kind="stable")
    data = make_dataset((IMAGES[order], LABELS[order]), NETWORK.encoder, name="sorted")
    with pytest.warns(UserWarning, match="the first 20 training images lack 2 of 3 classes; shuffle them"):
        open_training(tmp_path / "run", NETWORK, limit=20, data=data)


def test_wrong_callbacks_leave_no_run(tmp_path: Path) -> None:
    data = make_dataset((IMAGES, LABELS), NETWORK.encoder, name="mine")
    for wrong in ({"callbacks": print}, {"interrupted": 3}, {"settings": ["learning.rate=0.1"]}):
        with pytest.raises(SpecificationError, match=next(iter(wrong))):
            train(NETWORK, tmp_path / "run", data=data, **wrong)
    assert not (tmp_path / "run").exists()
