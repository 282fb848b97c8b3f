"""Damages of the content of a file, drawn at random."""

from __future__ import annotations

import copy
import datetime
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import tomli_w

Change = Callable[[Random, bytearray], None]
"""Changes data in place."""

LARGEST = 2**20
NUMBERS = (0, 1, -1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**63 - 1, -(2**63))
WORDS = (
    *(b"1e400", b"-1e400", b"nan", b"inf", b"-inf", b"0x" + b"f" * 400, b"1" * 5000, b"1e-320", b"true", b"null"),
    *(b"[]", b"{}", b'""', b"../../../etc/passwd", b"/etc/passwd", b"~nobody-at-all", b"a\\u0000b", b"<script>"),
    *(b"$\\frac{", b"[" * 2000, b"{" * 500, b"\xff\xfe", b"\xed\xa0\x80", b"\r", b'"' * 3, b"-" * 3000, b"a." * 500),
    *(b"O8", b"|V99999", *(str(number).encode() for number in NUMBERS)),
)
VALUES: tuple[Any, ...] = (
    *(*NUMBERS, 10**400, -(10**400), 0.0, -1.0, 0.5, 1e308, 5e-324, math.nan, math.inf, -math.inf, True, False),
    *("", "a", "dense", "free", "\0", "a\nb", "../../x", "/etc/passwd", "~nobody-at-all/x", "tonic:../x"),
    *("\u202e<b>", "9" * 400, [], {}, [[]], [1, 2], [1e308] * 3, [[0.0, 1.0]], ["a"], {"a": 1}, [10**9] * 3),
    *({"uniform": [0, 10**400]}, datetime.date(1, 1, 1), datetime.time(0)),
    datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC),
)
FACTORS = (0.0, 0.5, 2.0, -1.0, 1.1, 0.1, 10.0, 1e-3, 1e3, 1e-12, 1e12, 1e-300, 1e300)


def damaged(random: Random, name: str, content: bytes) -> bytes:
    """Content with one change or a few, by what the suffix of its name says that it is.

    Changes keep the length of binary formats that say at once that it is wrong; TOML and JSON get other values.
    """
    suffix = name.rpartition(".")[2]
    if suffix in ("toml", "json") and random.random() < 0.7:
        loads, dumps = (tomllib.loads, tomli_w.dumps) if suffix == "toml" else (json.loads, json.dumps)
        return _other_values(random, content, loads, dumps)
    if suffix in ("toml", "json", "csv"):
        return changed(random, content, TEXT if random.random() < 0.8 else ANY)
    in_place = suffix in ("h5", "nwb", "nir", "parquet") and random.random() < 0.9
    return changed(random, content, IN_PLACE if in_place else ANY)


def changed(random: Random, content: bytes, changes: Sequence[Change]) -> bytes:
    """Content with some of the changes."""
    data = bytearray(content)
    for _ in range(_some(random)):
        random.choice(changes)(random, data)
    return bytes(data[:LARGEST])


def _some(random: Random) -> int:
    """One more often than two, and so on."""
    count = 1
    while count < 8 and random.random() < 0.5:
        count += 1
    return count


def _other_values(random: Random, content: bytes, loads: Callable[[str], Any], dumps: Callable[[Any], str]) -> bytes:
    tree = loads(content.decode())
    for _ in range(_some(random)):
        places = list(_places(tree))
        if not places:
            break
        holder, key = random.choice(places)
        value, way = holder[key], random.random()
        if type(value) in (int, float) and abs(value) < 1e300 and random.random() < 0.7:
            product = value * random.choice(FACTORS)
            holder[key] = type(value)(product) if math.isfinite(product) else product
        elif way < 0.7:
            holder[key] = copy.deepcopy(random.choice(VALUES))
        elif way < 0.8:
            del holder[key]
        elif way < 0.9 and isinstance(holder, dict):
            holder[str(random.choice(WORDS)[:60], "latin-1")] = holder.pop(key)
        else:
            other, its = random.choice(places)
            holder[key] = copy.deepcopy(other[its])
    try:
        return dumps(tree).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError):  # there is no null in TOML
        return changed(random, content, TEXT)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Containers and keys of all values."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _position(random: Random, data: bytearray) -> int:
    """A position: anywhere, or near to the beginning or the end, where headers and directories of archives are."""
    where, near = random.random(), min(len(data), 128)
    if where < 0.3:
        return random.randint(0, near)
    if where < 0.4:
        return len(data) - random.randint(0, near)
    return random.randint(0, len(data))


def _flip(random: Random, data: bytearray) -> None:
    position = _position(random, data)
    data[position : position + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in data[position : position + 1])


def _set(random: Random, data: bytearray) -> None:
    position = _position(random, data)
    data[position : position + 1] = bytes([random.randrange(256)])


def _number(random: Random, data: bytearray) -> None:
    """Write a number that is often wrong, of 1 to 8 bytes and in either order."""
    size, position = random.choice((1, 2, 4, 8)), _position(random, data)
    value = random.choice(NUMBERS) % 256**size
    data[position : position + size] = value.to_bytes(size, "big" if random.random() < 0.5 else "little")


def _delete(random: Random, data: bytearray) -> None:
    position = _position(random, data)
    del data[position : position + random.randint(1, 20)]


def _repeat(random: Random, data: bytearray) -> None:
    position = _position(random, data)
    data[position:position] = data[position : position + random.randint(1, 60)] * _some(random)


def _insert(random: Random, data: bytearray) -> None:
    position = _position(random, data)
    data[position:position] = bytes(random.randrange(256) for _ in range(random.randint(1, 10)))


def _cut(random: Random, data: bytearray) -> None:
    del data[_position(random, data) :]


def _word(random: Random, data: bytearray) -> None:
    """Put a word that is often wrong, or another one of the file, in place of one."""
    words = [match.span() for match in re.finditer(rb"[\w.+-]+|\"[^\"]*\"", bytes(data[:LARGEST]))] or [(0, 0)]
    first, last = random.choice(words)
    word = data[slice(*random.choice(words))]
    data[first:last] = random.choice(WORDS) if random.random() < 0.6 else word


def _line(random: Random, data: bytearray) -> None:
    """Take out a line, or put it in somewhere else."""
    lines = data.split(b"\n")
    line = lines.pop(random.randrange(len(lines)))
    if random.random() < 0.7:
        lines.insert(random.randint(0, len(lines)), line)
    data[:] = b"\n".join(lines)


IN_PLACE: tuple[Change, ...] = (_flip, _set, _set, _number, _number)
TEXT: tuple[Change, ...] = (*(_word,) * 5, _line)
ANY: tuple[Change, ...] = (_flip, _flip, _set, _set, *(_number,) * 3, *(_word,) * 3, _delete, _repeat, _insert, _cut)
