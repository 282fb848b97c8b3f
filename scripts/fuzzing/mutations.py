"""Ways to damage a file."""

from __future__ import annotations

import copy
import datetime
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tomli_w

Change = Callable[[bytearray, np.random.Generator], None]

_NUMBERS = (0, 1, -1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**63 - 1, -(2**63))
_WORDS = (
    *(str(number).encode() for number in _NUMBERS),
    *(b"1e400", b"-1e400", b"nan", b"inf", b"-inf", b"0x" + b"f" * 400, b"1" * 5000, b"1e-320", b"true", b"[]", b"{}"),
    *(
        b'""',
        b"null",
        b"../../../etc/passwd",
        b"/etc/passwd",
        b"~nobody-at-all",
        b"a\\u0000b",
        b"<script>",
        b"$\\frac{",
    ),
    *(
        b"[" * 2000,
        b"{" * 500,
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\r",
        b'"' * 3,
        b"-" * 3000,
        b"a." * 500,
        b"O8",
        b"|V99999",
    ),
)
_VALUES: tuple[Any, ...] = (
    *_NUMBERS,
    *(10**400, -(10**400), 0.0, -1.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), -float("inf"), True, False),
    *(
        "",
        "a",
        "dense",
        "free",
        "\0",
        "a\nb",
        "../../x",
        "/etc/passwd",
        "~nobody-at-all/x",
        "tonic:../x",
        "\u202e<b>",
        "9" * 400,
    ),
    *([], {}, [[]], [1, 2], [1e308] * 3, [[0.0, 1.0]], ["a"], {"a": 1}, {"uniform": [0, 10**400]}, [10**9] * 3),
    *(datetime.date(1, 1, 1), datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC), datetime.time(0)),
)
_FACTORS = (0.0, 0.5, 2.0, -1.0, 1.1, 0.1, 10.0, 1e-3, 1e3, 1e-12, 1e12, 1e-300, 1e300)
_LARGEST = 2**20


def mutate(data: bytes, generator: np.random.Generator) -> bytes:
    """Data with one change or a few, of bytes or of words."""
    return _change(data, generator, _CHANGES)


def mutate_text(data: bytes, generator: np.random.Generator) -> bytes:
    """Text with one change or a few, mostly of words and lines."""
    return _change(data, generator, _CHANGES if generator.random() < 0.2 else _TEXT_CHANGES)


def mutate_in_place(data: bytes, generator: np.random.Generator) -> bytes:
    """Data with one change or a few that mostly keep its length, for formats that say at once if it is wrong."""
    return _change(data, generator, _CHANGES if generator.random() < 0.1 else _CHANGES_IN_PLACE)


def mutate_toml(data: bytes, generator: np.random.Generator) -> bytes:
    """TOML with other values, or with changes of its text."""
    return _mutate_tree(data, generator, tomllib.loads, tomli_w.dumps)


def mutate_json(data: bytes, generator: np.random.Generator) -> bytes:
    """JSON with other values, or with changes of its text."""
    return _mutate_tree(data, generator, json.loads, json.dumps)


def _change(data: bytes, generator: np.random.Generator, changes: Sequence[Change]) -> bytes:
    changed = bytearray(data)
    for _ in range(min(int(generator.geometric(0.5)), 8)):
        changes[int(generator.integers(len(changes)))](changed, generator)
    return bytes(changed[:_LARGEST])


