"""Work in parallel: every presentation once, in order, in parts that the machine does not change."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.errors import NetsimError
from netsim.numerics.threads import over_elements, over_presentations, threads


@settings(deadline=None, max_examples=100)
@given(count=st.integers(0, 700), largest=st.integers(1, 120))
def test_slices_cover_everything_once_and_in_order(count: int, largest: int) -> None:
    parts = over_presentations(count, lambda part: part, largest)
    assert [index for part in parts for index in range(count)[part]] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes, default=0) <= largest
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


@settings(deadline=None, max_examples=20)
@given(count=st.integers(1, 300))
def test_the_number_of_threads_changes_nothing(count: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        cuts = []
        for number in ("1", "2", "5"):
            patch.setenv("NETSIM_THREADS", number)
            cuts.append(over_presentations(count, lambda part: (part.start, part.stop)))
    assert cuts[0] == cuts[1] == cuts[2]


@settings(deadline=None, max_examples=50)
@given(count=st.integers(0, 300), size=st.sampled_from([1, 10_000, 400_000, 10**7]))
def test_long_arrays_are_covered_once(count: int, size: int) -> None:
    parts = over_elements(count, lambda part: part, size)
    assert [index for part in parts for index in range(count)[part]] == list(range(count))
    assert max((part.stop - part.start for part in parts), default=0) * size <= max(10**6, size)


def test_results_come_in_the_order_of_the_presentations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", "2")
    later = threading.Event()

    def work(part: slice) -> int:
        if part.start == 0:
            assert later.wait(60)  # another thread works on the next part meanwhile
        else:
            later.set()
        return part.start

    assert over_presentations(4, work, 1) == [0, 1, 2, 3]


def test_an_error_in_a_part_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", "2")

    def work(part: slice) -> np.ndarray:
        if part.start >= 50:
            raise ZeroDivisionError
        return np.zeros(1)

    with pytest.raises(ZeroDivisionError):
        over_presentations(200, work)


@pytest.mark.parametrize("index", ["the caller's thread", "another thread"])
def test_after_an_error_no_part_begins(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", "2")
    caller, both, failed = threading.current_thread(), threading.Barrier(2), threading.Event()
    begun = []

    def work(part: slice) -> None:
        begun.append(part.start)
        both.wait(60)  # each thread has a part
        if (threading.current_thread() is caller) == (index == "the caller's thread"):
            failed.set()
            raise ZeroDivisionError
        assert failed.wait(60)
        time.sleep(0.1)  # the error is on its way

    with pytest.raises(ZeroDivisionError):
        over_presentations(10, work, 1)
    assert sorted(begun) == [0, 1]


def test_parts_may_work_in_parts_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", "3")

    def work(part: slice) -> list[int]:
        return over_presentations(4, lambda inner: 10 * part.start + inner.start, 1)

    assert over_presentations(8, work, 1) == [[10 * outer + inner for inner in range(4)] for outer in range(8)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_works_with_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", "2")
    both = threading.Barrier(2)
    assert over_presentations(2, lambda part: both.wait(60) >= 0, 1) == [True, True]
    child = os.fork()
    if not child:
        try:
            both = threading.Barrier(2)
            over_presentations(2, lambda part: both.wait(20), 1)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_environment_says_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETSIM_THREADS", raising=False)
    cores = threads()
    for wanted, number in (("3", 3), ("1024", 1024), ("", cores)):
        monkeypatch.setenv("NETSIM_THREADS", wanted)
        assert threads() == number >= 1


@pytest.mark.parametrize("given", ["many", "-1", "0", "1025", "9" * 5000])
def test_what_is_no_number_of_threads_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIM_THREADS", given)
    with pytest.raises(NetsimError, match="NETSIM_THREADS: must be a number of threads from 1 to 1024"):
        threads()
