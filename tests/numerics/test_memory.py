"""Freed memory stays with the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
import numpy as np
from netsim.numerics.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else False
for round in range(6):
    if round == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(3 << 20) for _ in range(3)]
    del arrays
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


pytestmark = pytest.mark.usefixtures("resource")


def _faults(setting: str, **environment: str) -> tuple[bool, int]:
    """Whether memory is kept, and the pages that 12 arrays of 25 MB took from the system, once some were freed."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))
    }
    command = [sys.executable, "-c", _PROGRAM, setting]
    done = subprocess.run(command, env=inherited | environment, check=True, capture_output=True, text=True)
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


def test_arrays_take_the_memory_of_those_before() -> None:
    kept, faults = _faults("keep")
    if not kept:
        pytest.skip("the C library has no mallopt")
    assert 10 * faults < _faults("leave")[1]


def test_the_environment_has_the_last_word() -> None:
    assert not _faults("keep", MALLOC_ARENA_MAX="2")[0]
