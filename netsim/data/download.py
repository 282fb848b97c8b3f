"""Downloads with checksums, tried from one mirror after another."""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import requests

from netsim.data.source import OnProgress
from netsim.errors import DataError
from netsim.files import open_regular, write_atomically

_CHUNK = 2**16


def download(dataset: str, path: Path, size: int, sha256: str, mirrors: Sequence[str], on_progress: OnProgress) -> None:
    """Download a ``.gz`` file from the first mirror that works, and write the unzipped file to `path`.

    A file that exists already with the right checksum is kept. `size` (bytes) and `sha256` describe the unzipped file.
    They are checked before the file is written, and no more than `size` is received or unpacked.
    """
    if _is_there(path, size, sha256):
        return
    failures = []
    for mirror in mirrors:
        try:
            content = _unzipped(f"{mirror.rstrip('/')}/{path.name}.gz", path.name, size, on_progress)
        except requests.RequestException as error:
            failures.append(f"{mirror} ({_reason(error)})")
            continue
        if hashlib.sha256(content).hexdigest() == sha256:
            break
        failures.append(f"{mirror} (delivers different content)")
    else:
        raise DataError(
            f"{dataset}: no mirror delivers {path.name}: {'; '.join(failures)};"
            " check the connection, or put the files into a folder and name it with NETSIM_DATA"
        )
    write_atomically(path, lambda stream: stream.write(content))


def _is_there(path: Path, size: int, sha256: str) -> bool:
    try:
        with open_regular(path) as file:
            return hashlib.sha256(file.read(size + 1)).hexdigest() == sha256
    except (OSError, DataError):
        return False


def _unzipped(url: str, name: str, size: int, on_progress: OnProgress) -> bytes:
    """Return the unzipped content of a URL, at most one byte longer than `size`. Damaged gzip yields no bytes."""
    received = bytearray()
    with requests.get(url, stream=True, timeout=20.0) as response:  # seconds without data from the mirror
        response.raise_for_status()
        total = int(response.headers.get("content-length", 0))
        for chunk in response.iter_content(_CHUNK):
            received += chunk
            on_progress(name, len(received), total)
            if len(received) > size + _CHUNK:
                break
    if not received.startswith(b"\x1f\x8b"):  # not gzip: the server may have unzipped the file
        return bytes(received)
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(received, size + 1)
    except zlib.error:
        return b""


def _reason(error: requests.RequestException) -> str:
    """Return a short reason for the failure."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answers {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return type(error).__name__
