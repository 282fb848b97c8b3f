"""Simulate N-MNIST from MNIST: events of a camera during three saccades over each digit, in N-MNIST's format.

    python scripts/make_nmnist.py DIR                  # 12,000 training and 10,000 test recordings, 0.5 GB
    python -c "from tonic.datasets import NMNIST; print(NMNIST('DIR')[0])"
    netsim train rcsnn-nmnist --data-dir DIR

N-MNIST (Orchard, Jayawant, Cohen and Thakor 2015, doi:10.3389/fnins.2015.00437) was recorded with a moving camera in
front of a screen. Its saccades, sensor size and file format are the same here. docs/howto/event_data.md describes the
simulation. Intensity is bilinear between pixels of the image. Times are interpolated within steps of 1 ms.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from command import run

from netsim.cli.terminal import counting
from netsim.data.events import EVENT_TYPE
from netsim.data.loading import load_dataset
from netsim.errors import RunError
from netsim.files import write_json
from netsim.numerics.compilation import compiled
from netsim.specification.encoders.events import MICROSECONDS

SENSOR = 34
START = (-1.0, 1.0)
"""Initial position (x, y) of the upper left corner of the image (pixels)."""
SACCADES = ((3.5, 7.0), (3.5, -7.0), (-7.0, 0.0))
SACCADE_MS = 105
UNLIT = 0.1
"""Intensity of the unlit screen. The brightest stroke adds 1."""
THRESHOLD, THRESHOLD_SPREAD = 0.52, 0.05
"""Mean and standard deviation of thresholds over pixels, in units of the natural logarithm."""
NOISE_HZ = 0.1
"""Random events per pixel and second."""
TONIC_NEEDS = 10_000
"""Minimum number of files per part. With fewer, tonic assumes an interrupted download."""
SPLITS = {"train": "Train", "test": "Test"}


class Camera:
    """An event camera that watches saccades of images. A seed determines its thresholds and random events."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        drawn = np.random.default_rng([seed, 0]).normal(THRESHOLD, THRESHOLD_SPREAD, (SENSOR, SENSOR, 2))
        self.thresholds = np.maximum(drawn, THRESHOLD / 4)
        steps = np.repeat(np.array(SACCADES) / SACCADE_MS, SACCADE_MS, axis=0)
        self.corners = np.array(START) + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])

    def record(self, image: np.ndarray, number: int, test: bool = False) -> np.ndarray:
        """Return the events of a moving image, of type `EVENT_TYPE`, in temporal order.

        Intensities have shape (height, width) and values from 0 to 1. The seed, the number of the image in its split,
        and the split (`test`) determine the random events.
        """
        framed = np.pad(image, 1)  # gives each point neighbours
        events = _crossings(framed, self.corners, self.thresholds, np.log(UNLIT))
        generator = np.random.default_rng([self.seed, 1, int(test), number])
        duration = len(SACCADES) * SACCADE_MS
        count = generator.poisson(NOISE_HZ * duration / 1000 * SENSOR**2)
        noise = np.empty((count, 4), dtype=np.int64)
        for column, end in enumerate((SENSOR, SENSOR, duration * MICROSECONDS, 2)):
            noise[:, column] = generator.integers(0, int(end), count)
        everything = np.concatenate([events, noise])
        everything = everything[np.argsort(everything[:, 2], kind="stable")]
        return everything.view(EVENT_TYPE).reshape(-1)


