"""A stream of photos worked on a window at a time, in order and with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .view import View

#: A window is full with so many photos, or with so many pixels of photos. On a GPU:
LARGE = 64, 2**26
#: And on one thread of a processor, whose caches have room for the code of one step and the photos of a few.
SMALL = 16, 2**20

T = TypeVar("T")


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
