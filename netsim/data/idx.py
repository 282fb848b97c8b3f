"""IDX files: arrays of unsigned bytes after a header with their shape, gzip or not.

The header has two zero bytes, one byte for the element type, one for the number of dimensions, and the dimensions as
big-endian 32-bit integers. The elements follow in C order.
"""

import gzip
import math
import os
import struct
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np

from netsim.errors import DataError
from netsim.files import check_expansion, open_regular, write_atomically
from netsim.specification.checks import check_array, path_in

MOST_DIMENSIONS = 4
LARGEST_CONTENT = 4 * 2**30  # bytes of elements per file

_UNSIGNED_BYTE = 0x08
_OTHER_TYPES = {0x09: "signed bytes", 0x0B: "16-bit integers", 0x0C: "32-bit integers", 0x0D: "floats", 0x0E: "doubles"}
_GZIP_MAGIC = b"\x1f\x8b"
_LARGEST_EXPANSION = 1032  # maximum ratio of deflate
_CHUNK = 2**20


def read_idx(path: str | Path, dimensions: int | None = None) -> np.ndarray:
    """Read an IDX file of unsigned bytes with `dimensions` dimensions (default: 1 to 4). Gzip is detected by content.

    Memory is allocated only for elements in the file, whatever the header says.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            compressed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            if not compressed:
                return _read_array(file, path, dimensions, size, size)
            with gzip.GzipFile(fileobj=file) as unzipped:
                return _read_array(unzipped, path, dimensions, _LARGEST_EXPANSION * size, size)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check its path") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: is a damaged gzip file ({error}); download it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from error


def write_idx(path: str | Path, array: np.ndarray) -> None:
    """Write an array as an IDX file.

    The file is written completely or not at all. Equal arrays yield identical files.

    Parameters
    ----------
    path : str or Path
        File to write. A name that ends in ``.gz`` selects gzip.
    array : ndarray of uint8
        Array with 1 to 4 dimensions.

    Raises
    ------
    DataError
        If the array has another type, too many dimensions or more than 4 GiB.
    RunError
        If the file cannot be written.
    SpecificationError
        If `path` is not a path.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> netsim.write_idx("labels.gz", np.arange(10, dtype=np.uint8))
    """
    path = path_in(path, "path")
    check_array(array, f"{path}: the array")
    if array.dtype != np.uint8:
        raise DataError(f"{path}: needs an array of uint8, not {array.dtype}; scale it to 0..255 and convert it")
    if not 1 <= array.ndim <= MOST_DIMENSIONS:
        raise DataError(f"{path}: needs an array of 1 to {MOST_DIMENSIONS} dimensions, not {array.ndim}")
    if _span(array.shape) > LARGEST_CONTENT or max(array.shape) >= 2**32:
        raise DataError(f"{path}: an IDX file has at most {LARGEST_CONTENT} bytes; the array has shape {array.shape}")
    header = struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape)

    def write(stream: BinaryIO) -> None:
        zipped = path.suffix == ".gz"
        packing = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) if zipped else nullcontext(stream)
        with packing as target:
            target.write(header)
            target.write(np.ascontiguousarray(array).data)

    write_atomically(path, write)


def _span(shape: tuple[int, ...]) -> int:
    """Return the number of elements, ignoring sides of length 0. NumPy refuses large sides next to them."""
    return math.prod(side for side in shape if side)


def _read_array(
    stream: BinaryIO | gzip.GzipFile, path: Path, dimensions: int | None, room: int, size: int
) -> np.ndarray:
    """Read header and elements. The stream has at most `room` bytes, and the file `size` bytes."""
    shape = _read_shape(stream, path, dimensions)
    promised = math.prod(shape)
    if _span(shape) > LARGEST_CONTENT:
        sides = "x".join(map(str, shape))
        raise DataError(f"{path}: its header promises {sides} bytes; split it, netsim reads at most {LARGEST_CONTENT}")
    if promised + 4 + 4 * len(shape) > room:
        raise DataError(f"{path}: its header promises {promised} bytes, more than the file has; download it again")
    check_expansion(path, promised, size)
    content = bytearray()
    while len(content) < promised:
        chunk = stream.read(min(_CHUNK, promised - len(content)))
        if not chunk:
            raise DataError(f"{path}: ends after {len(content)} of {promised} bytes in its header; download it again")
        content += chunk
    if stream.read(1):
        raise DataError(f"{path}: continues after the {promised} bytes in its header; download it again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _read_shape(stream: BinaryIO | gzip.GzipFile, path: Path, dimensions: int | None) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in (_UNSIGNED_BYTE, *_OTHER_TYPES):
        raise DataError(f"{path}: is not an IDX file (it begins with {magic.hex(' ') or 'nothing'}); convert it")
    if magic[2] != _UNSIGNED_BYTE:
        raise DataError(f"{path}: contains {_OTHER_TYPES[magic[2]]}; convert it to unsigned bytes (type 08)")
    count = magic[3]
    if dimensions is not None and count != dimensions:
        raise DataError(
            f"{path}: contains an array of {count} dimensions, but {dimensions} are needed; choose another file"
        )
    if not 1 <= count <= MOST_DIMENSIONS:
        raise DataError(f"{path}: contains an array of {count} dimensions; netsim reads 1 to {MOST_DIMENSIONS}")
    sizes = stream.read(4 * count)
    if len(sizes) < 4 * count:
        raise DataError(f"{path}: ends within its header; download it again")
    return struct.unpack(f">{count}I", sizes)
