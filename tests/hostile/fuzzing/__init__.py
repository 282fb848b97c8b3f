"""Damaged files for every reader of netsim, and the property that they are held to: they are read or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzzing import inputs, networks, runs, spikes
from fuzzing.reader import Reader, write_damaged

READERS: dict[str, Reader] = {**networks.READERS, **inputs.READERS, **runs.READERS, **spikes.READERS}


def check_of(
    reader: Reader,
    folder: Path,
    examples: int,
    at_random: bool = False,
    tried: Callable[[str], None] = lambda outcome: None,
) -> Callable[[], None]:
    """The test of hypothesis: damaged files, which it writes into the folder, are read, or refused in one line.

    Hypothesis draws each change, and makes a file with a fault as small as it can; `at_random` it draws a seed for each
    file, which is several times as fast, finds more in the same time, and leaves the file as it is.
    """

    @settings(
        max_examples=examples,
        phases=(Phase.generate,) if at_random else (Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=at_random))
    def check(random: Random) -> None:
        tried(reader.outcome(write_damaged(random, reader, folder)))

    return check
