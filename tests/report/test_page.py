"""A report is one valid page that needs nothing else, says what was measured, and escapes what came from files."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsim.models.presets import load_preset, preset_names
from netsim.reporting import Picture, Report, render
from netsim.reporting.page import cautions
from netsim.reporting.tables import activity_table, results
from netsim.seams import figures

Parse = Callable[[str], Any]
_LINKS = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background", "cite", "manifest", "ping"}
_FULL_WIDTH = {"raster", "potentials", "latencies", "errors"}


def _shown() -> list[str]:
    """The figures of a network of images."""
    return [name for name in figures if figures[name].section and not figures[name].samples]


def decoded(uri: str) -> tuple[str, bytes]:
    """Media type and content of a data URI."""
    media_type, _, content = uri.removeprefix("data:").partition(";base64,")
    return media_type, base64.b64decode(content, validate=True)


def test_the_structure_is_that_of_a_page(made: Any, parse: Parse) -> None:
    page = parse(made.text)
    assert page.declarations == ["DOCTYPE html"]
    assert [len(page.all(tag)) for tag in ("html", "head", "body", "title", "h1", "main")] == [1] * 6
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("meta")[0].attributes == {"charset": "utf-8"}
    names = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(set(names)) == len(names)
    targets = [link.attributes["href"] for link in page.all("a")]
    assert len(targets) >= 8
    assert {target.removeprefix("#") for target in targets} <= set(names)


def test_nothing_outside_is_asked_for(made: Any, parse: Parse) -> None:
    page = parse(made.text)
    assert not {element.tag for element in page.elements} & {"script", "iframe", "object", "embed", "base", "form"}
    for element in page.elements:
        for name, value in element.attributes.items():
            assert not name.startswith("on"), element
            if name in _LINKS:
                assert value.startswith(("data:", "#")), (element.tag, name, value[:80])
    (style,) = page.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    policy = page.all("meta")[1].attributes
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'")


def test_every_figure_is_there_with_words_for_it(made: Any, parse: Parse) -> None:
    page = parse(made.text)
    expected = "network confusion decision-time calibration errors raster potentials latencies group-raster "
    expected += "spikes learning displacements kernels"
    assert [figure.attributes["id"].removeprefix("figure-") for figure in page.all("figure")] == expected.split()
    assert len(page.all("img")) == len(_shown())
    for picture in page.all("img"):
        assert len(picture.attributes["alt"]) > 20
        assert int(picture.attributes["width"]) > 0
        assert int(picture.attributes["height"]) > 0
    for number, caption in enumerate(page.all("figcaption"), start=1):
        assert caption.text.startswith(f"Figure {number}. ")
    assert number == len(_shown())
    assert len(page.all("source")) == len(_FULL_WIDTH)


def test_pictures_are_pictures_that_ask_for_nothing(made: Any, parse: Parse) -> None:
    page = parse(made.text)
    uris = [picture.attributes["src"] for picture in page.all("img")]
    uris += [source.attributes["srcset"] for source in page.all("source")]
    for media_type, content in map(decoded, uris):
        if media_type == "image/png":
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            continue
        assert media_type == "image/svg+xml"
        for element in ElementTree.fromstring(content).iter():
            assert not element.tag.endswith("}script")
            links = [value for name, value in element.attrib.items() if name.endswith("href")]
            assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
        # letters are outlines, so that fonts do not matter
        assert b"<text" not in content
        assert b"<use" in content


def test_figures_lie_beside_as_files(made: Any) -> None:
    names = {*_shown(), *(f"{kind}-column" for kind in _FULL_WIDTH)}
    files = {path.name for path in (made.run / "report-figures").iterdir()}
    assert files == {f"{name}.{suffix}" for name in names for suffix in ("png", "svg")}


def test_what_came_from_files_is_text(made: Any, parse: Parse, hostile: str) -> None:
    page = parse(made.text)
    (description,) = (p for p in page.all("p") if p.attributes.get("class") == "description")
    assert description.text == hostile
    assert page.all("p")[0].text == f"netsim report of {made.run}"
    assert "<svg onload" in page.all("p")[0].text
    # header, model summary, specification, command, revision, machine twice, libraries
    assert page.text.count("<script>alert(1)</script>") == 8
    assert "{{ 7 * 7 }}" in page.text
    assert not set("\ud800\u202e\x00\x1b") & set(made.text)
    assert len(page.all("svg")) == 0


def test_results_are_those_of_an_evaluation(report: Report, parse: Parse) -> None:
    page = parse(render(report))
    result = report.evaluation
    for share in (result.strict_accuracy, result.accuracy, result.tie_rate, result.silent_rate):
        assert f"{share:.2%}" in page.text
    assert f"{result.mean_decision_latency_ms:.1f} ms" in page.text
    activity = page.all("table")[0].text
    for means in (result.spikes_per_presentation, result.synaptic_operations_per_presentation):
        assert list(means) == [name for name in means if name in activity]
    assert f"{result.spikes_per_presentation['hidden']:,.1f}" in activity
    assert f"{result.synaptic_operations_per_presentation['output']:,.0f}" in activity


def test_each_result_stands_by_its_own_name(report: Report) -> None:
    figures: dict[str, Any] = {
        "strict_accuracy": 0.51,
        "accuracy": 0.62,
        "tie_rate": 0.13,
        "silent_rate": 0.24,
        "mean_decision_latency_ms": 31.5,
        "median_decision_latency_ms": 22.25,
        "decision_latency_iqr_ms": 7.75,
        "onset_rate": 0.085,
        "spikes_per_presentation": {"stimulus": 32.0, "hidden": 50.0, "output": 2.0},
        "synaptic_operations_per_presentation": {"hidden": 6400.0, "output": 500.0},
    }
    evaluation = dataclasses.replace(report.evaluation, **figures)
    shown = {result.name: result.value for result in results(report.network, evaluation)}
    assert shown == {
        "strict accuracy": "51.00%",
        "plain accuracy": "62.00%",
        "ties": "13.00%",
        "silent": "24.00%",
        "mean decision latency": "31.5 ms",
        "median decision latency": "22.2 ms",
        "spikes per presentation": "52",  # of the network, without those that it is presented
        "synaptic operations": "6,900",
    }
    details = {result.name: result.detail for result in results(report.network, evaluation)}
    assert details["median decision latency"] == "interquartile range 7.8 ms, 8.5% at the onset of the output window"
    rows = {row[0]: row[1:] for row in activity_table(report.network, evaluation).rows}
    assert rows == {
        "stimulus": ("64", "32.0", "50.0%", ""),
        "hidden": ("200", "50.0", "25.0%", "6,400"),
        "output": ("10", "2.0", "20.0%", "500"),
    }


def test_provenance(made: Any, report: Report, parse: Parse) -> None:
    facts = parse(made.text).facts
    assert {
        ("seed", "0"),
        ("stimuli learned from", "300"),
        ("date", "not recorded"),
        ("data set", "digits, from scikit-learn"),
        ("SHA-256 of its stimuli and labels", report.dataset.sha256),
        ("SHA-256 of best.npz", hashlib.sha256((made.run / "best.npz").read_bytes()).hexdigest()),
        ("engine", "event, a time grid of 1 ms"),
        ("epochs", "2"),
    } <= set(facts)
    assert [value for name, value in facts if name == "command"][1].startswith("netsim report")
    untrained = parse(render(report)).facts
    assert {("weights", "initial, of seed 5"), ("command", "netsim report 'my run'")} <= set(untrained)
    assert "best epoch" not in dict(untrained)


def test_the_split_is_told(made: Any, report: Report, parse: Parse) -> None:
    page = parse(made.text)
    assert "Measured on the first 60 of 360 test stimuli of digits" in page.text
    (badge,) = page.all("span")[:1]
    assert badge.text == "test set"
    assert any(p.attributes.get("class") == "caution" and "test" in p.text for p in page.all("p"))
    trained = dataclasses.replace(report, subject=dataclasses.replace(report.subject, origin="run"))
    assert "served neither to learn nor to choose" in cautions(trained)[0]
    chosen_by = cautions(dataclasses.replace(trained, split="validation"))[0]
    assert "by which the epoch was chosen" in chosen_by


def test_other_cautions(report: Report) -> None:
    assert cautions(report) == [
        "These weights were never trained. They are the initial weights of seed 5.",
        "Only the first 20 of 360 were presented.",
    ]
    training = dataclasses.replace(report.network.training, dataset="elsewhere", dt=0.0)
    measured = dataclasses.replace(report.network, training=training)
    other = dataclasses.replace(report, network=measured, available=20)
    assert cautions(other)[1:] == [
        "The network was made for digits and is measured on elsewhere.",
        "The network was made for a time grid of 1 ms and is measured with exact times.",
    ]


def test_a_figure_that_was_not_drawn_says_why(report: Report, parse: Parse, hostile: str) -> None:
    missing = Picture("raster", "Raster", "Nothing.", "Raster", reason=hostile)
    page = parse(render(dataclasses.replace(report, pictures=[missing])))
    assert f"Not drawn: {hostile}" in page.text
    assert page.all("img") == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.characters(codec=None), max_size=40))
def test_any_text_leaves_the_page_as_it_is(report: Report, parse: Parse, words: str) -> None:
    def tags(text: str) -> list[str]:
        text.encode("utf-8")
        return [element.tag for element in parse(text).elements]

    changed = dataclasses.replace(report, name=words, folder=words, made={**report.made, "machine": words})
    assert tags(render(changed)) == tags(render(dataclasses.replace(changed, name="x", folder="x")))


@pytest.mark.parametrize("preset", preset_names())
def test_the_mathematics_of_every_preset_is_understood(report: Report, parse: Parse, preset: str) -> None:
    described = dataclasses.replace(report, subject=dataclasses.replace(report.subject, network=load_preset(preset)))
    page = parse(render(described))
    formulas = page.all("math")
    assert len(formulas) > 50
    assert not [formula.text for formula in formulas if re.search(r"[\\${}]", formula.text)]
    assert len([heading for heading in page.all("h3") if re.match(r"[A-G]\d?\u2002", heading.text)]) >= 9


@pytest.mark.parametrize("value", [None, 3, [], {}, [{"a": [1]}], True])
def test_a_record_may_hold_anything(report: Report, parse: Parse, value: Any) -> None:
    keys = ("command", "started", "git_revision", "machine", "versions", "netsim", "plugins")
    parse(render(dataclasses.replace(report, made={"seed": 5, **dict.fromkeys(keys, value)})))
