"""Information: what spike times say about the stimulus, compared with spike counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import curve, panels, styles
from netsim.analysis.experiments.tables import by_seed, grouped, interval, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.analysis.style import FAINT
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

    from netsim.specification import Network

_STIMULI, _WINDOW, _BIN, _DT = 9, 40.0, 10.0, 0.5
"""Stimuli; response interval and bins of spike times (ms), as in Petersen et al. 2002; time step (ms)."""
_ONSET, _WIDTH, _RELIABLE, _SPONTANEOUS = 5.0, 2.0, 0.9, 0.02
"""Afferents: latency to the preferred stimulus (ms), width of tuning (stimuli), and probabilities of a spike."""
_MOST = 3
"""Counts in a bin from which on they are one response."""
_GAINS = (44.0, 120.0)
"""Published gains of spike times over counts (%): Panzeri et al. 2001; Saal et al. 2009, curvature."""
COUNT, TIMES, FIRST = "count", "times", "first"


_CODES = {"times": "spike times", "count": "counts", "first": "first spike"}


def gain(table: DataFrame, dispersion: float, drive: float) -> Any:
    """How much more information spike times have than counts (%), for each seed."""
    rows = by_seed(table, dispersion=dispersion, drive=drive)
    return 100 * (rows["times"] / rows["count"] - 1)


def share(table: DataFrame, dispersion: float, drive: float) -> Any:
    """The information of first spikes over the information of spike times (%), for each seed."""
    rows = by_seed(table, dispersion=dispersion, drive=drive)
    return 100 * rows["first"] / rows["times"]


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: information by condition and code, and what they have in common."""
    for (dispersion, drive), group in grouped(table, "dispersion", "drive"):
        bits = [interval(group[name]).shown() for name in ("count", "times", "shuffled", "first")]
        ratios = [interval(each(table, dispersion, drive)).shown("{:.0f}") for each in (gain, share)]
        same = f"{100 * group['same_first'].min():g}"
        spikes = interval(group["spikes"]).shown()
        yield (f"{dispersion:g}", f"{drive:g}", spikes, *bits, *ratios, same)