@compiled
def _crossings(framed: np.ndarray, corners: np.ndarray, thresholds: np.ndarray, dark: float) -> np.ndarray:
    """Return events as rows of x, y, t (µs) and p, pixel by pixel."""
    height, width = framed.shape
    unlit = np.exp(dark)
    # the frame shifts points of the image by one row and column
    shifts = np.floor(1.0 - corners)
    parts = 1.0 - corners - shifts
    events = np.empty((4096, 4), dtype=np.int64)
    count = 0
    for y in range(thresholds.shape[0]):
        for x in range(thresholds.shape[1]):
            before = reference = 0.0
            for step in range(len(corners)):
                column, row = x + int(shifts[step, 0]), y + int(shifts[step, 1])
                right, below = parts[step]
                level = dark
                if 0 <= row < height - 1 and 0 <= column < width - 1:
                    intensity = (1.0 - below) * (
                        (1.0 - right) * framed[row, column] + right * framed[row, column + 1]
                    ) + below * ((1.0 - right) * framed[row + 1, column] + right * framed[row + 1, column + 1])
                    if intensity > 0.0:
                        level = np.log(intensity + unlit)
                if step == 0:
                    before = reference = level
                    continue
                polarity = 1 if level > before else 0
                sign = 2.0 * polarity - 1.0
                while sign * (level - reference) >= thresholds[y, x, polarity]:
                    reference += sign * thresholds[y, x, polarity]
                    share = (reference - before) / (level - before)
                    if count == len(events):
                        events = np.concatenate((events, np.empty_like(events)))
                    events[count, 0], events[count, 1] = x, y
                    events[count, 2], events[count, 3] = int(np.rint((step - 1 + share) * 1000.0)), polarity
                    count += 1
                before = level
    return events[:count]


def encode_recording(events: np.ndarray) -> bytes:
    """Encode events in N-MNIST's format of 40 bits each: x, y, polarity and 23 bits of time (µs)."""
    x, y, t, p = (events[name] for name in ("x", "y", "t", "p"))
    return np.stack([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255], axis=1).astype(np.uint8).tobytes()


def write_recordings(
    folder: Path, images: np.ndarray, labels: np.ndarray, camera: Camera, test: bool, advance: Callable[[int], None]
) -> int:
    """Write a part of the data set, one file per recording, by label. Return the number of events."""
    for label in np.unique(labels):
        (folder / str(label)).mkdir(parents=True)

    def record(number: int) -> int:
        events = camera.record(images[number] / 255, number, test)
        # names are positions in MNIST, from 1
        (folder / str(labels[number]) / f"{number + 1:05d}.bin").write_bytes(encode_recording(events))
        return len(events)

    total = 0
    with ThreadPoolExecutor() as pool:
        for done, count in enumerate(pool.map(record, range(len(images)))):
            total += count
            advance(done + 1)
    return total


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the folder NMNIST is made.")],
    training: Annotated[int, typer.Option(min=TONIC_NEEDS, max=60_000, help="Number of training images.")] = 12_000,
    test: Annotated[int, typer.Option(min=TONIC_NEEDS, max=10_000, help="Number of test images.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of thresholds and random events.")] = 0,
    data_dir: Annotated[
        str | None, typer.Option(help="Where MNIST lies; by default NETSIM_DATA, then the cache.")
    ] = None,
) -> None:
    """Simulate and write."""
    target, unfinished = folder / "NMNIST", folder / ".NMNIST-unfinished"
    if target.exists():
        raise RunError(f"{target}: exists already; move it away or choose another folder")
    mnist = load_dataset("mnist", data_dir)
    camera = Camera(seed)
    shutil.rmtree(unfinished, ignore_errors=True)
    constants = ("SENSOR", "SACCADES", "SACCADE_MS", "THRESHOLD", "THRESHOLD_SPREAD", "UNLIT", "NOISE_HZ", "START")
    settings = {"made by": "netsim, scripts/make_nmnist.py", "seed": seed, "training": training, "test": test}
    settings |= {name.lower(): globals()[name] for name in constants}
    try:
        for split, count in (("train", training), ("test", test)):
            images, labels = mnist.split(split)
            part, of_test = unfinished / SPLITS[split], split == "test"
            with counting(f"simulating {split}", count) as advance:
                events = write_recordings(part, images[:count, ..., 0], labels[:count], camera, of_test, advance)
            print(f"{split}: {count:,} recordings, {events / count:,.0f} events each")
            with zipfile.ZipFile(unfinished / f"{split}.zip", "w") as archive:  # tonic looks for it
                archive.writestr("README", "Simulated, see simulation.json; this only stands for N-MNIST's own.\n")
        write_json(unfinished / "simulation.json", settings)
        unfinished.rename(target)
    except OSError as error:
        raise RunError(
            f"{target}: cannot be written ({error.strerror}); free some space or change the folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(target)


if __name__ == "__main__":
    run(main)
