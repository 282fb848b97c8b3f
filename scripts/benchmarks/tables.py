"""The Markdown tables of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmarks.goals import Goal
from benchmarks.growth import CURVES
from benchmarks.rows import Measured


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a heading that ends in ``>`` has its column right-aligned."""
    rule = ["---:" if heading.endswith(">") else "---" for heading in headings]
    lines = [[heading.rstrip(">") for heading in headings], rule, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def rows_table(rows: Sequence[Measured]) -> str:
    """Times of a presentation, and how often those of the dense network they are."""
    timed = {row.name: row for row in rows if row.wall_ms}

    def cells(row: Measured) -> list[str]:
        if row.missing:
            return [f"`{row.name}`", row.what, row.missing, "", "", ""]
        ratio = _digits(row.ratio_to(timed[row.reference])) if row.reference in timed else ""
        extremes = f"{_digits(min(row.wall_ms))}–{_digits(max(row.wall_ms))}"
        cpu = sorted(row.cpu_ms)[len(row.cpu_ms) // 2]
        return [f"`{row.name}`", row.what, _digits(row.median_ms), extremes, _digits(cpu), ratio]

    return markdown(
        ("row", "what", "ms per image>", "least–most>", "processor ms>", "× dense>"), [cells(row) for row in rows]
    )


def goals_table(goals: Sequence[Goal]) -> str:
    """Goals beside what was measured."""
    verdicts = {True: "yes", False: "no", None: ""}
    return markdown(
        ("ratio or figure", "goal>", "measured>", "met"),
        [[goal.what, goal.goal, goal.measured or "not in this run", verdicts[goal.met]] for goal in goals],
    )


def growth_table(growth: Sequence[Mapping[str, Any]]) -> str:
    """Each curve as a line: times of a presentation from the first to the last point."""
    frame = pd.DataFrame(growth)
    lines = []
    for (curve, series), points in frame.groupby(["curve", "series"], sort=False):
        points = points.sort_values("x")
        at = "; ".join(f"{x:,.0f}" for x in points["x"])
        lines.append([CURVES[str(curve)], str(series), at, "; ".join(_digits(ms) for ms in points["median_ms"])])
    return markdown(("what grows", "of what", "values", "ms per presentation"), lines)


def processes_table(processes: Mapping[str, Mapping[str, Any]]) -> str:
    """Wall-clock times and peaks of whole processes."""
    lines = []
    for name, measured in processes.items():
        if name == "starts":
            for start in ("first", "second"):
                what = f"`{measured['command']}`, {start} process with a cache of its own"
                lines.append([what, f"{measured[start]['seconds']:.1f}", ""])
            continue
        lines.append([f"`{measured['command']}`", f"{measured['seconds']:.1f}", f"{measured['peak_bytes'] / 1e6:,.0f}"])
    return markdown(("process", "s>", "peak MB>"), lines)


def shares_table(shares: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Profiles, one after another."""
    parts = []
    for name, lines in shares.items():
        table = markdown(
            ("function", "what it does", "ms per image>", "share>"),
            [
                [line["function"] if line["function"] == "all others" else f"`{line['function']}`", line["what"],
                 f"{line['ms']:.3f}", f"{line['share']:.0%}"]
                for line in lines
            ],
        )  # fmt: skip
        parts.append(f"**{name[0].upper()}{name[1:]}**\n\n{table}")
    return "\n\n".join(parts)


def limits_table(limits: Mapping[str, Any], rows: Sequence[Measured], threads: int) -> str:
    """What a presentation takes at least, on this machine, and what it took."""
    times = {row.name: row.median_ms for row in rows if row.wall_ms}
    rate, copied = limits["operations_per_second"], limits["bytes_per_second"]

    def line(what: str, amount: float, unit: str, per_second: float, row: str = "") -> list[str]:
        took = _digits(times[row]) if row in times else ""
        return [what, f"{amount / 1e6:.2f} M{unit}", _digits(1e3 * amount / per_second), took]

    table = markdown(
        ("of an image", "amount>", "ms at that rate>", "ms measured>"),
        [
            line("forward, multiply and add", limits["forward_operations"], " operations", rate,
                 "event-phased-forward"),
            line("forward, fields and latencies moved", limits["forward_bytes"], "B", copied),
            line("training step, multiply and add", limits["training_operations"], " operations", rate,
                 "event-phased-training"),
            line("optimizer, weights and moments moved", limits["optimizer_bytes"], "B", copied),
            line("free, a weight added for a spike", limits["free_operations"], " operations", rate,
                 "event-free-forward-trained"),
        ],
    )  # fmt: skip
    layers = markdown(
        ("layer", "multiply-adds per image>", "bytes moved per image>"),
        [[layer["layer"], f"{layer['multiply_adds']:,}", f"{layer['bytes']:,}"] for layer in limits["layers"]],
    )
    rates = (
        f"With {threads} thread{'s' if threads > 1 else ''}: {rate / 1e9:.0f} G operations per second in matrix"
        f" products of the second convolution's shape, {copied / 1e9:.1f} GB/s read and written in copies beyond the"
        " caches."
    )
    return f"{rates}\n\n{table}\n\n{layers}"


def _digits(value: float) -> str:
    """Three significant digits without an exponent."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
