"""Errors that users can resolve. Each message is one line with the cause and the remedy."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
from types import FrameType

_LONGEST = 2000  # characters per message
_MOST = 30  # names per message


def one_line(text: str) -> str:
    """Return text as one printable line of bounded length. The text may come from a file."""
    text = " ".join(part.strip() for part in text[: 2 * _LONGEST].splitlines())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …"


def nearest(word: object, known: Iterable[str], before: str = "", after: str = "") -> str:
    """Return the hint ``; did you mean 'x'?``, or a list of known names (of many, the first). Empty without names.

    `before` and `after` complete the name to the full path of a key. For ``learning_rate``, ``rate`` is nearest.
    """
    names = {name.lower(): name for name in known}
    if not names:
        return ""
    shown = [*names.values()][:_MOST] + ["..."] * (len(names) > _MOST)
    word = str(word).lower()
    last = word.rpartition("_")[2]
    close = [last] if last in names else difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean {before + names[close[0]] + after!r}?" if close else f"; known are {', '.join(shown)}"


def warn_user(message: str, category: type[Warning] | None = None) -> None:
    """Warn, with the line of the caller outside netsim and Brian2 as the origin."""
    warnings.warn(message, category or NetsimWarning, stacklevel=frames_to_user() + 1)


def frames_to_user() -> int:
    """Return how many frames the user's code is above the function that calls this one."""
    count, frame = 0, sys._getframe(1)
    while frame.f_back is not None and _is_of_library(frame):
        count, frame = count + 1, frame.f_back
    return count


def _is_of_library(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return module in ("netsim", "brian2") and not frame.f_code.co_filename.startswith("<")  # such as <doctest>


class FormerWarning(FutureWarning):
    """A file or run comes from another version. A later version may reject it, or compute other numbers."""


class NetsimWarning(UserWarning):
    """A result may not be what the user expects. The command line prints the warning as a note."""


class DataWarning(NetsimWarning):
    """Data look unintended."""


class NetsimError(Exception):
    """Base class of all errors that netsim raises on purpose. The message is always one line.

    The command line prints only the message.

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
        Location of the mistake in the user's notation, for example ``layers.conv1.kernel``. Empty for a whole part.
    message : str
        Cause and remedy.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message

    def __reduce__(self) -> tuple[type[SpecificationError], tuple[str, str]]:
        """Support pickling, for errors from other processes."""
        return type(self), (self.field, self.message)


class DataError(NetsimError):
    """An unusable data set, array or file of stimuli."""


class RunError(NetsimError):
    """An unusable run folder: it cannot be read, written or continued."""


class TrainingError(NetsimError):
    """A training that cannot continue, for example because weights are no longer finite."""
