"""The README and the pages lead where they say: links, pictures, pages, commands and packages."""

from __future__ import annotations

import configparser
import pkgutil
import re
from pathlib import Path

import pytest

from netsim import seams
from netsim.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BESIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]


@pytest.mark.parametrize("page", [*BESIDE, *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|<img src=\"([^\":]+)", page.read_text(encoding="utf-8"))
    assert [link for link in map("".join, links) if not (page.parent / link).exists()] == []


def test_every_page_is_on_the_way() -> None:
    """A page of ``docs/`` is named in a toctree, and so found from the first one."""
    trees = [
        tree
        for page in DOCS.rglob("*.md")
        for tree in re.findall(r"```{toctree}\n(.*?)```", page.read_text("utf-8"), re.S)
    ]
    named = {Path(line.strip()).name for tree in trees for line in tree.splitlines()}
    assert [page.name for page in PAGES if page.stem not in named | {"index"}] == []


def test_every_command_is_in_the_table() -> None:
    named = re.findall(r"^\| `netsim (\w+)", (DOCS / "howto.md").read_text(encoding="utf-8"), re.MULTILINE)
    known = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert sorted(named) == sorted(known)


def test_every_room_is_in_the_layout() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    rooms = {name.removeprefix("netsim.").split(".")[0] for name in setup["options"]["packages"].split()}
    layout = (DOCS / "developing.md").read_text(encoding="utf-8").split("## Layout")[1]
    assert [name for name in rooms if not re.search(rf"^ +{name}/ ", layout, re.MULTILINE)] == []


def test_every_protocol_of_a_seam_can_be_had() -> None:
    """What the table of seams calls an entry's protocol is there under that name."""
    rows = re.findall(
        r"^\| [\w -]+ \| `\w+`, `netsim\.\w+` \|([^|]*)\|", (DOCS / "extending.md").read_text("utf-8"), re.MULTILINE
    )
    names = [name for row in rows for name in re.findall(r"`(netsim\.[\w.]+)`", row)]
    assert len(names) == len(seams.SEAMS)
    for name in names:
        pkgutil.resolve_name(name)
