"""Draw the pictures of the documentation anew, or report those that are older than the code that draws them.

    python scripts/figures.py              # all; needs MNIST and Fashion-MNIST, and takes some minutes
    python scripts/figures.py raster       # pictures whose path contains a word
    python scripts/figures.py --check      # names stale pictures, and draws nothing

`docs/figures.json` has a fingerprint of the code that drew each picture. Docstrings and comments do not count. Pictures
of long measurements have commands of their own, such as `robustness.py`, `netsim experiment` and `netsim sweep`.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RECORD = DOCS / "figures.json"
_DOTS = 200
"""Resolution (dots per inch)."""


class Picture(NamedTuple):
    """A picture: the files that draw it, the page whose program or table it shows, and how it is drawn."""

    path: str
    sources: tuple[str, ...]
    draw: Callable[[Path], None]
    page: str = ""

    def fingerprint(self) -> str:
        """Return a checksum of the code that draws the picture."""
        digest = hashlib.sha256()
        for source in self.sources:
            digest.update(_code_of((ROOT / source).read_text("utf-8")).encode())
        if self.page:
            digest.update(_programs_of(self.page).encode())
        return digest.hexdigest()[:16]


def _code_of(text: str) -> str:
    """Return a module without docstrings, comments and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return _plain(tree)


def _plain(part: object) -> str:
    """Return a tree as text that does not depend on the version of Python, which adds empty fields."""
    if isinstance(part, list):
        return f"[{','.join(map(_plain, part))}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    fields = (f"{name}={_plain(value)}" for name, value in ast.iter_fields(part) if value not in (None, []))
    return f"{type(part).__name__}({','.join(fields)})"


def _programs_of(page: str) -> str:
    """Return the programs of a page that save pictures, and the tables of running times."""
    text = (DOCS / page).read_text("utf-8")
    programs = [each for each in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if "save_figure" in each]
    return "\n".join(programs or re.findall(r"^\| .*[\d.]+ \|.*$", text, re.M))


def _plot(path: str, name: str, subject: str, **options: object) -> Picture:
    """A figure of ``netsim plot``."""

    def draw(into: Path) -> None:
        import netsim

        model = netsim.load_model(_trained()) if subject == "digits" else subject
        netsim.analysis.save_figure(netsim.plot(model, name, **options).figure, into, dpi=_DOTS)  # type: ignore[arg-type]

    source = f"analysis/figures/{name.replace('-', '_')}.py"
    return Picture(path, ("analysis/style.py", "analysis/figures/_layers.py", source), draw)


def _study(name: str, layers: list[str] | None = None) -> Picture:
    """A figure of ``netsim study``."""

    def draw(into: Path) -> None:
        import netsim

        table = netsim.study("rcsnn-mnist", name, limit=1000, layers=layers)
        netsim.analysis.save_figure(netsim.analysis.study_panels(table), into, dpi=_DOTS)

    return Picture(f"howto/studies/{name}.png", ("analysis/style.py", "analysis/studies.py"), draw)


def _program(page: str, name: str, *sources: str) -> Picture:
    """A picture that a program of a page saves."""
    folder = page.removesuffix(".md")

    def draw(into: Path) -> None:
        text = (DOCS / page).read_text("utf-8")
        (program,) = [
            each for each in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if f'"{name}.png"' in each
        ]
        into.write_bytes(_saved_by(program)[name])

    return Picture(f"{folder}/{name}.png", ("analysis/style.py", *sources), draw, page)


@cache
def _saved_by(program: str) -> dict[str, bytes]:
    """Run a program of a page in an empty folder, and return the pictures that it saves, by name."""
    import matplotlib.pyplot as plt

    plt.rcdefaults()  # an earlier program may have set a style
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            exec(compile(program, "page", "exec"), {"__name__": "__main__"})
            return {path.stem: path.read_bytes() for path in Path().glob("*.png")}
        finally:
            os.chdir(here)
            plt.close("all")


def _speed(name: str) -> Picture:
    """A figure of the tables of running times."""

    def draw(into: Path) -> None:
        import speed_figures

        page = DOCS / "results" / "speed.md"
        if name == "growth":
            speed_figures.draw_growth(page, into)
        else:
            speed_figures.draw_rows(*speed_figures.read_rows(page), into)

    return Picture(
        f"results/speed/{name}.png", ("analysis/style.py", "scripts/speed_figures.py"), draw, "results/speed.md"
    )


