"""The experiments with recorded odours, the retina, causal pieces and information, at tiny settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import netsim
from netsim.analysis.experiments.tables import experiment_table
from netsim.data.places import data_folders
from netsim.errors import DataError
from netsim.experiments.kinds.causal_pieces import CausalPieces
from netsim.experiments.kinds.information import Information, _information, _responses
from netsim.experiments.kinds.information.multi_spike import all_spikes
from netsim.experiments.kinds.odours import COUNT, EXACT, FIRST, Odours
from netsim.experiments.kinds.odours.receptors import FILE, ODOURS, RECEPTORS, Kinetics, receptor_responses
from netsim.experiments.kinds.retina import ABSOLUTE, RELATIVE, Retinal
from netsim.experiments.kinds.retina.cells import SIDE, Retina, drawn_images, drives, ranks, relative


@pytest.fixture
def responses(tmp_path: Path) -> str:
    """A folder with a file of random responses, in the form of the recorded one."""
    drawn = np.random.default_rng(0).integers(-20, 280, (ODOURS + 1, RECEPTORS))
    names = [*(f"odour {number}" for number in range(ODOURS)), "spontaneous firing rate"]
    rows = [["odor", *(f"g{number}" for number in range(RECEPTORS)), "cas"]]
    rows += [["odor", *map(str, range(RECEPTORS)), ""]]
    rows += [[name, *map(str, row), ""] for name, row in zip(names, drawn, strict=True)]
    folder = tmp_path / "odours"
    folder.mkdir()
    (folder / FILE).write_text("\n".join(map(",".join, rows)))
    return str(folder)


def test_first_spikes_come_when_one_spike_is_expected() -> None:
    kinetics = Kinetics(300.0, 100.0, 100.0)
    x = 10.0 ** np.linspace(-1, 4, 6)
    latencies = kinetics.latencies(x)
    np.testing.assert_allclose(kinetics.counts(x, latencies), 1.0, rtol=1e-9)
    assert (np.diff(latencies) < 0).all()
    assert latencies[-1] == pytest.approx(1000 / 300, rel=1e-2)  # one interval at the highest rate
    assert kinetics.latencies(np.array([1e-6])) == np.inf
    assert kinetics.half_activations(np.array([-5.0, 150.0])).tolist() == [0.0, 1.0]


def test_odours_need_their_file(responses: str, tmp_path: Path) -> None:
    assert receptor_responses(responses).shape == (ODOURS, RECEPTORS)
    with pytest.raises(DataError, match=r"Hallem_Carlson_2006.csv: is not in .*; pip install drosolf"):
        receptor_responses(str(tmp_path))
    (tmp_path / FILE).write_text("odor,a\nodor,b\n")
    with pytest.raises(DataError, match="get"):
        receptor_responses(str(tmp_path))


def test_odours_come_from_an_installed_package(responses: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drosolf").mkdir()
    Path(responses, FILE).rename(tmp_path / "drosolf" / FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NETSIM_DATA", responses)
    assert receptor_responses(None)[1, 2] == np.random.default_rng(0).integers(-20, 280, (111, 24))[1, 2]


def test_recorded_odours_are_those_of_the_package() -> None:
    try:
        recorded = receptor_responses(None)
    except DataError as error:
        pytest.skip(f"{error} (searched {[str(path) for _, path in data_folders(None)]})")
    assert (recorded.min(), recorded.max()) == (-52.0, 288.0)


def test_odours_show_no_accuracy_above_100_percent() -> None:
    rows = [
        {"code": FIRST, "level": 0.0, "jitter": 1.0, "seed": seed, "accuracy": accuracy, "earliest": 3.0}
        | {"told_apart": 1.0}
        for seed, accuracy in enumerate((0.9, 1.0))
    ]
    assert Odours().compared(experiment_table(rows))[2] == "95.0 [31.5, 100.0] % of 110 odours"


def test_verdicts_of_odours() -> None:
    def outcome(first: float) -> str:
        rows: list[dict[str, Any]] = [
            {"level": level, "jitter": 1.0, "seed": seed, "code": code, "told_apart": apart}
            | {"accuracy": 0.9, "earliest": 3.0}
            for seed in range(5)
            for code, end in ((FIRST, first + 0.01 * seed), (COUNT, 0.7), (EXACT, 0.7))
            for level, apart in ((0.0, 1.0), (1.0, end))
        ]
        return Odours().verdict(experiment_table(rows)).outcome

    assert [outcome(0.6), outcome(0.8)] == ["not reproduced", "reproduced"]


def test_cells_of_the_retina() -> None:
    images = drawn_images(np.random.default_rng(0), 50)
    np.testing.assert_allclose(images.std(axis=(1, 2)), 1.0)
    drive = drives(images, 2)
    half = drive.shape[1] // 2
    assert (np.minimum(drive[:, :half], drive[:, half:]) == 0).all()  # on or off
    retina = Retina(6, 10.0, 5.0, 0.1, 8.0)
    latencies = retina.latencies(drive)
    np.testing.assert_array_equal(np.isfinite(latencies), drive > 0.1)
    late = np.where(np.arange(2 * half) < half, 5.0, 0.0)  # of on cells
    reached = drive * stats.gamma(6, scale=10.0).cdf(latencies - late)  # the response of six filters to a step
    np.testing.assert_allclose(reached[drive > 0.1], 0.1)
    np.testing.assert_allclose(retina.counts(drive), np.where(drive > 0.1, 8 * drive - 0.8, 0.0))
    shifted = relative(latencies + 7.0, 99.0)
    np.testing.assert_allclose(shifted, relative(latencies, 99.0))
    np.testing.assert_array_equal(ranks(latencies + 7.0), ranks(latencies))
    assert relative(np.full((1, 3), np.inf), 99.0).tolist() == [[99.0] * 3]
    trials = np.array([[7.0, np.inf, 2.0, 3.0], [1.0, 5.0, np.inf, np.inf]])
    assert relative(trials, 99.0).tolist() == [[4.0, 99.0, -1.0, 0.0], [-2.0, 2.0, 99.0, 99.0]]
    assert ranks(trials).tolist() == [[3.0, 4.0, 1.0, 2.0], [1.0, 2.0, 3.5, 3.5]]


def test_a_cell_of_the_retina_sees_a_centre_minus_a_surround() -> None:
    def weight(sd: float, *offsets: int) -> float:
        line = np.exp(-(np.arange(-round(4 * sd), round(4 * sd) + 1.0) ** 2) / (2 * sd**2))
        return float(np.prod([np.exp(-(each**2) / (2 * sd**2)) / line.sum() for each in offsets]))

    image = np.zeros((1, SIDE, SIDE))
    image[0, 10, 27], image[0, 29, 9] = 3.0, -5.0  # cells are at 9 and 27
    (drive,) = drives(image, 2)
    on, off = (amount * (weight(1.5, 0, at) - weight(4.0, 0, at)) for amount, at in ((3.0, 1), (5.0, 2)))
    surround = np.array([3.0 * weight(4.0, 1, 18), 3.0 * weight(4.0, 17, 18)])
    assert surround.max() < 1e-3 * min(on, off)
    np.testing.assert_allclose(drive[[1, 6]], [on, off], rtol=1e-3)
    assert drive[[5, 2]].tolist() == [0.0, 0.0]


def test_amplitudes_of_drawn_images_fall_with_frequency() -> None:
    images = drawn_images(np.random.default_rng(1), 400)
    amplitudes = np.abs(np.fft.fft2(images)).mean(axis=0)
    for y, x, times in ((0, 3, 3), (4, 0, 4), (3, 4, 5)):
        assert amplitudes[y, x] == pytest.approx(amplitudes[0, 1] / times, rel=0.1)


def test_a_contrast_at_which_no_cell_fires_has_no_shift() -> None:
    given = {"contrasts": [0.001], "shared": [10.0], "images": 4, "trials": 4, "hidden": 4, "epochs": 1}
    table = netsim.experiment("retina", quick=True, seeds=1, settings=given).table
    assert table.loc[table["contrast"] == 0.001, "shift"].isna().all()
    assert set(table["contrast"]) == {0.001, 1.0}  # with shared jitter, full contrast is measured in any case


def test_verdicts_of_the_retina() -> None:
    def outcome(weak: float) -> str:
        tests = {ABSOLUTE: (0.9, 0.2, 0.2), RELATIVE: (0.9, weak, 0.9)}
        rows = [
            {"code": code, "noise": 3.0, "contrast": contrast, "shared": shared, "seed": seed, "shift": 1.0}
            | {"accuracy": accuracy + 0.001 * seed}
            for code, accuracies in tests.items()
            for (contrast, shared), accuracy in zip(((1.0, 0.0), (0.5, 0.0), (1.0, 40.0)), accuracies, strict=True)
            for seed in range(5)
        ]
        return Retinal().verdict(experiment_table(rows)).outcome

    assert [outcome(0.1), outcome(0.5), outcome(0.8)] == ["not reproduced", "not reproduced", "reproduced"]


def test_verdicts_of_causal_pieces() -> None:
    def outcome(sign: int) -> str:
        rows = [
            {"mean": 0.0, "spread": float(number), "seed": seed, "pieces": number, "firing": 1.0}
            | {"accuracy": 0.5 + 0.01 * sign * number}
            for seed in range(5)
            for number in range(4)
        ]
        return CausalPieces().verdict(experiment_table(rows)).outcome

    assert [outcome(sign) for sign in (-1, 0, 1)] == ["not reproduced", "not reproduced", "reproduced"]


def test_a_twin_fires_again_after_the_same_first_spike() -> None:
    """Compared with adding up its input: it fires once for each threshold."""
    made = Information(afferents=5, neurons=1)
    network, weights = made.network(), {"output.kernel": np.full((5, 1), 0.75)}
    latencies = np.array([[2.0, 4.0, 6.0, 8.0, 10.0], [np.inf] * 5, [1.0, np.inf, np.inf, np.inf, np.inf]])
    (first, silent, weak) = (trains[0] for trains in all_spikes(network, weights, latencies, 0.5))
    assert len(first) == 3  # 3.75 thresholds
    assert (len(silent), len(weak)) == (0, 0)
    batch = netsim.Batch(latencies.reshape(3, 1, 1, 5), weights)
    single = netsim.make_engine("event", network, 0.5).present(batch)["output"]
    assert single[:, 0].tolist() == [first[0], np.inf, np.inf]


def test_information_of_what_is_known() -> None:
    stimuli = np.repeat(np.arange(9), 200)
    generator = np.random.default_rng(0)
    responses = np.stack([stimuli, stimuli // 8, generator.integers(0, 4, len(stimuli))], axis=1)
    share = 1 / 9
    expected = (np.log2(9), -(share * np.log2(share) + (1 - share) * np.log2(1 - share)), 0.0)
    result = [_information(responses[:, [neuron]], stimuli) for neuron in range(3)]
    np.testing.assert_allclose(result, expected, atol=0.01)


def test_responses_are_counts_words_of_counts_and_bins_of_the_first_spike() -> None:
    trains = [[np.array([3.0, 12.0, 13.0]), np.array([])], [np.array([1.0, 2.0, 3.0, 4.0, 39.0]), np.array([25.0])]]
    found = _responses(trains, np.array([[3.0, np.inf], [1.0, 25.0]]))  # four bins of 10 ms, at most 3 spikes in each
    assert found["count"].tolist() == [[3, 0], [5, 1]]
    assert found["times"].tolist() == [[1 + 2 * 4, 0], [3 + 1 * 64, 1 * 16]]
    assert found["first"].tolist() == [[0, 4], [0, 2]]


def test_verdicts_of_information() -> None:
    def outcome(times: float) -> str:
        rows = [
            {"dispersion": 2.5, "drive": 2.0, "seed": seed, "count": 1.0, "times": times + 0.01 * seed, "first": 0.8}
            for seed in range(5)
        ]
        return Information().verdict(experiment_table(rows)).outcome

    assert [outcome(times) for times in (1.2, 1.5, 2.5)] == ["not reproduced", "reproduced", "beyond"]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["causal-pieces", "information", "odours", "retina"])
def test_quick_runs(tmp_path: Path, name: str) -> None:
    if name == "odours":
        test_recorded_odours_are_those_of_the_package()  # skips without them
    result = netsim.experiment(name, quick=True, out=tmp_path / "out")
    assert len(set(result.table["seed"])) >= 5
    assert "not measured" not in result.page
