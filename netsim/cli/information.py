"""The commands that only tell: ``models`` and ``data``."""

from __future__ import annotations

from typing import Annotated

import typer

from netsim.cli.options import DataDir, Json
from netsim.cli.terminal import data_progress, new_table, print_json, print_table, rounded, say
from netsim.data import loading
from netsim.errors import SpecificationError


def models(as_json: Json = False) -> None:
    """List the presets: architecture, regime, neurons, synapses, parameters."""
    from netsim.models.presets import load_preset, preset_names, trained_weights_file
    from netsim.specification.summary import summarise

    trained = {name: trained_weights_file(name) is not None for name in preset_names()}
    rows = [summarise(load_preset(name)) | {"trained": known} for name, known in trained.items()]
    if as_json:
        print_json({"presets": rows})
        return
    table = new_table("preset", "layers", "regime", "weights", "neurons>", "synapses>", "parameters>", fold=1)
    for row in rows:
        name = row["name"] + "*" * row["trained"]
        counts = f"{row['neurons']:,}", rounded(row["synapses"]), rounded(row["parameters"])
        table.add_row(name, row["architecture"], row["regime"], row["weights"], *counts)
    print_table(table)
    if any(trained.values()):
        say("* comes with trained weights")


def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help=f"{loading.dataset_notations()}.")] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Download into the user's cache, checked by SHA-256.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show which data sets are found, and where."""
    if fetch:
        if name is None:
            raise SpecificationError("--fetch", "needs the name of a data set")
        with data_progress() as on_progress:
            loading.fetch(name, on_progress=on_progress)
    places = {known: loading.where(known, data_dir) for known in ([name] if name else loading.listed_datasets())}
    if as_json:
        print_json({known: [p._asdict() | {"path": str(p.path)} for p in looked] for known, looked in places.items()})
    else:
        table = new_table("data set", "place", "path", "found", "note", fold=2)
        for known, looked in places.items():
            for place in looked:
                table.add_row(known, place.origin, str(place.path), "yes" if place.found else "no", place.note)
        print_table(table)
    if name is not None and not any(place.found for place in places[name]):
        source = loading.find_source(name)
        assert source is not None  # else there would be no places
        raise SpecificationError(name, f"is not found; {source.remedy(name)}")
