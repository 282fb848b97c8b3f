"""Keep freed memory in the process for the arrays of the next batch."""

import ctypes
import os
from functools import cache

# Parameters of mallopt, from malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20
# The largest threshold before glibc 2.35.
_LARGEST_OF_OLD = 32 << 20


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 256 MB of freed memory. Return whether it does.

    By default, glibc returns large arrays to the system, which clears each page again: a fifth of a training step.
    Settings by `MALLOC_...` or `GLIBC_TUNABLES` in the environment stay unchanged.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library or system
        return False
    # the first option alone would allocate every large array from the system
    kept = mallopt(_MMAP_THRESHOLD, _KEPT_BYTES) or mallopt(_MMAP_THRESHOLD, _LARGEST_OF_OLD)
    return bool(kept and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
