"""Every analysis: a table with the columns that its docstring tells, a figure, settings, the same numbers again."""

from __future__ import annotations

import dataclasses
import html
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from pandas.api.types import is_numeric_dtype

from netsim.analysis import Analysed, Analysis, analyse, importance_figure, save_figure
from netsim.analysis.shape import tabulated
from netsim.data.stimuli import load_splits
from netsim.errors import DataError, SpecificationError
from netsim.presenting.present import present
from netsim.runs.model import Model, load_model
from netsim.seams import analyses
from netsim.spikes import LayerSpikes, Spikes


def tuned(seed: int, labels: np.ndarray) -> Spikes:
    """Spikes of two layers that tell the labels, with jitter and silence; the layer `late` is the more selective."""
    generator = np.random.default_rng(seed)
    layers = []
    for name, spread, silent in (("stimulus", 3.0, 0.3), ("early", 3.0, 0.3), ("late", 1.0, 0.1)):
        preferred = np.random.default_rng(len(name)).uniform(0, 20, (3, 12))
        times = np.round(preferred[labels] + generator.normal(0, spread, (len(labels), 12)) + 10, 3)
        times[generator.random(times.shape) < silent] = np.inf
        layers.append(LayerSpikes.of_latencies(name, times, window=(0.0, 50.0)))
    return Spikes.of_layers(layers, labels)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.arange(48) % 3


@pytest.fixture(scope="module")
def spikes(labels: np.ndarray) -> Spikes:
    return tuned(0, labels)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("digits")


@pytest.fixture(scope="module")
def analysed(spikes: Spikes, labels: np.ndarray, model: Model) -> dict[str, Analysed]:
    """Every analysis, of spikes that tell the label."""
    stimuli = load_splits(model.network).test.first(20)
    made = {}
    for name, entry in analyses.items():
        settings: dict[str, Any] = {"units": 4} if name == "importance" else {}
        other = tuned(1, labels) if entry.takes("against") else None
        subject = model if entry.takes("model") else spikes
        made[name] = analyse(subject, name, other, stimuli=stimuli if subject is model else None, **settings)
    return made


@pytest.mark.parametrize("name", analyses)
def test_columns_are_those_that_are_told(name: str, analysed: dict[str, Analysed]) -> None:
    text = inspect.getdoc(analyses[name].measure) or ""
    returns = text.partition("Returns\n")[2].partition("\nRaises")[0].partition("\nExamples")[0]
    rows = re.search(r"^ *=+ +=+.*?\n(.*?)^ *=+ +=+", returns, re.MULTILINE | re.DOTALL)
    assert rows is not None
    listed = [line for line in rows[1].splitlines() if re.match(r" {0,4}\w", line)]
    columns = [column for line in listed for column in re.split(r",\s*", re.split(r"\s{2,}", line.strip())[0])]
    assert columns == list(analysed[name].table.columns)
    assert re.search(r"\b(ms|bits|share|fraction|without a unit|dimensionless|-1 to 1|correlation)\b", returns)


@pytest.mark.parametrize("name", analyses)
def test_figure_has_units_and_is_closed(name: str, analysed: dict[str, Analysed]) -> None:
    figure = analysed[name].figure(palette="Set2")
    (axes, *_) = figure.axes
    if name not in ("similarity", "clustering"):
        assert axes.get_xlabel()
        assert axes.get_ylabel() or len(axes.get_yticklabels()) > 1
    figure.canvas.draw()
    plt.close(figure)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", analyses)
def test_names_are_shown_letter_by_letter(name: str, analysed: dict[str, Analysed], tmp_path: Path) -> None:
    """They come with the files of others; matplotlib reads mathematics, and hides what an underscore begins."""
    table = analysed[name].table.copy()
    for column in {"layer", "first", "second"} & {column for column in table if not is_numeric_dtype(table[column])}:
        table[column] = pd.Categorical([rf"_$\frac{{$ {word}" for word in table[column].astype(str)])
    classes = [rf"a$b$ {label}" for label in range(10)]
    figure = Analysed(name, table, classes).figure()
    save_figure(figure, tmp_path / "figure.svg")
    plt.close(figure)
    drawn = html.unescape((tmp_path / "figure.svg").read_text(encoding="utf-8"))
    assert r"_$\frac{$ " in drawn
    assert (r"a$b$ 2" in drawn) == (name in ("clustering", "trajectories"))
    assert r"\$" not in drawn


