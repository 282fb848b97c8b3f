"""Plans: defaults that suit the network, and what is refused before anything is presented."""

from __future__ import annotations

from typing import Any

import pytest

from netsim.errors import SpecificationError
from netsim.models.presets import load_preset
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.studies.kinds import STUDY_KINDS
from netsim.studies.plans import make_plan
from netsim.studies.runner import CONTROLS, NETWORK_PERTURBATIONS
from netsim.studies.stimuli import STIMULUS_PERTURBATIONS


def test_every_kind_is_run_and_told() -> None:
    special = {"time-step", "early-readout"}
    assert {*NETWORK_PERTURBATIONS, *STIMULUS_PERTURBATIONS} == set(STUDY_KINDS) - special
    assert set(CONTROLS) == {kind for kind, described in STUDY_KINDS.items() if described.control}


@pytest.mark.parametrize("kind", STUDY_KINDS)
def test_plans_of_every_kind(kind: str, network: Network) -> None:
    plan = make_plan(network, kind, seeds=(3, 4))
    described = STUDY_KINDS[kind]
    assert len(plan.levels) == len(described.levels)
    assert list(plan.levels) == sorted(plan.levels)
    assert plan.seeds == ((3, 4) if described.random else ())
    expected = {
        "none": {"": ()},
        "weighted": {"all": ("conv", "hidden", "output")},
        "hidden": {"all": ("conv", "hidden")},
        "maps": {"all": ("conv",)},
    }
    assert plan.curves == expected[described.layers]


def test_times_suit_the_encoding_window() -> None:
    assert max(make_plan(load_preset("digits"), "spike-jitter").levels) == 8.0
    assert max(make_plan(load_preset("mlp-mnist"), "spike-jitter").levels) == 32.0


def test_layers_are_curves_of_their_own(network: Network) -> None:
    plan = make_plan(network, "weight-noise", [0.5, 0.0, 0.5], (0, 1, 2), ["all", "conv"])
    assert plan.curves == {"all": ("conv", "hidden", "output"), "conv": ("conv",)}
    assert plan.levels == (0.0, 0.5)
    assert plan.passes == 1 + 2 * 3


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("spike-jiter", {}, ["spike-jiter", "did you mean 'spike-jitter'"]),
        ("spike-jitter", {"levels": [-1.0]}, ["level -1", "from 0 to"]),
        ("spike-jitter", {"levels": [float("nan")]}, ["level nan"]),
        ("weight-noise", {"levels": [float("inf")]}, ["level inf", "from 0 to 1e+06"]),
        ("spurious-spikes", {"levels": [1e3]}, ["level 1000", "from 0 to 100"]),
        ("spike-jitter", {"layers": ["conv"]}, ["'conv'", "spike-jitter is not about single layers"]),
        ("weight-noise", {"seeds": [2**64]}, ["seed 18446744073709551616", "2^63 - 1"]),
        ("spike-deletion", {"levels": [1.5]}, ["level 1.5", "from 0 to 1"]),
        ("weight-bits", {"levels": [2.5]}, ["level 2.5", "whole number"]),
        ("weight-bits", {"levels": [0]}, ["level 0", "from 1 to 16"]),
        ("weight-noise", {"layers": ["pool"]}, ["'pool'", "pooling layer"]),
        ("weight-noise", {"layers": ["conv9"]}, ["'conv9'", "conv, pool, hidden, output"]),
        ("lesion-maps", {"layers": ["hidden"]}, ["'hidden'", "no convolution"]),
        ("time-step", {"levels": [17.0]}, ["dt", "encoding window"]),
        ("time-step", {"levels": [0.0]}, ["dt", "positive"]),
    ],
)
def test_plans_that_cannot_be_made(kind: str, options: dict[str, Any], words: list[str], network: Network) -> None:
    with pytest.raises(SpecificationError) as error:
        make_plan(network, kind, **options)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(("kind", "words"), [("lesion-maps", "no convolutions"), ("lesion-neurons", "choose one")])
def test_networks_without_such_layers(kind: str, words: str) -> None:
    alone = Network.chain("alone", IntensityEncoder((1, 1, 2), 10.0), (Layer("output", Dense(2), Neurons()),), 20.0)
    with pytest.raises(SpecificationError, match=f"alone has no .*{words.split()[-1]}"):
        make_plan(alone, kind)
