"""The README and the pages lead where they say: links, pictures, pages, commands and packages."""

from __future__ import annotations

import configparser
import pkgutil
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from netsim import seams
from netsim.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_IGNORED = [line[1:] for line in (ROOT / ".gitignore").read_text("utf-8").splitlines() if line.startswith("/docs/")]


def _is_written(page: Path) -> bool:
    """The build writes pages that git ignores."""
    name = page.relative_to(ROOT).as_posix()
    return any(name.startswith(each) or fnmatch(name, each) for each in _IGNORED)


PAGES = [page for page in sorted(DOCS.rglob("*.md")) if not _is_written(page) and page.parent.name != "inventories"]
EXTENDING = DOCS / "contribute" / "extending.md"
BESIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]


def _leads(target: Path) -> bool:
    """A file is there, or the build writes it."""
    return target.exists() or _is_written(target.resolve())


@pytest.mark.parametrize("page", [*BESIDE, *PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|<img src=\"([^\":]+)", page.read_text(encoding="utf-8"))
    assert [link for link in map("".join, links) if not _leads(page.parent / link)] == []


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and Sphinx make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#{1,3} (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*BESIDE, *PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*\.md|)#([^)]*)\)", page.read_text(encoding="utf-8"))
    missing = [
        f"{name}#{title}" for name, title in links if title not in _anchors(page.parent / name if name else page)
    ]
    assert missing == []


def test_the_site_is_ordered_by_folders() -> None:
    """A page is in the folder of its section, and each section has one."""
    (tree,) = re.findall(r"```{toctree}\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.S)
    sections = re.findall(r"^(\w+)/index$", tree, re.MULTILINE)
    assert sections == ["tutorial", "howto", "concepts", "results", "gallery", "reference", "contribute", "appendix"]
    assert {page.parent.relative_to(DOCS).parts[0] for page in PAGES if page.parent != DOCS} == set(sections)


def test_every_page_is_on_the_way() -> None:
    """A page of ``docs/`` is named in a toctree, and so found from the first one."""
    named = {
        (page.parent / line.strip()).with_suffix(".md")
        for page in PAGES
        for tree in re.findall(r"```{toctree}\n(.*?)```", page.read_text("utf-8"), re.S)
        for line in tree.splitlines()
    }
    assert [page for page in PAGES if page not in named | {DOCS / "index.md"}] == []


def test_every_command_is_in_the_table() -> None:
    named = re.findall(r"^\| `netsim (\w+)", (DOCS / "howto" / "commands.md").read_text(encoding="utf-8"), re.MULTILINE)
    known = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert sorted(named) == sorted(known)


def test_every_room_is_in_the_layout() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    rooms = {name.removeprefix("netsim.").split(".")[0] for name in setup["options"]["packages"].split()}
    layout = (DOCS / "contribute" / "index.md").read_text(encoding="utf-8").split("## Layout")[1]
    assert [name for name in rooms if not re.search(rf"^ +{name}/ ", layout, re.MULTILINE)] == []


def test_every_protocol_of_a_seam_can_be_had() -> None:
    """What the table of seams calls an entry's protocol is there under that name."""
    rows = re.findall(r"^\| [\w -]+ \| `\w+`, `netsim\.\w+` \|([^|]*)\|", EXTENDING.read_text("utf-8"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(netsim\.[\w.]+)`", row)]
    assert len(names) == len(seams.SEAMS)
    for name in names:
        pkgutil.resolve_name(name)
