"""Pictures of a report: what cannot be drawn says why, and what is light stays light."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from netsim.analysis.gallery import Choice, Drawn, Plot, Source, plot
from netsim.analysis.style import save_figure
from netsim.data.stimuli import Stimuli, load_splits
from netsim.engines import Engine, Recorded, make_engine
from netsim.errors import DataError, SpecificationError
from netsim.models.presets import load_preset
from netsim.reporting import Picture, draw_pictures
from netsim.reporting.pictures import in_rows, sections
from netsim.seams import figures
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights


def source_of(network: Network, stimuli: Stimuli, weights: Weights | None = None) -> Source:
    """What figures are made from, with untrained weights."""

    def build(record: Sequence[Recorded]) -> Engine:
        return make_engine("event", network, record=record)

    drawn = forward_weights(network, initial_weights(network, 0))
    return Source(network, weights or drawn, lambda: stimuli, build, initial=lambda: drawn)


@pytest.fixture(scope="module")
def silent_source() -> Source:
    """A network without a spike, presented two black images."""
    encoder = IntensityEncoder((4, 4, 1), 16.0)
    network = Network.chain("silent", encoder, (Layer("output", Dense(3), Neurons(tau=16.0)),), 64.0)
    return source_of(network, Stimuli(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 2]), 255, encoder))


@dataclasses.dataclass(frozen=True)
class Damaged:
    """Pictures of a network without a spike, in the folder of an earlier report, with damaged metrics."""

    folder: Path
    pictures: list[Picture]
    steps: list[str]
    left_open: list[int]


@pytest.fixture(scope="module")
def damaged(silent_source: Source, tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    """All pictures, drawn once."""
    folder = tmp_path_factory.mktemp("figures")
    for name in ("learning.png", "learning.svg", "learning-column.svg", "notes.png"):
        (folder / name).write_text("of another model", encoding="utf-8")
    metrics = tmp_path_factory.mktemp("run") / "metrics.csv"
    metrics.write_text("epoch,training_strict_accuracy,validation_strict_accuracy\n1,good,bad\n", encoding="utf-8")
    open_before = plt.get_fignums()
    steps: list[str] = []
    pictures = draw_pictures(dataclasses.replace(silent_source, metrics=metrics), folder, limit=1, step=steps.append)
    return Damaged(folder, pictures, steps, [number for number in plt.get_fignums() if number not in open_before])


def test_every_figure_has_its_place() -> None:
    shown = [name for names in sections().values() for name in names]
    slow = {"gradients"}  # hundreds of presentations for each layer
    assert sorted(shown) == sorted(name for name in figures if figures.is_own(name) and name not in slow)


def test_figures_of_an_earlier_report_are_removed(damaged: Damaged) -> None:
    folder = damaged.folder
    drawn = {picture.kind for picture in damaged.pictures if picture.uri}
    assert drawn
    assert {path.name.partition(".")[0].removesuffix("-column") for path in folder.iterdir()} == drawn | {"notes"}
    assert [path.name for path in folder.iterdir() if path.read_bytes().startswith(b"of another")] == ["notes.png"]


def test_what_cannot_be_drawn_says_why(damaged: Damaged) -> None:
    assert [picture.kind for picture in damaged.pictures] == damaged.steps
    drawn = {name for name in figures if figures[name].section}
    assert set(damaged.steps) == {name for name in drawn if figures[name].samples in ("", "images")}
    reasons = {picture.kind: picture.reason for picture in damaged.pictures if not picture.uri}
    assert "metrics.csv: contains no metrics" in reasons.pop("learning")
    assert set(reasons) == {"latencies", "group-raster"}
    assert all("has no rows" in reason for reason in reasons.values())
    assert damaged.left_open == []


def test_names_of_classes_are_shown_letter_by_letter(only_pictures: Callable[..., None], tmp_path: Path) -> None:
    """They come with a stranger's data set, and matplotlib reads mathematics between dollar signs."""
    network = load_preset("digits")
    digits = load_splits(network).test.first(40)
    named = dataclasses.replace(digits, classes=tuple(rf"$\frac{{$ {label}" for label in range(10)))
    source = source_of(network, named)
    only_pictures("raster")
    draw_pictures(source, tmp_path)
    for kind in ("group-raster", "confusion", "errors"):
        save_figure(plot(source, kind).figure, tmp_path / f"{kind}.svg")
    drawn = {path.stem: html.unescape(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.svg")}
    assert set(drawn) == {"raster", "raster-column", "group-raster", "confusion", "errors"}
    for kind, text in drawn.items():
        assert r"$\frac{$ " in text, kind
        assert r"\$" not in text, kind


def test_a_stimulus_that_does_not_exist_is_refused(silent_source: Source) -> None:
    with pytest.raises(DataError, match="stimulus 2: does not exist; there are 0 to 1"):
        draw_pictures(silent_source, Path(), index=2)
    assert list(Path().iterdir()) == []


def test_columns_stand_in_pairs() -> None:
    kinds = ("raster", "spikes", "errors", "kernels", "learning", "confusion")
    rows = in_rows([Picture(kind, "", "", "") for kind in kinds])
    expected = [["raster"], ["spikes"], ["errors"], ["kernels", "learning"], ["confusion"]]
    assert [[picture.kind for picture in row] for row in rows] == expected


@pytest.mark.nightly
def test_40000_neurons_stay_light(only_pictures: Callable[..., None]) -> None:
    only_pictures(*sections()["A single presentation"])
    network = load_preset("rcsnn-mnist")
    image = np.random.default_rng(0).integers(0, 256, (1, *network.encoder.shape)).astype(np.uint8)
    for picture in draw_pictures(source_of(network, Stimuli(image, np.array([3]), 255, network.encoder)), Path()):
        assert 10_000 < len(picture.uri) < 800_000
        assert 10_000 < len(picture.narrow) < 800_000


def test_figures_of_decisions_need_labels(silent_source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.reporting.pictures.save_figure", lambda figure, path: Path(path).touch())
    monkeypatch.setattr("netsim.reporting.pictures._outlined", lambda figure: b"<svg/>")
    stimuli = dataclasses.replace(silent_source.stimuli, labels=np.array([-1, -1]))
    unlabelled = dataclasses.replace(silent_source, load_stimuli=lambda: stimuli)
    reasons = {picture.kind: picture.reason for picture in draw_pictures(unlabelled, Path()) if not picture.uri}
    for kind in ("confusion", "decision-time", "calibration", "errors", "displacements"):
        assert reasons.pop(kind) == "stimuli: have no labels, but this figure needs them; give labelled stimuli"
    assert set(reasons) == {"latencies", "group-raster"}


def test_a_figure_of_ones_own_that_returns_nothing(silent_source: Source, registered: Callable[..., None]) -> None:
    def draw(source: Source, choice: Choice) -> Any:
        choice.new_figure(height=2.0)

    registered(figures, "mine", Plot("mine", "of mine", draw=draw))
    message = r"^figure 'mine': must return netsim\.analysis\.Drawn, .* not NoneType"
    with pytest.raises(SpecificationError, match=message):
        plot(silent_source, "mine")
    assert plt.get_fignums() == []


def test_a_figure_of_ones_own_that_fails_does_not_take_the_others_with_it(
    silent_source: Source, registered: Callable[..., None], only_pictures: Callable[..., None]
) -> None:
    def draw(source: Source, choice: Choice) -> Drawn:
        raise AttributeError("no such thing")

    mine = Plot("mine", "of mine", section="Decisions", title="Mine", caption="None.", draw=draw)
    registered(figures, "mine", mine)
    assert "mine" in sections()["Decisions"]
    only_pictures("kernels", "mine", "confusion")
    pictures = {picture.kind: picture for picture in draw_pictures(silent_source, Path())}
    assert pictures["mine"].reason.endswith("fails: AttributeError('no such thing')")
    assert pictures["kernels"].uri
    assert plt.get_fignums() == []
