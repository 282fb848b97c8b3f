"""What all figures and tables of analyses share: Axes, palette, checks, rows, and the texts of docstrings."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

import netsim
from netsim import analysis
from netsim.analysis.shape import document, draws, tabulated
from netsim.analysis.style import colours
from netsim.errors import DataError
from netsim.seams import analyses
from netsim.spikes import LayerSpikes, Spikes

TABLE = pd.DataFrame({"layer": ["b", "a"], "weight": [2.0, 5.0]})


@draws("weight", ["layer", "weight"], of="weight_table", width=3.0, height=lambda frame, marker="o": 1.0 + len(frame))
def points(axes: Any, frame: pd.DataFrame, marker: str = "o") -> None:
    """Draw points.

    Parameters
    ----------
    marker : str
        Marker of matplotlib.
    """
    if marker == "bad":
        raise DataError("marker: is bad")
    axes.plot(frame["weight"], marker, color=colours(1)[0])


def test_axes_are_new_or_those_of_the_user() -> None:
    new = points(TABLE)
    figure = new.get_figure(root=True)
    assert figure is not None
    assert figure.get_size_inches().tolist() == [3.0, 3.0]
    _, own = plt.subplots()
    assert points(TABLE, "x", own, ["#123456"]) is own
    assert (own.lines[0].get_marker(), to_hex(own.lines[0].get_color())) == ("x", "#123456")
    plt.close("all")


def test_nothing_is_left_open_after_an_error() -> None:
    before = plt.get_fignums()
    with pytest.raises(DataError, match="lacks the column weight; a weight table is needed"):
        points(TABLE.drop(columns="weight"))
    with pytest.raises(DataError, match="marker: is bad"):
        points(TABLE, marker="bad")
    with pytest.raises(TypeError, match="unexpected keyword argument 'axes'"):
        points(TABLE, axes=None)
    assert plt.get_fignums() == before


def test_the_docstring_has_all_parameters_in_order() -> None:
    assert list(inspect.signature(points).parameters) == ["frame", "marker", "ax", "palette"]
    text = inspect.getdoc(points) or ""
    assert re.findall(r"^(\w+) : ", text, re.MULTILINE) == ["frame", "marker", "ax", "palette"]
    assert "As from `weight_table`." in text
    assert re.findall(r"^(\w+)\n-+$", text, re.MULTILINE) == ["Parameters", "Returns", "Raises"]


def test_own_texts_replace_those_of_the_shape() -> None:
    def measure(spikes: Spikes, against: Spikes, seed: int = 0) -> None:
        """Measure.

        Parameters
        ----------
        spikes, against : Spikes
            Spikes of one network.
        """

    text = document(measure, {"spikes": "spikes : Spikes", "against": "against : Spikes", "seed": "seed : int"}, {})
    assert text == (
        "Measure.\n\nParameters\n----------\nspikes, against : Spikes\n    Spikes of one network.\nseed : int\n"
    )


@pytest.mark.parametrize("name", analyses)
def test_help_of_every_analysis_tells_all_parameters(name: str) -> None:
    entry = analyses[name]
    for function in (entry.draw, entry.measure):
        assert function is not None
        text = inspect.getdoc(function) or ""
        (listed,) = re.findall(r"^Parameters\n-+\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
        heads = re.findall(r"^(\w[\w, ]*?)(?: : .*)?$", listed, re.MULTILINE)
        told = [each for names in heads for each in names.split(", ")]
        assert sorted(told) == sorted(inspect.signature(function).parameters)
        assert text.count("Axes to draw into; by default Axes of a new figure.") == (function is entry.draw)
        assert ">>> " in text


def test_the_texts_of_ax_and_palette_stand_once() -> None:
    folder = Path(inspect.getfile(draws)).parent
    stated = [path.name for path in folder.rglob("*.py") if "Axes to draw into; by default" in path.read_text("utf-8")]
    assert stated == ["shape.py"]
    for own in (analysis.kernels, analysis.error_gallery, analysis.networks_figure):  # these open their Axes themselves
        assert (inspect.getdoc(own) or "").count("Axes to draw into; by default Axes of a new figure.") == 1


def test_rows_become_a_table_in_the_order_of_the_network() -> None:
    spikes = Spikes.of_layers([LayerSpikes.of_latencies(name, np.array([[1.0]])) for name in ("b", "a")])

    def one_by_one(spikes: Spikes) -> Any:
        yield {"layer": "a", "label": None, "weight": 1.5}
        yield {"layer": "b", "label": 3, "weight": 2.5}

    def several(spikes: Spikes) -> Any:
        yield {"layer": "a", "label": pd.array([1, 2], "Int64"), "weight": np.array([1.5, 3.5])}
        yield {"layer": "b", "label": pd.array([3], "Int64"), "weight": np.array([2.5])}

    table = tabulated(one_by_one)(spikes)
    assert table["layer"].cat.categories.tolist() == ["b", "a"]
    assert (table["weight"].tolist(), table["label"].isna().tolist()) == ([1.5, 2.5], [True, False])
    assert str(table["label"].dtype) == "Int64"
    table = tabulated(several)(spikes=spikes)
    assert table["layer"].tolist() == ["a", "a", "b"]
    assert (table["label"].tolist(), table["weight"].tolist()) == ([1, 2, 3], [1.5, 3.5, 2.5])
    with pytest.raises(DataError, match="spikes: are empty, because no layer fires"):
        tabulated(lambda spikes: iter(()))(spikes)


def test_positions_of_arguments_are_as_before() -> None:
    """Axes may be given by position after the options of a figure."""
    spikes = netsim.present("digits", limit=20)
    decisions = analysis.decision_table(spikes.network, spikes["output"], spikes.require_labels())
    _, own = plt.subplots()
    assert analysis.confusion_matrix(decisions, spikes.classes, own) is own
    assert list(inspect.signature(analysis.confusion_matrix).parameters) == ["frame", "classes", "ax"]
    options = inspect.signature(analysis.latency_histograms).parameters
    assert list(options) == ["frame", "network", "bin_ms", "ax", "palette", "presentations"]
    plt.close("all")


@pytest.mark.parametrize(("name", "settings"), [("strength", {}), ("decoding", {"shuffles": 20})])
def test_a_figure_of_its_own_has_the_letters_of_netsims_style(name: str, settings: dict[str, Any]) -> None:
    """Legend and notes are drawn after the curves; without the style they would be larger than the figure."""
    result = netsim.analyse("digits", name, limit=120, **settings)

    def sizes(figure: Any) -> list[float]:
        return [text.get_fontsize() for text in figure.findobj(Text)]

    alone: Any = analyses[name].draw(result.table).figure
    assert sizes(alone) == sizes(result.figure())
    assert alone.get_size_inches()[0] == pytest.approx(85 / 25.4)
    plt.close("all")
