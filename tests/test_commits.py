"""The hook that checks subjects of commits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="Dask brings yaml: pip install -e '.[sweep]'")
CONFIGURATION = Path(__file__).parents[1] / ".pre-commit-config.yaml"


@pytest.fixture(scope="module")
def refused() -> re.Pattern[str]:
    """What a subject must not match, as pre-commit's pygrep looks for it."""
    hooks = {hook["id"]: hook for repo in yaml.safe_load(CONFIGURATION.read_text())["repos"] for hook in repo["hooks"]}
    return re.compile(hooks["subject"]["entry"])


@pytest.mark.parametrize(
    "subject",
    [
        "Fix the number of presentations\n\nThe last batch was lost.",
        "Name the connectivity of a layer by the key rule",
        "Bring back a line",
    ],
)
def test_good_subjects_pass(subject: str, refused: re.Pattern[str]) -> None:
    assert not refused.search(subject)


@pytest.mark.parametrize(
    "subject",
    ["Fixed a fault", "Adds a test", "fix a fault", "Adding tests", "Fix a fault.", "Fix " + 18 * "many " + "faults"],
)
def test_other_subjects_are_refused(subject: str, refused: re.Pattern[str]) -> None:
    assert refused.search(subject)
