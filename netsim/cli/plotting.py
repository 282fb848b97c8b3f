"""The command ``netsim plot``: every figure by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt

from netsim.analysis.gallery import Choice, Source, draw_figure
from netsim.analysis.style import check_suffix, inches, save_figure
from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import listed, print_json, progress_bar
from netsim.errors import SpecificationError
from netsim.files import make_folder, write_each
from netsim.seams import figures
from netsim.spikes.files import check_table_suffix, write_table


def plot(
    given: Given,
    subject: str,
    name: str,
    neurons: Sequence[str] = (),
    width: str | None = None,
    out: Sequence[Path] = (),
    table: Path | None = None,
    as_json: bool = False,
) -> None:
    """The figure is written as PNG and SVG.

    Parameters
    ----------
    width : column|page
        Width of 85 mm or 180 mm; the default depends on FIGURE.
    out : FILE
        A .png, .svg or .pdf; repeatable; by default FIGURE.png and .svg in RUN/figures or figures-PRESET, FIGURE-LAYER
        of a layer.
    table : FILE
        Write the table too: a .csv, .csv.gz or .parquet file.
    """
    entry = figures.require(name)
    used = {*given, *(["neuron"] if neurons else [])}
    for option in ("index", "layer", "channel", "neuron", "count"):
        if option in used and option not in entry.choices:
            others = listed([known for known, each in figures.items() if option in each.choices])
            raise SpecificationError(f"--{option}", f"has no meaning for {name}, only for {others}; remove it")
    for option in ("limit", "split", "dataset", "engine", "dt"):
        if entry.presentations == 0 and option in used:
            raise SpecificationError(f"--{option}", f"has no meaning for {name}, which presents no stimuli; remove it")
    if entry.presentations == 1 and "limit" in used:
        raise SpecificationError("--limit", f"has no meaning for {name}, which shows one presentation; take --index")
    size = inches(width or 0.0, "--width")
    for path in out:
        check_suffix(path)
    if table is not None:
        check_table_suffix(table)
    model = options.open_model(given, subject)
    chosen = [options.recorded_neuron(text, "--neuron") for text in neurons]
    choice = given.call(Choice, neurons=chosen, width=size)
    with given.call(options.distributed_over) as distribution, progress_bar() as progress:
        task = progress.add_task(f"drawing {name}", total=None)
        source = Source.of(
            model,
            lambda: given.call(options.split_of, model=model, limit=None),
            given.get("seed", 0),
            lambda done, of: progress.update(task, completed=done, total=of),
        )
        drawn = draw_figure(name, replace(source, distribution=distribution), choice)
    if not entry.of_structure:
        options.note_initial_weights(given, subject, model)
    folder = model.run.subfolder("figures") if model.run else Path(f"figures-{model.network.name}")
    stem = options.file_stem(name, [given["layer"]] if "layer" in given else None)
    files = [*(out or [folder / f"{stem}.{suffix}" for suffix in ("png", "svg")]), *filter(None, [table])]
    for path in files:
        make_folder(path.parent)

    def write(path: Path) -> None:
        if table is not None and path.name == table.name:
            write_table(drawn.table, path)
        else:
            save_figure(drawn.figure, path)

    write_each(files, write)
    plt.close(drawn.figure)
    if as_json:
        made = {"rows": len(drawn.table), "files": [str(path) for path in files]}
        print_json({"kind": name, "subject": subject, "weights": model.origin, **made})
    else:
        print(*files, sep="\n")
