"""From coarse ab to the full-size picture: upsample, merge with the photo's own lightness, fit the gamut.

Everything happens strip by strip: beside the result only a few megabytes are held, whatever the photo's size.
Per pixel, f(Y) and Y come from tables of gray levels, f(X) and f(Z) from a small matrix product that
interpolates a and b, and linear RGB from their cubes; see `skcolorize._color_tables` for the devices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from PIL import Image

from .. import _color_tables as tables
from .. import color

__all__ = ["render_image", "render_lab", "render_rgb"]

_MAX_ROWS = 256  # of a strip: keeps the matrix that interpolates rows small for narrow photos
_GUIDE_EPSILON = 0.01  # in scaled roots of lightness, squared: contrasts under about 4 L move no colour

# How far the scaled roots of X and Z lie from that of Y, per unit of a and b.
_SHIFT_FROM_AB = np.array([tables.ROOT_SCALE / 500, -tables.ROOT_SCALE / 200], np.float32)
# Linear RGB of the cubes of X's and Z's roots, and of Y.
_RGB_FROM_XZY = np.column_stack([tables.RGB_FROM_CUBES[:, ::2], tables.RGB_FROM_XYZ[:, 1]])


def render_rgb(
    lightness: ArrayLike,
    ab: ArrayLike,
    *,
    dtype: DTypeLike = "uint8",
    upsampling: str = "bilinear",
    n_jobs: int | None = None,
) -> np.ndarray:
    """Full-size sRGB picture of a lightness and coarse ab.

    Where a colour leaves sRGB, its chroma is lowered along constant L and hue until it fits, so that the gray
    of the picture is the gray that was given, within 8-bit rounding.

    Parameters
    ----------
    lightness : array-like of shape (H, W)
        sRGB gray levels, uint8 or uint16, or L in 0..100 as float.
    ab : array-like of shape (h, w, 2)
        a and b in Lab units on a grid of any size over the same extent (pixels as areas, not as points).
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        Of the result: levels in full range, or floats in 0..1.
    upsampling : {"bilinear", "guided"}, default="bilinear"
        "guided" lets colours follow the edges of the lightness, after the fast guided filter [1]_: in windows
        of 3 x 3 cells of the grid ab is fitted as slope times lightness plus offset, and those two are
        upsampled. Where cells and lightness agree the picture is the bilinear one.
    n_jobs : int, default=None
        Threads that share the strips, in joblib's terms; None is one thread.

    Returns
    -------
    rgb : ndarray of shape (H, W, 3)
        sRGB of the given dtype.

    Raises
    ------
    ValueError
        If a shape, a dtype or `upsampling` is none of those.

    References
    ----------
    .. [1] K. He, J. Sun, "Fast Guided Filter", arXiv:1505.00996, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.inference.rendering import render_rgb
    >>> gray = np.full((2, 3), 119, np.uint8)
    >>> render_rgb(gray, [[[0, 0], [40, 20]]])[0]
    array([[119, 119, 119],
           [157, 106, 103],
           [188,  88,  87]], dtype=uint8)
    """
    merge = _Merge(lightness, ab, upsampling)
    picture = np.empty((*merge.shape, 3), color.check_dtype(dtype))
    _write_rgb(merge, picture, n_jobs)
    return picture


def render_image(
    lightness: ArrayLike, ab: ArrayLike, *, upsampling: str = "bilinear", n_jobs: int | None = None
) -> Image.Image:
    """The picture of `render_rgb` as a PIL image, without a copy of its pixels.

    Parameters
    ----------
    lightness, ab, upsampling, n_jobs
        As in `render_rgb`.

    Returns
    -------
    image : PIL.Image.Image
        Of mode RGBX, the fourth byte unused. JPEG and WebP save it as it is; before other formats, say
        ``image.convert("RGB")``.

    Raises
    ------
    ValueError
        As in `render_rgb`.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.inference.rendering import render_image
    >>> image = render_image(np.full((2, 3), 119, np.uint8), np.zeros((1, 1, 2)))
    >>> image.size, image.mode, image.convert("RGB").getpixel((0, 0))
    ((3, 2), 'RGBX', (119, 119, 119))
    """
    merge = _Merge(lightness, ab, upsampling)
    pixels = np.zeros((*merge.shape, 4), np.uint8)
    _write_rgb(merge, pixels, n_jobs)
    return Image.frombuffer("RGBX", merge.shape[::-1], pixels, "raw", "RGBX", 0, 1)


def render_lab(
    lightness: ArrayLike, ab: ArrayLike, *, upsampling: str = "bilinear", n_jobs: int | None = None
) -> np.ndarray:
    """CIELAB of the picture that `render_rgb` gives; L is the input's own.

    Parameters
    ----------
    lightness, ab, upsampling, n_jobs
        As in `render_rgb`.

    Returns
    -------
    lab : ndarray of shape (H, W, 3), float32
        L in 0..100, a and b in Lab units.

    Raises
    ------
    ValueError
        As in `render_rgb`.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.inference.rendering import render_lab
    >>> render_lab(np.array([[119, 255]], np.uint8), [[[40, 20]]]).round(1)[0] + 0
    array([[ 50.,  40.,  20.],
           [100.,   0.,   0.]], dtype=float32)
    """
    merge = _Merge(lightness, ab, upsampling)
    lab = np.empty((*merge.shape, 3), np.float32)

    def write(rows, linear, y, shift, fitted):
        roots = tables.root(tables.XYZ_FROM_RGB @ linear.take(fitted, axis=1))
        shift[:, fitted] = tables.ROOT_SCALE * (roots[::2] - roots[1])
        out = lab[rows].reshape(-1, 3)
        np.multiply(y, 116 / tables.ROOT_SCALE, out=out[:, 0])
        out[:, 0] -= 16
        np.multiply(shift.T, 1 / _SHIFT_FROM_AB, out=out[:, 1:])

    merge.run(lambda size: write, n_jobs)
    return lab


def _write_rgb(merge, pixels, n_jobs):
    """Fill the first three channels of ``pixels``."""

    def make_write(size):
        write_levels = tables.level_writer(pixels.dtype.name, size)

        def write(rows, linear, *_):
            for channel in range(3):
                write_levels(linear[channel], pixels[rows, :, channel])

        return write

    merge.run(make_write, n_jobs)


class _Merge:
    """Lightness and coarse ab of one photo, ready to be merged strip by strip."""

    def __init__(self, lightness, ab, upsampling):
        self.lightness, ab = np.ascontiguousarray(lightness), np.asarray(ab, np.float32)
        if self.lightness.ndim != 2 or not (
            self.lightness.dtype in (np.uint8, np.uint16) or self.lightness.dtype.kind == "f"
        ):
            raise ValueError(
                "lightness must be (H, W), uint8, uint16 or float, "
                f"got {self.lightness.shape}, {self.lightness.dtype}."
            )
        if ab.ndim != 3 or ab.shape[2] != 2 or ab.size == 0:
            raise ValueError(f"ab must have shape (h, w, 2), got {ab.shape}.")
        if upsampling not in ("bilinear", "guided"):
            raise ValueError(f"upsampling must be 'bilinear' or 'guided', got {upsampling!r}.")
        self.shape = height, width = self.lightness.shape
        offset, slope = np.ascontiguousarray((ab * _SHIFT_FROM_AB).transpose(2, 0, 1)), None
        if upsampling == "guided":
            offset, slope = _fit_guide(self.lightness, offset)
        self.row_positions = _positions(height, len(ab))
        self.offset = _widen(offset, width)
        self.slope = None if slope is None else _widen(slope, width)

    def run(self, make_write, n_jobs=None):
        """Call ``write(rows, linear, y, shift, fitted)`` for each strip.

        Linear RGB, scaled root of Y, distances of the two other roots from it, and the indices of pixels
        whose linear RGB was fitted to the gamut (their distances were not). ``make_write(size)`` gives each
        thread its own ``write``.
        """
        height, width = self.shape
        strip_rows = max(1, min(tables.STRIP // max(width, 1), _MAX_ROWS))

        def make_kernel(rows):
            planes = np.empty((10, rows * width), np.float32)
            write = make_write(rows * width)

            def kernel(start, stop):
                (y,), shift, cubes, scratch = np.split(planes[:, : (stop - start) * width], (1, 3, 6))
                _look_up_lightness(self.lightness[start:stop].reshape(-1), y, cubes[2])
                self._interpolate(start, stop, y, shift, scratch[:2])
                np.add(y, shift, out=cubes[:2])
                tables.cube(cubes[:2], (scratch[:2], scratch[2:]))
                linear = scratch[:3]
                tables.matmul(_RGB_FROM_XZY, cubes, linear)
                outside = np.flatnonzero(tables.is_outside(linear, cubes[:2]))
                if outside.size:
                    parts = (part.take(outside, axis=-1) for part in (cubes[2], y, shift, linear))
                    for plane, values in zip(linear, _fit_gamut(*parts), strict=True):
                        plane[outside] = values
                write(slice(start, stop), linear, y, shift, outside)

            return kernel

        tables.share_strips(make_kernel, height, strip_rows, n_jobs)

    def _interpolate(self, start, stop, y, out, scratch):
        """Distances of the roots of X and Z from that of Y on the pixels of a strip."""
        width = self.shape[1]
        taps, rows = _row_taps(self.row_positions[start:stop])
        tables.matmul(taps, self.offset[:, rows], out.reshape(2, -1, width))
        if self.slope is not None:
            tables.matmul(taps, self.slope[:, rows], scratch.reshape(2, -1, width))
            scratch *= y
            out += scratch


def _look_up_lightness(lightness, root, luminance):
    """Scaled root of Y, and Y, of a row of gray levels, or of L."""
    if lightness.dtype.kind != "f":
        tables.look_up(tables.scaled_root_from_srgb, lightness, root)
        tables.look_up(tables.linear_from_srgb, lightness, luminance)
        return
    np.clip(lightness, 0, 100, out=root, casting="same_kind")
    root += 16
    root *= tables.ROOT_SCALE / 116
    luminance[:] = root
    tables.cube(luminance, np.empty((2, len(root)), np.float32))
    luminance *= tables.ROOT_SCALE**-3


def _fit_gamut(luminance, y, shift, linear):
    """Linear RGB with less chroma, along constant L and hue, for colours that leave sRGB.

    Where the way from gray to the colour leaves the gamut would be known at once if linear RGB were linear in
    chroma. One such step comes close. A second one goes straight on in linear RGB, which keeps Y, ends on the
    boundary, and turns hue by less than a degree, as the way left is short.
    """
    shift *= _fraction_inside(luminance, linear)
    roots, *scratch = np.empty((3, *linear.shape), np.float32)
    roots[1] = y
    np.add(y, shift, out=roots[::2])
    linear = tables.linear_from_roots(roots, scratch)
    fraction = _fraction_inside(luminance, linear)
    linear -= luminance
    linear *= fraction
    linear += luminance
    return linear


def _fraction_inside(luminance, linear):
    """Part of the way from gray to a linear colour that lies within 0..1."""
    below = luminance / np.maximum(luminance - linear.min(axis=0), 1e-6)
    above = (1 - luminance) / np.maximum(linear.max(axis=0) - luminance, 1e-6)
    return np.minimum(np.minimum(below, above), 1)


def _positions(size, coarse):
    """Where the pixels of an axis lie on a coarse grid of the same extent; flat beyond its outer centres."""
    return np.clip((np.arange(size) + 0.5) * (coarse / size) - 0.5, 0, coarse - 1)


def _widen(planes, width):
    """Interpolate the columns of planes (n, h, w) to ``width``."""
    at = _positions(width, planes.shape[2])
    left = at.astype(np.intp)
    weight = (at - left).astype(np.float32)
    right = np.minimum(left + 1, planes.shape[2] - 1)
    return planes[..., left] * (1 - weight) + planes[..., right] * weight


def _row_taps(at):
    """Matrix that interpolates rows at some positions, and the coarse rows that it takes."""
    first, last = int(at[0]), int(np.ceil(at[-1]))
    taps = 1 - np.abs(at[:, None] - np.arange(first, last + 1))
    return np.maximum(taps, 0).astype(np.float32), slice(first, last + 1)


def _fit_guide(lightness, shift):
    """Offset and slope (2, h, w) for which slope * root of Y + offset is ``shift`` on the coarse grid.

    He and Sun smooth both; here only the slope is, and the offset carries what it leaves over: the grid is
    coarse already, and a smoothed offset lost 0.3 to 2 dB against bilinear upsampling where this gains 0.8.
    """
    if lightness.dtype == np.uint16:
        lightness = (lightness >> 8).astype(np.uint8)
    elif lightness.dtype.kind == "f":
        lightness = color.lightness_to_gray(lightness)
    small = Image.fromarray(lightness).resize(shift.shape[:0:-1], Image.Resampling.BOX)
    guide = np.empty(shift.shape[1:], np.float32)
    tables.look_up(tables.scaled_root_from_srgb, np.asarray(small).reshape(-1), guide.reshape(-1))
    mean, mean_shift = _window_mean(guide), _window_mean(shift)
    variance = _window_mean(guide * guide) - mean * mean
    covariance = _window_mean(guide * shift) - mean * mean_shift
    slope = _window_mean(covariance / (variance + _GUIDE_EPSILON))
    return shift - slope * guide, slope


def _window_mean(planes):
    """Mean over windows of 3 x 3, the border repeated."""
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9
