"""Measure the speed of the engines, a dense network in torch, and other simulators, in one run.

    python scripts/benchmark.py                        # all rows, some minutes
    python scripts/benchmark.py --rows 'event-*' --rows 'torch-*' --threads 1
    python scripts/benchmark.py --page docs/results/speed.md   # for maintainers, on a machine without other jobs

Rows are timed in turn in one process, with equal images and threads. A busy moment of the machine therefore affects all
rows. Rows repeat until the interval of their ratio is at most 5 % wide. ``pip install 'netsim-snn[bench]'`` installs
torch, snnTorch and SpikingJelly, and ``pip install exact-snn-nn jaxsnn eventax nest-simulator`` simulators with precise
spike times. A row without its library says so. `scripts/benchmarks` has asv benchmarks of scaling and memory.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from benchmarks import calls, clocked, peers
from benchmarks.growth import second_convolution
from command import run
from pages import markdown, put, read_page
from scipy.stats import quantile_test
from speed_figures import Timed, draw_rows

import netsim
from netsim.cli.terminal import counting
from netsim.errors import DataError
from netsim.runs.folder import describe_run

BLOCK_SECONDS, MOST_CALLS = 0.3, 20
"""Length of a block of calls (s), and its maximum number of calls."""
_DENSE = ("forward", "forward-one", "training", "online", "layer")
FORWARD, ONE, TRAINING, ONLINE, LAYER = (f"torch-{name}" for name in _DENSE)
SAME_SIZE = "event-linear-forward"
"""Reference of the row of leaky neurons: a network of the same size without leak, also in double precision."""
LOOPLESS = "event-without-loop-forward"
"""Reference of the row of a network with a loop: the same network without it."""
PEER = "event-peer-forward"
"""Reference of other simulators with exact spike times: the same network in the event engine."""
LAST = "-channels-last"
"""Suffix of rows in torch's other memory layout."""
QUIET = 0.5
"""Largest load average of an idle machine."""
PRECISE = 0.05
"""Width of the 95 % interval of a ratio, relative to the ratio, at which a row needs no more blocks."""
GOALS = (
    ("`phased` forward / dense network", "event-phased-forward-trained", FORWARD, "≤", 0.75),
    ("`phased` training step / dense network's", "event-phased-training-trained", TRAINING, "≤", 0.6),
    ("`free` exact forward / dense network", "event-free-forward-trained", FORWARD, "≤", 2.5),
    ("`free` training step / dense network's", "event-free-training", TRAINING, "≤", 1.6),
    ("`phased` online step / dense network's", "event-phased-online", ONLINE, "≤", 0.4),
    ("`free` online step / dense network's", "event-free-online", ONLINE, "≤", 1.0),
    ("`phased` forward of one presentation / dense network", "event-phased-forward-one", ONE, "≤", 0.5),
    ("binary forward / the same with real weights", "event-binary-forward", "event-binary-forward-as-real", "≤", 0.8),
    ("`phased` layer with all inputs active / dense layer", "event-phased-layer", LAYER, "≤", 1.1),
    ("leaky forward / the same size without leak", "event-leaky-forward", SAME_SIZE, "≤", 3.0),
    ("snnTorch / `phased` forward", "snntorch", "event-phased-forward-trained", "≥", 150),
    ("SpikingJelly / `phased` forward", "spikingjelly", "event-phased-forward-trained", "≥", 150),
    ("Brian2 engine / event engine on the same grid", "brian2-engine", "event-phased-forward-grid", "≥", 400),
    ("Brian2 engine / driven by hand", "brian2-engine", "brian2-by-hand", "≤", 1.1),
)
"""Goals for ratios of two rows. For a dense network, the larger ratio of its two layouts counts."""


class Row(NamedTuple):
    """A timed row: function that makes the call, reference row, presentations per call, and packages to install."""

    make: Callable[[], calls.Call]
    reference: str = FORWARD
    presentations: int = 64
    packages: str = "'netsim-snn[bench]'"


