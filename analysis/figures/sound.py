"""A sound: its spectrogram, and the first spikes of the encoder below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netsim.analysis.frames import class_name
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, FULL_WIDTH, colour_bar, colours, is_narrow, legend_above, panel_above
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from netsim.specification import MelEncoder

_HEIGHT, _SPECTROGRAM = 4.0, 1.25  # inches: figure, spectrogram
_TICKS = (250, 500, 1000, 2000, 4000, 8000)  # Hz


def sound_table(sample: np.ndarray, encoder: MelEncoder) -> DataFrame:
    """Make a table of the first spikes of one sound, in the time of the sound.

    Parameters
    ----------
    sample : ndarray, shape (1, samples, 1)
        Waveform as from `MelEncoder.prepare`.
    encoder : MelEncoder

    Returns
    -------
    pandas.DataFrame
        One row per spike, ordered by time, with

        =============  =======  ==========================================================
        window, band   int64    time window and mel band of the neuron
        frequency_hz   float64  centre of the band
        threshold_ms   float64  threshold of the neuron (ms of full drive)
        latency_ms     float64  latency in the presentation, from the start of the window
        sound_ms       float64  time of the spike from the start of the sound
        =============  =======  ==========================================================

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> encoder = netsim.MelEncoder((2, 4, 1), t_max=20.0, thresholds=(5.0,), frame=8.0, dynamic_range=20.0)
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(320) / 8000)
    >>> table = netsim.analysis.sound_table(encoder.prepare([tone])[0], encoder)
    >>> table[table["band"] == 1].round(1)[["window", "frequency_hz", "latency_ms", "sound_ms"]].values.tolist()
    [[0.0, 875.2, 5.0, 5.0], [1.0, 875.2, 5.0, 25.0]]
    """
    import numpy as np
    import pandas as pd

    latencies = encoder.latencies(sample[None])[0]
    window, band, neuron = np.nonzero(np.isfinite(latencies))
    times = latencies[window, band, neuron]
    table = pd.DataFrame({
        "window": window,
        "band": band,
        "frequency_hz": encoder.centres()[band],
        "threshold_ms": np.array(encoder.thresholds)[neuron],
        "latency_ms": times,
        "sound_ms": window * encoder.t_max + times,
    })  # fmt: skip
    return table.sort_values(["sound_ms", "band"], kind="stable", ignore_index=True)


@draws(
    "sound",
    ("window", "band", "threshold_ms", "sound_ms"),
    of="sound_table",
    width=FULL_WIDTH,
    height=_HEIGHT,
    rows=False,
)
def sound_figure(axes: Axes, frame: DataFrame, sample: np.ndarray, encoder: MelEncoder, title: str = "") -> None:
    """Draw the spectrogram of a sound, and the first spikes of the encoder below, on the same time.

    A row is a mel band. A mark is the spike of one neuron, and its colour is the threshold. Vertical lines separate
    time windows. Latencies count from these lines.

    Parameters
    ----------
    sample : ndarray, shape (1, samples, 1)
        Waveform as from `MelEncoder.prepare`.
    encoder : MelEncoder
    title : str

    Raises
    ------
    DataError
        If the table has another kind.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> encoder = netsim.MelEncoder((2, 4, 1), t_max=20.0, thresholds=(5.0,), frame=8.0, dynamic_range=20.0)
    >>> tone = encoder.prepare([np.sin(2 * np.pi * 1000 * np.arange(320) / 8000)])[0]
    >>> ax = netsim.analysis.sound_figure(netsim.analysis.sound_table(tone, encoder), tone, encoder)
    >>> ax.get_xlabel()
    'time in the sound (ms)'
    """
    import numpy as np

    windows, bands, _ = encoder.coded_shape
    duration = windows * encoder.t_max
    levels = encoder.levels(sample[None])[0]
    loudest = float(levels.max()) if encoder.reference == "sound" else 0.0
    for threshold, colour in zip(encoder.thresholds, colours(len(encoder.thresholds)), strict=True):
        spikes = frame[frame["threshold_ms"] == threshold]
        look: dict[str, Any] = {"color": colour, "linewidth": 1.2, "label": f"threshold {threshold:g} ms"}
        axes.vlines(spikes["sound_ms"], spikes["band"] - 0.42, spikes["band"] + 0.42, **look)
    axes.vlines(np.arange(1, windows) * encoder.t_max, -0.5, bands - 0.5, color=FAINT, linewidth=0.3, zorder=0)
    axes.set(xlim=(0, duration), ylim=(-0.5, bands - 0.5))
    axes.set(xlabel="time in the sound (ms)", ylabel="first spikes\nfrequency (kHz)")
    panel = panel_above(axes, _SPECTROGRAM, 0.32)
    image = panel.imshow(
        levels.T - loudest,
        origin="lower",
        aspect="auto",
        extent=(0, duration, -0.5, bands - 0.5),
        cmap="cividis",
        vmin=-encoder.dynamic_range,
        vmax=0,
        interpolation="nearest",
    )
    reference = "loudest" if encoder.reference == "sound" else "full scale"
    colour_bar(panel, image, 1.015, 0.015, f"level (dB re {reference})")
    panel.set_ylabel("spectrogram\nfrequency (kHz)")
    for each in (axes, panel):
        _label_frequencies(each, encoder)
    if title:
        panel.set_title(title)
    legend_above(axes, 0.0, 1 if is_narrow(axes) else len(encoder.thresholds), borderaxespad=0.1, handlelength=1)


def _label_frequencies(axes: Axes, encoder: MelEncoder) -> None:
    """Label round frequencies at their positions between bands."""
    import numpy as np

    centres = encoder.centres()
    shown = [each for each in _TICKS if centres[0] <= each <= centres[-1]]
    axes.set_yticks(np.interp(shown, centres, np.arange(len(centres))), [f"{each / 1000:g}" for each in shown])


@Plot(
    "sound",
    "spectrogram of a sound, and the first spikes of the encoder",
    order=15,
    width=FULL_WIDTH,
    presentations=1,
    choices=("index",),
    samples="sounds",
    section="A single presentation",
    rank=35,
    title="Sound",
    caption=(
        "The spectrogram of presentation {index}, and the first spikes of the encoder on the same time. A row is a mel"
        " band, and a colour is a threshold. Vertical lines separate the time windows, from which latencies count."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    import numpy as np

    from netsim.specification import MelEncoder

    encoder, stimuli = source.network.encoder, source.stimuli
    if not isinstance(encoder, MelEncoder):
        raise DataError(f"{source.network.name}: has the encoder {encoder.kind}, and this figure shows mel")
    if not 0 <= choice.index < len(stimuli):
        raise DataError(f"stimulus {choice.index}: does not exist; there are 0 to {len(stimuli) - 1}")
    chosen = stimuli.pick(np.array([choice.index]))
    assert chosen.rows is not None
    sample, label = np.asarray(chosen.images[chosen.rows])[0], int(chosen.labels[0])
    name = f", label {class_name(label, stimuli.classes)}" if label >= 0 else ""
    title = f"presentation {choice.index}{name}"
    table = sound_table(sample, encoder)
    return choice.drawn(table, sound_figure, _HEIGHT, sample=sample, encoder=encoder, title=title)