@experiments.register("information")
@dataclass(frozen=True)
class Information(Experiment):
    """Estimate the information of counts, spike times and first spikes in a network that fires repeatedly."""

    question = "How much more do spike times say about a stimulus than spike counts?"
    duration = "10 min"
    quick_duration = "3 min"
    order = 6
    prose = Path(__file__).with_name("information.md")
    results = summarised(summary)
    quick = {"dispersions": (0.0, 2.5, 5.0), "drives": (1.0, 2.0), "trials": 50, "neurons": 10}

    dispersions: tuple[float, ...] = setting((0.0, 1.0, 2.5, 5.0), least=0, below=_WINDOW, ascending=True)
    drives: tuple[float, ...] = setting((1.0, 2.0, 4.0), above=0, below=100, ascending=True)
    dispersion: float = setting(2.5, least=0, below=_WINDOW)
    drive: float = setting(2.0, above=0, below=100)
    jitter: float = setting(2.0, least=0, below=_WINDOW)
    afferents: int = setting(60)
    neurons: int = setting(20)
    trials: int = setting(100, least=2)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            "stimuli": _STIMULI,
            "reliable": _RELIABLE,
            "width": _WIDTH,
            "spontaneous": _SPONTANEOUS,
            "onset": _ONSET,
            "window": _WINDOW,
            "bin": _BIN,
            "most": _MOST,
            "gains": _GAINS,
        }

    def conditions(self) -> Sequence[Condition]:
        conditions = [{"dispersion": each, "drive": self.drive} for each in self.dispersions]
        conditions += [{"dispersion": self.dispersion, "drive": each} for each in self.drives]
        return [each for number, each in enumerate(conditions) if each not in conditions[:number]]

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.engines import Batch, make_engine
        from netsim.experiments.kinds.information.multi_spike import all_spikes

        generator = np.random.default_rng(unit.seed)
        stimuli = np.repeat(np.arange(_STIMULI), self.trials)
        latencies, kernel = self._drawn(generator, stimuli, unit.condition["dispersion"], unit.condition["drive"])
        network, weights = self.network(), {"output.kernel": kernel}
        trains = all_spikes(network, weights, latencies, _DT)
        batch = Batch(latencies.reshape(len(stimuli), 1, 1, -1), weights)
        single = make_engine("event", network, _DT).present(batch)["output"]
        first = np.array([[train[0] if len(train) else np.inf for train in row] for row in trains])
        codes = _responses(trains, first)
        shuffled = generator.permutation(stimuli)
        row: Row = {name: _information(code, stimuli) for name, code in codes.items()}
        return [
            row
            | {
                "shuffled": _information(codes[TIMES], shuffled),
                "spikes": float(np.mean([[len(train) for train in row] for row in trains])),
                "same_first": float((first == single).mean()),
            }
        ]

    def network(self) -> Network:
        """Return the network of single spikes."""
        from netsim.specification import PSP, Dense, LatencyEncoder, Layer, Network, Neurons

        neurons, psp = Neurons("free", threshold=1.0, tau=2.0), PSP("plateau", rise=2.0)
        layer = Layer("output", Dense(self.neurons), neurons, psp=psp)
        return Network.chain("information", LatencyEncoder((1, 1, self.afferents), _WINDOW), (layer,), duration=_WINDOW)

    def _drawn(
        self, generator: np.random.Generator, stimuli: np.ndarray, dispersion: float, drive: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the latencies of afferents in trials (ms, on the grid), and the weights onto the neurons."""
        import numpy as np

        preferred = generator.uniform(0, _STIMULI - 1, self.afferents)
        wanted = generator.uniform(0, _STIMULI - 1, self.neurons)
        kernel = generator.exponential(1.0, (self.afferents, self.neurons))
        kernel *= np.exp(-(((preferred[:, None] - wanted) / _WIDTH) ** 2) / 2)
        reliability = _RELIABLE * np.exp(-(((preferred[:, None] - wanted) / _WIDTH) ** 2) / 2)
        kernel *= drive / (kernel * reliability).sum(axis=0)
        distance = np.abs(preferred - stimuli[:, None])
        evoked = generator.random(distance.shape) < _RELIABLE * np.exp(-((distance / _WIDTH) ** 2) / 2)
        times = _ONSET + dispersion * distance + self.jitter * generator.standard_normal(distance.shape)
        latencies = np.where(evoked, np.maximum(times, 0.0), np.inf)
        alone = np.where(
            generator.random(distance.shape) < _SPONTANEOUS, _WINDOW * generator.random(distance.shape), np.inf
        )
        latencies = np.minimum(latencies, alone)
        latencies = _DT * np.floor(latencies / _DT + 0.5)
        return np.where(latencies < _WINDOW, latencies, np.inf), kernel

    def draw(self, table: DataFrame) -> Figure:
        dispersion, drive, published = self.dispersion, self.drive, _GAINS
        table = table.assign(gain=100 * (table["times"] / table["count"] - 1))
        spread = table[table["drive"] == drive].sort_values("dispersion")
        driven = table[table["dispersion"] == dispersion].sort_values("drive")
        with panels(3, 2.5) as (figure, (left, middle, right)):
            for (code, label), style in zip(_CODES.items(), styles(len(_CODES)), strict=True):
                curve(left, spread, "dispersion", code, label=label, **style)
            for axes, rows, column in ((middle, spread, "dispersion"), (right, driven, "drive")):
                axes.axhspan(*published, color="0.9", zorder=0)
                axes.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
                curve(axes, rows, column, "gain", **styles(1)[0])
                axes.set_ylabel("gain of times over counts (%)")
            left.set(xlabel="dispersion of latencies (ms)", ylabel="information (bits)", ylim=(0, None))
            middle.set(xlabel="dispersion of latencies (ms)")
            right.set(xlabel="drive (thresholds)")
            middle.fill_between([], [], color="0.9", label="published gains")
            figure.legend(loc="outside upper center", ncols=len(_CODES) + 1)
        return figure

    def verdict(self, table: DataFrame) -> Verdict:
        gains, part = (each(table, self.dispersion, self.drive) for each in (gain, share))
        estimate = interval(gains)
        compared = ["not measured"] * 3
        if len(gains):
            times, first = interval(1 + gains / 100).shown(), interval(part).shown("{:.0f}")
            compared = [f"{estimate.shown('{:+.0f}')} %", f"{times} times", f"{first} % in first spikes"]
        if not estimate.seeds:
            return Verdict(
                "not reproduced", "The condition of the verdict was not measured with these settings.", compared
            )
        reason = (
            f"With a dispersion of {self.dispersion:g} ms and a drive of {self.drive:g}, the information in"
            f" spike times exceeds that in counts by {estimate.shown('{:.0f}')} %. Published are {_GAINS[0]:g} to"
            f" {_GAINS[1]:g} %."
        )
        if estimate.lies_above(_GAINS[1]):
            return Verdict("beyond", reason, compared)
        return Verdict("not reproduced" if estimate.lies_below(_GAINS[0]) else "reproduced", reason, compared)


def _responses(trains: Sequence[Sequence[np.ndarray]], first: np.ndarray) -> dict[str, np.ndarray]:
    """Return the response of each trial and neuron by code, as whole numbers from 0."""
    import numpy as np

    edges = np.arange(0.0, _WINDOW + _BIN, _BIN)
    counts = np.array([[np.histogram(train, edges)[0] for train in row] for row in trains])
    words = np.minimum(counts, _MOST) @ (_MOST + 1) ** np.arange(counts.shape[2])
    bins = np.minimum(first, _WINDOW).astype(np.int64) // int(_BIN)
    return {COUNT: counts.sum(axis=2), TIMES: words, FIRST: bins}


def _information(responses: np.ndarray, stimuli: np.ndarray) -> float:
    """Return the mutual information of responses and stimuli (bits), corrected, as a mean over neurons."""
    import numpy as np

    from netsim.analysis.kinds._information import contingency, panzeri_treves_bias, plug_in

    neurons = responses.shape[1]
    most = int(responses.max()) + 1
    code = (responses + most * np.arange(neurons)).ravel()
    counts = contingency(code, np.repeat(stimuli, neurons), most, _STIMULI, neurons)
    return float((plug_in(counts) - panzeri_treves_bias(counts)).mean())
