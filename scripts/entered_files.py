"""Count the files of the package that the main calls enter once everything is loaded and compiled.

python scripts/entered_files.py           # numbers
python scripts/entered_files.py --names   # and the files
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import numpy as np
import typer
from command import run

import netsim

ROOT = Path(__file__).parents[1]
FOLDERS = tuple(f"{ROOT / folder}/" for folder in ("netsim", "models", "analysis"))


def entered(call: Callable[[], Any]) -> list[str]:
    """Return the files whose functions a call enters in this thread, without the bodies of modules."""
    files: set[str] = set()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    call()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    real = {str(Path(file).resolve()) for file in files}
    return sorted(file.removeprefix(f"{ROOT}/") for file in real if file.startswith(FOLDERS))


def main(names: Annotated[bool, typer.Option(help="List the files.")] = False) -> None:
    """Print the number of files that each call enters."""
    model = netsim.load_model("digits")
    stimuli = netsim.load_splits(model.network).training.first(100)
    batch = netsim.Batch(stimuli.latencies(np.arange(100)), model.weights)
    engine, learner = netsim.make_engine("event", model.network), netsim.STiDiBP(model.network)
    spikes = engine.present(batch)
    numbers = iter(range(2))
    with tempfile.TemporaryDirectory() as folder:
        calls: dict[str, Callable[[], Any]] = {
            "engine.present": lambda: engine.present(batch),
            "learner.learn": lambda: learner.learn(spikes, stimuli.labels, model.weights),
            "netsim.present": lambda: netsim.present(model, stimuli, engine=engine),
            "netsim.train": lambda: netsim.train("digits", f"{folder}/{next(numbers)}", epochs=1, limit=100),
        }
        for name, call in calls.items():
            files = entered(call)
            print(f"{name}: {len(files)} files", *(files if names else ()), sep="\n    ")


if __name__ == "__main__":
    run(main)
