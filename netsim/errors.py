"""Errors that a user can mend: each message is one line that names the thing and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 2000
_MOST = 30  # names in a message


def one_line(text: str) -> str:
    """Text as one line of characters that can be shown, of bounded length; it may have come from a file."""
    text = " ".join(part.strip() for part in text[: 2 * _LONGEST].splitlines())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …"


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint ``; did you mean 'x'?`` or a list of what is known, or of the first of many."""
    names = {name.lower(): name for name in known}
    shown = [*names.values()][:_MOST] + ["..."] * (len(names) > _MOST)
    close = difflib.get_close_matches(str(word).lower(), names, n=1, cutoff=0.5)
    return f"; did you mean {names[close[0]]!r}?" if close else f"; known are {', '.join(shown)}"


class FormerWarning(FutureWarning):
    """A file is written in the way of an earlier version; the next one may refuse it."""


class DataWarning(UserWarning):
    """What was found in data and may not be meant; the command line prints it as a note."""


class NetsimError(Exception):
    """Base of all errors that netsim raises on purpose, in one line whatever the message holds.

    The command line prints the message alone.

    Examples
    --------
    >>> import netsim
    >>> try:
    ...     netsim.load_preset("digit")
    ... except netsim.NetsimError as error:
    ...     print(error)
    preset 'digit': does not exist; did you mean 'digits'?
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class SpecificationError(NetsimError):
    """A network specification that cannot be built.

    Parameters
    ----------
    field : str
        Where the mistake is, as the user wrote it, for example ``layers.conv1.kernel``; empty for the whole of a part.
    message : str
        What is wrong and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message

    def __reduce__(self) -> tuple[type[SpecificationError], tuple[str, str]]:
        """How it passes from one process to another."""
        return type(self), (self.field, self.message)


class DataError(NetsimError):
    """A data set, an array or a file of stimuli that cannot be used."""


class RunError(NetsimError):
    """A run folder that cannot be read, written or continued."""


class TrainingError(NetsimError):
    """A training that cannot go on, for example because weights are no longer finite."""
