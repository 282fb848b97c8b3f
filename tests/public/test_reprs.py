"""Every public object says what it is in a few lines, and never what its arrays hold."""

from __future__ import annotations

import copy
import inspect
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import netsim
from netsim.exchange.presentations import Presentations
from netsim.measuring.metrics import decide
from netsim.registry import Registry
from netsim.reprs import html_table
from netsim.seams import optimizers
from netsim.studies.plans import make_plan
from netsim.sweeps.plan import plan_from_dict

TABLE = {"base": "digits", "seeds": list(range(20)), "grid": {"learning": {"rate": [0.001, 0.01]}}}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An instance of every public class, and what the public functions give, by name."""
    model = netsim.load_model("digits")
    network = model.network
    engine = netsim.make_engine("event", network, record=[netsim.Recorded("hidden", 3)])
    splits = netsim.load_splits(network)
    test = splits.test.first(5)
    batch = netsim.Batch(test.latencies(np.arange(5)), model.weights, {"hidden": np.zeros(200, bool)})
    latencies = engine.present(batch)
    gradients = netsim.STiDiBP(network).learn(latencies, test.labels, model.weights)
    simulation = netsim.present(model, test, engine=engine)
    run = netsim.open_training(tmp_path_factory.mktemp("runs") / "run", network, seed=0, limit=20)
    run.train()
    description = netsim.describe(network)
    edges = tmp_path_factory.mktemp("edges") / "edges.csv"
    edges.write_text("pre,post\n0,1\n")
    layers = [netsim.analysis.LayerSpikes.of_latencies(*layer) for layer in latencies.items()]
    spikes = netsim.analysis.Spikes.of_layers(layers)
    analysed = netsim.analyse(model, "latencies", limit=20)
    made = [
        *(model, network, network.encoder, engine, splits, test, batch, gradients, simulation, run, run.folder),
        simulation.conditions,
        *(
            description,
            description.tables[0],
            simulation.potentials[0],
            decide(latencies["output"]),
            netsim.STiDiBP(network),
        ),
        *(*network.populations, *network.projections, *(network.layers() or ()), network.learning, network.training),
        *(network.weighting, network.connections(network.projections[0]), network.projections[0].initial),
        *(netsim.LatencyEncoder((8, 8, 1), 16.0), netsim.PopulationEncoder.of(np.eye(4), neurons=8, t_max=16.0)),
        *(netsim.EventEncoder((34, 34, 2), 16.0), netsim.PSP("breakpoints", breakpoints=((0.0, 1.0), (4.0, -1.0)))),
        *(
            netsim.Convolution(32, 5, padding=2),
            netsim.Dense(10),
            network.neurons("hidden"),
            netsim.Scale(potential=1.0, current=10.0, rest=-70.0),
            netsim.Pooling(2),
            netsim.EventView(test),
            netsim.Recorded("hidden", 3),
        ),
        *(netsim.Callbacks(), netsim.Progress(0, 1, 2, 0.5, 0.5, {"hidden": 0.5}), netsim.EarlyStopping(3)),
        netsim.evaluate(model, test, engine=engine),
        netsim.compare(
            model, test, engines=(netsim.make_engine("event", network, 1.0), netsim.make_engine("event", network, 1.0))
        ),
        netsim.check(network, limit=20),
        netsim.Reproduction("runs/a", "runs/a-reproduced", 20, {"hidden.kernel": 0.25}),
        netsim.View(index=3, drawing="A" * 1000, silenced={"hidden": tuple(range(200))}),
        netsim.plot(model, "raster"),
        netsim.analysis.Source.of(model),
        netsim.analysis.Choice(),
        netsim.seams.figures["raster"],
        make_plan(network, "spike-jitter", seeds=range(100)),
        plan_from_dict(TABLE, Path()),
        optimizers["adam"].from_network(network),
        Presentations(batch.stimuli, test.labels, np.arange(5)),
        netsim.load_dataset("digits"),
        *(netsim.SpikingClassifier(), netsim.Delays()),
        *(netsim.Random(9, 0.1), netsim.Distance(2, 1.5), netsim.LocallyConnected(4, 3), netsim.OneToOne()),
        *(netsim.EdgeList(2, str(edges)), netsim.OnOffEncoder((8, 8, 2), 16.0)),
        netsim.MelEncoder((16, 32, 2), 40.0, (8.0, 20.0), high=3800.0),
        *(netsim.DirectFeedback(), netsim.RandomFeedback(), netsim.SignFeedback()),
        *(netsim.MapWinners(), netsim.NeighbourhoodWinners(), netsim.PopulationWinners(), netsim.PositionWinners()),
        *(analysed, spikes, layers[0], netsim.seams.analyses["latencies"]),
        netsim.build_network(network, model.weights, dt=1.0),
        *(netsim.load_preset(name) for name in netsim.preset_names()),
        *netsim.seams.SEAMS,
    ]
    return {f"{type(value).__name__}-{number}": value for number, value in enumerate(made)}


def test_objects_with_arrays_are_compared_without_an_error(objects: dict[str, Any]) -> None:
    for made in objects.values():
        if not isinstance(made, tuple | np.ndarray):
            assert isinstance(made == copy.copy(made), bool), made


def test_every_public_object_is_short(objects: dict[str, Any]) -> None:
    for name, value in objects.items():
        lines = repr(value).splitlines()
        assert 1 <= len(lines) <= 12, (name, lines)
        assert len(max(lines, key=len)) <= 100, (name, lines)
        assert "array(" not in repr(value), name
        assert " object at 0x" not in repr(value), name


def test_no_public_class_is_left_out(objects: dict[str, Any]) -> None:
    """Protocols and exceptions aside, every public class has an instance above."""
    made = [type(value) for value in objects.values()]
    for module in (netsim, netsim.analysis):
        for name in module.__all__:
            public = getattr(module, name)
            if not inspect.isclass(public) or inspect.isabstract(public) or getattr(public, "_is_protocol", False):
                continue
            assert issubclass(public, Exception) or any(issubclass(kind, public) for kind in made), name
    assert Registry in made


class _Page(HTMLParser):
    """Counts what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"table", "caption", "tr", "td", "th", "h3", "p", "code", "br"}, tag
        self.open += [tag] * (tag != "br")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_whole(objects: dict[str, Any]) -> None:
    shown_objects = {
        name: value for name, value in objects.items() if not isinstance(value, BaseEstimator)
    }  # has scikit-learn's
    shown = [value for value in shown_objects.values() if hasattr(value, "_repr_html_")]
    assert {type(each).__name__ for each in shown} == {
        *("Check", "Description", "Evaluation", "Network", "RunFolder", "Splits")
    }
    for value in shown:
        page = _Page()
        page.feed(value._repr_html_())
        page.close()
        assert page.open == []
        assert "array(" not in page.text


def test_html_escapes_names() -> None:
    network = netsim.load_preset("digits")
    table = netsim.network_to_dict(network) | {"description": "<script>alert(1)</script> & more"}
    described = netsim.describe(netsim.network_from_dict(table))._repr_html_()
    assert "<script>" not in described
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in described


def test_notebooks_show_names_letter_by_letter() -> None:
    """They typeset mathematics between dollar signs that stand in one tag."""
    network = netsim.load_preset("digits")
    table = netsim.network_to_dict(network) | {"description": r"costs $5 or $\frac{$"}
    described = netsim.describe(netsim.network_from_dict(table))._repr_html_()
    assert r"costs <span>$</span>5 or <span>$</span>\frac{<span>$</span>" in described
    assert r"$\beta" in described
    assert html_table("$a$", [("$b$",)]).count("<span>$</span>") == 4