def test_the_same_seed_gives_the_same_numbers(spikes: Spikes) -> None:
    for name in ("information", "rank-order", "synchrony", "decoding"):
        few: dict[str, Any] = {
            key: few for key, few in (("shuffles", 20), ("times", 3)) if key in analyses[name].settings
        }
        first, again = (analyse(spikes, name, seed=5, **few).table for _ in range(2))
        pd.testing.assert_frame_equal(first, again)


def test_some_layers_and_presentations_only(spikes: Spikes) -> None:
    table = analyse(spikes, "latencies", populations=["late"], limit=6).table
    assert table["layer"].unique().tolist() == ["late"]
    assert table.loc[table["neuron"].notna() & table["label"].isna(), "presentations"].unique().tolist() == [6]


def test_settings_are_checked(spikes: Spikes, registered: Callable[..., None]) -> None:
    assert analyses["psth"].settings == {"bin_ms": 1.0}
    assert len(analyse(spikes, "psth", bin_ms=25).table) < len(analyse(spikes, "psth").table)
    with pytest.raises(SpecificationError, match="setting bins_ms: is not known; did you mean 'bin_ms'"):
        analyse(spikes, "psth", bins_ms=2.0)
    with pytest.raises(SpecificationError, match="setting bin_ms: must be a number, not 'wide'"):
        analyse(spikes, "psth", bin_ms="wide")
    draw: Any = None
    listed = Analysis("listed", "of a list", draw, measure=lambda spikes, which=(1, 2): spikes)
    assert listed.checked({"which": [3, 4]}) == {"which": (3, 4)}
    with pytest.raises(SpecificationError, match=r"listed: setting which: must be a list such as \[1, 2\], not 3"):
        listed.checked({"which": 3})
    registered(analyses, "listed", dataclasses.replace(listed, measure=lambda spikes: draw))  # None
    with pytest.raises(SpecificationError, match=r"^analysis 'listed': must return a table, .*, not NoneType$"):
        analyse(spikes, "listed")
    settings: dict[str, dict[str, Any]] = {
        "psth": {"bin_ms": 0.0},
        "strength": {"groups": 1},
        "information": {"bins": 1},
        "information-time": {"times": 1},
        "synchrony": {"window_ms": -1.0},
        "distances": {"tau_ms": 0.0},
        "similarity": {"measure": "nosuch"},
        "decoding": {"code": "nosuch"},
        "trajectories": {"times": 1},
    }
    more: list[tuple[str, dict[str, Any]]] = [
        ("information-time", {"bins": 1}),
        ("synchrony", {"window_ms": np.inf}),
        ("decoding", {"penalty": np.inf}),
        ("trajectories", {"times": 2}),
        *((name, {"sample": most}) for name in ("distances", "decoding") for most in (0, -1)),
    ]
    for name, wrong in [*settings.items(), *more]:
        with pytest.raises(SpecificationError, match=f"setting {next(iter(wrong))}"):
            analyse(spikes, name, **wrong)


@pytest.mark.parametrize("name", ["information-time", "trajectories"])
def test_spikes_without_any_spike_are_refused(name: str) -> None:
    layer = LayerSpikes.of_latencies("silent", np.full((6, 3), np.inf), window=(0.0, 50.0))
    with pytest.raises(DataError, match="no layer fires"):
        analyse(Spikes.of_layers([layer], np.arange(6) % 2), name)


def test_the_figure_of_importance_shows_the_most_important_units_of_each_layer() -> None:
    rows = [("a", 0, 0.01), ("a", 1, 0.03), *(("b", unit, 0.5 + unit / 1000) for unit in range(50))]
    table = pd.DataFrame(rows, columns=["layer", "unit", "accuracy_loss"])
    axes = importance_figure(table.assign(low=table["accuracy_loss"] - 0.002, high=table["accuracy_loss"] + 0.005))
    first, second = (np.asarray(line.get_xydata()) for line in axes.lines[:2])
    np.testing.assert_allclose(first[:, 1], [3.0, 1.0])
    np.testing.assert_allclose(second[:, 1], 50 + np.arange(49, 49 - len(second), -1) / 10)
    np.testing.assert_allclose(first[:, 0], [0.85, 1.85])  # next to each other, around whole numbers
    np.testing.assert_allclose(second[:2, 0], [1.15, 2.15])
    bars = [np.asarray(path.vertices)[:, 1] for path in axes.collections[0].get_paths()]
    np.testing.assert_allclose(bars, [[2.8, 3.5], [0.8, 1.5]])
    assert axes.get_legend_handles_labels()[1] == ["a", f"b, {len(second)} of 50"]
    plt.close("all")


