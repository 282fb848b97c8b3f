"""How loops are compiled: kept on disk, beside threads that run Python, and dividing by zero as numpy does.

What is kept on disk does not notice a change of another file that it calls: after one, delete ``*.nbc``, as the tests
do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from numba import njit

compiled_with: Any = partial(njit, cache=True, nogil=True, error_model="numpy")
"""A decorator for loops that need more options of numba's than these."""
compiled: Any = compiled_with()
"""A decorator for loops."""
