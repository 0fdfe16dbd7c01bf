"""sRGB, gray and CIELAB, for NumPy arrays.

CIELAB is that of scikit-image: D65, 2 degree observer, L in 0..100, a and b in Lab units (within sRGB about
-86..98 and -108..94). Gray means sRGB gray levels. Conversions run in strips, through tables.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import _color_tables as tables
from . import _strips as strips

__all__ = [
    "clip_to_gamut",
    "gray_to_lightness",
    "lab_to_rgb",
    "lightness_to_gray",
    "rgb_to_lab",
    "scale_lab",
    "unscale_lab",
]

_SCALE, _OFFSET = np.array([50, 128, 128], np.float32), np.array([1, 0, 0], np.float32)
_HALVINGS = 14  # of the chroma interval in `clip_to_gamut`


def rgb_to_lab(rgb: ArrayLike, n_jobs: int | None = None) -> np.ndarray:
    """CIELAB of sRGB colours.

    Within 0.01 Lab units of `skimage.color.rgb2lab`, several times as fast. `lab_to_rgb` gives back every
    8-bit colour exactly.

    Parameters
    ----------
    rgb : array-like of shape (..., 3)
        sRGB: uint8 or uint16 in full range, or float in 0..1.
    n_jobs : int, default=None
        Threads that share the strips, in joblib's terms; None is one thread.

    Returns
    -------
    lab : ndarray of shape (..., 3), float32
        L in 0..100, a and b in Lab units.

    Raises
    ------
    ValueError
        If the last axis is not 3, the dtype is none of those, or a float leaves 0..1.

    References
    ----------
    .. [1] CIE 15:2004, Colorimetry. IEC 61966-2-1:1999, sRGB.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.color import rgb_to_lab
    >>> rgb_to_lab(np.array([[255, 0, 0], [0, 0, 0]], np.uint8)).round(1)
    array([[53.2, 80.1, 67.2],
           [ 0. ,  0. ,  0. ]], dtype=float32)
    """
    rgb = _check_levels(_check_colors(rgb, "rgb"), "rgb")
    pixels = rgb.reshape(-1, 3)
    lab = np.empty(pixels.shape, np.float32)

    def make_kernel(size):
        planes = strips.scratch_planes(2, 3 * size)
        index_plane = strips.scratch_planes(3 * size, dtype=np.intp)

        def kernel(start, stop):
            n = 3 * (stop - start)
            levels = np.ascontiguousarray(pixels[start:stop]).reshape(-1)
            tables.look_up(tables.biased_linear_from_srgb, levels, planes[0, :n], index_plane)
            linear, scratch, index = (row[:n].reshape(-1, 3) for row in (*planes, index_plane))
            tables.lab_from_linear(linear, scratch, index, lab[start:stop])

        return kernel

    strips.share_strips(make_kernel, len(pixels), n_jobs=n_jobs)
    return lab.reshape(rgb.shape)


def lab_to_rgb(lab: ArrayLike, dtype: DTypeLike = "uint8", n_jobs: int | None = None) -> np.ndarray:
    """sRGB of CIELAB colours.

    Colours that sRGB cannot show are clipped channel by channel, as `skimage.color.lab2rgb` does, which
    changes their lightness and hue; `clip_to_gamut` mends them first.

    Parameters
    ----------
    lab : array-like of shape (..., 3)
        L in 0..100, a and b in Lab units.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        Of the result: levels in full range, rounded (for uint8 one in 200 to the neighbour), or
        floats in 0..1.
    n_jobs : int, default=None
        Threads that share the strips, in joblib's terms; None is one thread.

    Returns
    -------
    rgb : ndarray of shape (..., 3)
        sRGB of the given dtype.

    Raises
    ------
    ValueError
        If the last axis is not 3 or dtype is none of those.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.color import lab_to_rgb
    >>> lab_to_rgb(np.array([53.2, 80.1, 67.2]))
    array([255,   0,   0], dtype=uint8)
    """
    lab, dtype = _check_colors(lab, "lab"), check_dtype(dtype)
    colors = lab.reshape(-1, 3)
    rgb = np.empty(colors.shape, dtype)

    def make_kernel(size):
        planes = strips.scratch_planes(3, 3 * size)
        write = tables.level_writer(dtype, 3 * size)

        def kernel(start, stop):
            roots, *scratch = planes[:, : 3 * (stop - start)].reshape(3, -1, 3)
            tables.roots_from_lab(np.ascontiguousarray(colors[start:stop], np.float32), roots)
            write(tables.linear_from_pixel_roots(roots, scratch), rgb[start:stop])

        return kernel

    strips.share_strips(make_kernel, len(colors), n_jobs=n_jobs)
    return rgb.reshape(lab.shape)


def gray_to_lightness(gray: ArrayLike) -> np.ndarray:
    """Lightness L of sRGB gray levels.

    Parameters
    ----------
    gray : array-like
        sRGB gray levels of any shape: uint8 or uint16 in full range, or float in 0..1.

    Returns
    -------
    lightness : ndarray of the same shape, float32
        L in 0..100.

    Raises
    ------
    ValueError
        If the dtype is none of those, or a float leaves 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.color import gray_to_lightness
    >>> gray_to_lightness(np.array([0, 119, 255], np.uint8)).round(1)
    array([  0.,  50., 100.], dtype=float32)
    """
    gray = _check_levels(np.asarray(gray), "gray")
    levels = gray.reshape(-1)
    lightness = np.empty(levels.shape, np.float32)

    def kernel(start, stop):
        strip = np.ascontiguousarray(levels[start:stop])
        tables.look_up(tables.lightness_from_srgb, strip, lightness[start:stop])

    strips.share_strips(lambda size: kernel, len(levels))
    return lightness.reshape(gray.shape)


def lightness_to_gray(lightness: ArrayLike, dtype: DTypeLike = "uint8") -> np.ndarray:
    """sRGB gray levels of lightness L.

    Parameters
    ----------
    lightness : array-like
        L of any shape; it is clipped to 0..100.
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        Of the result: levels in full range, or floats in 0..1.

    Returns
    -------
    gray : ndarray of the same shape
        sRGB gray levels of the given dtype.

    Raises
    ------
    ValueError
        If dtype is none of those.

    Examples
    --------
    >>> from skcolorize.color import lightness_to_gray
    >>> lightness_to_gray([0, 50, 100])
    array([  0, 119, 255], dtype=uint8)
    """
    lightness, dtype = np.asarray(lightness), check_dtype(dtype)
    values = lightness.reshape(-1)
    gray = np.empty(values.shape, dtype)

    def make_kernel(size):
        write = tables.level_writer(dtype, size)

        def kernel(start, stop):
            roots = (values[start:stop].astype(np.float32) + 16) * np.float32(tables.ROOT_SCALE / 116)
            tables.cube(roots, strips.scratch_planes(2, len(roots)))
            roots *= np.float32(tables.ROOT_SCALE**-3)
            write(roots, gray[start:stop])

        return kernel

    strips.share_strips(make_kernel, len(values))
    return gray.reshape(lightness.shape)


def scale_lab(lab: ArrayLike) -> np.ndarray:
    """Lab in a network's range: L / 50 - 1, a / 128, b / 128.

    Parameters
    ----------
    lab : array-like of shape (..., 3)
        L in 0..100, a and b in Lab units.

    Returns
    -------
    scaled : ndarray of shape (..., 3), float32
        Within -1..1.

    Raises
    ------
    ValueError
        If the last axis is not 3.

    Examples
    --------
    >>> from skcolorize.color import scale_lab
    >>> scale_lab([75, 64, -32])
    array([ 0.5 ,  0.5 , -0.25], dtype=float32)
    """
    return _check_colors(lab, "lab").astype(np.float32, copy=False) / _SCALE - _OFFSET


def unscale_lab(scaled: ArrayLike) -> np.ndarray:
    """Lab of what `scale_lab` gave.

    Parameters
    ----------
    scaled : array-like of shape (..., 3)
        L / 50 - 1, a / 128, b / 128.

    Returns
    -------
    lab : ndarray of shape (..., 3), float32
        L in 0..100, a and b in Lab units.

    Raises
    ------
    ValueError
        If the last axis is not 3.

    Examples
    --------
    >>> from skcolorize.color import unscale_lab
    >>> unscale_lab([0.5, 0.5, -0.25])
    array([ 75.,  64., -32.], dtype=float32)
    """
    return (_check_colors(scaled, "scaled").astype(np.float32, copy=False) + _OFFSET) * _SCALE


def clip_to_gamut(lab: ArrayLike) -> np.ndarray:
    """Lower chroma along constant L and hue until each colour fits sRGB.

    What fits stays as it is. Fits means that linear RGB leaves 0..1 by less than half an 8-bit level next to
    black; chroma is then the largest that fits, to 1 part in 10,000 of what it was.

    Parameters
    ----------
    lab : array-like of shape (..., 3)
        L, which is clipped to 0..100, a and b in Lab units.

    Returns
    -------
    lab : ndarray of shape (..., 3), float32
        A new array.

    Raises
    ------
    ValueError
        If the last axis is not 3.

    Examples
    --------
    >>> from skcolorize.color import clip_to_gamut
    >>> clip_to_gamut([[50, 10, 10], [50, 150, 0], [100, 20, 20]]).round(1) + 0
    array([[ 50.,  10.,  10.],
           [ 50.,  79.,   0.],
           [100.,   0.,   0.]], dtype=float32)
    """
    lab = _check_colors(lab, "lab").astype(np.float32)
    colors = lab.reshape(-1, 3)
    np.clip(colors[:, 0], 0, 100, out=colors[:, 0])

    def kernel(start, stop):
        strip = colors[start:stop]
        outside = np.flatnonzero(_gamut_test(strip)(1))
        if outside.size:
            leaves = _gamut_test(strip[outside])
            kept, step = np.zeros(outside.size, np.float32), 1.0
            for _ in range(_HALVINGS):
                step /= 2
                kept += step
                kept -= step * leaves(kept)
            strip[outside, 1:] *= kept[:, None]

    strips.share_strips(lambda size: kernel, len(colors))
    return lab


def _gamut_test(lab: np.ndarray) -> Callable:
    """A function that tells which colours leave the gamut with a part of their chroma."""
    roots, shift, *scratch = strips.scratch_planes(4, 3, len(lab))
    pixels = strips.scratch_planes(3 * len(lab)).reshape(-1, 3)
    tables.roots_from_lab(lab, pixels)
    roots[:] = pixels.T
    y = roots[1].copy()
    np.subtract(roots, y, out=shift)

    def leaves(part: ArrayLike) -> np.ndarray:
        np.multiply(shift, part, out=roots)
        np.add(roots, y, out=roots)
        return tables.is_outside(tables.linear_from_roots(roots, scratch), scratch[1][:2])

    return leaves


def check_dtype(dtype: DTypeLike) -> str:
    """The name of a dtype that sRGB can be given in, or a ValueError."""
    name = np.dtype(dtype).name
    if name not in ("uint8", "uint16", "float32"):
        raise ValueError(f"dtype must be 'uint8', 'uint16' or 'float32', got {dtype!r}.")
    return name


def _check_colors(values: ArrayLike, name: str) -> np.ndarray:
    colors = np.asarray(values)
    if colors.ndim == 0 or colors.shape[-1] != 3:
        raise ValueError(f"{name} must have shape (..., 3), got {colors.shape}.")
    return colors


def _check_levels(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, uint16 or float in 0..1, got {values.dtype}; cast it first.")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{name} is float and must lie in 0..1. Cast levels of 0..255 by .astype('uint8'); "
            "Lab goes through lab_to_rgb first."
        )
    return values.astype(np.float32) if values.dtype == np.float16 else values
