"""Groups of elements that follow each other in one array."""

import numpy as np


def starts_of(counts: np.ndarray) -> np.ndarray:
    """Return where each group of `counts` elements starts, and the end of the last, as 64-bit integers."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
