"""howto/claims.md: its programs run, print what the page shows, and draw its pictures; its table has every analysis."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

import netsim.analysis
from netsim.seams import analyses

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "howto" / "claims.md").read_text(encoding="utf-8")
CLAIM, PANELS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
NUMBER = re.compile(r"-?\+?\d[\d,.e-]*")


def _same_size(name: str) -> None:
    with Image.open(name) as drawn, Image.open(DOCS / "howto" / "claims" / name) as shown:
        assert drawn.size == shown.size


@pytest.mark.nightly
def test_the_claim_is_what_the_program_prints(
    idx_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETSIM_DATA", str(idx_data))
    exec(CLAIM, {"__name__": "__main__"})
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    printed = capsys.readouterr().out
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        first, second = (float(number.rstrip(".,").replace(",", "")) for number in (ours, theirs))
        assert first == pytest.approx(second, rel=0.05, abs=0.3 if abs(second) > 1 else 0.02)
    for name in ("information.png", "decoding.png", "comparison.png"):
        _same_size(name)


def test_two_figures_in_one_keep_the_style_of_the_user() -> None:
    import seaborn as sns

    with plt.rc_context():
        scope: dict[str, object] = {"__name__": "__main__"}
        exec(PANELS, scope)
        left = scope["left"]
        assert isinstance(left, plt.Axes)
        assert left.get_xgridlines()[0].get_visible()
        drawn = {tuple(line.get_color()) for line in left.lines if not isinstance(line.get_color(), str)}
        assert tuple(sns.color_palette("Dark2")[0]) in drawn
    _same_size("panels.png")


def test_every_analysis_is_told_with_its_functions() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]* \| `(\w+)`, `(\w+)` \|$", TEXT, re.MULTILINE)
    assert [name for name, *_ in rows if name in analyses] == [name for name, *_ in rows]
    assert {name for name, *_ in rows} == {name for name in analyses if analyses.is_own(name)}
    for name, table, figure in rows:
        measure = analyses[name].measure
        assert measure is not None
        assert inspect.unwrap(getattr(netsim.analysis, table)) is inspect.unwrap(measure)
        assert inspect.unwrap(getattr(netsim.analysis, figure)) is inspect.unwrap(analyses[name].draw)
