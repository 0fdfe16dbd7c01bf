"""Where the picture lies on a scan: paper around it has no colour, and the network need not see it."""

from __future__ import annotations

import numpy as np
from PIL import Image

#: Longest side of the copy that is looked at.
LOOK = 256
#: A line of paper: this share of it lies within so many gray levels (of 255) of the paper's own.
FLAT = 0.95, 12
#: A border has at least this share of the picture's side on all four sides, at most that.
BORDER = 0.012, 0.35


def picture_box(levels: np.ndarray, copy: Image.Image | None = None) -> tuple[slice, slice]:
    """Rows and columns of the picture within a border of paper; everything where there is none.

    A border is of one lightness and lies on all four sides: a flat sky alone is none.

    Parameters
    ----------
    levels : uint8 array of shape (H, W)
        Gray levels.
    copy : PIL.Image.Image of mode L, optional
        The same photo with fewer pixels, where there is one: looked at instead, unless it is too small.

    Returns
    -------
    box : (slice, slice)

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.inference.margins import picture_box
    >>> scan = np.full((100, 100), 250, np.uint8)
    >>> scan[10:90, 5:95] = np.arange(90, dtype=np.uint8)
    >>> picture_box(scan)
    (slice(10, 90, None), slice(5, 95, None))
    """
    height, width = levels.shape
    everything = slice(0, height), slice(0, width)
    small = _small(levels, copy)
    h, w = small.shape
    edges = small[0], small[-1], small[:, 0], small[:, -1]
    paper = int(np.sort(np.concatenate(edges))[h + w])  # their median

    def near_paper(values):
        return (values >= paper - FLAT[1]) & (values <= paper + FLAT[1])

    if any(near_paper(edge).mean() < FLAT[0] for edge in edges):  # most photos: nothing more is looked at
        return everything
    near, depths = near_paper(small), []
    for lines, side in ((near, h), (near[::-1], h), (near.T, w), (near.T[::-1], w)):
        flat = lines.mean(axis=1) >= FLAT[0]
        depth = side if flat.all() else int(flat.argmin())
        if not max(1, BORDER[0] * side) <= depth <= BORDER[1] * side:
            return everything
        depths.append(depth)
    top, bottom, left, right = depths
    y, x = height / h, width / w
    return (
        slice(round(top * y), height - round(bottom * y)),
        slice(round(left * x), width - round(right * x)),
    )


def _small(levels: np.ndarray, copy: Image.Image | None) -> np.ndarray:
    """A copy whose longest side is about `LOOK`."""
    if max(levels.shape) <= LOOK:
        return levels
    if copy is None or max(copy.size) < LOOK:
        copy = Image.fromarray(levels)
    return np.asarray(copy.reduce(-(-max(copy.size) // LOOK)))
