"""Work on a stream of photos in threads, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from joblib import effective_n_jobs

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], n_jobs: int | None = None) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, with at most a few results waiting.

    ``joblib.Parallel(return_as="generator")`` piles up results that its reader has not asked for yet;
    here the next item is taken only when a result is, so that a thousand photos stream in flat memory.

    Parameters
    ----------
    function : callable
        Called in threads, so it must be thread-safe.
    items : iterable
        Read lazily, one item ahead of each thread.
    n_jobs : int or None
        Threads in joblib's terms: None is 1 unless a ``parallel_config`` says otherwise.

    Yields
    ------
    result : object
        What `function` gave; an error of it, or of `items`, is raised at its place.

    Examples
    --------
    >>> from skcolorize.inference.threads import ordered_map
    >>> list(ordered_map(abs, [-3, 2, -1], n_jobs=2))
    [3, 2, 1]
    """
    n_threads = effective_n_jobs(n_jobs)
    if n_threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque = deque()
        coming, error = iter(items), None
        try:
            while error is None or waiting:
                if error is None:
                    try:
                        waiting.append(pool.submit(function, next(coming)))
                    except Exception as stopped:  # the end of the items is one as well
                        error = stopped
                if len(waiting) > n_threads or (error and waiting):
                    yield waiting.popleft().result()
            if not isinstance(error, StopIteration):
                raise error
        finally:
            for future in waiting:
                future.cancel()