def test_importance_of_many_layers_is_drawn() -> None:
    table = pd.DataFrame({"layer": [f"layer{number}" for number in range(11)], "unit": 0, "accuracy_loss": 0.1})
    axes = importance_figure(table.assign(low=0.0, high=0.2))
    assert len(axes.get_legend_handles_labels()[1]) == 11
    plt.close("all")


def test_what_an_analysis_cannot_tell_is_refused(spikes: Spikes, labels: np.ndarray) -> None:
    unlabelled = Spikes.of_layers(list(spikes.layers()))
    for name in ("information", "selectivity", "decoding", "clustering"):
        with pytest.raises(DataError, match="have no labels"):
            analyse(unlabelled, name)
    for name in (
        "latencies",
        "psth",
        "rank-order",
        "sparseness",
        "synchrony",
        "distances",
        "similarity",
        "trajectories",
    ):
        analyse(unlabelled, name).figure()
    plt.close("all")
    with pytest.raises(DataError, match="presents stimuli by itself"):
        analyse(spikes, "importance")
    with pytest.raises(DataError, match="give the second"):
        analyse(spikes, "comparison")
    with pytest.raises(DataError, match="does not compare"):
        analyse(spikes, "latencies", spikes)
    with pytest.raises(DataError, match="both need the same ones"):
        analyse(spikes, "comparison", spikes.head(5))
    with pytest.raises(DataError, match="differently"):
        analyse(spikes, "comparison", Spikes.of_layers(list(spikes.layers()), labels[::-1]))


@pytest.mark.parametrize(
    "name", [name for name in analyses if name not in ("importance", "clustering", "causal-pieces")]
)
def test_silence_is_no_fault(name: str, labels: np.ndarray) -> None:
    """A layer of which no neuron ever fires, one neuron, and a label of one presentation."""
    silent = LayerSpikes.of_latencies("silent", np.full((48, 3), np.inf), window=(0.0, 50.0))
    single = LayerSpikes.of_latencies("single", np.where(labels[:, None] == 0, 3.0, np.inf), window=(0.0, 50.0))
    stimulus = tuned(0, labels).layer("stimulus")
    spikes = Spikes.of_layers([stimulus, silent, single], labels)
    entry = analyses[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        made = analyse(spikes, name, spikes if entry.takes("against") else None)
    assert len(made.table)
    plt.close(made.figure())


def test_a_function_that_cannot_draw_is_refused() -> None:
    with pytest.raises(SpecificationError, match=r"^analysis 'own': needs a function that draws, with the .* ax=None"):
        Analysis("own", "an analysis of one's own", lambda frame: frame)(lambda spikes: pd.DataFrame())
    assert "own" not in analyses


def test_a_setting_without_a_default_is_refused() -> None:
    with pytest.raises(SpecificationError, match=r"^analysis 'own': needs a default for its setting least$"):
        Analysis("own", "an analysis of one's own", importance_figure)(lambda spikes, least: pd.DataFrame())
    assert "own" not in analyses


def test_a_layer_that_does_not_exist_is_refused() -> None:
    def own(spikes: Any) -> Iterator[dict[str, object]]:
        yield {"layer": "hiden", "share": 0.5}

    with pytest.raises(DataError, match=r"^own: yields the layer 'hiden'.*'hidden'"):
        tabulated(own)(present("digits", limit=2))


def test_other_presentations_are_named() -> None:
    spikes, other = (present("digits", index=index) for index in ([5, 9, 11], [0, 1, 2, 3, 4, 6]))
    named = r"against: has the presentations 0, 1, 2, 3 … 6 \(6\), the subject has 5, 9, 11 \(3\)"
    with pytest.raises(DataError, match=named):
        analyse(spikes, "comparison", other)


def test_trajectories_do_not_draw_the_stimulus() -> None:
    found = analyse("digits", "trajectories", populations=["stimulus", "hidden"], limit=40)
    assert found.figure().axes[0].get_title(loc="left").startswith("hidden")


def test_similarity_of_few_presentations_has_no_warning() -> None:
    """Some bootstrap draws of four presentations contain a single one, and so no pairs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(analyse(present(load_model("digits"), limit=4), "similarity").table)