def rows_of(images: np.ndarray, labels: np.ndarray, few: int, steps: int) -> dict[str, Row]:
    """Return all rows by name. Brian2 presents `few` images. snnTorch and SpikingJelly use `steps` time steps."""
    full = calls.random_images(len(images), 12 * 12 * 32, shape=(12, 12, 32))
    present, step = partial(calls.forward, images=images), partial(calls.training, images=images, labels=labels)
    exact, grid = partial(present, precision="double"), partial(present, precision="double", dt=1.0)
    rows = {
        "event-phased-forward": Row(lambda: present(*calls.untrained(calls.PHASED))),
        "event-phased-forward-trained": Row(lambda: present(*calls.trained(calls.PHASED))),
        "event-phased-forward-double": Row(lambda: exact(*calls.trained(calls.PHASED, float))),
        "event-phased-forward-grid": Row(lambda: grid(*calls.trained(calls.PHASED, float))),
        "event-free-forward": Row(lambda: present(*calls.untrained(calls.FREE))),
        "event-free-forward-trained": Row(lambda: present(*calls.trained(calls.FREE))),
        "event-free-forward-all": Row(lambda: present(*calls.without_competition(*calls.trained(calls.FREE)))),
        "event-free-forward-double": Row(lambda: exact(*calls.trained(calls.FREE, float))),
        "event-free-forward-grid": Row(lambda: grid(*calls.trained(calls.FREE, float))),
        "event-leaky-forward": Row(lambda: exact(*calls.fitted(None, images, float)), SAME_SIZE),
        SAME_SIZE: Row(lambda: exact(*calls.fitted(calls.WITHOUT_LEAK, images, float)), SAME_SIZE),
        "event-linear-forward-single": Row(lambda: present(*calls.fitted(calls.WITHOUT_LEAK, images)), SAME_SIZE),
        "event-loop-forward": Row(lambda: present(*calls.trained(calls.LOOP)), LOOPLESS),
        LOOPLESS: Row(lambda: present(*calls.without_loop(*calls.trained(calls.LOOP))), LOOPLESS),
        "event-binary-forward": Row(lambda: present(*calls.trained(calls.BINARY))),
        "event-binary-forward-as-real": Row(lambda: present(*calls.as_real(*calls.trained(calls.BINARY)))),
        "event-phased-layer": Row(lambda: calls.forward(*calls.untrained(second_convolution("phased")), full), LAYER),
        "event-phased-training": Row(lambda: step(*calls.untrained(calls.PHASED)), TRAINING),
        "event-phased-training-trained": Row(lambda: step(*calls.trained(calls.PHASED)), TRAINING),
        "event-free-training": Row(lambda: step(*calls.trained(calls.FREE)), TRAINING),
        "event-phased-forward-one": Row(lambda: present(*calls.trained(calls.PHASED), size=1), ONE),
        "event-phased-online": Row(lambda: step(*calls.trained(calls.PHASED), online=True), ONLINE),
        "event-free-online": Row(lambda: step(*calls.trained(calls.FREE), online=True), ONLINE),
        "brian2-engine": Row(lambda: clocked.by_brian2(images[:few]), presentations=few),
        "brian2-by-hand": Row(lambda: clocked.by_hand(images[:few]), presentations=few),
        "snntorch": Row(lambda: clocked.by_snntorch(images, steps)),
        "spikingjelly": Row(lambda: clocked.by_spikingjelly(images, steps)),
    }
    rows[PEER] = Row(lambda: peers.by_netsim(images[:few]), PEER, few)
    rows |= {
        name: Row(partial(make, images[:few]), PEER, few, "exact-snn-nn jaxsnn eventax nest-simulator")
        for name, make in peers.PEERS.items()
    }
    dense: dict[str, Callable[..., calls.Call]] = {
        FORWARD: calls.torch_forward,
        ONE: partial(calls.torch_forward, size=1),
        TRAINING: partial(calls.torch_training, labels=labels),
        ONLINE: partial(calls.torch_training, labels=labels, online=True),
        LAYER: calls.torch_forward,
    }

    def made(name: str, last: bool) -> calls.Call:
        layer = name == LAYER
        return dense[name](calls.dense_network(last, layer), calls.torch_images(full if layer else images, last))

    rows |= {name + LAST * last: Row(partial(made, name, last), name) for name in dense for last in (False, True)}
    return {name: row._replace(presentations=min(row.presentations, len(images))) for name, row in rows.items()}


class Ratio(NamedTuple):
    """A median ratio over rounds and its 95 % interval, which needs at least six rounds."""

    median: float
    low: float
    high: float

    @property
    def is_precise(self) -> bool:
        """Return whether more rounds are not needed."""
        return self.high - self.low <= PRECISE * self.median

    def shown(self, digits: Callable[[float], str]) -> str:
        """Return the ratio and its interval as text."""
        bounds = "" if np.isnan(self.low) else f" [{digits(self.low)}, {digits(self.high)}]"
        return digits(self.median) + bounds


