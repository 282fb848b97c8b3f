"""The README and the pages lead where they say: links, pictures, pages, commands and packages."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from netsim.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_linked() -> None:
    assert [page.name for page in PAGES if f"](docs/{page.name}" not in README] == []


def test_every_command_is_in_the_table() -> None:
    named = re.findall(r"^\| `netsim (\w+)", README, re.MULTILINE)
    known = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert sorted(named) == sorted(known)


def test_every_room_is_in_the_layout() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    rooms = {name.removeprefix("netsim.").split(".")[0] for name in setup["options"]["packages"].split()}
    layout = README.split("## Layout")[1]
    assert [name for name in rooms if not re.search(rf"^ +{name}/ ", layout, re.MULTILINE)] == []
