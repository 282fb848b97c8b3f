"""List what each package that netsim requires takes on the disk, and what would leave with it.

    scripts/supply.sh sizes      # installs netsim into an empty environment, measures that, and runs this program there

Sizes are those of the files that an installation without compiled modules contains (MB).
"""

import importlib.metadata
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FIXED = ("brian2", "numpy", "tonic", "pandas", "seaborn")
"""Packages that define what netsim is."""

INSTALLED: dict[str, importlib.metadata.Distribution] = {
    canonicalize_name(each.metadata["Name"]): each for each in importlib.metadata.distributions()
}


@cache
def required(name: str) -> frozenset[str]:
    """Return the installed packages that a package requires, without extras."""
    asked = map(Requirement, INSTALLED[name].requires or [])
    names = {
        canonicalize_name(each.name) for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})
    }
    return frozenset(names & INSTALLED.keys())


def closure(roots: set[str]) -> set[str]:
    """Return packages with all that they require."""
    found: set[str] = set()
    while roots:
        found |= roots
        roots = set().union(*map(required, roots)) - found
    return found


def megabytes(name: str) -> float:
    """Return the size of a package's files without compiled modules."""
    paths = [Path(str(file.locate())) for file in INSTALLED[name].files or [] if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    """Print one row per required package, and totals."""
    direct = set(required("netsim-snn"))
    everything, fixed = closure({"netsim-snn"}), closure(set(FIXED))
    print("| package | MB | required by others | MB that leave with it |\n|---|---|---|---|")
    for name in sorted(direct, key=megabytes, reverse=True):
        others = sorted(each for each in everything - {"netsim-snn"} if name in required(each))
        leaving = everything - closure(direct - {name}) - {"netsim-snn"}
        print(f"| `{name}` | {megabytes(name):.1f} | {', '.join(others)} | {sum(map(megabytes, leaving)):.1f} |")
    print(f"\nAll: {sum(map(megabytes, everything)):.0f} MB in {len(everything)} packages")
    print(f"{', '.join(FIXED)} with what they require: {sum(map(megabytes, fixed)):.0f} MB in {len(fixed)} packages")
    print(f"netsim itself: {megabytes('netsim-snn'):.0f} MB")


if __name__ == "__main__":
    main()
