"""What the project says of itself agrees: name, version, licence, and how it is installed."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import netsim

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
NAME = SETUP["metadata"]["name"]
EXTRAS = set(SETUP["options.extras_require"])


def _texts() -> Iterator[Path]:
    """Every file of the project that may tell a user what to install."""
    for folder in ("netsim", "models", "analysis", "scripts", "docs", "tests"):
        yield from (path for kind in ("py", "pyi", "md", "sh", "ipynb") for path in (ROOT / folder).rglob(f"*.{kind}"))
    yield from ROOT.glob("*.md")


def _installed(text: str) -> list[str]:
    """What each ``pip install`` or ``pip download`` of a text asks for under a name that begins with netsim."""
    commands = re.findall(r"pip (?:install|download)((?:[^\n`;|&]|\\\n)*)", text)
    words = [word for command in commands for word in re.split(r"[\s'\"\\]+", command)]
    return [word.rstrip(".,)") for word in words if re.match(r"netsim\b", word)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ pip install 'netsim[exchange]'", ["netsim[exchange]"]),
        ('python -m pip install --upgrade "netsim-snn[bench]".', ["netsim-snn[bench]"]),
        ("pip install -e '.[test]' # for netsim", ["netsim"]),
        ("`pip install .` in the folder of netsim", []),
    ],
)
def test_installations_are_found(text: str, expected: list[str]) -> None:
    assert _installed(text) == expected


def test_what_is_installed_is_this_project() -> None:
    """The name netsim on the package index is a stranger's."""
    this = Path(__file__).resolve()
    asked = [(path, word) for path in _texts() if path != this for word in _installed(path.read_text("utf-8"))]
    assert asked
    wrong = []
    for path, word in asked:
        requirement = Requirement(word)
        if requirement.name != NAME or not requirement.extras <= EXTRAS:
            wrong.append((path, word))
    assert wrong == []


def test_extras_are_those_of_this_project() -> None:
    """An extra that takes another in by name takes it from this distribution; ``.[NAME]`` names one that exists."""
    asked = [
        Requirement(line) for text in SETUP["options.extras_require"].values() for line in text.split("\n") if line
    ]
    ours = [requirement for requirement in asked if requirement.name.startswith("netsim")]
    assert ours
    assert {requirement.name for requirement in ours} == {NAME}
    from_folder = [extra for path in _texts() for extra in re.findall(r"'\.\[([\w,]+)\]'", path.read_text("utf-8"))]
    assert {*(each for word in from_folder for each in word.split(","))} <= EXTRAS


def test_version_and_date_are_told_once() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    released = re.findall(r"^## \[([\d.]+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert (netsim.__version__, str(citation["date-released"])) == released[0]
    assert citation["version"] == netsim.__version__
    assert [version for version, _ in released] == sorted((version for version, _ in released), reverse=True)


def test_licence_is_told_everywhere() -> None:
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert SETUP["metadata"]["license"] == "MIT"
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["license"] == "MIT"


def _declared(name: str) -> str:
    """The licence that an installed distribution declares, in lower case."""
    metadata = importlib.metadata.metadata(name)
    said = {key: metadata[key] for key in ("License-Expression", "License") if key in metadata}
    declared = [said.get("License-Expression"), said.get("License", "").split("\n")[0]]
    return " ".join(filter(None, [*declared, *(metadata.get_all("Classifier") or [])])).lower()


ROWS = re.findall(
    r"^\| (.+?) \| ([^|]+?) \|", (ROOT / "docs" / "reference" / "licences.md").read_text("utf-8"), re.MULTILINE
)
LICENCES = {name: licence for names, licence in ROWS for name in re.findall(r"`([\w-]+)`", names)}


def test_page_on_licences_names_every_dependency() -> None:
    needed = [*SETUP["options"]["install_requires"].split("\n")]
    needed += [
        line
        for extra in ("exchange", "explore", "parquet", "sweep")
        for line in SETUP["options.extras_require"][extra].split("\n")
    ]
    names = {Requirement(line).name for line in needed if line and not line.startswith("#")}
    assert set(LICENCES) == names


@pytest.mark.parametrize("name", LICENCES)
def test_page_on_licences_says_what_the_package_declares(name: str) -> None:
    """Each word of the page's licence stands in the metadata of the installed package."""
    try:
        declared = _declared(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    locked = re.search(
        rf"^{name}==([\w.]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE | re.IGNORECASE
    )
    if locked and Version(importlib.metadata.version(name)) < Version(locked[1]):
        pytest.skip(f"{name} is older than in requirements.lock, and may have had another licence")
    words = {
        "BSD": ("bsd",),
        "MIT": ("mit",),
        "Apache-2.0": ("apache",),
        "GPL-3.0": ("gpl-3.0",),
        "PSF": ("python software",),
    }
    known = words | {"CeCILL-2.1": ("cea cnrs inria", "cecill"), "LGPL": ("lgpl", "lesser")}
    asked = re.findall(r"[A-Z][\w-]*(?:\.\d)?", LICENCES[name])
    assert asked
    assert [word for word in asked if not any(each in declared for each in known[word])] == []


def test_an_installation_has_every_package() -> None:
    """An editable installation finds packages that setup.cfg does not list. Other installations do not."""
    there = set()
    for package, folder in (("netsim", "netsim"), ("netsim.models", "models"), ("netsim.analysis", "analysis")):
        for file in (ROOT / folder).rglob("__init__.py"):
            there.add(".".join([package, *file.parent.relative_to(ROOT / folder).parts]))
    assert set(SETUP["options"]["packages"].split()) >= there
