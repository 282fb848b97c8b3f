"""Pages and docstrings stay as plain as `scripts/prose.py` asks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not ((ROOT / ".git").exists() and shutil.which("git")), reason="needs the files of the repository")
@pytest.mark.parametrize("kind", ["pages", "docstrings"])
def test_prose_is_within_its_limits(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from prose import LIMITS, MEASURES, measure

    exceeded = [
        f"{name}: {value:.1f}, at most {limit} (see python scripts/prose.py --list)"
        for name, value, limit in zip(MEASURES, measure(kind), LIMITS[kind], strict=True)
        if value > limit
    ]
    assert exceeded == []