@dataclass
class Times:
    """Times of a row (ms per presentation) by round, or the reason for missing times."""

    row: Row
    call: calls.Call | None = None
    per_block: int = 1
    wall: dict[int, float] = field(default_factory=dict)
    processor: dict[int, float] = field(default_factory=dict)
    missing: str = ""

    def time_block(self, number: int) -> None:
        """Time the block of calls of a round: the median call, and the processor time of all threads."""
        assert self.call is not None
        if self.per_block > 1:
            self.call()  # warm up threads and caches after another row
        began = time.process_time()
        walls = [_seconds(self.call) for _ in range(self.per_block)]
        self.wall[number] = 1000 * statistics.median(walls) / self.row.presentations
        self.processor[number] = 1000 * (time.process_time() - began) / self.per_block / self.row.presentations


def _seconds(call: calls.Call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(
    rows: dict[str, Row],
    rounds: int,
    threads: int,
    most: int = 0,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Times]:
    """Time one block of calls per row and round. Further rounds, up to `most`, repeat rows with imprecise ratios.

    The first call of a row compiles and warms up. The second call determines the calls per block. `advance` is called
    with the numbers of finished and of all known blocks.
    """
    measured, known = {name: Times(row) for name, row in rows.items()}, len(rows) * (rounds + 1)
    for done, times in enumerate(measured.values(), 1):
        try:
            times.call = times.row.make()
        except ImportError as error:
            times.missing = f"{error.name} is not installed; pip install {times.row.packages}"
        else:
            calls.set_threads(threads)  # again for torch, which the row may have imported
            times.call()
            times.per_block = int(np.clip(BLOCK_SECONDS / _seconds(times.call), 1, MOST_CALLS))
        advance(done, known)
    gc.collect()
    gc.freeze()  # Brian2 collects garbage at the start of a run; exclude objects of other rows
    done, repeated = len(measured), set(measured)
    for number in range(max(rounds, most)):
        if number >= rounds:
            repeated = _imprecise(measured)
            if not repeated:
                break
            known += len(repeated)
        for name in [name for name in measured if name in repeated]:
            done += 1
            if (times := measured[name]).call is not None:
                times.time_block(number)
            advance(done, known)
    gc.unfreeze()
    return measured


def _imprecise(measured: dict[str, Times]) -> set[str]:
    """Return the rows of pairs whose ratio is not precise."""
    pairs = [(name, times.row.reference) for name, times in measured.items()] + [goal[1:3] for goal in GOALS]
    pairs += [(row, reference + LAST) for row, reference in pairs]
    found = ((pair, ratio(measured, *pair)) for pair in pairs)
    return {name for pair, value in found if value is not None and not value.is_precise for name in pair}


def ratio(measured: dict[str, Times], row: str, reference: str) -> Ratio | None:
    """Return the median ratio of two rows over the rounds of both, or None if one was not measured."""
    ours, theirs = (measured[name].wall if name in measured else {} for name in (row, reference))
    ratios = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys()]
    if not ratios:
        return None
    bounds = quantile_test(ratios, p=0.5).confidence_interval(0.95)
    return Ratio(statistics.median(ratios), float(bounds.low), float(bounds.high))


def rows_table(measured: dict[str, Times]) -> str:
    """Return the table of times per presentation, and ratios to the dense network."""
    lines = []
    for name, times in measured.items():
        cells = [times.missing, "", "", ""]
        if times.wall:
            relative = ratio(measured, name, times.row.reference)
            wall, processor = times.wall.values(), times.processor.values()
            least_to_most = f"{_digits(min(wall))}–{_digits(max(wall))}"
            cells = [_digits(statistics.median(wall)), least_to_most, _digits(statistics.median(processor))]
            cells.append("" if relative is None else relative.shown(_digits))
        lines.append([f"`{name}`", *cells])
    return markdown(("row", "ms per image>", "least–most>", "processor ms>", "× dense>"), lines)


