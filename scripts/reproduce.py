"""Train the rows of the results table from nothing, test each once, and print the table.

    python scripts/reproduce.py                      # all rows, seed 0
    python scripts/reproduce.py rcsnn-mnist --seed 0 --seed 1 --seed 2
    python scripts/reproduce.py rcsnn-nmnist --data-dir DIR  # recordings by scripts/make_nmnist.py DIR --training 60000
    python scripts/reproduce.py --ablations          # one setting changed at a time, on a fixed budget
    python scripts/reproduce.py --ship               # for maintainers: also RESULTS.md and the package's weights
    python scripts/reproduce.py --evaluate           # for maintainers: decisions of the package's weights, RESULTS.md

What is tested is what is shipped: the weights of the best validation epoch, or of the last one without validation,
synapses rounded to half precision or, in a binary network, reduced to signs and scales. An interrupted row goes on
where it stopped.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from reproducing.ablations import run_ablations
from reproducing.page import ablations_table, results_page, results_table
from reproducing.records import ABLATIONS, EVALUATIONS, RECORDS, REPOSITORY, read_evaluations, read_records
from reproducing.rows import PAPER, check_data, evaluate_shipped, run_row, ship_rows

from netsim.errors import NetsimError
from netsim.files import write_text


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Presets to train; by default all rows.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeatable.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are kept.")] = REPOSITORY / "runs" / "reproduce",
    data_dir: Annotated[str | None, typer.Option(help="Where the data sets lie.")] = None,
    ablations: Annotated[bool, typer.Option("--ablations", help="Train the ablations, not the rows.")] = False,
    ship: Annotated[
        bool, typer.Option("--ship", help="Write RESULTS.md, and the weights of seed 0 into the package.")
    ] = False,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Train nothing: measure the package's weights again for RESULTS.md.")
    ] = False,
) -> None:
    """Train, test and tabulate."""
    unknown = sorted(set(rows or []) - set(PAPER))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; rows are {', '.join(PAPER)}")
    if ablations and (rows or seed):
        raise typer.BadParameter("--ablations trains networks of its own with seed 0; leave out rows and --seed")
    if evaluate and (ablations or seed or ship):
        raise typer.BadParameter("--evaluate trains nothing; leave out --ablations, --seed and --ship")
    if evaluate:
        for row in rows or PAPER:
            evaluate_shipped(row, data_dir)
        _write_page()
        return
    if ablations:
        run_ablations(runs / "ablations", data_dir, lambda name: print(name, file=sys.stderr))
    else:
        check_data(rows or PAPER, data_dir)
        for row in rows or PAPER:
            for number in seed or [0]:
                run_row(row, number, runs, data_dir)
    if ship:
        ship_rows(runs)
        _write_page()
    if ablations:
        print(ablations_table(read_records(runs / "ablations", "*/result.json")))
    else:
        print(results_table(read_records(runs, "*/result.json")))


def _write_page() -> None:
    page = results_page(read_records(RECORDS), read_records(ABLATIONS), read_evaluations(EVALUATIONS))
    write_text(REPOSITORY / "RESULTS.md", page)


if __name__ == "__main__":
    try:
        typer.run(main)
    except (NetsimError, subprocess.CalledProcessError) as error:
        sys.exit(f"reproduce: {error}")
