"""Downloads with checksums, from the first mirror that answers."""

from __future__ import annotations

import gzip
import logging
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netsim.data.source import OnProgress
from netsim.errors import DataError

_CHUNK = 2**16
_GZIP_MAGIC = b"\x1f\x8b"


def download(
    name: str,
    sha256: Mapping[str, str],
    sizes: Mapping[str, int],
    target: Path,
    mirrors: Sequence[str],
    on_progress: OnProgress,
    timeout: float,
) -> None:
    """Download the files of a data set; those that are there already are only checked.

    Each file is unzipped, compared with its SHA-256, and only then put in place, so that nothing else ever
    lies under its name. Mirrors are tried in turn, for each file anew.

    Parameters
    ----------
    name : str
        The data set, for messages.
    sha256, sizes : mapping
        By file name, checksum and bytes of the unzipped file.
    target : Path
        The folder that the files go into.
    mirrors, on_progress, timeout
        As of `netsim.data.loading.fetch`.

    Raises
    ------
    DataError
        If no mirror delivers a file, or the folder cannot be written to.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made ({error.strerror}); choose another folder") from error
    for file_name, checksum in sha256.items():
        unzipping = _Unzipping(file_name, sizes[file_name], on_progress, timeout)
        failures = _fetch_file(target / file_name, checksum, mirrors, unzipping)
        if failures is not None:
            raise DataError(
                f"{name}: no mirror delivers {file_name}: {'; '.join(failures)};"
                " check the connection, or put the files into a folder and name it with NETSIM_DATA"
            )


def _fetch_file(path: Path, checksum: str, mirrors: Sequence[str], unzipping: _Unzipping) -> list[str] | None:
    """Fetch one file; gives why each mirror failed, or None if one delivers."""
    import pooch
    import requests

    failures = []
    for mirror in mirrors:
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(
                    url=f"{mirror.rstrip('/')}/{path.name}.gz",
                    known_hash=f"sha256:{checksum}",
                    fname=path.name,
                    path=path.parent,
                    downloader=unzipping,
                )
            return None
        except requests.RequestException as error:
            failures.append(f"{mirror} ({_reason(error)})")
        except (EOFError, zlib.error, gzip.BadGzipFile, ValueError):
            failures.append(f"{mirror} (delivers other content)")
        except OSError as error:
            raise DataError(
                f"{path}: cannot be written ({error.strerror or error}); free some space or choose another folder"
            ) from error
    return failures


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

    def __init__(self, file_name: str, size: int, on_progress: OnProgress, timeout: float) -> None:
        self.file_name = file_name
        self.size = size
        self.on_progress = on_progress
        self.timeout = timeout

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        from pooch import HTTPDownloader

        reporter = _Reporter(self.file_name, self.on_progress)
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
    """What pooch wants of a progress bar, passed on to an `OnProgress`."""

    def __init__(self, file_name: str, on_progress: OnProgress) -> None:
        self.file_name = file_name
        self.on_progress = on_progress
        self.total = 0
        self.received = 0

    def update(self, count: int) -> None:
        """Count bytes; pooch counts whole chunks and winds back at the end."""
        self.received = min(self.received + count, self.total or self.received + count)
        if count:
            self.on_progress(self.file_name, self.received, self.total)

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
