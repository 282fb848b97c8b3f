"""Whole processes, and the limits of this machine. Run like `growth`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import netsim
from benchmarks.calls import PHASED

COMMAND = (sys.executable, "-m", "netsim")


class Commands:
    """Complete processes of commands."""

    number, repeat, rounds, timeout = 1, 3, 1, 1800

    def peakmem_epoch(self) -> None:
        """Train an epoch of Fashion-MNIST in this process."""
        network = netsim.load_preset(PHASED)
        network = replace(network, training=replace(network.training, epochs=1))
        with tempfile.TemporaryDirectory() as folder:
            netsim.open_training(f"{folder}/run", network, seed=0).train()

    def time_evaluate(self) -> None:
        """Evaluate 10,000 test images."""
        subprocess.run([*COMMAND, "evaluate", PHASED], check=True, capture_output=True)

    def track_compiled_modules(self) -> int:
        """Count the modules that a second process of the Brian2 engine compiles. The expected number is 0."""
        command, counts = [*COMMAND, "evaluate", PHASED, "--engine", "brian2", "--limit", "1"], []
        with tempfile.TemporaryDirectory() as cache:
            for _ in range(2):
                subprocess.run(command, env=os.environ | {"CYTHON_CACHE_DIR": cache}, check=True, capture_output=True)
                counts.append(len(list(Path(cache).rglob("*.so"))))
        assert counts[0] > 0
        return counts[1] - counts[0]


class Machine:
    """Hardware rates that bound a presentation on one thread."""

    def setup(self) -> None:
        """Prepare matrices of the second convolution for 50 presentations, and arrays larger than caches."""
        generator = np.random.default_rng(0)
        self.left, self.right = (generator.random(shape, np.float32) for shape in ((5000, 800), (800, 64)))
        self.source, self.target = np.ones(8_000_000), np.zeros(8_000_000)

    def time_product(self) -> None:
        """Multiply: 2 · 5000 · 800 · 64 operations."""
        np.matmul(self.left, self.right)

    def time_copy(self) -> None:
        """Copy: 128 MB read and written."""
        np.copyto(self.target, self.source)