def _digits(value: float) -> str:
    """Format with three significant digits without an exponent."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def goals_table(measured: dict[str, Times], same: tuple[int, int] | None = None) -> str:
    """Return the table of goals and measured values. `same` counts equal and all latencies of both engines."""
    lines = []
    for what, row, reference, sign, bound in GOALS:
        names = [reference, reference + LAST] if reference.startswith("torch-") else [reference]
        ratios = [value for name in names if (value := ratio(measured, row, name)) is not None]
        form = "{:.2f}" if sign == "≤" else "{:.0f}"
        cells = ["not in this run", ""]
        if len(ratios) == len(names):
            largest = max(ratios)
            met = largest.median <= bound if sign == "≤" else largest.median >= bound
            cells = [largest.shown(form.format), "yes" if met else "no"]
        lines.append([what, f"{sign} {form.format(bound)}", *cells])
    if same is not None:
        equal, all_of_them = same
        of_all = f"{equal:,} of {all_of_them:,} latencies"
        lines.append(["same spikes as the Brian2 engine", "all", of_all, "yes" if equal == all_of_them else "no"])
    return markdown(("ratio or figure", "goal>", "measured>", "met"), lines)


def draw(measured: dict[str, Times], path: Path) -> None:
    """Draw the times of a presentation."""
    timed = ((name, times.wall.values()) for name, times in measured.items() if times.wall)
    draw_rows([Timed(name, statistics.median(wall), min(wall), max(wall)) for name, wall in timed], {}, path)


def provenance(record: dict[str, Any], images: str, rounds: str, threads: int) -> str:
    """Return command, machine and versions in words."""
    machine, load = record["machine"], record["load"]
    jobs = "no other jobs" if load <= QUIET else "**other jobs shared the machine: take the figures as preliminary**"
    installed = {each.name: each.version for each in importlib.metadata.distributions()}
    versions = record["versions"] | {
        name: installed.get(name) for name in ("torch", "snntorch", "spikingjelly", *peers.PEERS)
    }
    lines = (
        f"`{shlex.join(['python', 'scripts/benchmark.py', *sys.argv[1:]])}`, {record['started']}, revision"
        f" {(record['git_revision'] or 'unknown')[:10]}",
        f"{machine['cores']} cores of {machine['processor']}; threads: {threads}; load {load:.1f} before ({jobs})",
        f"{images}; median of {rounds} blocks a row; ratios with 95 % intervals",
        ", ".join(f"{name} {version}" for name, version in versions.items() if version),
    )
    return "\n".join(f"- {line}" for line in lines)


def load_images(count: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the first Fashion-MNIST training images, or random images without it, with labels and a name."""
    try:
        data = netsim.load_dataset("fashion-mnist")
    except DataError:
        what = f"{count} random images, 392 of 784 pixels active"
        return calls.random_images(count, 392), np.arange(count) % 10, what
    return data.train_images[:count].copy(), data.train_labels[:count].copy(), f"the first {count} Fashion-MNIST images"


def main(
    rows: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Rows, * for any; repeatable.")] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Least number of blocks of calls of each row.")] = 7,
    most: Annotated[int, typer.Option(min=0, help="Most blocks, for rows with imprecise ratios.")] = 30,
    threads: Annotated[int, typer.Option(min=1, help="Threads, the same for all.")] = 2,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for times and figure.")] = Path("runs/benchmark"),
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write into this page.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Less of everything; not for quoting.")] = False,
) -> None:
    """Measure, print the tables, and store all times."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it only on import
    calls.set_threads(threads)
    if quick and page is not None:
        raise typer.BadParameter("--quick measures something smaller; a page is for a whole run")
    if page is not None:
        read_page(page, "run", "rows", "goals")
    images, labels, origin = load_images(16 if quick else 64)
    known = rows_of(images, labels, few=1 if quick else 16, steps=16 if quick else 256)
    for pattern in rows or []:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise typer.BadParameter(f"{pattern} is no row; rows are {', '.join(known)}")
    chosen = {name: row for name, row in known.items() if any(fnmatchcase(name, each) for each in rows or ["*"])}
    out.mkdir(parents=True, exist_ok=True)
    record = describe_run(0, load=os.getloadavg()[0])
    with counting("measuring", len(chosen) * (repetitions + 1)) as advance:
        measured = measure(chosen, repetitions, threads, 0 if quick else most, advance)
    by_brian2 = chosen.get("brian2-engine")
    same = clocked.same_latencies(images[: by_brian2.presentations]) if by_brian2 else None
    counts = {len(times.wall) for times in measured.values() if times.wall} or {0}
    blocks = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    sections = {"run": provenance(record, origin, blocks, threads), "rows": rows_table(measured)}
    if not quick:
        sections["goals"] = goals_table(measured, same)
    times = {
        name: {"wall_ms": [*each.wall.values()], "processor_ms": [*each.processor.values()]}
        for name, each in measured.items()
    }
    (out / "benchmark.json").write_text(json.dumps({"record": record, "rows": times}, indent=2) + "\n", "utf-8")
    folders = [out] if page is None else [out, page.with_suffix("")]
    for folder in folders if any(each.wall for each in measured.values()) else []:
        draw(measured, folder / "benchmark.png")
    if page is not None:
        put(page, sections)
    print("\n\n".join(sections.values()))


if __name__ == "__main__":
    run(main)
