"""Descriptions as Markdown survive a reader that knows tables and no mathematics."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from netsim.description import Description, describe, to_markdown
from netsim.models.presets import load_preset, preset_names
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Training

Formulas = Callable[[Description], list[str]]


def _rendered(network: Network) -> str:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    page: str = reader.render(to_markdown(describe(network)))
    return page


def _check_page(network: Network, formulas: Formulas) -> None:
    page = _rendered(network)
    description = describe(network)
    assert page.count("<table>") == len(description.tables)
    assert page.count("<tr>") == sum(len(table.rows) + 1 for table in description.tables)
    assert not re.search(r"<(em|a|img|script|ul|ol|blockquote)\b", page)
    # mathematics that a script is to find in the page is there to the letter
    shown = re.findall(r"\$([^$]+)\$", html.unescape(page))
    assert shown == formulas(description)
    assert len(shown) > 50


@pytest.mark.parametrize("name", preset_names())
def test_presets(name: str, formulas: Formulas) -> None:
    _check_page(load_preset(name), formulas)


def test_networks(network: Network, formulas: Formulas) -> None:
    _check_page(network, formulas)


def test_formulas_stand_free(network: Network) -> None:
    """GitHub takes a dollar sign for mathematics only where no letter touches it."""
    for line in to_markdown(describe(network)).splitlines():
        for before, after in re.findall(r"(?:^|(.))\$[^$]+\$(.)?", line):
            assert before in ("", " ", ">"), line
            assert after in ("", " ", ",", ".", ";", ":", "<"), line


def _pandoc() -> str:
    """The program, also that of the package pypandoc_binary."""
    if path := shutil.which("pandoc"):
        return path
    pypandoc = pytest.importorskip("pypandoc", reason="needs pandoc, or pypandoc_binary, which is of no extra")
    try:
        return str(pypandoc.get_pandoc_path())
    except OSError:
        pytest.skip("needs pandoc")


def _converted(name: str, folder: Path, *to: str) -> None:
    (folder / "a.md").write_text(to_markdown(describe(load_preset(name))), encoding="utf-8")
    done = subprocess.run([_pandoc(), "a.md", *to], cwd=folder, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["rcsnn-mnist", "yin-yang"])
def test_pandoc_makes_a_word_document_of_it(name: str, tmp_path: Path) -> None:
    """All mathematics is converted, and lines are told apart though pandoc drops their breaks."""
    _converted(name, tmp_path, "-o", "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx") as archive:
        document = archive.read("word/document.xml").decode("utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", "", document))
    assert not re.search(r"\\[A-Za-z]|\$", text)
    assert document.count("<m:oMath>") > 50
    assert "after the presynaptic spike; ramp:" in text


@pytest.mark.parametrize("name", ["rcsnn-mnist", "yin-yang"])
def test_pandoc_makes_a_pdf_of_it(name: str, tmp_path: Path) -> None:
    """No mathematics stays raw, and nothing runs over the edge."""
    if shutil.which("xelatex") is None:
        pytest.skip("needs xelatex")
    _converted(name, tmp_path, "-s", "-V", "geometry:margin=2cm", "-o", "a.tex")
    command = ["xelatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=100)
    log = (tmp_path / "a.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert [width for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(width) > 1] == []
    assert "Missing character" not in log


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1))
@example("**a** _b_ [c](http://d) ![e](f) <g>h</g> &amp; `i` | j ~~k~~ $l$ \\m \\| \\` # n")
@example("$x$ and $$y$$ \\$z\\$")
@example("- a\n- b\n\n# c\x00\ud800")
def test_any_text_is_shown_as_it_is(text: str) -> None:
    layers, told = [Layer("output", Dense(2))], {"description": f"x{text}", "training": Training(f"x{text}")}
    network = Network.chain("net", IntensityEncoder((2, 2, 1), 5.0), layers, 10.0, **told)
    page = re.sub(r"</?span>", "", _rendered(network))
    expected = " ".join("".join(c if c.isprintable() else " " for c in f"x{text}").split())
    cells = [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", page)]
    assert cells[1] == expected
    assert f"Latency-coded stimuli of {expected}, at most one spike per stimulus neuron" in cells
