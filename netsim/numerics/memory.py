"""Memory of arrays that are done with: it stays with the process, for those of the next batch."""

import ctypes
import os
from functools import cache

# Parameters of mallopt, from malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20
# Before glibc 2.35 there is no larger one.
_LARGEST_OF_OLD = 32 << 20


@cache
def keep_freed_memory() -> bool:
    """Have the C library keep up to 256 MB of freed memory; whether it does.

    By default glibc gives large arrays back to the system, which clears each page of the next ones anew: a fifth of a
    training step. Where the environment sets `MALLOC_...` or `GLIBC_TUNABLES`, it is left as it is.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or system
        return False
    # the first alone would have every large array come from the system
    kept = mallopt(_MMAP_THRESHOLD, _KEPT_BYTES) or mallopt(_MMAP_THRESHOLD, _LARGEST_OF_OLD)
    return bool(kept and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