def _trained() -> Path:
    """Return the run of ``digits``, and train it first if it is missing."""
    import netsim

    run = ROOT / "runs" / "figures" / "digits-seed0"
    if not run.exists():
        netsim.train("digits", run)
    return run


_KINDS = "analysis/kinds"
PICTURES = (
    _plot("_static/raster.png", "raster", "rcsnn-mnist", presentation=8, width=85 / 25.4),
    _plot("howto/figures/network.png", "network", "ei-mnist"),
    _plot("howto/figures/raster.png", "raster", "rcsnn-mnist", presentation=8),
    _plot("howto/figures/sound.png", "sound", "spoken-digits", presentation=3),
    _plot("howto/figures/potentials.png", "potentials", "digits", presentation=3),
    _plot("howto/figures/group-raster.png", "group-raster", "rcsnn-mnist"),
    _plot("howto/figures/latencies.png", "latencies", "rcsnn-mnist"),
    _plot("howto/figures/spikes.png", "spikes", "rcsnn-mnist"),
    _plot("howto/figures/displacements.png", "displacements", "rcsnn-mnist"),
    _plot("howto/figures/gradients.png", "gradients", "rcsnn-fashion-free", limit=50, count=20),
    _plot("howto/figures/kernels.png", "kernels", "rcsnn-mnist"),
    _plot("howto/figures/learning.png", "learning", "digits"),
    _plot("howto/figures/confusion.png", "confusion", "rcsnn-mnist"),
    _plot("howto/figures/decision-time.png", "decision-time", "rcsnn-mnist"),
    _plot("howto/figures/calibration.png", "calibration", "rcsnn-fashion"),
    _plot("howto/figures/errors.png", "errors", "rcsnn-mnist"),
    _plot("concepts/free/raster.png", "raster", "rcsnn-fashion-free", presentation=0),
    _plot("results/accuracy/errors.png", "errors", "rcsnn-fashion", count=25),
    _study("weight-noise", ["all", "conv1", "conv2", "hidden", "output"]),
    _study("delay-jitter"),
    _study("time-step"),
    _program("howto/claims.md", "information", f"{_KINDS}/information.py", f"{_KINDS}/_layers.py"),
    _program("howto/claims.md", "decoding", f"{_KINDS}/decoding.py", f"{_KINDS}/_layers.py"),
    _program("howto/claims.md", "comparison", f"{_KINDS}/comparison.py", f"{_KINDS}/_layers.py"),
    _program("howto/claims.md", "panels", f"{_KINDS}/rank_order.py", f"{_KINDS}/sparseness.py"),
    _program("howto/guide.md", "learning", "analysis/figures/learning.py"),
    *(_program("howto/guide.md", name) for name in ("psp", "signs", "delays", "feedback", "monitor", "lesion")),
    _speed("growth"),
    _speed("benchmark"),
)


def stale() -> list[str]:
    """Return the pictures whose code has changed since they were drawn."""
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    return [each.path for each in PICTURES if record.get(each.path) != each.fingerprint()]


def main(
    words: Annotated[
        list[str] | None, typer.Argument(help="Only pictures whose path contains one of the words.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Name stale pictures, and draw nothing.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Draw stale pictures only.")] = False,
) -> None:
    """Draw pictures of the documentation."""
    if check:
        for path in stale():
            print(f"{path}: is older than the code that draws it; run python scripts/figures.py {path}")
        sys.exit(bool(stale()))
    import matplotlib.pyplot as plt

    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    old = stale()
    for each in PICTURES:
        if (words and not any(word in each.path for word in words)) or (changed and each.path not in old):
            continue
        print(each.path, flush=True)
        (DOCS / each.path).parent.mkdir(parents=True, exist_ok=True)
        each.draw(DOCS / each.path)
        plt.close("all")
        record[each.path] = each.fingerprint()
        known = {path: record[path] for path in sorted(record) if path in {each.path for each in PICTURES}}
        RECORD.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
