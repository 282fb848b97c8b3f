"""Retina: which codes of first spikes survive changes of contrast and a shift that all cells share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.figures import curve, panels, styles
from netsim.analysis.experiments.tables import accuracy, gain, grouped, interval, mean, percentage, rows_of_text
from netsim.analysis.shape import DataFrame, Figure
from netsim.experiments.experiment import Condition, Experiment, Row, Unit, Verdict, summarised
from netsim.experiments.fields import setting
from netsim.seams import experiments

if TYPE_CHECKING:
    import numpy as np

    from netsim.experiments.kinds.retina.cells import Retina

ABSOLUTE, RELATIVE, RANK, COUNT, NETWORK = (
    "absolute latency",
    "relative latency",
    "rank",
    "count",
    "absolute latency, network",
)
"""Codes, and the network that reads the first."""
_WEAKER, _LARGELY = 0.5, 0.8
"""The contrast of the verdict, and the share of accuracy that must remain there."""


@rows_of_text
def summary(table: DataFrame) -> Iterator[tuple[str, ...]]:
    """Rows of text: accuracy and shift by noise, code and test."""
    for (noise, code, contrast, shared), group in grouped(table, "noise", "code", "contrast", "shared"):
        shift = interval(group["shift"].astype(float))
        correct = percentage(group["accuracy"]).shown("{:.1f}")
        yield (f"{noise:g}", str(code), f"{contrast:g}", f"{shared:g}", correct, shift.shown("{:.1f}", missing=""))


@experiments.register("retina")
@dataclass(frozen=True)
class Retinal(Experiment):
    """Recognise images by latencies, ranks or counts of on and off cells, over contrast and shared jitter."""

    question = "Which codes of retinal first spikes survive changes of contrast and a shared jitter?"
    duration = "5 min"
    quick_duration = "1 min"
    order = 4
    prose = Path(__file__).with_name("retina.md")
    results = summarised(summary)
    quick = {"noises": (3.0,), "contrasts": (0.25, 0.5, 1.0), "shared": (0.0, 10.0, 40.0), "trials": 10, "epochs": 10}

    noises: tuple[float, ...] = setting((1.0, 3.0, 10.0), least=0, below=1e6, ascending=True)
    contrasts: tuple[float, ...] = setting((0.25, 0.35, 0.5, 0.7, 1.0, 1.4), above=0, below=1e6, ascending=True)
    shared: tuple[float, ...] = setting((0.0, 5.0, 10.0, 20.0, 40.0), least=0, below=1e6, ascending=True)
    side: int = setting(2)
    images: int = setting(100, least=2)
    trials: int = setting(20, least=2)
    stages: int = setting(6)
    tau: float = setting(10.0, above=0, below=1e6)
    on_delay: float = 10.0
    threshold: float = setting(0.1, above=0, below=1e6)
    most: float = setting(10.0, above=0, below=1e6)
    hidden: int = setting(100)
    epochs: int = setting(20)
    window: float = setting(256.0, above=0, below=1e6)

    def check(self) -> None:
        from netsim.experiments.kinds.retina.cells import SIDE
        from netsim.specification.checks import require

        require(0 <= self.on_delay < self.window, "on_delay", "must lie in the window")
        require(SIDE % self.side == 0, "side", f"must divide {SIDE}, the pixels along a side")

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            "side_cells": self.side**2,
            "cells": 2 * self.side**2,
            "reference": self.reference,
            "weaker": self.weaker,
            "largely": 100 * _LARGELY,
        }

    def conditions(self) -> Sequence[Condition]:
        return [{"noise": noise} for noise in self.noises]

    @property
    def reference(self) -> float:
        """The independent noise of the verdict: the one nearest to 3 ms."""
        return min(self.noises, key=lambda noise: abs(noise - 3.0))

    @property
    def weaker(self) -> float:
        """The contrast of the verdict: the one nearest to half the contrast of learning."""
        return min(self.contrasts, key=lambda contrast: abs(contrast - _WEAKER))

    def tested(self, contrast: float = 1.0, shared: float = 0.0) -> Condition:
        """Return the measurement with a contrast and a shared jitter at the noise of the verdict."""
        return {"noise": self.reference, "contrast": contrast, "shared": shared}

    def measure(self, unit: Unit) -> list[Row]:
        import numpy as np

        from netsim.experiments.decoding import latency_decoder, latency_network, linear_accuracy, spiking_accuracy
        from netsim.experiments.kinds.retina.cells import Retina, drawn_images, drives

        noise, generator = unit.condition["noise"], np.random.default_rng(unit.seed)
        retina = Retina(self.stages, self.tau, self.on_delay, self.threshold, self.most)
        drive = drives(drawn_images(generator, self.images), self.side)
        labels = np.repeat(np.arange(self.images), self.trials)
        training = self._responses(generator, retina, drive[labels], noise, 0.0)
        tests = [(contrast, 0.0) for contrast in self.contrasts]
        tests += [(1.0, shared) for shared in self.shared if (1.0, shared) not in tests]
        tested = [
            self._responses(generator, retina, contrast * drive[labels], noise, shared) for contrast, shared in tests
        ]
        accuracies = {
            code: linear_accuracy((training[code], labels), *((each[code], labels) for each in tested))
            for code in (ABSOLUTE, RELATIVE, RANK, COUNT)
        }
        network = latency_network("retina", drive.shape[1], self.hidden, self.images, self.window, self.epochs)
        silent = self.window
        with latency_decoder(network, unit, (_spikes(training[ABSOLUTE], silent), labels)) as model:
            accuracies[NETWORK] = [
                spiking_accuracy(model, (_spikes(each[ABSOLUTE], silent), labels)) for each in tested
            ]
        shifts = {contrast: _shifts(retina, drive, contrast) for contrast, _ in tests}
        return [
            {
                "code": code,
                "contrast": contrast,
                "shared": shared,
                "accuracy": accuracy,
                "shift": shifts[contrast][code] if not shared and code in (ABSOLUTE, RELATIVE) else None,
            }
            for code, measured in accuracies.items()
            for (contrast, shared), accuracy in zip(tests, measured, strict=True)
        ]

    def _responses(
        self, generator: np.random.Generator, retina: Retina, drive: np.ndarray, noise: float, shared: float
    ) -> dict[str, np.ndarray]:
        """Return finite responses of trials by code; silence is a spike at the end of the window."""
        import numpy as np

        from netsim.experiments.kinds.retina.cells import ranks, relative

        latencies = retina.latencies(drive) + noise * generator.standard_normal(drive.shape)
        latencies += shared * generator.standard_normal((len(drive), 1))
        latencies = np.where(latencies < self.window, np.maximum(latencies, 0.0), np.inf)
        return {
            ABSOLUTE: np.minimum(latencies, self.window),
            RELATIVE: relative(latencies, self.window / 2),
            RANK: ranks(latencies),
            COUNT: generator.poisson(retina.counts(drive)).astype(float),
        }

    def draw(self, table: DataFrame) -> Figure:
        noise = self.reference
        table = table[table["noise"] == noise]
        codes = list(dict.fromkeys(table["code"]))
        with panels(3, 2.6) as (figure, (left, middle, right)):
            for code, style in zip(codes, styles(len(codes)), strict=True):
                selected = table[table["code"] == code]
                steady, same = (
                    selected[selected["shared"] == 0],
                    selected[selected["contrast"] == 1].sort_values("shared"),
                )
                curve(left, steady.sort_values("contrast"), "contrast", "accuracy", 100, label=code, **style)
                curve(middle, same, "shared", "accuracy", 100, **style)
                if selected["shift"].notna().any():
                    curve(right, steady.sort_values("contrast"), "contrast", "shift", **style)
            contrasts = sorted(set(table["contrast"]))
            for axes in (left, right):
                axes.set(xlabel="contrast", xscale="log")
                axes.set_xticks(contrasts, [f"{each:g}" for each in contrasts])
                axes.minorticks_off()
            left.set(ylabel="images correct (%)", ylim=(0, 102))
            middle.set(xlabel="SD of shared jitter (ms)", ylabel="images correct (%)", ylim=(0, 102))
            right.set(ylabel="change of latencies (ms)")
            figure.legend(loc="outside upper center", ncols=len(codes))
        return figure

    def _compared(self, table: DataFrame) -> list[str]:
        """Return our values of the controls."""

        def shown(code: str, **test: float) -> str:
            return accuracy(table, code=code, **self.tested(**test)).shown("{:.1f}", "%", "not measured")

        weak, jitter = self.weaker, self.shared[-1]
        relative = shown(RELATIVE, contrast=weak)
        moved = [
            mean(table, "shift", code=code, **self.tested(contrast=weak)).shown("{:.1f}")
            for code in (RELATIVE, ABSOLUTE)
        ]
        return [
            f"they move by {moved[0]} ms at contrast {weak:g} (absolute latencies: {moved[1]} ms), {relative} correct"
            f" (absolute latencies: {shown(ABSOLUTE, contrast=weak)})",
            f"{shown(RELATIVE, shared=jitter)} correct with {jitter:g} ms"
            f" (absolute latencies: {shown(ABSOLUTE, shared=jitter)})",
            f"{shown(NETWORK, contrast=weak)} correct at contrast {weak:g},"
            f" {shown(NETWORK, shared=jitter)} with {jitter:g} ms",
        ]

    def verdict(self, table: DataFrame) -> Verdict:
        compared = self._compared(table)
        weak, jitter = self.weaker, self.shared[-1]
        by_contrast, by_jitter = (
            gain(table, {"code": ABSOLUTE}, code=RELATIVE, **self.tested(**each))
            for each in ({"contrast": weak}, {"shared": jitter})
        )
        kept, before = (accuracy(table, code=RELATIVE, **self.tested(contrast=each)) for each in (weak, 1.0))
        if not (by_contrast.seeds and by_jitter.seeds and before.seeds):
            return Verdict("not reproduced", "Contrasts with 1, and shared jitter, were not both measured.", compared)
        share = kept.mean / before.mean if before.mean else 0.0
        reason = (
            f"Relative latencies recognise {by_contrast.shown('{:+.1f}')} points more images than absolute ones at"
            f" contrast {weak:g}, and {by_jitter.shown('{:+.1f}')} points more with a shared jitter of {jitter:g} ms."
            f" At contrast {weak:g} they keep {100 * share:.0f} % of their accuracy, where at least {100 * _LARGELY:g}"
            " % count as largely invariant."
        )
        better = by_contrast.lies_above(0) and by_jitter.lies_above(0)
        return Verdict("reproduced" if better and share >= _LARGELY else "not reproduced", reason, compared)


def _spikes(latencies: np.ndarray, silent: float) -> np.ndarray:
    """Return latencies with ``inf`` for cells whose spike stands for silence."""
    import numpy as np

    return np.where(latencies < silent, latencies, np.inf)


def _shifts(retina: Retina, drive: np.ndarray, contrast: float) -> dict[str, float | None]:
    """Return by how much (ms) latencies move from contrast 1, over cells that fire at both, or None without them."""
    import numpy as np

    from netsim.experiments.kinds.retina.cells import relative

    before, after = retina.latencies(drive), retina.latencies(contrast * drive)
    both = np.isfinite(before) & np.isfinite(after)
    kept = [np.where(both, each, np.inf) for each in (before, after)]
    differences = {
        ABSOLUTE: kept[1][both] - kept[0][both],
        RELATIVE: relative(kept[1], 0.0)[both] - relative(kept[0], 0.0)[both],
    }
    return {code: float(np.abs(each).mean()) if both.any() else None for code, each in differences.items()}
