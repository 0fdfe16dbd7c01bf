"""A stream of photos shown to a GPU a window at a time, in order and with bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from .view import View, look_together

#: A window is full with so many photos, or with so many pixels of photos.
WINDOW_PHOTOS, WINDOW_PIXELS = 64, 2**26

T = TypeVar("T")


def looked_at(photos: Iterable[tuple[T, View]]) -> Iterator[tuple[T, View]]:
    """Yield what comes, each view shown to its network: those of one working size in a window together.

    An error of `photos` is raised at its place, behind the photos before it.
    """
    coming, error = iter(photos), None
    while error is None:
        window: list[tuple[T, View]] = []
        try:
            while len(window) < WINDOW_PHOTOS and sum(view.n_pixels for _, view in window) < WINDOW_PIXELS:
                window.append(next(coming))
        except Exception as stopped:  # the end of the photos is one as well
            error = stopped
        look_together([view for _, view in window])
        yield from window
    if not isinstance(error, StopIteration):
        raise error
