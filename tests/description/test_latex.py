"""Descriptions as LaTeX compile, and nothing runs over the edge."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netsim.description import Description, describe, to_latex
from netsim.models.presets import load_preset
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons, Training

_NAMES = {
    "textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~", "textless": "<", "textgreater": ">",
    "textbar": "|", "textquotedbl": '"', "textasciigrave": "`",
}  # fmt: skip
needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


def _compile(network: Network, folder: Path) -> str:
    """Compile in two runs; returns the text of the pages, if there is a program to read it."""
    (folder / "a.tex").write_text(to_latex(describe(network)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
    log = (folder / "a.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-2000:]
    assert not re.search("Overfull|LaTeX Warning|Package .* Warning|Missing character", log)
    if shutil.which("pdftotext") is None:
        return ""
    subprocess.run(["pdftotext", "-raw", "a.pdf"], cwd=folder, check=True)
    return (folder / "a.txt").read_text(encoding="utf-8")


def _with_text(text: str) -> Network:
    encoder, training = IntensityEncoder((2, 2, 1), 5.0), Training(text)
    return Network.chain("net", encoder, [Layer("output", Dense(2))], 10.0, description=text, training=training)


def test_formulas_are_written_in_their_order(network: Network, formulas: Callable[[Description], list[str]]) -> None:
    description = describe(network)
    body = to_latex(description).split(r"\begin{document}")[1]
    assert re.findall(r"(?<!\\)\$([^$]+)\$", body) == formulas(description)


@needs_pdflatex
@pytest.mark.parametrize("name", ["rcsnn-mnist", "sparse-mnist", "yin-yang"])
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


def test_captions_labels_and_rows_that_stay_together(network: Network) -> None:
    description = describe(network)
    text = to_latex(description)
    for table in description.tables:
        start = text.index(rf"\label{{tab:{table.letter}}}")
        rules = re.findall(
            r"\\\\(\*?) \\(keptrule|midrule|bottomrule)$", text[start : text.index("longtable}", start)], re.M
        )
        rows = len(table.rows)
        kept = [("*", "keptrule") if number in (0, rows - 2) else ("", "midrule") for number in range(rows - 1)]
        assert rules == [*kept, ("", "bottomrule")]
    assert text.count(r"\caption{") == len(description.tables)


def test_decimal_points_are_below_each_other() -> None:
    layers = [Layer(f"l{k}", Dense(k), Neurons("free", tau=tau)) for k, tau in ((10, 8.0), (1000, 120.5), (2, 16.25))]
    text = to_latex(describe(Network.chain("net", IntensityEncoder((2, 2, 1), 5.0), layers, 10.0)))
    (parameters,) = re.findall(r"label\{tab:D2\}(.*?)end\{longtable", text, re.DOTALL)
    aligned = re.findall(r"^& (\S*\$(?:8|120\.5|16\.25)\$)$", parameters, re.MULTILINE)
    assert aligned == [r"\phantom{12}$8$", "$120.5$", r"\phantom{1}$16.25$"]
    (populations,) = re.findall(r"label\{tab:B\}(.*?)end\{longtable", text, re.DOTALL)
    assert r"\phantom{1,0}10 " in populations


@needs_pdflatex
@pytest.mark.parametrize("layers", [33, 34, 35])
def test_no_row_is_alone_on_a_page(layers: int, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext")
    chain = [Layer(f"layer{number}x", Dense(2)) for number in range(layers)]
    _compile(Network.chain("net", IntensityEncoder((2, 2, 1), 5.0), chain, 10.0), tmp_path)
    pages = (tmp_path / "a.txt").read_text(encoding="utf-8").split("\f")
    for letter in "B", "D2":
        table = [re.split(r"^Table ", page, flags=re.M) for page in pages]
        parts = [part for page in table for part in page if part.startswith(letter)]
        counts = [len(re.findall(r"^layer\d+x ", part, re.M)) for part in parts]
        assert sum(counts) == layers
        assert min(counts) >= 2


@needs_pdflatex
def test_hostile_text_is_shown_as_it_is(tmp_path: Path) -> None:
    hostile = r"\input{/etc/passwd} $x_1^2$ 100 % #1 & {a} ~b ^^41 \end{document} |c| --d ''e'' `f` [g] @h"
    text = " ".join(_compile(_with_text(hostile), tmp_path).split())
    # T1 has no straight single quote beside the curved one
    assert not text or hostile.replace("'", "’") in text


@needs_pdflatex
def test_every_character_compiles(tmp_path: Path) -> None:
    codes = [*range(0x20, 0x1C0), *range(0x391, 0x3CA), *range(0x2010, 0x2028), *range(0x2260, 0x2268)]
    letters = " ".join([*map(chr, codes), "中", "🧠", "\u202e", "\ufb01"])
    text = _compile(_with_text(letters), tmp_path)
    assert not text or "[U+4E2D] [U+1F9E0]" in " ".join(text.split())


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec="ascii"), min_size=1))
@example(r"\input{a} \\ $b$ % # & _ ^ ~ < > | " " `` '' -- --- ,, {}")
def test_ascii_is_written_so_that_it_means_itself(text: str) -> None:
    document = to_latex(describe(_with_text(f"x{text}")))
    (cell,) = re.findall(r"\\textbf\{Description\}\n& (.*?) \\\\\* \\keptrule\n", document, re.DOTALL)
    cell = cell.replace(r"\allowbreak{}", "")
    assert not re.search(r"(?<!\\)[$&#%_^~]", cell)
    cell = re.sub(r"\\(text[a-z]+)\{\}", lambda match: f"\0{_NAMES[match[1]]}", cell)
    cell = re.sub(r"\\([{}$&#%_])", "\0\\1", cell)
    cell = re.sub("([-',]){}", r"\1", cell)
    assert not re.search(r"(?<!\0)[{}\\]", cell)
    assert cell.replace("\0", "") == " ".join("".join(c if c.isprintable() else " " for c in f"x{text}").split())
