"""Print seen through: the dots of a halftone screen hide what is shown, so the network does not see them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

#: Frequencies of dots that are looked for, in cycles a pixel at the working size.
BAND = 0.12, 0.71
#: So far a frequency and the one at right angles to it both stand out from others as high. Of 520 photos none
#: came past 9.4, of 260 prints (dots of 2.5 to 8 pixels, at any angle) none stayed below 14.3.
STRENGTH = 14.0
#: Blur that takes the dots away, in their distances (a tenth of their contrast is left).
REACH = 0.35
#: Pieces with smaller sides show too few dots to be sure.
SMALLEST = 96


def descreened(lightness: np.ndarray, stretch: float = 1.0) -> np.ndarray:
    """L without the dots of a halftone screen; as it is where there is none.

    A print's dots lie on a square grid: its spectrum has a sharp peak and another at right angles to it,
    as no brick wall or fabric was seen to have.

    Parameters
    ----------
    lightness : float32 array of shape (h, w)
        0..100, at the working size.
    stretch : float, default=1.0
        How much taller than the photo this copy is for its width.

    Returns
    -------
    lightness : float32 array of shape (h, w)

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.inference.screens import descreened
    >>> y, x = np.mgrid[:128, :128]
    >>> dots = (50 + 20 * np.cos(1.2 * (x + y)) + 20 * np.cos(1.2 * (x - y))).astype(np.float32)
    >>> float(dots.std().round()), float(descreened(dots).std().round())
    (20.0, 2.0)
    """
    frequency = screen_frequency(lightness, stretch)
    if frequency is None:
        return lightness
    from skimage.filters import gaussian  # takes a third of a second to import, for a rare photo

    return gaussian(lightness, REACH / frequency, mode="nearest", preserve_range=True)


def screen_frequency(lightness: np.ndarray, stretch: float = 1.0) -> float | None:
    """Lowest frequency of a square screen in the middle of a picture, cycles a pixel, or None."""
    h, w = lightness.shape
    side = min(h, w)
    if side < SMALLEST:
        return None
    top, left = (h - side) // 2, (w - side) // 2
    plan = _plan(side, round(stretch, 3))
    square = lightness[top : top + side, left : left + side]
    windowed = square - square.mean()
    windowed *= plan.window
    spectrum = np.abs(torch.fft.rfft2(torch.from_numpy(windowed)).numpy())  # torch's abs takes 10 x
    by_ring = spectrum.ravel()[plan.order]
    usual = np.add.reduceat(by_ring, plan.starts) / plan.members
    wanted = np.repeat(STRENGTH * usual, plan.members)
    high = np.flatnonzero(by_ring > wanted)
    high = high[plan.within[high]]  # none of most photos
    peaks = high[_highest_near(spectrum, plan.partner[high]) > wanted[high]]
    return float(plan.radius[peaks].min()) if peaks.size else None


def _highest_near(spectrum: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The largest in the window of 3 x 3 around each place: a peak lies between bins."""
    (h, w), (y, x) = spectrum.shape, np.divmod(places, spectrum.shape[1])
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return np.max([spectrum[(y + dy).clip(0, h - 1), (x + dx).clip(0, w - 1)] for dy, dx in steps], axis=0)


class _Plan(NamedTuple):
    """What depends on the shape alone; frequencies of the half plane come ring by ring."""

    window: np.ndarray
    order: np.ndarray  # of frequencies in the spectrum
    starts: np.ndarray  # of rings in that order
    members: np.ndarray  # how many frequencies a ring has
    within: np.ndarray  # whether a frequency is looked for
    radius: np.ndarray
    partner: np.ndarray  # where in the spectrum the one at right angles is


@lru_cache(maxsize=8)
def _plan(side: int, stretch: float) -> _Plan:
    hann = torch.hann_window(side, periodic=False).numpy()
    half = side // 2
    down = np.fft.fftfreq(side, 1 / side).astype(int)[:, None]
    right = np.arange(half + 1)[None, :]
    radius = np.hypot(down, right) / side
    # on the photo (down * stretch, right) turned by a quarter is (right, -down * stretch)
    quarter = np.rint(right / stretch), np.rint(-down * stretch)
    turned = np.broadcast_arrays(*(np.where(quarter[1] < 0, -q, q).astype(int) for q in quarter))
    seen = (abs(turned[0]) < half) & (turned[1] < half)
    within = (radius > BAND[0]) & (radius < BAND[1]) & seen
    partner = turned[0] % side * (half + 1) + turned[1]
    ring = np.rint(radius * side / 4).astype(int).ravel()
    order, members = np.argsort(ring, kind="stable"), np.bincount(ring)
    starts = np.cumsum(members) - members
    in_order = (plane.ravel()[order] for plane in (within, radius, partner))
    return _Plan(hann[:, None] * hann, order, starts, members, *in_order)
