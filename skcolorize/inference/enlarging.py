"""Planes of a coarse grid at the size of the photo, bilinear, a few rows at a time."""

from __future__ import annotations

import numpy as np

from .. import _color_tables as tables
from .. import _strips as strips

_ROWS = 64  # interpolated by one matrix, which is mostly zeros: larger ones take longer


def strip_rows(width: int, strip: int | None = None) -> int:
    """Rows of a photo that are worked on at once: ``strip`` pixels, by default those of `_strips.STRIP`."""
    return max(1, (strip or strips.STRIP) // max(width, 1))


class Enlarged:
    """Planes (n, h, w) of a grid over the same extent as a photo (pixels as areas, not as points).

    Their columns are interpolated at once, their rows when they are asked for. Of each ``shared`` rows of the
    photo there is one, that of their middle.
    """

    def __init__(self, planes: np.ndarray, shape: tuple[int, int], shared: int = 1):
        height, width = shape
        self._at = _positions(height // shared, planes.shape[1])
        self._planes = np.ascontiguousarray(planes)  # for BLAS
        if width == planes.shape[2]:
            return
        at = _positions(width, planes.shape[2])
        left = at.astype(np.intp)
        weight = (at - left).astype(np.float32)
        self._planes = planes.take(left, axis=-1, mode="clip")
        self._planes *= 1 - weight
        self._planes += planes.take(left + 1, axis=-1, mode="clip") * weight

    def write_rows(self, start: int, stop: int, out: np.ndarray) -> None:
        """Write rows start..stop of all planes to ``out`` (n, stop - start, width)."""
        for row in range(start, stop, _ROWS):
            at = self._at[row : min(row + _ROWS, stop)]
            first, last = int(at[0]), int(np.ceil(at[-1]))
            taps = np.maximum(1 - np.abs(at[:, None] - np.arange(first, last + 1)), 0).astype(np.float32)
            tables.matmul(taps, self._planes[:, first : last + 1], out[:, row - start :][:, : len(at)])


def _positions(size, coarse):
    """Where the pixels of an axis lie on a coarse grid of the same extent; flat beyond its outer centres."""
    return np.clip((np.arange(size) + 0.5) * (coarse / size) - 0.5, 0, coarse - 1)
