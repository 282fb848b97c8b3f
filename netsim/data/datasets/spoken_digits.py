"""The Free Spoken Digit Dataset: 3,000 recordings of ten digits by six speakers, at 8 kHz."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place, data_folders
from netsim.data.source import OnProgress, Source, split_name
from netsim.errors import DataError
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.data.sounds import Sound
    from netsim.specification import Encoder

PATTERN = "{class}_{speaker}_{take}.wav"
OFFICIAL_TEST = "take=0,1,2,3,4"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
_ARCHIVE = "recordings.tar.gz"
_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"


class SpokenDigits(Source):
    """Recordings of ten digits by six speakers, 50 times each, at 8 kHz (licence CC BY-SA 4.0).

    Jackson, Souza, Flaks, Pan, Nicolas and Thite (2018), doi:10.5281/zenodo.1342401.

    Recordings 0 to 4 of each speaker and digit are the official test recordings. ``spoken-digits:speaker=jackson``
    tests on all recordings of a speaker, and trains on the others.

    The recordings lie in ``recordings.tar.gz`` or as WAV files, in a folder ``spoken-digits``, in its sub-folder
    ``recordings``, or in the data folder itself.
    """

    notation = "spoken-digits"
    summary = "spoken digits of six speakers; spoken-digits:speaker=NAME tests on one of them"
    order = 2  # before a folder of WAV files with this name

    def claims(self, name: str) -> bool:
        """True for the name, with or without a selection of test recordings."""
        return name.partition(":")[0] == self.notation

    def names(self) -> list[str]:
        """Return the name, and the name with each speaker."""
        return [self.notation, *(f"{self.notation}:speaker={speaker}" for speaker in SPEAKERS)]

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read the recordings from the first folder that contains them."""
        from netsim.data.sounds import sound_dataset

        selection = split_name(name if ":" in name else f"{name}:{OFFICIAL_TEST}")[1]
        if selection is None:
            form = f"{self.notation}:speaker={SPEAKERS[0]}"
            raise DataError(f"{name}: needs a field and its values after the colon, as in {form}")
        place = self.find(self.notation, data_dir)
        return sound_dataset(name, str(place), _sounds(place), selection, encoder, on_progress)

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the usual folders."""
        return [_place(origin, base) for origin, base in data_folders(data_dir)]

    def remedy(self, name: str) -> str:
        """Name the source of the recordings."""
        return f"download the folder recordings from {_URL}, and name the folder with --data-dir or NETSIM_DATA"

    def not_fetched(self, name: str) -> str:
        """Name the source of the recordings."""
        return f"cannot be fetched; {self.remedy(name)}"


def _place(origin: str, base: Path) -> Place:
    """Return the archive or the folder of the recordings below a folder."""
    own = base / SpokenDigits.notation
    for folder in (own, base):
        if (folder / _ARCHIVE).is_file():
            return Place(origin, folder / _ARCHIVE, True)
        for inner in (folder, folder / "recordings"):
            if next(inner.glob("0_*_*.wav"), None) is not None:
                return Place(origin, inner, True)
    return Place(origin, own, False)


def _sounds(place: Path) -> list[Sound]:
    """Return the recordings in an archive or a folder."""
    from netsim.data.sounds import in_archive, in_folder

    sounds = in_archive(place, PATTERN) if place.is_file() else in_folder(place, PATTERN)
    if not sounds:
        raise DataError(f"{place}: contains no recordings with names such as 0_jackson_0.wav; download it again")
    return sounds


datasets.add("spoken-digits", SpokenDigits(), __name__)
