"""Recordings in the files of cameras, by a class of one's own, and damaged files of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.errors import DataError

tonic = pytest.importorskip("tonic", reason="recordings of events need tonic")

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "event_data.md").read_text("utf-8")
EVENTS = np.array([(0, 3, 2, 1), (70, 0, 0, 0), (900, 303, 239, 1)], [("t", int), ("x", int), ("y", int), ("p", int)])
ENCODER = netsim.EventEncoder((240, 304, 2), t_max=1.0, origin="first-event")


def _check(events: Any) -> None:
    """The events of EVENTS become latencies, whatever the types of their fields."""
    latencies = netsim.event_stimuli([(events, 0)], ENCODER).latencies(np.arange(1))[0]
    assert latencies[2, 3, 1] == 0
    assert latencies[0, 0, 0] == pytest.approx(0.07)
    assert latencies[239, 303, 1] == pytest.approx(0.9)
    assert np.isfinite(latencies).sum() == 3


def _write(encoding: str, name: str) -> None:
    wizard = pytest.importorskip("expelliarmus").Wizard(encoding=encoding)
    types = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.uint8)]
    wizard.save(name, EVENTS.astype(np.dtype(types, align=True)))


@pytest.mark.parametrize(("encoding", "name"), [("dat", "a.dat"), ("evt2", "a.raw"), ("evt3", "a.raw")])
def test_files_of_prophesee(encoding: str, name: str) -> None:
    _write(encoding, name)
    _check(sys.modules["expelliarmus"].Wizard(encoding=encoding).read(name))


def test_fields_with_titles_as_of_aedat4() -> None:
    _check(EVENTS.astype([("t", np.uint64), ("x", np.uint16), ("y", np.uint16), (("p", "on"), bool)]))


def test_aedat2() -> None:
    """An event is an address and a time, in big-endian words."""
    address = (EVENTS["x"] << 12) | (EVENTS["y"] << 22) | (EVENTS["p"] << 11)
    words = np.column_stack((address, EVENTS["t"])).astype(">u4")
    header = b"#!AER-DAT2.0\r\n# Creation time: System.currentTimeMillis() 1\r\n#End Of ASCII Header\r\n"
    Path("a.aedat").write_bytes(header + words.tobytes())
    (width, height), _, events = tonic.io.read_davis_346("a.aedat")
    assert len(events) == len(EVENTS)
    encoder = netsim.EventEncoder((height, width, 2), t_max=1.0)
    assert np.isfinite(netsim.event_stimuli([(events, 0)], encoder).latencies(np.arange(1))).sum() == 3


def test_the_class_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Clicks" in code)
    Path("page_clicks.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(".")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    for folder in ("clicks/left", "clicks/right"):
        Path(folder).mkdir(parents=True)
        for number in range(3):
            _write("dat", f"{folder}/{number}.dat")
    data = netsim.load_dataset("tonic:page_clicks:Clicks", "clicks", ENCODER)
    assert (len(data.train_labels), len(data.test_labels), data.classes) == (5, 1, ("0", "1"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty; download it again"),
        (bytes(12), "is incomplete, its 12 bytes end within an event; download it again"),
    ],
)
def test_damaged_files_are_named(content: bytes, why: str) -> None:
    class Digits:
        def __init__(self) -> None:
            self.data = ["good.bin", "bad.bin"]

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> tuple[Any, int]:
            return tonic.io.read_mnist_file(self.data[index], dtype=tonic.io.events_struct), index

    Path("good.bin").write_bytes(bytes([3, 2, 128, 0, 9]))
    Path("bad.bin").write_bytes(content)
    with pytest.raises(DataError, match=rf"^bad\.bin: {why}$"):
        netsim.event_stimuli(Digits(), netsim.EventEncoder((34, 34, 2), t_max=300.0))
