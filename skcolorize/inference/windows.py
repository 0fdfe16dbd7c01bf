"""A stream of photos, in order and with bounded memory; a window at a time where that is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from joblib import effective_n_jobs

from .devices import memory_told
from .predict import Session
from .threads import ordered_map
from .view import View, look_together

#: A window is full with so many photos, or with so many pixels of photos. On a GPU:
LARGE = 64, 2**26
#: And on one thread of a processor, whose caches have room for the code of one step and the photos of a few.
SMALL = 16, 2**20

T = TypeVar("T")


def map_views(
    session: Session,
    read: Callable[[T], tuple[Any, View]],
    work: Callable[[tuple[Any, View]], Any],
    items: Iterable[T],
    n_jobs: int | None,
    decode: Callable[[View], None] | None = None,
) -> Iterator[Any]:
    """Yield ``work(read(item))`` for each item, in order.

    A GPU sees photos of one working size together. One thread goes through small ones step by step, as it is
    faster at what it has just done.

    Parameters
    ----------
    session : Session
        That of the views.
    read : callable
        Gives a photo, or whatever goes with its view, and the view.
    work : callable
        What becomes of the two.
    items : iterable
        Read lazily.
    n_jobs : int or None
        Threads in joblib's terms.
    decode : callable, optional
        Spares `work` the network, and may be called before it.
    """

    def worked(pair):
        with memory_told(session.device, "a photo", "lower image_size"):
            return work(pair)

    if session.takes_many:
        return ordered_map(worked, in_windows(ordered_map(read, items, n_jobs), look_together, LARGE), n_jobs)
    if decode is not None and effective_n_jobs(n_jobs) == 1:

        def decode_each(views):
            with memory_told(session.device, "a photo", "lower image_size"):
                for view in views:
                    decode(view)

        return map(worked, in_windows(map(read, items), decode_each, SMALL))
    return ordered_map(lambda item: worked(read(item)), items, n_jobs)


def in_windows(
    photos: Iterable[tuple[T, View]], look: Callable[[list[View]], None], window: tuple[int, int]
) -> Iterator[tuple[T, View]]:
    """Yield what comes, after a look at all views of a window.

    An error of `photos` is raised at its place, behind the photos before it.
    """
    n_photos, n_pixels = window
    coming, error = iter(photos), None
    while error is None:
        seen: list[tuple[T, View]] = []
        try:
            while len(seen) < n_photos and sum(view.n_pixels for _, view in seen) < n_pixels:
                seen.append(next(coming))
        except Exception as stopped:  # the end of the photos is one as well
            error = stopped
        look([view for _, view in seen])
        yield from seen
    if not isinstance(error, StopIteration):
        raise error
