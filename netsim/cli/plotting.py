"""The command ``netsim plot``: every figure by its name."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option
from typer.core import TyperOption

from netsim.analysis.gallery import Choice, Source, draw_figure, figures
from netsim.analysis.style import check_suffix, inches, save_figure
from netsim.cli import options
from netsim.cli.terminal import listed, print_json, progress_bar
from netsim.errors import SpecificationError


class PlotCommand(options.ListingCommand):
    """A command whose help lists, for each option, the figures that use it."""

    def list_entries(self) -> None:
        """Insert the figures into the help texts of the command and its options."""
        for option in self.params:
            if isinstance(option, TyperOption) and option.name and (names := leaving(option.name)):
                option.help = (option.help or "").format(all=listed(names), any=listed(names, "or"))
        super().list_entries()


def leaving(choice: str) -> list[str]:
    """Return the figures with a choice."""
    return [name for name, entry in figures.items() if choice in entry.choices]


def plot(
    figure: Annotated[
        str, Argument(metavar="FIGURE", help="The figure, see above.", autocompletion=lambda: list(figures))
    ],
    subject: options.ModelArgument,
    index: Annotated[int | None, Option(min=0, metavar="N", help="Stimulus of {all}, by default 0.")] = None,
    limit: Annotated[
        int | None,
        Option(
            min=1,
            metavar="N",
            help="Present the first N stimuli; the default depends on FIGURE.",
        ),
    ] = None,
    layer: Annotated[str | None, Option(metavar="LAYER", help="Layer of {all}.")] = None,
    channel: Annotated[int | None, Option(min=0, metavar="N", help="Input channel of {all}, by default 0.")] = None,
    neuron: Annotated[list[str] | None, Option(metavar="LAYER:NEURON", help="Neuron of {all}; repeatable.")] = None,
    count: Annotated[int | None, Option(min=1, metavar="N", help="Draw at most N {any}.")] = None,
    width: Annotated[
        str | None,
        Option(
            metavar="column|page",
            help="Width of 85 mm or 180 mm; the default depends on FIGURE.",
        ),
    ] = None,
    palette: options.PaletteOption = None,
    out: Annotated[
        list[Path] | None,
        Option(
            metavar="FILE",
            help="A .png, .svg or .pdf; repeatable; by default FIGURE.png and .svg in RUN/figures or figures-PRESET,"
            " FIGURE-LAYER of a layer.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="Write the table too: a .csv, .csv.gz or .parquet file.",
        ),
    ] = None,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    seed: options.InitialSeed = 0,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Draw a figure of a run or a preset, as PNG and SVG.

    FIGURE is one of:

    {figures}
    """
    entry = figures.require(figure)
    given = {"index": index, "layer": layer, "channel": channel, "neuron": neuron, "count": count}
    for option, value in given.items():
        if value is not None and option not in entry.choices:
            others = listed(leaving(option))
            raise SpecificationError(f"--{option}", f"has no meaning for {figure}, only for {others}; remove it")
    presenting: dict[str, Any] = {"limit": limit, "split": (split != "test") or None, "dataset": dataset}
    presenting |= {"engine": engine, "dt": dt}
    for option, value in presenting.items() if entry.presentations == 0 else ():
        if value is not None:
            raise SpecificationError(
                f"--{option}", f"has no meaning for {figure}, which presents no stimuli; remove it"
            )
    if limit is not None and entry.presentations == 1:
        raise SpecificationError("--limit", f"has no meaning for {figure}, which shows one presentation; take --index")
    size = inches(width or 0.0, "--width")
    import matplotlib.pyplot as plt

    from netsim.engines import engine_of
    from netsim.files import write_each
    from netsim.spikes.files import check_table_suffix, write_table

    for path in out or ():
        check_suffix(path)
    if table is not None:
        check_table_suffix(table)
    chosen, network = options.model_of(subject, seed, engine=engine, dt=dt, dataset=dataset)
    neurons = [options.recorded_neuron(text, "--neuron") for text in neuron or ()]
    choice = Choice(index or 0, limit, layer, channel or 0, neurons, count, size, palette)
    with options.distributed_over(scheduler, workers) as distribution, progress_bar() as progress:
        task = progress.add_task(f"drawing {figure}", total=None)
        source = Source.of(
            replace(chosen, network=network),
            lambda: options.split_of(chosen, network, split, data_dir, few=True),
            seed,
            lambda done, of: progress.update(task, completed=done, total=of),
            lambda record: engine_of(network, record),  # `options.model_of` has checked the engine of the run
        )
        drawn = draw_figure(figure, replace(source, distribution=distribution), choice)
    if not entry.of_structure:
        options.note_initial_weights(subject, chosen, seed)
    folder = chosen.run.subfolder("figures") if chosen.run else Path(f"figures-{chosen.network.name}")
    stem = options.file_stem(figure, [layer] if layer else None)
    files = out or [folder / f"{stem}.{suffix}" for suffix in ("png", "svg")]
    for path in [*files, *filter(None, [table])]:
        options.make_folder(path.parent)
    if table is not None:
        files = [*files, table]

    def write(path: Path) -> None:
        if table is not None and path.name == table.name:
            write_table(drawn.table, path)
        else:
            save_figure(drawn.figure, path)

    write_each(files, write)
    plt.close(drawn.figure)
    if as_json:
        made = {"rows": len(drawn.table), "files": [str(path) for path in files]}
        print_json({"kind": figure, "subject": subject, "weights": chosen.origin, **made})
    else:
        print(*files, sep="\n")
