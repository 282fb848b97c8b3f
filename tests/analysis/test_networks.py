"""Statistics over networks: each network counts once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import netsim
from netsim import analysis
from netsim.analysis.members import members_of
from netsim.analysis.studies import of_network
from netsim.errors import DataError, DataWarning, RunError, SpecificationError
from netsim.specification.keys import with_settings

VALUES = {"a": 0.5, "b": 0.7, "c": 0.9}


def _table(values: dict[str, float], draws: int = 3) -> pd.DataFrame:
    rows = [
        {"network": name, "layer": "hidden", "level": 1.0, "seed": seed, "accuracy": value + 0.01 * (seed - 1)}
        for name, value in values.items()
        for seed in range(draws)
    ]
    return pd.DataFrame(rows)


def test_an_interval_is_over_networks_not_over_draws() -> None:
    expected = stats.t.interval(0.95, 2, loc=0.7, scale=np.std([*VALUES.values()], ddof=1) / np.sqrt(3))
    for draws in (3, 30):
        (row,) = analysis.over_networks(_table(VALUES, draws).query("seed < 3")).to_dict("records")
        assert (row["measure"], row["networks"]) == ("accuracy", 3)
        assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.7, expected[0], 1.0))  # a fraction
        latencies = _table(VALUES, draws).query("seed < 3").rename(columns={"accuracy": "latency"})
        (row,) = analysis.over_networks(latencies).to_dict("records")
        assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.7, *expected))


@pytest.mark.parametrize("values", [{"a": 0.1}, {"a": 0.1, "b": 0.1, "c": 0.1}])
def test_equal_values_are_no_certainty(values: dict[str, float]) -> None:
    (row,) = analysis.over_networks(_table(values)).to_dict("records")
    assert np.isnan([row["low"], row["high"]]).all()
    (row,) = analysis.compare_networks(_table(values), _table({"x": 0.1, "y": 0.1})).to_dict("records")
    assert np.isnan([row["low"], row["effect"], row["p"]]).all()


def test_two_groups_are_compared_by_welch() -> None:
    others = {"x": 0.2, "y": 0.3}
    (row,) = analysis.compare_networks(_table(VALUES), _table(others)).to_dict("records")
    test = stats.ttest_ind([*VALUES.values()], [*others.values()], equal_var=False)
    assert (row["networks"], row["against_networks"]) == (3, 2)
    assert row["difference"] == pytest.approx(0.45)
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(test.confidence_interval()))
    pooled = np.sqrt((2 * 0.04 + 1 * 0.005) / 3)
    assert row["effect"] == pytest.approx(0.45 / pooled * (1 - 3 / 11))
    with pytest.raises(DataError, match="a: is in both groups"):
        analysis.compare_networks(_table(VALUES), _table({"a": 0.1, "y": 0.3}))
    with pytest.raises(DataError, match="lacks the column network"):
        analysis.over_networks(_table(VALUES).drop(columns="network"))


def test_neurons_are_averaged_and_times_are_aligned() -> None:
    rows = [
        {"network": name, "layer": "hidden", "neuron": neuron, "time_ms": first + step, "bits": first + neuron}
        for name, first in (("a", 10.0), ("b", 12.0))
        for neuron in range(4)
        for step in range(2)
    ]
    table = analysis.over_networks(pd.DataFrame(rows))
    assert table["networks"].tolist() == [2, 2]
    assert table["time_ms"].tolist() == [11.0, 12.0]
    assert table["mean"].tolist() == [12.5, 12.5]


def _at_times(network: str, layers: tuple[str, ...], first: float) -> list[dict[str, object]]:
    return [
        {"network": network, "layer": layer, "time_ms": first + step, "bits": first + step}
        for layer in layers
        for step in range(2)
    ]


def test_times_are_aligned_between_two_groups() -> None:
    """Each network has times of its own, so that no time is in both groups."""
    ours, theirs = (
        pd.DataFrame([row for name, first in networks for row in _at_times(name, ("hidden", "output"), first)])
        for networks in ((("a", 10.0), ("b", 12.0)), (("c", 11.25), ("d", 14.25)))
    )
    table = analysis.compare_networks(ours, theirs)
    assert table["layer"].tolist() == ["hidden", "hidden", "output", "output"]
    assert table["time_ms"].tolist() == [11.875, 12.875] * 2
    assert table["difference"].tolist() == [-1.75] * 4


def test_rows_of_one_group_alone_are_counted() -> None:
    ours, theirs = _at_times("a", ("hidden", "extra"), 5.0), _at_times("b", ("hidden",), 5.0)
    with pytest.warns(DataWarning, match=r"of 4 rows, 2 are in one group only, such as 'extra, 5.0, bits', and are"):
        table = analysis.compare_networks(pd.DataFrame(ours), pd.DataFrame(theirs))
    assert table["layer"].tolist() == ["hidden", "hidden"]


def test_groups_of_strength_stay_apart_and_signs_of_components_are_not_averaged() -> None:
    models = [netsim.load_model("digits", seed=seed) for seed in range(2)]
    table = analysis.over_networks(netsim.analyse(models, "strength", limit=40, groups=4).table)
    of_hidden = table[(table["layer"] == "hidden") & (table["measure"] == "strength")]
    assert of_hidden["strength_group"].tolist() == [0, 1, 2, 3]
    assert of_hidden["mean"].is_monotonic_increasing
    table = netsim.analyse(models, "trajectories", limit=40, times=3, populations=["output"]).table
    assert {"pc1", "share1"} <= set(table)
    assert not {"pc1", "pc2", "pc3"} & set(analysis.over_networks(table)["measure"])


def test_a_table_with_a_column_of_networks_of_its_own_is_refused() -> None:
    with pytest.raises(DataError, match="has a column group of its own"):
        of_network(pd.DataFrame({"group": [1]}), "digits", "")


def test_equal_networks_have_no_interval_in_the_table_of_a_study() -> None:
    models = [netsim.load_model("digits", seed=seed) for seed in range(3)]
    table = netsim.study(models, "early-readout", levels=[0.0, 200.0], limit=20)
    silent = table[table["level"] == 0]
    assert (silent["accuracy"] == 0).all()
    assert silent[["low", "high"]].isna().all(axis=None)
    with pytest.raises(SpecificationError, match="early-readout: has other levels in each network by default"):
        netsim.study(models, "early-readout", limit=20)


def test_stimuli_that_do_not_suit_the_last_network_are_refused_before_the_first_is_presented() -> None:
    small = with_settings(netsim.load_preset("digits"), {"layers.output.size": 3})
    models = [netsim.load_model("digits"), netsim.Model(small, netsim.initial_weights(small, 0))]
    presented: list[int] = []
    with pytest.raises(DataError, match="label"):
        netsim.study(
            models,
            "spike-deletion",
            levels=[0.5],
            stimuli=models[0].splits().test,
            limit=20,
            progress=lambda done, total: presented.append(done),
        )
    assert presented == []


def test_a_table_from_a_file_has_the_same_measures(tmp_path: Path) -> None:
    models = [netsim.load_model("digits", seed=seed) for seed in range(2)]
    for table in (
        netsim.analyse(models, "rank-order", limit=20).table,
        netsim.analyse(models, "selectivity", limit=20).table,
        netsim.study(models, "lesion-neurons", levels=[0.5], seeds=[0], limit=20),
    ):
        analysis.write_table(table, tmp_path / "table.csv")
        again = analysis.over_networks(pd.read_csv(tmp_path / "table.csv"))
        assert again["measure"].tolist() == analysis.over_networks(table)["measure"].tolist()


def test_joins_of_a_clustering_are_compared_by_their_order() -> None:
    rows = [
        {"network": name, "layer": "hidden", "step": step, "first": step + number, "second": 9, "distance": distance}
        for number, (name, distance) in enumerate((("a", 0.0), ("b", 1.0)))
        for step in range(2)
    ]
    table = analysis.over_networks(pd.DataFrame(rows))
    assert table[["step", "networks", "mean"]].to_numpy().tolist() == [[0, 2, 0.5], [1, 2, 0.5]]


def test_a_path_is_a_folder_even_if_a_preset_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()
    with pytest.raises(RunError, match=r"digits: is not a run folder"):
        netsim.study(Path("digits"), "lesion-neurons", levels=[0.5], seeds=[0], limit=5)
    assert [each.name for each in members_of(["digits", "./digits"])] == ["digits", "./digits"]
    for again in ("./digits/", str(tmp_path / "digits")):
        with pytest.raises(DataError, match="is given twice"):
            netsim.study(["./digits", again], "lesion-neurons", levels=[0.5], seeds=[0], limit=5)


def test_functions_take_several_networks() -> None:
    models = [netsim.load_model("digits", seed=seed) for seed in range(3)]
    table = netsim.study(models, "spike-deletion", levels=[0.3], seeds=[0, 1], limit=20)
    assert table["network"].nunique() == 3
    assert table["network"].str.fullmatch("digits-[0-9a-f]{6}").all()
    means = table[table["condition"] == "disturbed"].groupby("network")["strict_accuracy"].mean()
    half = stats.t.ppf(0.975, 2) * means.std() / np.sqrt(3)
    disturbed = table[table["condition"] == "disturbed"]
    z, share = stats.norm.ppf(0.975), means.mean()
    wilson = (share + z**2 / 40 + z * np.sqrt(share * (1 - share) / 20 + z**2 / 1600)) / (1 + z**2 / 20)
    assert disturbed["high"].tolist() == pytest.approx([min(share + np.hypot(half, wilson - share), 1)] * 6)
    result = netsim.analyse(models, "sparseness", limit=20)
    assert result.table["network"].nunique() == 3
    assert "3 networks" in result.figure().axes[0].get_xlabel()
    with pytest.raises(DataError, match="is given twice"):
        netsim.study(["digits", "digits"], "spike-deletion", levels=[0.3], limit=20)


def test_a_sweep_stands_for_its_finished_runs(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "sweep.toml").write_text("base = 'digits'\n")
    rows = [("0001", "finished", 0.1), ("0002", "failed", 0.1), ("0003", "finished", 0.2)]
    for named, settings in ((rows, ["learning.rate = 0.1", "learning.rate = 0.2"]), (rows[:2], [""])):
        ended = [{"run": run, "status": status, "seed": 0, "learning.rate": rate} for run, status, rate in named]
        analysis.write_table(analysis.sweep_table(["learning.rate"], ended), folder / "results.csv")
        members = members_of([str(folder), "digits"])
        assert [each.settings for each in members] == [*settings, ""]
        assert [Path(each.name).name for each in members][-1] == "digits"
    ended = [{"run": run, "status": "finished", "seed": 0, "duration": time} for run, time in (("1", 64), ("2", 80))]
    analysis.write_table(analysis.sweep_table(["duration"], ended), folder / "results.csv")
    assert [each.settings for each in members_of([str(folder)])] == ["duration = 64", "duration = 80"]
    with pytest.raises(DataError, match="is named twice"):
        members_of([str(folder), str(folder / "1")])
    analysis.write_table(analysis.sweep_table(["learning.rate"], []), folder / "results.csv")
    with pytest.raises((RunError, DataError)):
        members_of([str(folder)])


def test_variance_is_split_between_networks_draws_and_stimuli() -> None:
    """A balanced analysis of variance with known sums of squares."""
    table = _table(VALUES).assign(presentations=400)
    (row,) = analysis.nested_intervals(table).to_dict("records")
    assert (row["measure"], row["networks"], row["draws"]) == ("accuracy", 3, 3)
    assert row["sd_draws"] == pytest.approx(0.01)
    assert row["sd_networks"] == pytest.approx(np.sqrt(0.04 - 0.01**2 / 3))
    assert row["sd_stimuli"] == pytest.approx(np.sqrt(0.7 * 0.3 / 400))
    networks = stats.t.ppf(0.975, 2) * np.sqrt(0.04 / 3)
    stimuli = 0.7 - stats.binomtest(280, 400).proportion_ci(method="wilson").low
    half = np.hypot(networks, stimuli)
    assert (row["low"], row["high"]) == pytest.approx((0.7 - half, 1.0))  # 0.7 + half is more than a fraction can be
    (other,) = analysis.nested_intervals(table.rename(columns={"accuracy": "latency"})).to_dict("records")
    (over,) = analysis.over_networks(table.rename(columns={"accuracy": "latency"})).to_dict("records")
    assert (other["low"], other["high"]) == pytest.approx((over["low"], over["high"]))


def test_intervals_of_fractions_are_fractions() -> None:
    (row,) = analysis.over_networks(_table({"a": 0.9, "b": 0.99, "c": 1.0}, 1)).to_dict("records")
    assert (row["low"] < 0.9, row["high"]) == (True, 1.0)
    (row,) = analysis.nested_intervals(_table({"a": 0.0, "b": 0.02}, 1)).to_dict("records")
    assert row["low"] == 0.0
    assert 0.02 < row["high"] < 1.0
    (row,) = analysis.nested_intervals(_table({"a": 0.97, "b": 1.0}, 1)).to_dict("records")
    assert row["high"] == 1.0


def test_equal_or_single_values_have_no_nested_interval() -> None:
    for values in ({"a": 0.1}, {"a": 0.1, "b": 0.1}):
        (row,) = analysis.nested_intervals(_table(values, 1)).to_dict("records")
        assert np.isnan([row["low"], row["high"], row["sd_draws"]]).all()


@pytest.mark.parametrize("networks", [2, 3, 10])
@pytest.mark.parametrize("deviation", [0.001, 0.1])
def test_an_interval_that_includes_stimuli_is_never_the_narrower_one(networks: int, deviation: float) -> None:
    values = 0.61 + deviation * np.linspace(-1, 1, networks)
    table = _table(dict(zip("abcdefghij", values, strict=False)), 1).assign(presentations=300)
    over, (row,) = analysis.over_networks(table).iloc[0], analysis.nested_intervals(table).to_dict("records")
    one = stats.binomtest(180, 300).proportion_ci(method="wilson")
    assert row["low"] < min(max(over["low"], 1e-9), one.low)
    assert row["high"] > max(min(over["high"], 1 - 1e-9), one.high)


def test_the_interval_over_networks_covers_the_truth_for_other_networks_and_stimuli() -> None:
    """Networks that agree on hard stimuli. The interval over networks alone covers 80 % of the time."""
    generator, covered = np.random.default_rng(1), np.zeros(2)
    truth = 0.7  # stimuli are right with a chance of 1 or 0.4, whatever the network, half of the time each
    for _ in range(60):
        right = generator.random((5, 100)) < np.where(generator.random(100) < 0.5, 1.0, 0.4)
        table = _table(dict(zip("abcde", right.mean(axis=1), strict=True)), 1).assign(presentations=100)
        for place, summary in enumerate((analysis.over_networks(table), analysis.nested_intervals(table))):
            covered[place] += summary["low"].iloc[0] <= truth <= summary["high"].iloc[0]
    assert covered[0] < 54
    assert covered[1] > 56
