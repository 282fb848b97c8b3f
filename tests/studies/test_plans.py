"""Plans: defaults that suit the network, and what is refused before anything is presented."""

from __future__ import annotations

from typing import Any

import pytest

from netsim.errors import SpecificationError
from netsim.models.presets import load_preset
from netsim.seams import studies
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons, Population, Projection
from netsim.studies.kinds.degrade import DEGRADATIONS
from netsim.studies.plans import make_plan
from netsim.studies.study import HIDDEN, MAPS, POPULATIONS, PROJECTIONS, NetworkStudy, Scope, StimulusStudy


def test_controls_are_run_where_they_are_told() -> None:
    for study in studies.values():
        does_control = study.does_control if isinstance(study, NetworkStudy) else None
        assert bool(study.control) == (does_control is not None)


@pytest.mark.parametrize("name", studies)
def test_plans_of_every_one(name: str, network: Network) -> None:
    plan = make_plan(network, name, seeds=(3, 4))
    described = studies[name]
    assert len(plan.levels) == len(described.levels)
    assert list(plan.levels) == sorted(plan.levels)
    assert plan.seeds == ((3, 4) if described.random else ())
    expected: dict[Scope | None, dict[str, tuple[str, ...]]] = {
        None: {"": ()},
        PROJECTIONS: {"all": ("conv", "hidden", "output")},
        POPULATIONS: {"all": ("conv", "hidden", "output")},
        HIDDEN: {"all": ("conv", "hidden")},
        MAPS: {"all": ("conv",)},
    }
    degradations = {each: (each,) for each in DEGRADATIONS}
    assert plan.curves == (degradations if name == "degrade" else expected[described.scope])


def test_times_suit_the_encoding_window() -> None:
    assert max(make_plan(load_preset("digits"), "spike-jitter").levels) == 8.0
    assert max(make_plan(load_preset("mlp-mnist"), "spike-jitter").levels) == 32.0


def test_layers_are_curves_of_their_own(network: Network) -> None:
    plan = make_plan(network, "weight-noise", [0.5, 0.0, 0.5], (0, 1, 2), ["all", "conv"])
    assert plan.curves == {"all": ("conv", "hidden", "output"), "conv": ("conv",)}
    assert plan.levels == (0.0, 0.5)
    assert plan.passes == 1 + 2 * 3


def test_projections_and_populations_are_chosen_by_name() -> None:
    populations = (Population("hidden", (3,)), Population("output", (2,)))
    ends = (("stimulus", "hidden"), ("hidden", "output"), ("stimulus", "output"))
    projections = tuple(Projection(source, target, Dense()) for source, target in ends)
    skip = Network("skip", IntensityEncoder((2, 2, 1), 8.0), populations, projections, 32.0)
    everything = ("hidden", "output", "stimulus_to_output")
    assert make_plan(skip, "delay-jitter").curves == {"all": everything}
    assert make_plan(skip, "weight-noise", layers=everything).curves == {name: (name,) for name in everything}
    assert make_plan(skip, "lesion-neurons").curves == {"all": ("hidden",)}
    with pytest.raises(SpecificationError, match="'stimulus_to_output': does not exist in skip; it has hidden, output"):
        make_plan(skip, "threshold-heterogeneity", layers=["stimulus_to_output"])


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("spike-jiter", {}, ["spike-jiter", "did you mean 'spike-jitter'"]),
        ("spike-jitter", {"levels": [-1.0]}, ["level -1", "from 0 to"]),
        ("spike-jitter", {"levels": [float("nan")]}, ["level nan"]),
        ("spike-jitter", {"levels": [True]}, ["levels: must be numbers, not True"]),
        ("spike-jitter", {"levels": ["a"]}, ["levels: must be numbers, not 'a'"]),
        ("weight-noise", {"levels": [float("inf")]}, ["level inf", "from 0 to 1e+12"]),
        ("spurious-spikes", {"levels": [1e3]}, ["level 1000", "from 0 to 100"]),
        ("spike-jitter", {"layers": ["conv"]}, ["'conv'", "spike-jitter does not disturb single layers"]),
        ("weight-noise", {"seeds": [2**64]}, ["seed 18446744073709551616", "2^63 - 1"]),
        ("spike-deletion", {"levels": [1.5]}, ["level 1.5", "from 0 to 1"]),
        ("weight-bits", {"levels": [2.5]}, ["level 2.5", "whole number"]),
        ("weight-bits", {"levels": [0]}, ["level 0", "from 1 to 16"]),
        ("weight-noise", {"layers": ["pool"]}, ["'pool'", "has relays, as pooling does"]),
        ("weight-noise", {"layers": ["conv9"]}, ["'conv9'", "conv, pool, hidden, output"]),
        ("lesion-maps", {"layers": ["hidden"]}, ["'hidden'", "no convolution"]),
        ("time-step", {"levels": [17.0]}, ["dt", "encoding window"]),
        ("time-step", {"levels": [0.0]}, ["dt", "positive"]),
        ("spike-jitter", {"levels": []}, ["levels: are empty; give at least one level"]),
    ],
)
def test_plans_that_cannot_be_made(name: str, options: dict[str, Any], words: list[str], network: Network) -> None:
    with pytest.raises(SpecificationError) as error:
        make_plan(network, name, **options)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(("name", "words"), [("lesion-maps", "no convolutions"), ("lesion-neurons", "choose one")])
def test_networks_without_such_layers(name: str, words: str) -> None:
    alone = Network.chain("alone", IntensityEncoder((1, 1, 2), 10.0), (Layer("output", Dense(2), Neurons()),), 20.0)
    with pytest.raises(SpecificationError, match=f"alone has no .*{words.split()[-1]}"):
        make_plan(alone, name)


def test_a_function_that_cannot_take_what_it_is_given_is_refused() -> None:
    def shift(condition: object) -> None:
        """Of a `NetworkStudy`, not of stimuli."""

    def nothing() -> dict[str, Any]:
        return {}

    message = "study 'shift': takes level and sensor, in this order, and the function"
    with pytest.raises(SpecificationError, match=message):
        StimulusStudy("shift", "shifted", "shift (ms)", (1.0,))(shift)
    assert "shift" not in studies
    with pytest.raises(SpecificationError, match="study 'shift': takes condition, in this order"):
        NetworkStudy("shift", "shifted", "shift (ms)", (1.0,), does_control=nothing)(shift)  # type: ignore[arg-type]
    assert "shift" not in studies
    StimulusStudy("shift", "shifted", "shift (ms)", (1.0,))(max)  # does not tell what it takes
    assert "shift" in studies


def test_spikes_of_stimuli_without_rows_do_not_move() -> None:
    with pytest.raises(SpecificationError, match="needs rows and columns, which the stimuli of yin-yang do not have"):
        make_plan(load_preset("yin-yang"), "spatial-jitter")
