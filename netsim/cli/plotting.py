"""The command ``netsim plot``: every figure by the name of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsim.analysis.kinds import CHOICE_KINDS, FIGURE_KINDS
from netsim.cli.options import (
    DataDir,
    DatasetOption,
    Dt,
    EngineOption,
    InitialSeed,
    Json,
    ModelArgument,
    Split,
    make_folder,
    model_of,
    note_initial_weights,
    recorded_neuron,
    split_of,
)
from netsim.cli.terminal import print_json, progress_bar, say
from netsim.errors import SpecificationError

if TYPE_CHECKING:
    from netsim.runs.model import Model

_WIDTHS = ("column", "full")
PLOT_HELP = "Draw a figure of a run or a preset, as PNG and SVG.\n\nKIND is one of:\n\n" + "\n".join(
    f"* {kind}: {summary}" for kind, summary in FIGURE_KINDS.items()
)


def plot(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What to draw, see above.")],
    subject: ModelArgument,
    index: Annotated[int, typer.Option("--index", min=0, metavar="N", help="Stimulus of raster and potentials.")] = 0,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="Present the first N stimuli; by default as KIND needs."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option("--layer", metavar="LAYER", help="Layer of group-raster and kernels.")
    ] = None,
    channel: Annotated[int, typer.Option("--channel", min=0, metavar="N", help="Input channel of kernels.")] = 0,
    neuron: Annotated[
        list[str] | None,
        typer.Option("--neuron", metavar="LAYER:NEURON", help="Neuron of potentials and group-raster; repeatable."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, metavar="N", help="Draw N kernels or errors at most.")
    ] = None,
    width: Annotated[
        str | None,
        typer.Option("--width", metavar="column|full", help="85 mm or 180 mm wide; by default as suits KIND."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="A .png, .svg or .pdf; repeatable; by default KIND.png and .svg in RUN/figures or figures-PRESET.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="Keep the table too: a .csv, .csv.gz or .parquet."),
    ] = None,
    split: Split = "test",
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    engine: EngineOption = None,
    dt: Dt = None,
    seed: InitialSeed = 0,
    as_json: Json = False,
) -> None:
    """Draw a figure; the help text is put together from the kinds."""
    import matplotlib

    from netsim.engines import make_engine
    from netsim.errors import nearest
    from netsim.runs.model import weights_before_learning

    if kind not in FIGURE_KINDS:
        raise SpecificationError(f"figure {kind!r}", f"is not known{nearest(kind, FIGURE_KINDS)}")
    given = {"index": index, "layer": layer, "channel": channel, "neuron": neuron, "count": count}
    for option, kinds in CHOICE_KINDS.items():
        if given[option] and kind not in kinds:
            raise SpecificationError(f"--{option}", f"has no meaning for {kind}, but for {' and '.join(kinds)}")
    if width not in (None, *_WIDTHS):
        raise SpecificationError(f"--width {width}", f"must be {' or '.join(_WIDTHS)}")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from netsim.analysis.gallery import Choice, Source, draw
    from netsim.analysis.style import COLUMN_WIDTH, FULL_WIDTH, check_suffix, save_figure
    from netsim.analysis.tables import check_table_suffix, write_table

    for path in out or ():
        check_suffix(path)
    if table is not None:
        check_table_suffix(table)
    chosen, network = model_of(subject, seed, engine=engine, dt=dt, dataset=dataset)
    settings = network.training
    choice = Choice(
        index,
        limit,
        layer,
        channel,
        [recorded_neuron(text, "--neuron") for text in neuron or ()],
        count,
        None if width is None else dict(zip(_WIDTHS, (COLUMN_WIDTH, FULL_WIDTH), strict=True))[width],
    )
    with progress_bar() as progress:
        task = progress.add_task(f"drawing {kind}", total=None)
        source = Source(
            network,
            chosen.weights,
            lambda: split_of(chosen, network, split, data_dir),
            lambda record: make_engine(settings.engine, network, settings.dt, record=record),
            weights_before_learning(chosen, seed),
            chosen.run.metrics if chosen.run else None,
            lambda done, of: progress.update(task, completed=done, total=of),
        )
        drawn = draw(kind, source, choice)
    note_initial_weights(subject, chosen, seed)
    files = out or _default_files(kind, chosen)
    for path in [*files, *filter(None, [table])]:
        make_folder(path.parent)
    for path in files:
        save_figure(drawn.figure, path)
    plt.close(drawn.figure)
    if table is not None:
        write_table(drawn.table, table)
        files = [*files, table]
    if as_json:
        result: dict[str, Any] = {"kind": kind, "subject": subject, "weights": chosen.origin}
        print_json(result | {"rows": len(drawn.table), "files": [str(path) for path in files]})
        return
    for path in files:
        say(str(path))


def _default_files(kind: str, chosen: Model) -> list[Path]:
    folder = chosen.run.path / "figures" if chosen.run else Path(f"figures-{chosen.network.name}")
    return [folder / f"{kind}.{suffix}" for suffix in ("png", "svg")]
