"""A report of a run whose files hold markup in place of words, and a parser that refuses what is no HTML."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from netsim.cli import main
from netsim.data.loading import load_dataset
from netsim.data.stimuli import load_splits
from netsim.engines import make_engine
from netsim.files import file_sha256
from netsim.measuring.evaluation import evaluate
from netsim.reporting import Report
from netsim.runs.folder import open_run
from netsim.runs.model import load_model
from netsim.specification.toml import write_network

HOSTILE = "</style></pre></title>\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;{{ 7 * 7 }}"
_VOID = {"meta", "link", "img", "source", "br", "col"}


@dataclass
class Element:
    """A start tag, and all text inside it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """Elements of a page in order; what is not closed, or closed twice, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.declarations: list[str] = []
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {[element.tag for element in self._open]}"

    def handle_decl(self, decl: str) -> None:
        self.declarations.append(decl)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"attribute given twice: {tag} {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert [element.tag for element in self._open[-1:]] == [tag], f"</{tag}> closes nothing"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """All elements with this tag."""
        return [element for element in self.elements if element.tag == tag]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Names with their values."""
        names, values = ([element.text for element in self.all(tag)] for tag in ("dt", "dd"))
        return list(zip(names, values, strict=True))

    @property
    def text(self) -> str:
        """What one reads, styles left out; white space as a browser shows it."""
        (body,) = self.all("body")
        return " ".join(body.text.split())


@dataclass(frozen=True)
class Made:
    """A report that the command wrote."""

    run: Path
    page: Path
    text: str = field(repr=False)


@pytest.fixture(scope="session")
def hostile() -> str:
    """Markup that would show or run if it were not escaped."""
    return HOSTILE


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Page]:
    """A function that takes a page apart and refuses what is no HTML."""
    return Page


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The report of two epochs of 300 digits, in a run folder that was tampered with."""
    path = tmp_path_factory.mktemp("runs") / "<svg onload=alert(1)>"
    _command("train", "digits", "--epochs=2", "--limit=300", f"--out={path}")
    run = open_run(path)
    network = dataclasses.replace(run.network(), description=HOSTILE)
    write_network(network, run.network_file)
    record = run.record() | {
        "specification_sha256": file_sha256(run.network_file),
        "command": ["netsim", HOSTILE, "\ud800\u202e\x00\x1b"],
        "git_revision": HOSTILE,
        "machine": {HOSTILE: [HOSTILE]},
        "versions": HOSTILE,
        "started": None,
    }
    run.record_file.write_text(json.dumps(record))
    _command("report", str(path), "--limit=60", "--index=3")
    page = path / "report.html"
    return Made(path, page, page.read_text(encoding="utf-8"))


def _command(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["netsim", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0


@pytest.fixture(scope="session")
def report() -> Report:
    """A report of untrained weights on 20 digits, without pictures."""
    subject = load_model("digits", seed=5)
    stimuli = load_splits(subject.network).test
    return Report(
        name="digits",
        subject=subject,
        network=subject.network,
        dataset=load_dataset("digits"),
        split="test",
        available=len(stimuli),
        evaluation=evaluate(subject, stimuli.first(20), engine=make_engine("event", subject.network)),
        pictures=[],
        folder="report-figures",
        made={"seed": 5, "netsim": "1.2.3", "command": ["netsim", "report", "my run"]},
    )
