"""What the benchmark is held against: goals as ratios within one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.rows import (
    ANN_FORWARD,
    ANN_FORWARD_ONE,
    ANN_ONLINE,
    ANN_TRAINING,
    CHANNELS_LAST,
    DENSE_LAYER,
    Measured,
    median_ratio,
)

_FORWARD = "event-phased-forward-trained"
_TRAINING = "event-phased-training-trained"
_FREE, _FREE_TRAINING = "event-free-forward-trained", "event-free-training"
_GRID = "event-phased-forward-grid"
_BRIAN2 = "brian2-engine"


@dataclass(frozen=True)
class Goal:
    """A goal and what became of it in a run.

    Attributes
    ----------
    what, goal : str
    measured : str
        Empty if the run did not measure it.
    met : bool, optional
    """

    what: str
    goal: str
    measured: str = ""
    met: bool | None = None


def judge(
    rows: Sequence[Measured], growth: Sequence[Mapping[str, Any]], processes: Mapping[str, Mapping[str, Any]]
) -> list[Goal]:
    """All goals, with what a run has measured of them.

    Parameters
    ----------
    rows : sequence of Measured
    growth : sequence of mapping
        As from `benchmarks.growth.measure_growth`; may be empty.
    processes : mapping
        What whole processes took; ``epoch``, ``evaluation`` and ``starts`` may be missing.
    """
    timed = {row.name: row for row in rows if row.wall_ms}
    facts = {row.name: row.facts for row in rows}
    return [
        _goal("`phased` forward / dense network", "≤", 0.75, _to_dense(timed, _FORWARD, ANN_FORWARD)),
        _goal("`phased` training step / dense network's", "≤", 0.6, _to_dense(timed, _TRAINING, ANN_TRAINING)),
        _goal("`free` exact forward / dense network", "≤", 2.5, _to_dense(timed, _FREE, ANN_FORWARD)),
        _goal("`free` training step / dense network's", "≤", 1.6, _to_dense(timed, _FREE_TRAINING, ANN_TRAINING)),
        _goal("`phased` online step / dense network's", "≤", 0.4, _to_dense(timed, "event-phased-online", ANN_ONLINE)),
        _goal("`free` online step / dense network's", "≤", 1.0, _to_dense(timed, "event-free-online", ANN_ONLINE)),
        _goal(
            "`phased` forward of one presentation / dense network",
            "≤",
            0.5,
            _to_dense(timed, "event-phased-forward-one", ANN_FORWARD_ONE),
        ),
        _goal(
            "binary forward / the same with real weights",
            "≤",
            0.8,
            _ratio(timed, "event-binary-forward", "event-binary-forward-as-real"),
        ),
        _sparser(growth),
        _all_active(growth),
        _goal("snnTorch / `phased` forward", "≥", 150, _ratio(timed, "snntorch", _FORWARD), "{:.0f}"),
        _goal("SpikingJelly / `phased` forward", "≥", 150, _ratio(timed, "spikingjelly", _FORWARD), "{:.0f}"),
        _goal("Brian2 engine / event engine on the same grid", "≥", 400, _ratio(timed, _BRIAN2, _GRID), "{:.0f}"),
        _same_spikes(facts),
        *_two_threads(growth),
        _goal("peak memory of an epoch of Fashion-MNIST", "≤", 1.0, _peak_gigabytes(processes), "{:.2f} GB"),
        _goal("Brian2 engine / driven by hand", "≤", 1.1, _ratio(timed, _BRIAN2, "brian2-by-hand")),
        _compiled(processes.get("starts")),
        _goal(
            "`netsim evaluate` on 10,000 images", "≤", 8.0, processes.get("evaluation", {}).get("seconds"), "{:.1f} s"
        ),
    ]


def _ratio(timed: Mapping[str, Measured], row: str, reference: str) -> float | None:
    """Of a row to another, if both were measured."""
    return timed[row].ratio_to(timed[reference]) if row in timed and reference in timed else None


def _to_dense(timed: Mapping[str, Measured], row: str, reference: str) -> float | None:
    """Of a row to the dense network in its faster layout, if both layouts were measured."""
    ratios = [_ratio(timed, row, name) for name in (reference, f"{reference}{CHANNELS_LAST}")]
    return None if None in ratios else max(ratio for ratio in ratios if ratio is not None)


def _peak_gigabytes(processes: Mapping[str, Mapping[str, Any]]) -> float | None:
    return processes["epoch"]["peak_bytes"] / 1e9 if "epoch" in processes else None


def _goal(what: str, sign: str, limit: float, value: float | None, form: str = "{:.2f}") -> Goal:
    """A goal of at most (``≤``) or at least (``≥``) a limit; `form` says how figures are written."""
    goal = f"{sign} {form.format(limit)}"
    if value is None:
        return Goal(what, goal)
    return Goal(what, goal, form.format(value), value <= limit if sign == "≤" else value >= limit)


def _sparser(growth: Sequence[Mapping[str, Any]]) -> Goal:
    goal = "falls"
    what = "`free` with the fewest input spikes, to the most"
    points = sorted((p["x"], p["median_ms"]) for p in growth if p["curve"] == "spikes" and p["series"] == "free")
    if len(points) < 2:
        return Goal(what, goal)
    (few, cheap), (many, dear) = points[0], points[-1]
    return Goal(what, goal, f"{cheap:.3g} ms at {few:g}, {dear:.3g} ms at {many:g}", cheap < dear)


def _all_active(growth: Sequence[Mapping[str, Any]]) -> Goal:
    times = {p["series"]: p["rounds_ms"] for p in growth if p["curve"] == "active" and p["x"] == 100}
    ratio = _ratio_of_points(times, "phased", DENSE_LAYER)
    return _goal("`phased` layer with all inputs active / dense layer", "≤", 1.1, ratio)


def _ratio_of_points(times: Mapping[Any, Sequence[float]], point: Any, reference: Any) -> float | None:
    """How often the time of another point of a curve, if both were measured."""
    return median_ratio(times[point], times[reference]) if point in times and reference in times else None


def _same_spikes(facts: Mapping[str, Mapping[str, Any]]) -> Goal:
    what, goal = "same spikes as the Brian2 engine", "all"
    found = facts.get("brian2-engine", {})
    if "latencies" not in found:
        return Goal(what, goal)
    same, all_of_them = found["same_latencies"], found["latencies"]
    return Goal(what, goal, f"{same:,} of {all_of_them:,} latencies", same == all_of_them)


def _two_threads(growth: Sequence[Mapping[str, Any]]) -> Iterator[Goal]:
    times = {(p["series"], p["x"]): p["rounds_ms"] for p in growth if p["curve"] == "threads"}
    for series in ("phased", "phased, training step", "free"):
        ratio = _ratio_of_points(times, (series, 1), (series, 2))
        yield _goal(f"one thread / two threads, {series}", "≥", 1.8, ratio)


def _compiled(starts: Mapping[str, Any] | None) -> Goal:
    what, goal = "second process of the Brian2 engine", "compiles nothing"
    if starts is None:
        return Goal(what, goal)
    first, second = starts["first"], starts["second"]
    measured = (
        f"{first['compiled']} modules in {first['seconds']:.0f} s, then {second['compiled']} in"
        f" {second['seconds']:.1f} s"
    )
    return Goal(what, goal, measured, second["compiled"] == 0 < first["compiled"])
