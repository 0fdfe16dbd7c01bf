"""Arrays worked on strip by strip, by some threads, each in memory that it keeps for that."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

STRIP = 131_072  # pixels: fewer, and calls cost more than work and threads wait for the interpreter lock
_LINE = 64  # bytes of the processor's cache
_PAGE = 4096  # bytes
_KEPT = 2**25  # bytes that a thread keeps at most


class _Scratch(threading.local):
    """Memory that each thread works in: lent strip by strip and kept from one call to the next.

    Asked of the system anew, page by page, it takes a fifth of the time that a large photo takes.
    """

    def __init__(self):
        self._memory, self._depth = _aligned(0), 0
        self._used = self._most = 0

    def take(self, n_bytes):
        """Uninitialised bytes: within `lent` until it ends, elsewhere for good."""
        if not self._depth:
            return _aligned(n_bytes)
        start, self._used = self._used, self._used + n_bytes
        self._most = max(self._most, self._used)
        return self._memory[start : self._used] if self._used <= len(self._memory) else _aligned(n_bytes)

    @contextmanager
    def lent(self):
        """What is taken within comes back at the end."""
        if min(self._most, _KEPT) > len(self._memory):  # what was taken before stays where it is
            self._memory = _aligned(min(self._most, _KEPT))
        mark, self._depth = self._used, self._depth + 1
        try:
            yield
        finally:
            self._used, self._depth = mark, self._depth - 1


def _aligned(n_bytes):
    """Uninitialised bytes that begin at a whole cache line."""
    memory = np.empty(n_bytes + _LINE, np.uint8)
    return memory[-memory.ctypes.data % _LINE :][:n_bytes]


_scratch = _Scratch()


def scratch_planes(*shape, dtype=np.float32):
    """Uninitialised planes, the last axis in rows that begin at whole cache lines, if not contiguous.

    The widest loads of a processor are half as fast where they cross a line. Within `share_strips` memory is
    lent: what a kernel takes until it returns, what `make_kernel` takes until all is done.
    """
    dtype = np.dtype(dtype)
    *outer, size = shape
    width = -(-size * dtype.itemsize // _LINE) * _LINE
    memory = _scratch.take(math.prod(outer) * width)
    return memory.view(dtype).reshape(*outer, -1)[..., :size]


def threads_of(n_jobs):
    """How many threads ``n_jobs`` stands for: None is one, whatever `joblib.parallel_config` says.

    Who shares out photos has none left for strips.
    """
    if n_jobs in (None, 1):
        return 1
    from joblib import effective_n_jobs

    return effective_n_jobs(n_jobs)


def share_strips(make_kernel, size, strip=STRIP, n_jobs=None):
    """Run ``kernel(start, stop)`` over 0..size.

    ``make_kernel(strip)`` gives each thread a kernel with scratch of its own.
    """
    n_threads = min(threads_of(n_jobs), -(-size // strip)) if size > strip else 1
    rounds = -(-size // max(n_threads * strip, 1))
    strip = -(-size // max(n_threads * rounds, 1))  # alike: a short last one leaves threads idle
    starts = iter(range(0, size, max(strip, 1)))

    def work():
        with _scratch.lent():
            kernel = make_kernel(strip)
            for start in starts:
                with _scratch.lent():
                    kernel(start, min(start + strip, size))

    if n_threads == 1:
        work()
        return
    with ThreadPoolExecutor(n_threads - 1) as pool:
        others = [pool.submit(work) for _ in range(n_threads - 1)]
        work()
        for future in others:
            future.result()


@contextmanager
def touched_meanwhile(array, n_jobs=None):
    """Let another thread, if there is one, ask the system for the memory of a new array.

    Threads that write to it later would wait for each other at every page.
    """
    if threads_of(n_jobs) == 1:
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        touched = pool.submit(array.reshape(-1)[::_PAGE].fill, 0)
        yield
        touched.result()
