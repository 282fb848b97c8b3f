"""The encoder of stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netsim.specification.checks import check_choice, check_size, finite, require

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Encoder:
    """Latency code of the stimuli: images, or recordings of events.

    Of an image, an intensity ``x`` in ``[0, 1]`` gives the latency ``(1 - x)·t_max``; intensity 0 is silent.
    Of a recording, the first event of a pixel and polarity gives the latency; with several time windows, the
    first event in each of them, counted from the window's start. Windows follow each other from the origin;
    channel ``window·polarities + polarity``.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of one stimulus.
    t_max : float
        Length of the encoding window (ms), and of every time window of a recording.
    kind : {"intensity", "events"}
        What a stimulus is: an image, or a recording.
    windows : int
        Events: number of time windows; what comes later is left out.
    polarity : {"separate", "merged"}
        Events: whether each polarity has a channel of its own.
    origin : {"recording", "first-event"}
        Events: where time starts, at the recording's 0 µs or at its first event.
    """

    shape: Shape
    t_max: float = 64.0
    kind: Literal["intensity", "events"] = "intensity"
    windows: int = 1
    polarity: Literal["separate", "merged"] = "separate"
    origin: Literal["recording", "first-event"] = "recording"

    def __post_init__(self) -> None:
        require(
            len(self.shape) == 3 and all(isinstance(n, int) and n > 0 for n in self.shape),
            "encoder.shape",
            f"needs three positive integers (height, width, channels), not {list(self.shape)}",
        )
        require(
            finite(self.t_max) and self.t_max > 0,
            "encoder.t_max",
            f"must be a positive time in ms, not {self.t_max}",
        )
        check_choice(self.kind, ("intensity", "events"), "encoder.kind")
        check_choice(self.polarity, ("separate", "merged"), "encoder.polarity")
        check_choice(self.origin, ("recording", "first-event"), "encoder.origin")
        check_size(self.windows, "encoder.windows")
        if self.kind == "events":
            require(
                0.001 <= self.t_max <= 1e6,
                "encoder.t_max",
                f"must be from 0.001 to 1000000 ms for events, which have times in µs, not {self.t_max}",
            )
        else:
            for name, default in (("windows", 1), ("polarity", "separate"), ("origin", "recording")):
                require(
                    getattr(self, name) == default, f"encoder.{name}", 'has a meaning for recordings, kind = "events"'
                )
        require(
            self.shape[2] % self.windows == 0,
            "encoder.shape",
            f"{self.shape[2]} channels cannot be divided among {self.windows} time windows",
        )
        require(
            self.polarity == "separate" or self.shape[2] == self.windows,
            "encoder.shape",
            f"merged polarities need one channel a time window, {self.windows} in all, not {self.shape[2]}",
        )
