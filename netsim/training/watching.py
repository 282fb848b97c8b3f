"""Warnings during a training: problems of activity or loss, with remedies. Each appears once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netsim.engines import Latencies
from netsim.measuring.checking import check_latencies
from netsim.measuring.health import BatchHealth, Health, silences_on_purpose, stronger, tie_sentence
from netsim.specification import Network
from netsim.weights.layout import Weights

IN_A_ROW = 10
"""Consecutive batches after which ties or silence are reported."""
_ROW = f"{IN_A_ROW} batches in a row"
FLAT_EPOCHS = 3
"""Consecutive epochs after which a flat loss is reported."""
_ALL_TIED = 0.95
"""Smallest fraction of tied presentations with which the outputs of a batch count as tied."""
_FLAT = 0.01
"""Relative change of the loss below which it is flat."""
_NEAR_CHANCE = 0.1
"""Fraction of the distance from chance to 1 below which an accuracy is near chance."""
_STUCK = 0.95
"""Fraction of neurons at an edge of their window above which a hidden population counts as stuck."""
_FALL = 0.1
"""Smallest loss of accuracy that is reported."""
_FAR = 3.0
"""Factor of the errors from which one epoch suffices. Smaller falls must last for `FLAT_EPOCHS`."""
_CHECKED = 20
"""Presentations for the check at the start. Smaller batches are combined."""


@dataclass
class Watch:
    """Measure each batch of a training, and warn about problems.

    Parameters
    ----------
    network : Network
    warn : callable
        Called with one line per finding.
    begins : bool
        Whether the next batch is the first, whose activity comes from the initial weights.
    check : str
        Command that checks the network.
    supervised : bool
        Whether the network learns from labels. If not, loss and accuracy tell nothing about the learning.
    """

    network: Network
    warn: Callable[[str], None]
    begins: bool
    check: str = "netsim.check(network)"
    supervised: bool = True
    _said: set[tuple[str, str]] = field(default_factory=set)
    _first: list[Latencies] = field(default_factory=list)
    _streaks: Counter[tuple[str, str]] = field(default_factory=Counter)
    _batches: int = 0
    _ties: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """Sums over consecutive batches: fractions of tied presentations, and of ties at the onset."""

    def __post_init__(self) -> None:
        self._health = Health(self.network, self.network.training.dt)
        self._checks = self.begins

    def batch(self, latencies: Latencies, weights: Weights) -> BatchHealth:
        """Measure a batch before the network learns from it, warn about problems, and return the measures."""
        health = self._health.measure(latencies, weights)
        self._batches += 1
        if self._checks:
            self._check(latencies, weights)
        self._watch_silence(health)
        self._watch_ties(health)
        return health

    def epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Warn about a flat loss at chance accuracy, a fallen accuracy, and populations at the edges of their windows.

        `history` has the metrics of all epochs.
        """
        rows, chance = history[-FLAT_EPOCHS:], 1 / self.network.outputs
        self._watch_edges(rows)
        if not self.supervised or self.network.outputs == 1:
            return
        self._watch_fall(history)
        losses = [row["training_loss"] for row in rows]
        flat = max(losses) - min(losses) <= _FLAT * max(map(abs, losses))
        best = max(row["training_strict_accuracy"] for row in rows)
        if len(rows) < FLAT_EPOCHS or not flat or best > chance + _NEAR_CHANCE * (1 - chance):
            return
        where = f"the loss stays at {losses[-1]:.4g} over {FLAT_EPOCHS} epochs, and {best:.1%} correct is near chance"
        self._say("flat", "", f"{where}; {self._rates()}, and {self.check} shows whether neurons fire in time")

    def _watch_fall(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Warn about an accuracy that fell and did not recover, or that fell far, at once."""
        accuracies = [row["training_strict_accuracy"] for row in history]
        best, since = max(accuracies), accuracies[-1]
        if 1 - since < _FAR * (1 - best):
            since = max(accuracies[-FLAT_EPOCHS:])
        if since > best - _FALL:
            return
        learning = self.network.learning
        sharper = f"raise learning.sharpness (now {learning.sharpness:g}), or " * (learning.targets == "softmax")
        fact = f"the training accuracy fell from {best:.0%} to {accuracies[-1]:.0%}"
        self._say("fall", "", f"{fact}; {sharper}lower learning.rate (now {learning.rate:g})")

    def _watch_edges(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Warn about hidden populations of which hardly any latency can change."""
        for population in self.network.integrating[:-1]:
            columns = [f"{what}_{population.name}" for what in ("silent", "onset")]
            if len(rows) < FLAT_EPOCHS or silences_on_purpose(self.network, population) or columns[1] not in rows[-1]:
                continue
            if min(sum(row[column] for column in columns) for row in rows) < _STUCK:
                continue
            sources = {projection.source for projection in self.network.incoming(population.name)}
            dead = {name for name in (population.name, *sources) if rows[-1].get(f"silent_{name}") == 1}
            if population.name in dead or sources <= dead:
                continue  # `_watch_silence` names the cause
            silent, onset = (f"{rows[-1][column]:.0%}" for column in columns)
            fact = f"{population.name}: {silent} of neurons are silent and {onset} fire at the onset of their window"
            remedy = f"lower learning.rate (now {self.network.learning.rate:g}), or open the window earlier or longer"
            if self.network.learning.edges != "return":
                remedy = 'set learning.edges = "return", which brings neurons back into their window'
            few = f"over {FLAT_EPOCHS} epochs, so that few latencies can change"
            self._say("edges", population.name, f"{fact}, {few}; {remedy}; {self.check} shows more")

    def _check(self, latencies: Latencies, weights: Weights) -> None:
        """Check the initial weights after enough presentations."""
        self._first.append(latencies)
        if sum(len(part[self.network.output.name]) for part in self._first) < _CHECKED:
            return
        joined = {name: np.concatenate([part[name] for part in self._first]) for name in self.network.shapes}
        self._checks, self._first = False, []
        for finding in check_latencies(self.network, weights, joined, self._health.dt).findings:
            self._say(finding.kind, finding.where, finding.text)

    def _watch_silence(self, health: BatchHealth) -> None:
        dead = {name for name, share in health.silent.items() if share == 1}
        for population in self.network.integrating:
            sources = {projection.source for projection in self.network.incoming(population.name)}
            # silence caused by silent sources is not a separate finding
            if self._lasts("silent", population.name, population.name in dead and not sources <= dead):
                remedy = self._remedy("silent", population.name, stronger(self.network, population))
                self._say("silent", population.name, f"{population.name}: no neuron fires, {_ROW}; {remedy}")

    def _watch_ties(self, health: BatchHealth) -> None:
        decisions, output = health.decisions, self.network.output.name
        share = float(decisions.tied.mean())
        follows = all(health.silent.get(projection.source) == 1 for projection in self.network.incoming(output))
        holds = share >= _ALL_TIED and not follows
        lasts = self._lasts("tied", output, holds)
        at_onset = float((decisions.tied & self._health.at_onset(decisions)).mean())
        self._ties = self._ties + np.array([share, at_onset]) if holds else np.zeros(2)
        if lasts:
            ties, at_onset = self._ties.tolist()
            fact, remedy = tie_sentence(self.network, ties / IN_A_ROW, at_onset / ties, self._health.dt)
            self._say("tied", output, f"{fact}, {_ROW}; {self._remedy('tied', output, remedy)}")

    def _lasts(self, kind: str, where: str, holds: bool) -> bool:
        """Count consecutive batches with a problem. Return True when the number for a report is reached."""
        self._streaks[kind, where] = self._streaks[kind, where] + 1 if holds else 0
        return self._streaks[kind, where] == IN_A_ROW

    def _remedy(self, kind: str, where: str, remedy: str) -> str:
        """Return the remedy, preceded by a lower learning rate unless the problem exists since the first batch."""
        from_the_start = self.begins and self._streaks[kind, where] == self._batches
        if not from_the_start:
            remedy = f"lower learning.rate (now {self.network.learning.rate:g}); if that does not help, {remedy}"
        return f"{remedy}; {self.check} shows more"

    def _rates(self) -> str:
        return f"try a learning.rate ten times lower and ten times higher (now {self.network.learning.rate:g})"

    def _say(self, kind: str, where: str, text: str) -> None:
        if (kind, where) not in self._said:
            self._said.add((kind, where))
            self.warn(text)
