"""Counts of long arrays are those of numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.numerics.threads import count_nonzero, finite_share


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(count=st.integers(1, 10_000), silent=st.sampled_from([0.0, 0.3, 1.0]))
def test_spikes_and_numbers_are_counted(dtype: type, count: int, silent: float) -> None:
    generator = np.random.default_rng(count)
    latencies: np.ndarray = generator.uniform(-1, 1, count).astype(dtype)
    latencies[generator.uniform(size=count) < silent] = np.inf
    latencies[generator.uniform(size=count) < 0.1] = 0
    assert finite_share(latencies) == np.isfinite(latencies).mean()
    assert count_nonzero(latencies) == np.count_nonzero(latencies)


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_any_shape_is_counted_on_any_number_of_threads(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", threads)
    latencies = np.random.default_rng(0).uniform(0, 1, (3, 1000, 700)).transpose(2, 0, 1)
    latencies[latencies < 0.25] = np.inf
    assert finite_share(latencies) == np.isfinite(latencies).mean()


def test_of_none_there_is_no_share() -> None:
    assert np.isnan(finite_share(np.empty((0, 4))))
