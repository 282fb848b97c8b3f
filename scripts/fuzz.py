"""Give damaged and made-up files to every reader: each must be read or refused in one line, in bounded memory.

    python scripts/fuzz.py --cases 1000                  # of each reader
    python scripts/fuzz.py toml idx --cases 100000 --seed 1
    python scripts/fuzz.py toml --show 1234              # one case again, in this process
    python scripts/fuzz.py idx --guided --cases 100000   # guided by coverage; needs pip install atheris

A fault is any exception but netsim's own, a case that takes more than 40 s or more memory than --memory, and a
process that dies. Files are damaged by random changes of their bytes and words; checksums of archives are made right
again in most cases, so that what lies within is reached. The same seed gives the same files, but for the dates that
those of NWB hold.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).parent))


def main(
    targets: Annotated[list[str] | None, typer.Argument(help="Readers; by default all.")] = None,
    cases: Annotated[int, typer.Option(min=1, help="Files for each reader.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the damages.")] = 0,
    first: Annotated[int, typer.Option(min=0, help="Number of the first case.")] = 0,
    memory: Annotated[int, typer.Option(min=64, help="Address space (MB) that reading may take.")] = 1024,
    show: Annotated[int | None, typer.Option(metavar="CASE", help="Try one case here, and show its traceback.")] = None,
    guided: Annotated[bool, typer.Option("--guided", help="Let atheris find the cases by coverage.")] = False,
) -> None:
    """Fuzz, print a table, and the first case of every fault; exit code 1 if there is one."""
    from fuzzing import campaign
    from fuzzing.targets import TARGETS

    from netsim.cli.terminal import counting

    unknown = sorted(set(targets or []) - set(TARGETS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; readers are {', '.join(TARGETS)}")
    names = targets or list(TARGETS)
    if show is not None:
        for name in names:
            print(*campaign.show(name, seed, show), sep="\n")
        return
    print("| reader | cases | read | refused | faults | seconds |\n|---|---|---|---|---|---|")
    faults: dict[tuple[str, str], tuple[int, str]] = {}
    for name in names:
        with counting(name, cases) as advance:
            if guided:
                from fuzzing.guided import try_guided

                tally = try_guided(name, seed, cases, memory)
            else:
                tally = campaign.try_cases(name, seed, cases, memory, advance, first)
        print(
            f"| {name} | {tally.cases:,} | {tally.read:,} | {tally.refused:,} | {len(tally.faults)} |"
            f" {tally.seconds:.0f} |",
            flush=True,
        )
        faults |= {(name, kind): fault for kind, fault in tally.faults.items()}
    for (name, kind), (case, report) in faults.items():
        print(f"\n{name}, case {case}: {kind}\n{report}", file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    typer.run(main)