def _mutate_tree(
    data: bytes, generator: np.random.Generator, loads: Callable[[str], Any], dumps: Callable[[Any], str]
) -> bytes:
    if generator.random() < 0.3:
        return mutate_text(data, generator)
    tree = loads(data.decode())
    for _ in range(min(int(generator.geometric(0.5)), 8)):
        places = list(_places(tree))
        place, key = places[int(generator.integers(len(places)))]
        choice, value = generator.random(), place[key]
        if type(value) in (int, float) and abs(value) < 1e300 and generator.random() < 0.7:
            product = value * _FACTORS[int(generator.integers(len(_FACTORS)))]
            place[key] = type(value)(product) if math.isfinite(product) else product
        elif choice < 0.7:
            place[key] = copy.deepcopy(_VALUES[int(generator.integers(len(_VALUES)))])
        elif choice < 0.8:
            del place[key]
        elif choice < 0.9 and isinstance(place, dict):
            place[str(_WORDS[int(generator.integers(len(_WORDS)))][:60], "latin-1")] = place.pop(key)
        else:
            other, its = places[int(generator.integers(len(places)))]
            place[key] = copy.deepcopy(other[its])
        if not tree:
            break
    try:
        return dumps(tree).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError):  # TOML has no null
        return mutate_text(data, generator)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Containers and keys of all values."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _place(data: bytearray, generator: np.random.Generator) -> int:
    """A position; headers are at the beginning, and directories of archives at the end."""
    where = generator.random()
    if where < 0.3:
        return int(generator.integers(min(len(data), 128) + 1))
    if where < 0.4:
        return len(data) - int(generator.integers(min(len(data), 128) + 1))
    return int(generator.integers(len(data) + 1))


def _flip(data: bytearray, generator: np.random.Generator) -> None:
    place = _place(data, generator)
    if place < len(data):
        data[place] ^= 1 << int(generator.integers(8))


def _set(data: bytearray, generator: np.random.Generator) -> None:
    place = _place(data, generator)
    if place < len(data):
        data[place] = int(generator.integers(256))


def _number(data: bytearray, generator: np.random.Generator) -> None:
    """Write a number that is often wrong, of 1 to 8 bytes and in either order."""
    size = int(generator.choice([1, 2, 4, 8]))
    value = int(generator.choice(len(_NUMBERS)))
    raw = (_NUMBERS[value] % 256**size).to_bytes(size, "big" if generator.random() < 0.5 else "little")
    place = _place(data, generator)
    data[place : place + size] = raw


def _delete(data: bytearray, generator: np.random.Generator) -> None:
    place = _place(data, generator)
    del data[place : place + int(generator.geometric(0.1))]


def _repeat(data: bytearray, generator: np.random.Generator) -> None:
    place = _place(data, generator)
    piece = data[place : place + int(generator.geometric(0.03))]
    data[place:place] = piece * int(generator.geometric(0.5))


def _insert(data: bytearray, generator: np.random.Generator) -> None:
    place = _place(data, generator)
    data[place:place] = generator.bytes(int(generator.geometric(0.2)))


def _word(data: bytearray, generator: np.random.Generator) -> None:
    """Put a word that is often wrong in place of one of the file's."""
    word = _WORDS[int(generator.integers(len(_WORDS)))]
    words = [match.span() for match in re.finditer(rb"[A-Za-z0-9_.+-]+|\"[^\"]*\"", bytes(data[:_LARGEST]))]
    if not words:
        data += word
        return
    first, last = words[int(generator.integers(len(words)))]
    data[first:last] = word


def _swap(data: bytearray, generator: np.random.Generator) -> None:
    """Put one of the file's words in place of another."""
    words = [match.span() for match in re.finditer(rb"[A-Za-z0-9_.+-]+", bytes(data[:_LARGEST]))]
    if words:
        (first, last), (start, end) = (words[int(k)] for k in generator.integers(len(words), size=2))
        data[first:last] = data[start:end]


def _cut(data: bytearray, generator: np.random.Generator) -> None:
    del data[_place(data, generator) :]


def _line(data: bytearray, generator: np.random.Generator) -> None:
    """Take out a line, or put it in somewhere else."""
    lines = data.split(b"\n")
    line = lines.pop(int(generator.integers(len(lines))))
    if generator.random() < 0.7:
        lines.insert(int(generator.integers(len(lines) + 1)), line)
    data[:] = b"\n".join(lines)


_CHANGES: tuple[Change, ...] = (
    *(_flip, _flip, _set, _set, _number, _number, _number, _word, _word, _swap),
    *(_delete, _repeat, _insert, _cut),
)
_CHANGES_IN_PLACE: tuple[Change, ...] = (_flip, _set, _set, _number, _number)
_TEXT_CHANGES: tuple[Change, ...] = (_word, _word, _word, _swap, _swap, _line)
