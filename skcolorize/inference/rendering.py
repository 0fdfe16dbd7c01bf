"""From coarse ab to the full-size picture: upsample, merge with the photo's own lightness, fit the gamut.

Everything happens strip by strip: beside the result only a few megabytes are held, whatever the photo's size.
`blending` has the arithmetic, `enlarging` the interpolation; large 8-bit photos go by way of `palette`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from PIL import Image

from .. import _color_tables as tables
from .. import _strips as strips
from .. import color
from . import palette
from .blending import SHIFT_FROM_AB, Blender
from .enlarging import Enlarged, strip_rows

__all__ = ["as_image", "high_bytes", "render_image", "render_lab", "render_rgb", "render_rgbx"]

_GUIDE_EPSILON = 0.01  # in scaled roots of lightness, squared: contrasts under about 4 L move no colour


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
    return as_image(render_rgbx(lightness, ab, upsampling=upsampling, n_jobs=n_jobs))


def render_rgbx(lightness, ab, *, upsampling="bilinear", n_jobs=None) -> np.ndarray:
    """The picture of `render_rgb` as uint8 (H, W, 4), the fourth channel unused: for `as_image`."""
    merge = _Merge(lightness, ab, upsampling)
    pixels = np.zeros((*merge.shape, 4), np.uint8)
    _write_rgb(merge, pixels, n_jobs)
    return pixels


def as_image(rgbx: np.ndarray) -> Image.Image:
    """A PIL image of mode RGBX on the same memory."""
    return Image.frombuffer("RGBX", rgbx.shape[1::-1], rgbx, "raw", "RGBX", 0, 1)


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
        if fitted.size:
            roots = tables.root(tables.XYZ_FROM_RGB @ linear.take(fitted, axis=1))
            shift[:, fitted] = tables.ROOT_SCALE * (roots[::2] - roots[1])
        out = lab[rows].reshape(-1, 3)
        np.multiply(y, 116 / tables.ROOT_SCALE, out=out[:, 0])
        out[:, 0] -= 16
        np.multiply(shift.T, 1 / SHIFT_FROM_AB, out=out[:, 1:])

    merge.run(lambda size: write, n_jobs)
    return lab


def _write_rgb(merge, pixels, n_jobs):
    """Fill the first three channels of ``pixels``."""
    is_8_bit = pixels.dtype == merge.lightness.dtype == np.uint8
    if is_8_bit and merge.slope is None and palette.paint(merge.lightness, merge.ab, pixels, n_jobs):
        return

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
        self.lightness, self.ab = np.ascontiguousarray(lightness), np.asarray(ab, np.float32)
        if self.lightness.ndim != 2 or not (
            self.lightness.dtype in (np.uint8, np.uint16) or self.lightness.dtype.kind == "f"
        ):
            raise ValueError(
                "lightness must be (H, W), uint8, uint16 or float, "
                f"got {self.lightness.shape}, {self.lightness.dtype}."
            )
        if self.ab.ndim != 3 or self.ab.shape[2] != 2 or self.ab.size == 0:
            raise ValueError(f"ab must have shape (h, w, 2), got {self.ab.shape}.")
        if upsampling not in ("bilinear", "guided"):
            raise ValueError(f"upsampling must be 'bilinear' or 'guided', got {upsampling!r}.")
        self.shape = self.lightness.shape
        self.offset, self.slope = (self.ab * SHIFT_FROM_AB).transpose(2, 0, 1), None
        if upsampling == "guided":
            self.offset, self.slope = _fit_guide(self.lightness, self.offset)

    def run(self, make_write, n_jobs=None):
        """Call ``write(rows, linear, y, shift, fitted)``, as `Blender.blend` has them, for each strip.

        ``make_write(size)`` gives each thread its own ``write``.
        """
        height, width = self.shape
        offset = Enlarged(self.offset, self.shape)
        slope = None if self.slope is None else Enlarged(self.slope, self.shape)

        def make_kernel(rows):
            blender = Blender(rows * width)
            write = make_write(rows * width)

            def kernel(start, stop):
                def write_shift(y, shift, spare):
                    offset.write_rows(start, stop, shift.reshape(2, -1, width))
                    if slope is not None:
                        slope.write_rows(start, stop, spare.reshape(2, -1, width))
                        spare *= y
                        shift += spare

                write(slice(start, stop), *blender.blend(self.lightness[start:stop].reshape(-1), write_shift))

            return kernel

        strips.share_strips(make_kernel, height, strip_rows(width), n_jobs)


def high_bytes(levels: np.ndarray) -> np.ndarray:
    """Gray levels (uint8 or uint16) in 8 bits."""
    if levels.dtype == np.uint8:
        return levels
    return np.right_shift(levels, 8, out=np.empty(levels.shape, np.uint8), casting="unsafe")


def _fit_guide(lightness, shift):
    """Offset and slope (2, h, w) for which slope * root of Y + offset is ``shift`` on the coarse grid.

    He and Sun smooth both; here only the slope is, and the offset carries what it leaves over: the grid is
    coarse already, and a smoothed offset lost 0.3 to 2 dB against bilinear upsampling where this gains 0.8.
    """
    gray = color.lightness_to_gray(lightness) if lightness.dtype.kind == "f" else high_bytes(lightness)
    small = Image.fromarray(gray).resize(shift.shape[:0:-1], Image.Resampling.BOX)
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
