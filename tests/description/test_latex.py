"""Descriptions as LaTeX compile, and nothing runs over the edge."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netsim.description import Description, describe, to_latex
from netsim.models.presets import load_preset, preset_names
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Training

_NAMES = {
    "textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~", "textless": "<", "textgreater": ">",
    "textbar": "|", "textquotedbl": '"', "textasciigrave": "`",
}  # fmt: skip
needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


def _compile(network: Network, folder: Path) -> str:
    """Compile in one run; returns the text of the pages, if there is a program to read it."""
    (folder / "a.tex").write_text(to_latex(describe(network)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
    log = (folder / "a.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-2000:]
    assert not re.search("Overfull|LaTeX Warning|Package .* Warning|Missing character", log)
    if shutil.which("pdftotext") is None:
        return ""
    subprocess.run(["pdftotext", "-raw", "a.pdf"], cwd=folder, check=True)
    return (folder / "a.txt").read_text(encoding="utf-8")


def _with_text(text: str) -> Network:
    network = Network.chain(
        "net", IntensityEncoder((2, 2, 1), 5.0), (Layer("output", Dense(2)),), 10.0, description=text
    )
    return dataclasses.replace(network, training=Training(text))


def test_formulas_are_written_in_their_order(network: Network, formulas: Callable[[Description], list[str]]) -> None:
    description = describe(network)
    body = to_latex(description).split(r"\begin{document}")[1]
    assert re.findall(r"(?<!\\)\$([^$]+)\$", body) == formulas(description)


@needs_pdflatex
@pytest.mark.parametrize("name", preset_names())
def test_presets_compile(name: str, tmp_path: Path) -> None:
    text = _compile(load_preset(name), tmp_path)
    assert not text or f"Model description: {name}" in text


@needs_pdflatex
def test_networks_compile(network: Network, tmp_path: Path) -> None:
    _compile(network, tmp_path)


@needs_pdflatex
def test_long_names_and_many_layers_compile(tmp_path: Path) -> None:
    layers = (
        *(Layer(f"a_layer_of_{number}_neurons_and_a_very_long_name", Dense(number)) for number in range(1, 80)),
        Layer("o" * 90, Dense(2)),
    )
    text = _compile(Network.chain("n" * 70, IntensityEncoder((2, 2, 1), 5.0), layers, 10.0), tmp_path)
    assert not text or text.replace("\n", "").count("a_layer_of_79") > 5


@needs_pdflatex
def test_hostile_text_is_shown_as_it_is(tmp_path: Path) -> None:
    hostile = r"\input{/etc/passwd} $x_1^2$ 100 % #1 & {a} ~b ^^41 \end{document} |c| --d ''e'' `f` [g] @h"
    text = " ".join(_compile(_with_text(hostile), tmp_path).split())
    # T1 has no straight single quote beside the curved one
    assert not text or hostile.replace("'", "’") in text


@needs_pdflatex
def test_every_character_compiles(tmp_path: Path) -> None:
    characters = [
        chr(code)
        for code in [*range(0x20, 0x1C0), *range(0x391, 0x3CA), *range(0x2010, 0x2028), *range(0x2260, 0x2268)]
    ]
    letters = " ".join([*characters, "中", "🧠", "\u202e", "\ufb01"])
    text = _compile(_with_text(letters), tmp_path)
    assert not text or "[U+4E2D] [U+1F9E0]" in " ".join(text.split())


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec="ascii"), min_size=1))
@example(r"\input{a} \\ $b$ % # & _ ^ ~ < > | " " `` '' -- --- ,, {}")
def test_ascii_is_written_so_that_it_means_itself(text: str) -> None:
    document = to_latex(describe(_with_text(f"x{text}")))
    (cell,) = re.findall(r"\\textbf\{Description\}\n& (.*?) \\\\\n", document, re.DOTALL)
    cell = cell.replace(r"\allowbreak{}", "")
    assert not re.search(r"(?<!\\)[$&#%_^~]", cell)
    cell = re.sub(r"\\(text[a-z]+)\{\}", lambda found: f"\0{_NAMES[found[1]]}", cell)
    cell = re.sub(r"\\([{}$&#%_])", "\0\\1", cell)
    cell = re.sub("([-',]){}", r"\1", cell)
    assert not re.search(r"(?<!\0)[{}\\]", cell)
    assert cell.replace("\0", "") == " ".join("".join(c if c.isprintable() else " " for c in f"x{text}").split())
