"""Downloads of known data sets, with checksums, from the first mirror that answers."""

from __future__ import annotations

import gzip
import logging
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netsim.data.sources import DIGITS, SOURCES, TONIC, Source, cache_folder, user_folder
from netsim.data.tonic_data import how_to_get
from netsim.errors import DataError, nearest

Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes received so far, and the bytes to come in all (0 if unknown)."""

_CHUNK = 2**16
_GZIP_MAGIC = b"\x1f\x8b"


def fetch(
    name: str,
    folder: str | Path | None = None,
    mirrors: Sequence[str] | None = None,
    progress: Progress | None = None,
    timeout: float = 20.0,
) -> Path:
    """Download a known data set; files that are there already are only checked.

    Each file is unzipped, compared with its SHA-256, and only then put in place, so that nothing else ever
    lies under its name. Mirrors are tried in turn, for each file anew.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist"}
    folder : str or Path, optional
        Where the files go; by default a folder of the data set's name in the user's cache.
    mirrors : sequence of str, optional
        Addresses of folders that hold the gzip files, in place of the known ones.
    progress : callable, optional
        See `Progress`.
    timeout : float
        How long a mirror may stay silent (s).

    Returns
    -------
    Path
        The folder that holds the files.

    Raises
    ------
    DataError
        If the data set is unknown, no mirror delivers a file, or the folder cannot be written to.
    """
    if name == DIGITS:
        raise DataError(f"{name}: comes with scikit-learn, there is nothing to fetch")
    if name not in SOURCES:
        remedy = f"; {how_to_get(name)}" if name.startswith(TONIC) else nearest(name, SOURCES)
        raise DataError(f"{name}: cannot be fetched{remedy}")
    source = SOURCES[name]
    target = user_folder(folder) if folder is not None else cache_folder() / name
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made ({error.strerror}); choose another folder") from error
    for file_name in source.sha256:
        _fetch_file(source, file_name, target, source.mirrors if mirrors is None else mirrors, progress, timeout)
    return target


def _fetch_file(
    source: Source, file_name: str, target: Path, mirrors: Sequence[str], progress: Progress | None, timeout: float
) -> None:
    import pooch
    import requests

    failures = []
    for mirror in mirrors:
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(
                    url=f"{mirror.rstrip('/')}/{file_name}.gz",
                    known_hash=f"sha256:{source.sha256[file_name]}",
                    fname=file_name,
                    path=target,
                    downloader=_Unzipping(file_name, source.sizes[file_name], progress, timeout),
                )
            return
        except requests.RequestException as error:
            failures.append(f"{mirror} ({_reason(error)})")
        except (EOFError, zlib.error, gzip.BadGzipFile, ValueError):
            failures.append(f"{mirror} (delivers other content)")
        except OSError as error:
            raise DataError(
                f"{target / file_name}: cannot be written ({error.strerror or error}); free some space"
                " or choose another folder"
            ) from error
    raise DataError(
        f"{source.name}: no mirror delivers {file_name}: {'; '.join(failures)};"
        " check the connection, or put the files into a folder and name it with NETSIM_DATA"
    )


def _reason(error: Exception) -> str:
    """Why a request failed, in a few words."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answers {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return type(error).__name__


class _Unzipping:
    """A downloader for pooch that unzips what it gets, so that pooch checks the content."""

    def __init__(self, file_name: str, size: int, progress: Progress | None, timeout: float) -> None:
        self.file_name = file_name
        self.size = size
        self.progress = progress
        self.timeout = timeout

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        from pooch import HTTPDownloader

        reporter = _Reporter(self.file_name, self.progress)
        download = HTTPDownloader(progressbar=reporter, chunk_size=_CHUNK, timeout=self.timeout)
        with tempfile.TemporaryFile(dir=Path(output_file).parent) as received:
            download(url, received, pooch)
            received.seek(0)
            # a server may have unzipped the file already
            compressed = received.read(2) == _GZIP_MAGIC
            received.seek(0)
            content = gzip.GzipFile(fileobj=received) if compressed else received
            left = self.size + 1  # one byte too many fails the checksum, and no more is unpacked
            with open(output_file, "wb") as output:
                while left > 0 and (chunk := content.read(min(_CHUNK, left))):
                    output.write(chunk)
                    left -= len(chunk)


class _Reporter:
    """What pooch wants of a progress bar, passed on to a `Progress`."""

    def __init__(self, file_name: str, progress: Progress | None) -> None:
        self.file_name = file_name
        self.progress = progress
        self.total = 0
        self.received = 0

    def update(self, count: int) -> None:
        """Count bytes; pooch counts whole chunks and winds back at the end."""
        self.received = min(self.received + count, self.total or self.received + count)
        if self.progress is not None and count:
            self.progress(self.file_name, self.received, self.total)

    def reset(self) -> None:
        self.received = 0

    def close(self) -> None:
        pass


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
