"""Plans of sweeps: which runs a file stands for, and what is refused."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.errors import SpecificationError
from netsim.models.presets import load_preset
from netsim.specification import Convolution, Dense, Pooling, Projection
from netsim.specification.toml import write_network
from netsim.sweeps.plan import Plan, described, plan_from_dict, read_plan

HERE = Path()


def _plan(text: str) -> Plan:
    return plan_from_dict(tomllib.loads(text), HERE)


def test_a_grid_is_every_combination_with_every_seed() -> None:
    plan = _plan(
        """
        base = "digits"
        seeds = [3, 5]
        limit = 100
        [overrides]
        "training.epochs" = 2
        [grid]
        "learning.rate" = [0.1, 0.2]
        "layers.hidden.neurons.threshold" = [1, 1.5]
        """
    )
    assert plan.keys == ("learning.rate", "layers.hidden.neurons.threshold")
    assert plan.limit == 100
    combinations = [(rate, threshold, seed) for rate in (0.1, 0.2) for threshold in (1, 1.5) for seed in (3, 5)]
    assert [(*run.settings.values(), run.seed) for run in plan.runs] == combinations
    for (rate, threshold, _), run in zip(combinations, plan.runs, strict=True):
        assert run.network.learning.rate == rate
        hidden, output = run.network.populations
        assert hidden.dynamics.threshold == threshold
        assert output == load_preset("digits").output
        assert run.network.training.epochs == 2


@pytest.mark.parametrize(("values", "fits"), [([0, 2**63 - 1], True), ([0, 2**63], False), ([-(2**63) - 1, 3], False)])
def test_wide_ranges_of_integers_fit_in_64_bits_or_are_refused(values: list[int], fits: bool) -> None:
    table = {"base": "digits", "random": {"count": 3, "training.batch": {"integers": values}}}
    if fits:
        drawn = [run.settings["training.batch"] for run in plan_from_dict(table, Path()).runs]
        assert all(0 <= each < 2**63 for each in drawn)
        assert max(drawn) > 2**53
    else:
        with pytest.raises(SpecificationError, match=r"integers: must fit in 64 bits"):
            plan_from_dict(table, Path())


def test_keys_may_be_quoted_or_nested() -> None:
    quoted = _plan('base = "digits"\n[grid]\n"learning.rate" = [0.1]\n"layers.hidden.size" = [20, 30]')
    dotted = _plan('base = "digits"\ngrid.learning.rate = [0.1]\ngrid.layers.hidden.size = [20, 30]')
    nested = _plan('base = "digits"\n[grid.learning]\nrate = [0.1]\n[grid.layers.hidden]\nsize = [20, 30]')
    assert quoted == dotted == nested
    assert len(quoted.runs) == 2


def test_without_keys_there_are_only_seeds() -> None:
    plan = _plan('base = "digits"\nseeds = [1, 2]')
    assert [(run.settings, run.seed) for run in plan.runs] == [({}, 1), ({}, 2)]
    assert plan.runs[0].network == load_preset("digits")


def test_what_the_base_leaves_out_follows_from_what_is_swept() -> None:
    onsets = _plan(
        'base = "digits"\n[overrides]\nlayers.output.neurons.onset = 60.0\n'
        "[grid]\nlayers.hidden.neurons.onset = [20.0]\nlayers.hidden.neurons.end = [60.0]"
    )
    assert onsets.runs[0].network.neurons("hidden").gate == 20.0
    larger = _plan('base = "rcsnn-mnist"\n[grid]\nlayers.pool2.size = [3]').runs[0].network
    sizes = larger.projection("pool2").connectivity
    assert isinstance(sizes, Pooling)
    assert sizes.step == 3


def test_a_value_may_be_a_list_or_a_table() -> None:
    plan = _plan(
        'base = "digits"\n[grid]\nlayers.hidden.psp = [{ shape = "plateau", rise = 8.0 }, { shape = "ramp" }]\n'
        "encoder.shape = [[8, 8, 1]]"
    )
    assert [run.network.projection("hidden").psp.shape for run in plan.runs] == ["plateau", "ramp"]


def test_the_same_run_is_trained_once() -> None:
    plan = _plan('base = "digits"\nseeds = [0, 0, 1]\n[grid]\nlayers.hidden.neurons.threshold = [1, 1.0, 2]')
    runs = [(run.network.neurons("hidden").threshold, run.seed) for run in plan.runs]
    assert runs == [(1, 0), (1, 1), (2, 0), (2, 1)]


@settings(max_examples=30)  # each draws nine networks
@given(
    seed=st.integers(0, 10**6),
    least=st.floats(1e-6, 0.5),
    factor=st.floats(1.01, 1e6),
    sizes=st.tuples(st.integers(1, 50), st.integers(51, 10_000)),
)
def test_draws_stay_within_their_bounds_and_the_first_ones_stay(
    seed: int, least: float, factor: float, sizes: tuple[int, int]
) -> None:
    def plan(count: int) -> Plan:
        draws = {
            "learning.rate": {"loguniform": [least, least * factor]},
            "learning": {"sharpness": {"uniform": [least, least * factor]}},
            "layers.hidden.size": {"integers": list(sizes)},
            "learning.optimizer": {"choice": ["adam", "sgd"]},
        }
        return plan_from_dict({"base": "digits", "random": {"count": count, "seed": seed, **draws}}, HERE)

    six = plan(6)
    for run in six.runs:
        assert least <= run.settings["learning.rate"] <= least * factor
        assert least <= run.settings["learning.sharpness"] <= least * factor
        assert sizes[0] <= run.settings["layers.hidden.size"] <= sizes[1]
        assert run.settings["learning.optimizer"] in ("adam", "sgd")
        assert run.network.learning.rate == run.settings["learning.rate"]
    assert plan(3).runs == six.runs[:3]
    assert len({run.settings["learning.rate"] for run in six.runs}) == 6


def test_logarithmic_draws_are_even_over_decades() -> None:
    plan = _plan('base = "digits"\n[random]\ncount = 200\nlearning.rate = { loguniform = [1e-4, 1e-1] }')
    decades = [sum(low <= run.settings["learning.rate"] < 10 * low for run in plan.runs) for low in (1e-4, 1e-3, 1e-2)]
    assert min(decades) > 45  # of 67, with a standard deviation of 7


def test_whole_numbers_are_drawn_from_the_least_to_the_largest() -> None:
    plan = _plan('base = "digits"\n[random]\ncount = 60\ntraining.batch = { integers = [7, 9] }')
    assert sorted(run.settings["training.batch"] for run in plan.runs) == [7, 8, 9]  # equal runs are one


def test_a_base_file_lies_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write_network(load_preset("rcsnn-mnist"), tmp_path / "deep" / "own.toml")
    (tmp_path / "deep" / "plan.toml").write_text('base = "own.toml"\ngrid.layers.conv1.kernel = [3, 5]')
    rules = [run.network.projections[0].connectivity for run in read_plan(tmp_path / "deep" / "plan.toml").runs]
    assert [rule.kernel for rule in rules if isinstance(rule, Convolution)] == [3, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["base", "preset or a TOML file"]),
        ("base = 3", ["base"]),
        ('base = "digit"', ["digit", "did you mean 'digits'"]),
        ('base = "nosuch.toml"', ["nosuch.toml", "cannot be read"]),
        ('name = "mine"\n[[layers]]\nname = "hidden"', ["needs a file with base", "this is a network"]),
        ("@seed = [0]", ["seed: is not a key of a sweep", "did you mean 'seeds'"]),
        ("@seeds = []", ["seeds"]),
        ("@seeds = 3", ["seeds"]),
        ("@seeds = [-1]", ["seeds", "-1"]),
        ("@seeds = [true]", ["seeds", "True"]),
        ("@limit = 1", ["limit"]),
        ("@grid = 3", ["grid", "table"]),
        ("@grid.learning.rate = 0.1", ["grid.learning.rate", "list of values"]),
        ("@grid.learning.rate = []", ["grid.learning.rate", "list of values"]),
        ("@[grid.learning]", ["grid.learning", "is empty"]),
        ("@grid.learning.rat = [0.1]", ["learning.rat", "did you mean 'learning.rate'"]),
        ("@grid.learnin.rate = [0.1]", ["learnin", "did you mean 'learning.rate'"]),
        ("@grid.layers.hiden.size = [3]", ["layers.hiden.size", "did you mean 'layers.hidden.size'"]),
        ("@grid.layers.hidden.siz = [3]", ["layers.hidden.siz", "did you mean 'layers.hidden.size'"]),
        ("@grid.layers.hidden = [3]", ["layers.hidden", "whole layer"]),
        ("@grid.layers = [3]", ["layers", "all layers"]),
        ("@grid.duration.ms = [3]", ["duration.ms", "is not a table"]),
        ("@grid.learning.rate = [0.1, -1.0]", ["learning.rate", "positive", "with learning.rate = -1"]),
        ('@grid.learning.rate = ["fast"]', ["learning.rate", "float", "fast"]),
        ("@overrides.learning.rat = 0.1", ["learning.rat", "did you mean 'learning.rate'"]),
        ("@overrides.learning.rate = 0.1\ngrid.learning.rate = [0.1]", ["overrides.learning.rate", "swept too"]),
        ("@[grid]\n[random]", ["random", "grid"]),
        ("@random.learning.rate = { uniform = [0.1, 0.2] }", ["random.count"]),
        ("@random.count = 3", ["random", "keys to draw"]),
        ("@random.count = 3\nrandom.learning.rate = [0.1]", ["random.learning.rate", "loguniform"]),
        ("@random = { count = 3, learning.rate.normal = [1, 2] }", ["rate.normal", "not a distribution", "uniform"]),
        ("@random.count = 3\nrandom.learning.rate.uniform = [2, 1]", ["learning.rate.uniform", "[least, largest]"]),
        ("@random.count = 3\nrandom.learning.rate.uniform = [0, inf]", ["learning.rate.uniform"]),
        ("@random.count = 3\nrandom.learning.rate.loguniform = [0, 1]", ["must be positive"]),
        ("@random.count = 3\nrandom.learning.rate.integers = [0.5, 1]", ["two integers"]),
        ("@random.count = 3\nrandom.learning.rate.uniform = [-1e308, 1e308]", ["two numbers"]),
        ("@random.count = 3\nrandom.learning.rate.choice = []", ["list of values"]),
        (f"@grid.learning.rate = {list(range(1, 200))}\nseeds = {list(range(100))}", ["19,900 runs"]),
        ("@random.count = 10000000000\nrandom.learning.rate.choice = [1]", ["10,000,000,000 runs"]),
        (f"@overrides.{'.'.join('a' * 5000)} = 1", ["nested"]),
        ("base = ", ["is not TOML"]),
        ("@[overrides.training]\nepochs = 1\n[grid]\ntraining = [{ validation = 10 }]", ["given inside training too"]),
        ('@[grid]\n"learning.rate" = [0.1]\n[grid.learning]\nrate = [0.2, 0.3]', ["learning.rate: is given twice"]),
        ('@[grid]\nlearning = [{ rate = 0.1 }]\n"learning.momentum" = [0.5]', ["given inside learning too"]),
    ],
)
def test_refused(text: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text.replace("@", 'base = "digits"\n'))
    with pytest.raises(SpecificationError) as refused:
        read_plan(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    for word in words:
        assert word in message


def test_a_huge_grid_is_refused_before_it_is_laid_out() -> None:
    values = list(range(1, 1000))
    table = {"base": "digits", "grid": {f"learning.k{number}": values for number in range(20)}}
    with pytest.raises(SpecificationError, match="runs; at most"):
        plan_from_dict(table, HERE)


def test_settings_in_one_line() -> None:
    settings = {"learning.rate": 0.0012345, "layers.hidden.size": 20}
    assert described(settings) == "learning.rate = 0.001234, layers.hidden.size = 20"


def test_parts_of_a_graph_go_by_their_names(tmp_path: Path) -> None:
    digits = load_preset("digits")
    hidden, output = digits.projections
    skip = Projection("stimulus", "output", Dense(), name="skip", plastic=False)
    write_network(dataclasses.replace(digits, projections=(hidden, output, skip)), tmp_path / "own.toml")
    (tmp_path / "plan.toml").write_text(
        'base = "own.toml"\n[grid]\nprojections.skip.delay = [0.0, 2.0]\npopulations.hidden.dropout = [0.5]\n'
    )
    networks = [run.network for run in read_plan(tmp_path / "plan.toml").runs]
    assert [network.projection("skip").delay for network in networks] == [0.0, 2.0]
    assert [network.population("hidden").dropout for network in networks] == [0.5, 0.5]
    (tmp_path / "plan.toml").write_text('base = "own.toml"\ngrid.projections.skp.delay = [1.0]\n')
    message = r"projections.skp.delay: there is no projection 'skp'; did you mean 'projections\.skip\.delay'"
    with pytest.raises(SpecificationError, match=message):
        read_plan(tmp_path / "plan.toml")


_UNNAMED = """
name = "own"
duration = 64.0
encoder = { shape = [2, 2, 1], t_max = 16.0 }
populations = [{ name = "a", shape = [3] }, { name = "b", shape = [3] }, { name = "out", shape = [2] }]
projections = [
    { source = "stimulus", target = "a", connectivity = { rule = "dense" } },
    { source = "stimulus", target = "b", connectivity = { rule = "dense" } },
    { source = "a", target = "out", connectivity = { rule = "dense" } },
    { source = "b", target = "out", connectivity = { rule = "dense" } },
]
"""


@pytest.mark.parametrize(("key", "changed"), [("out", "a"), ("a_to_out", "a"), ("b_to_out", "b")])
def test_projections_without_names_go_by_their_ends(key: str, changed: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(_UNNAMED)
    (tmp_path / "plan.toml").write_text(f'base = "own.toml"\ngrid.projections.{key}.delay = [2.0]\n')
    (run,) = read_plan(tmp_path / "plan.toml").runs
    assert [projection.source for projection in run.network.projections if projection.delay] == [changed]


def test_a_further_projection_onto_a_layer_does_not_have_its_name(tmp_path: Path) -> None:
    write_network(load_preset("digits"), tmp_path / "own.toml")
    lateral = '\n[[projections]]\nsource = "output"\ntarget = "output"\nconnectivity = { rule = "dense" }\n'
    (tmp_path / "own.toml").write_text((tmp_path / "own.toml").read_text() + lateral)
    plan = {"base": "own.toml", "grid": {"projections.output.delay": [2.0]}}
    with pytest.raises(SpecificationError, match=r"there is no projection 'output'; .*output_to_output"):
        plan_from_dict(plan, tmp_path)
