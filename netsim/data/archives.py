"""Contents of files and of tar archives, with bounded size."""

import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from netsim.errors import DataError
from netsim.files import open_regular

_LARGEST = 2**28  # bytes of a file


def read_file(path: Path) -> bytes:
    """Return the content of a file, or raise DataError."""
    try:
        with open_regular(path, _LARGEST) as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def archived(archive: Path, is_wanted: Callable[[str], object]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each wanted file of a tar archive, in the order of the archive."""
    try:
        with open_regular(archive) as stream, tarfile.open(fileobj=stream) as opened:
            for member in opened:
                if not member.isfile() or not is_wanted(member.name):
                    continue
                if member.size > _LARGEST:
                    raise DataError(f"{archive}: {member.name} is larger than {_LARGEST} bytes; download it again")
                content = opened.extractfile(member)
                assert content is not None
                yield member.name, content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: cannot be read ({error}); download it again") from error
