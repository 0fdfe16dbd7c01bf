"""Work in strips, and the memory lent to it."""

import threading
import tracemalloc

import numpy as np
import pytest

from skcolorize import color
from skcolorize._strips import scratch_planes, share_strips, touched_meanwhile


def doubled(values, n_jobs=None, strip=10):
    out = np.empty_like(values)

    def make_kernel(size):
        own = scratch_planes(size)

        def kernel(start, stop):
            spare, part = scratch_planes(stop - start), own[: stop - start]
            spare[:] = part[:] = values[start:stop]
            out[start:stop] = spare + part

        return kernel

    share_strips(make_kernel, len(values), strip, n_jobs)
    return out


@pytest.mark.parametrize("n_jobs", [None, 2, 3])
def test_each_strip_is_worked_on_once(n_jobs):
    values = np.arange(1001, dtype=np.float32)
    for _ in range(3):
        np.testing.assert_array_equal(doubled(values, n_jobs), 2 * values)
    assert doubled(values[:0], n_jobs).size == 0


def test_what_is_taken_outside_is_kept():
    mine = scratch_planes(3, 100)
    mine[:] = 7
    doubled(np.arange(1000, dtype=np.float32), strip=100)
    assert (mine == 7).all()
    assert not np.shares_memory(mine, scratch_planes(3, 100))


def test_memory_is_lent_again_to_the_next_strip_and_call_of_a_thread():
    lent = []

    def make_kernel(size):
        lent.append(scratch_planes(size))

        def kernel(start, stop):
            lent.append(scratch_planes(size))
            share_strips(lambda size: lambda start, stop: lent.append(scratch_planes(size)), 50)

        return kernel

    def run():
        share_strips(make_kernel, 100, 50)

    run()  # how much is needed is known after that
    lent.clear()
    run()
    own, first, within, second, _ = lent
    assert first.ctypes.data == second.ctypes.data
    assert not np.shares_memory(own, first) and not np.shares_memory(first, within)
    run()
    assert lent[5].ctypes.data == own.ctypes.data
    other = threading.Thread(target=run)
    other.start()
    other.join()
    assert not np.shares_memory(lent[10], own)


def test_a_thread_that_has_just_begun_is_lent_memory_from_its_second_strip_on():
    lent = []

    def make_kernel(size):
        return lambda start, stop: lent.append(scratch_planes(size))

    thread = threading.Thread(target=share_strips, args=(make_kernel, 80, 20))
    thread.start()
    thread.join()
    first, second, third, fourth = lent
    assert not np.shares_memory(first, second)
    assert np.shares_memory(second, third) and np.shares_memory(third, fourth)


def test_memory_comes_back_after_an_error():
    def failing(size):
        scratch_planes(size)
        raise ValueError("no")

    for _ in range(50):
        with pytest.raises(ValueError, match="no"):
            share_strips(failing, 100_000)
    values = np.arange(100, dtype=np.float32)
    np.testing.assert_array_equal(doubled(values), 2 * values)


def test_an_error_in_any_thread_is_raised():
    def make_kernel(size):
        def kernel(start, stop):
            if start == 70:
                raise ValueError("seven")

        return kernel

    with pytest.raises(ValueError, match="seven"):
        share_strips(make_kernel, 100, 10, n_jobs=2)


def test_a_conversion_asks_for_little_memory_in_the_end():
    rgb = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    for _ in range(2):  # how much is needed is known after the first
        color.rgb_to_lab(rgb)
    tracemalloc.start()
    try:
        lab = color.rgb_to_lab(rgb)
        assert tracemalloc.get_traced_memory()[1] < 1.8 * lab.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_every_page_of_an_array_is_touched_where_there_is_another_thread(n_jobs):
    array = np.ones((3, 5000), np.uint8)
    with touched_meanwhile(array, n_jobs):
        pass
    assert (array.ravel()[::4096] == (0 if n_jobs == 2 else 1)).all()
