"""Measures of a set of photos: how colourful it is, and whether one hue floods it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from .. import color
from ._photo import colorfulness, rgb_values

_N_SECTORS = 12
_ORANGE = slice(1, 3)  # hues of 30 to 90 degrees


def hue_chroma(rgb: ArrayLike) -> np.ndarray:
    """Mean chroma of a photo in each of 12 sectors of hue: (12,), Lab units; its sum is the mean chroma."""
    lab = color.rgb_to_lab(rgb_values(rgb)).reshape(-1, 3)
    a, b = lab[:, 1], lab[:, 2]
    sector = np.floor(np.arctan2(b, a) * (_N_SECTORS / (2 * np.pi))).astype(np.intp) % _N_SECTORS
    return np.bincount(sector, weights=np.hypot(a, b), minlength=_N_SECTORS) / len(lab)


def shares(chroma) -> np.ndarray:
    """Sectors (..., 12) over their sum; of a set without any colour all are 0."""
    total = chroma.sum(-1, keepdims=True)
    return np.divide(chroma, total, out=np.zeros_like(chroma), where=total > 1e-2)


def total_variation(p, q) -> np.ndarray:
    """Half the sum of the differences of two histograms, 1 where one of the two sets has no colour."""
    return np.maximum(p.sum(-1), q.sum(-1)) - np.minimum(p, q).sum(-1)


def orange(p) -> np.ndarray:
    """The orange part of a histogram."""
    return p[..., _ORANGE].sum(-1)


def number_of_hues(p) -> np.ndarray:
    """Exponential of the entropy of a histogram, 0 where there is no colour."""
    entropy = -(p * np.log(np.maximum(p, 1e-12))).sum(-1)
    return np.where(p.sum(-1) > 0, np.exp(entropy), 0.0)


def ratio(pred, true):
    """`pred` over `true`, nan where there is nothing to compare with."""
    return np.divide(pred, true, out=np.full(np.shape(pred), np.nan), where=np.asarray(true) > 0)


def hue_histogram(photos: Iterable[ArrayLike]) -> np.ndarray:
    """How the colour of a set of photos is spread over the hues.

    CIELAB hues in 12 sectors of 30 degrees from 0 on, weighted by chroma, each photo counted alike
    whatever its size.

    Parameters
    ----------
    photos : sequence of array-like of shape (H, W, 3)
        Photos of any sizes: uint8 or uint16 levels, or floats in 0..1.

    Returns
    -------
    histogram : ndarray of shape (12,), dtype float64
        Shares that sum to 1; all 0 for a set without colour.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import hue_histogram
    >>> orange = np.full((2, 2, 3), (230, 140, 40), dtype=np.uint8)
    >>> hue_histogram([orange]).argmax() * 30
    np.int64(60)
    """
    return shares(np.mean([hue_chroma(photo) for photo in photos], axis=0))


def hue_total_variation(true: Iterable[ArrayLike], pred: Iterable[ArrayLike]) -> float:
    """Total variation between the hue histograms of two sets.

    Parameters
    ----------
    true, pred : sequence of array-like of shape (H, W, 3)
        True and coloured photos.

    Returns
    -------
    variation : float
        0 for sets of the same hues, 1 for sets that share none (or where one set is gray).

    See Also
    --------
    hue_histogram : The histogram of one set.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import hue_total_variation
    >>> red, blue = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    >>> red[..., 0], blue[..., 2] = 200, 200
    >>> hue_total_variation([red, blue], [red, red]) > 0.5
    True
    """
    return float(total_variation(hue_histogram(true), hue_histogram(pred)))


def orange_ratio(true: Iterable[ArrayLike], pred: Iterable[ArrayLike]) -> float:
    """How much more orange the coloured set is: share of hues from 30 to 90 degrees, predicted over true.

    Brown and orange floods are what people complain about most. Above 1.35 they show.

    Parameters
    ----------
    true, pred : sequence of array-like of shape (H, W, 3)
        True and coloured photos.

    Returns
    -------
    ratio : float
        1 where the shares agree; nan where the true set has no orange.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import orange_ratio
    >>> orange, blue = np.full((2, 4, 4, 3), (230, 140, 40), dtype=np.uint8)
    >>> blue[:] = 40, 140, 230
    >>> orange_ratio([orange, blue], [orange, orange]) > 1.5
    True
    """
    return float(ratio(orange(hue_histogram(pred)), orange(hue_histogram(true))))


def effective_hues(rgb: ArrayLike) -> float:
    """Effective number of hues of a photo: the exponential of the entropy of its hue histogram.

    Parameters
    ----------
    rgb : array-like of shape (H, W, 3)
        uint8 or uint16 levels, or floats in 0..1.

    Returns
    -------
    number : float
        From 1, all chroma in one sector of 30 degrees, to 12; 0 for a gray photo.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import effective_hues
    >>> effective_hues(np.full((2, 2, 3), (230, 140, 40), dtype=np.uint8))
    1.0
    """
    return float(number_of_hues(shares(hue_chroma(rgb))))


def colorfulness_difference(true: Iterable[ArrayLike], pred: Iterable[ArrayLike]) -> float:
    """Absolute difference of the mean colourfulness of two sets.

    DDColor's convention. Others average the difference photo by photo, which is never smaller.

    Parameters
    ----------
    true, pred : sequence of array-like of shape (H, W, 3)
        True and coloured photos.

    Returns
    -------
    difference : float
        0 where the coloured set is as colourful as the true one.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import colorfulness, colorfulness_difference
    >>> orange = np.full((2, 2, 3), (230, 140, 40), dtype=np.uint8)
    >>> colorfulness_difference([orange], [0 * orange]) == colorfulness(orange)
    True
    """
    means = [np.mean([colorfulness(photo) for photo in photos]) for photos in (true, pred)]
    return float(abs(means[0] - means[1]))
