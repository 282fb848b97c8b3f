"""The documentation builds without a warning, and what it shows is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from filelock import FileLock

import netsim
import netsim.analysis

for _package in ("sphinx", "pydata_sphinx_theme", "numpydoc", "myst_nb", "sphinx_copybutton", "sphinx_gallery"):
    pytest.importorskip(_package, reason="pages need the extra docs: pip install -e '.[docs]'")

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.nightly  # half a minute


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """The built pages. A link that leads nowhere is a warning, and stops the build."""
    built = tmp_path_factory.getbasetemp().parent / f"site-{testrun_uid}"
    with FileLock(f"{built}.lock"):  # of the processes that run tests, one builds
        if not built.exists():
            _build(built)
    return built


def _build(built: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "2"]
    done = subprocess.run([*command, "-b", "html", str(DOCS), str(built)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_object_has_a_page(site: Path) -> None:
    public = set(netsim.__all__) - {"analysis", "seams"}
    # an object that is in both has one page
    more = {
        name for name in netsim.analysis.__all__ if getattr(netsim, name, None) is not getattr(netsim.analysis, name)
    }
    names = {f"netsim.{name}" for name in public} | {f"netsim.analysis.{name}" for name in more}
    missing = [name for name in names if not (site / "reference" / "objects" / f"{name}.html").exists()]
    assert missing == []


def test_names_in_pages_lead_to_the_reference_and_to_other_projects(site: Path) -> None:
    assert 'href="../reference/objects/netsim.Network.html' in (site / "howto" / "networks.html").read_text("utf-8")
    assert "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html" in (
        site / "reference" / "objects" / "netsim.decide.html"
    ).read_text("utf-8")


def test_pages_need_nothing_from_elsewhere(site: Path) -> None:
    """Equations are MathML, styles and scripts come with the pages: they can be read without a network."""
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert 'src="http' not in text, page.name
        assert 'rel="stylesheet" href="http' not in text, page.name
    assert "<math" in (site / "concepts" / "index.html").read_text("utf-8")


@pytest.mark.parametrize("section", ["figures", "analyses", "studies", "experiments"])
def test_the_gallery_has_a_picture_of_every_entry(site: Path, section: str) -> None:
    registry = getattr(netsim.seams, section)
    index = (site / "gallery" / section / "index.html").read_text("utf-8")
    shown = set(re.findall(r'href="(?:plot|show)_[a-z]+?_(\w+)\.html', index))
    assert shown == {name.replace("-", "_") for name in registry}
    for name in shown:
        assert list((site / "_images").glob(f"sphx_glr_*_{name}_thumb.png")), name


WANTED = {
    "gpu": "howto/install",
    "pytorch": "howto/from_snntorch",
    "troubleshooting": "howto/troubleshooting",
    "migrate": "howto/from_brian2",
    "cite": "howto/cite",
    "install": "howto/install",
    "csv": "tutorial/own_data",
    "cluster": "howto/sweeps",
    "learning rate": "howto/settings",
    "silent neuron": "howto/troubleshooting",
    "neuron fire": "howto/troubleshooting",
    "citation": "howto/cite",
    "fonts": "howto/figures",
    "excel": "tutorial/own_data",
    "tsv": "tutorial/own_data",
}
"""Words that readers search, and a page that answers."""


@pytest.mark.parametrize("words", WANTED)
def test_the_search_finds(site: Path, words: str) -> None:
    text = (site / "searchindex.js").read_text("utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    stem = import_module("sphinx.search.en").SearchEnglish({}).stem
    number = index["docnames"].index(WANTED[words])
    for word in words.split():
        result = [index[part].get(stem(word), []) for part in ("terms", "titleterms")]
        assert any(number in ([each] if isinstance(each, int) else each) for each in result), word


def test_the_search_ranks_attributes_below_pages(site: Path) -> None:
    assert "if (isMember) return score - 100;" in (site / "_static" / "language_data.js").read_text("utf-8")


def test_signatures_name_functions(site: Path) -> None:
    pages = (site / "reference").rglob("*.html")
    assert [
        page.name
        for page in pages
        if re.search(r'&lt;function|&lt;lambda|default_value">(<[^>]*>)*lambda', page.read_text("utf-8"))
    ] == []
