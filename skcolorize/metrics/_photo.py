"""Measures of one photo, or of one photo against the true one."""

import numpy as np
from numpy.typing import ArrayLike

from .. import color
from ..images.forms import check_array

SSIM_WINDOW = 11  # pixels: a Gaussian of sigma 1.5, as published


def unit_values(photo: ArrayLike, name: str = "the photo") -> np.ndarray:
    """A photo's values in 0..1 as floats, from any of the dtypes that photos have."""
    photo = np.asarray(photo)
    check_array(photo, name)
    if photo.dtype.kind == "u":
        return photo / np.float32(np.iinfo(photo.dtype).max)
    values = photo.astype(np.float32, copy=False)
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"{name} has float values outside 0..1")
    return values


def _pair(true: ArrayLike, pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    true, pred = unit_values(true, "the true photo"), unit_values(pred, "the predicted photo")
    if true.shape != pred.shape:
        raise ValueError(f"the true photo has shape {true.shape}, the predicted one {pred.shape}")
    return true, pred


def rgb_values(photo: ArrayLike, name: str = "the photo") -> np.ndarray:
    """Values in 0..1 of a photo that must be one of three channels."""
    values = unit_values(photo, name)
    if values.ndim != 3 or values.shape[-1] != 3:
        raise ValueError(f"{name} has shape {values.shape}; colour photos have shape (H, W, 3)")
    return values


def peak_signal_noise_ratio(true: ArrayLike, pred: ArrayLike) -> float:
    """Ratio of the peak to the mean squared error over all pixels and channels, in decibels.

    ``10 log10(1 / mean((true - pred)**2))`` with values in 0..1.

    Parameters
    ----------
    true, pred : array-like of shape (H, W) or (H, W, C)
        uint8 or uint16 levels, or floats in 0..1, not necessarily of the same dtype.

    Returns
    -------
    ratio : float
        In dB, greater is better; inf for equal photos.

    Raises
    ------
    ValueError
        The shapes differ, or an array is no photo.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import peak_signal_noise_ratio
    >>> true = np.full((4, 4, 3), 100, dtype=np.uint8)
    >>> round(peak_signal_noise_ratio(true, true + np.uint8(5)), 2)
    34.15
    """
    true, pred = _pair(true, pred)
    error = np.mean(np.square(true - pred), dtype=np.float64)
    return float(10 * np.log10(1 / error)) if error else float("inf")


def structural_similarity(true: ArrayLike, pred: ArrayLike) -> float:
    """Mean structural similarity, with the Gaussian window of the paper, averaged over the channels.

    Parameters
    ----------
    true, pred : array-like of shape (H, W) or (H, W, C)
        uint8 or uint16 levels, or floats in 0..1; sides of 11 pixels at least.

    Returns
    -------
    similarity : float
        At most 1, for equal photos.

    Raises
    ------
    ValueError
        The shapes differ, or a side has fewer than 11 pixels.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity,
    IEEE Transactions on Image Processing 13 (2004), 600-612.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import structural_similarity
    >>> photo = np.random.default_rng(0).random((16, 16, 3))
    >>> round(structural_similarity(photo, photo), 6)
    1.0
    """
    from skimage.metrics import structural_similarity as mean_similarity

    true, pred = _pair(true, pred)
    if min(true.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"photos need {SSIM_WINDOW} pixels a side at least. Got shape {true.shape}.")
    return float(
        mean_similarity(
            true,
            pred,
            data_range=1.0,
            channel_axis=-1 if true.ndim == 3 else None,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def ciede2000(true: ArrayLike, pred: ArrayLike, *, space: str = "rgb") -> float:
    """Mean colour difference as people see it, CIEDE2000.

    Parameters
    ----------
    true, pred : array-like of shape (H, W, 3)
        Photos; with ``space="lab"`` arrays (..., 3) of CIELAB values.
    space : {"rgb", "lab"}, default="rgb"
        What the arrays hold.

    Returns
    -------
    difference : float
        0 for equal colours; about 1 is just noticeable.

    Raises
    ------
    ValueError
        The shapes differ, an array is no colour photo, or `space` is another one.

    References
    ----------
    Sharma, Wu, Dalal: The CIEDE2000 color-difference formula: implementation notes, supplementary test data,
    and mathematical observations, Color Research & Application 30 (2005), 21-30.

    Examples
    --------
    >>> from skcolorize.metrics import ciede2000
    >>> round(ciede2000([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], space="lab"), 4)
    2.0425
    """
    from skimage.color import deltaE_ciede2000

    if space not in ("rgb", "lab"):
        raise ValueError(f"space must be 'rgb' or 'lab'. Got {space!r} instead.")
    if space == "rgb":
        true, pred = (color.rgb_to_lab(rgb_values(p)) for p in _pair(true, pred))
    else:
        true, pred = np.asarray(true), np.asarray(pred)
        if true.shape != pred.shape or not true.size or true.shape[-1] != 3:
            raise ValueError(f"Lab arrays have one shape (..., 3). Got {true.shape} and {pred.shape}.")
    return float(np.mean(deltaE_ciede2000(true, pred), dtype=np.float64))


def colorfulness(rgb: ArrayLike) -> float:
    """Hasler and Süsstrunk's measure M3 of how colourful a photo is.

    ``sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)**2 + mean(yb)**2)`` of the opponent signals
    ``rg = R - G`` and ``yb = (R + G) / 2 - B`` in 8-bit levels, signed as published (some code takes their
    absolute values, which gives other numbers).

    Parameters
    ----------
    rgb : array-like of shape (H, W, 3)
        uint8 or uint16 levels, or floats in 0..1.

    Returns
    -------
    colorfulness : float
        0 for gray; about 15 slightly, 33 moderately, 59 highly colourful, 109 extremely so.

    References
    ----------
    Hasler, Süsstrunk: Measuring colourfulness in natural images, Proceedings of SPIE 5007 (2003), 87-95.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import colorfulness
    >>> colorfulness(np.full((2, 2, 3), 77, dtype=np.uint8))
    0.0
    """
    red, green, blue = np.moveaxis(255 * rgb_values(rgb), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue]).astype(np.float64)
    mean, variance = opponents.mean((1, 2)), opponents.var((1, 2))
    return float(np.sqrt(variance.sum()) + 0.3 * np.hypot(*mean))
