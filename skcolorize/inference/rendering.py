"""From coarse ab to the full-size picture: upsample, merge with the photo's own lightness, fit the gamut.

Everything happens strip by strip: beside the result only a few megabytes are held at any photo size.
"""

import numpy as np
from PIL import Image

from .. import color

__all__ = ["render_image", "render_lab", "render_rgb"]

_MAX_ROWS = 256  # of a strip: keeps the matrix that interpolates rows small for narrow photos
_GUIDE_RADIUS, _GUIDE_EPSILON = 2, 1e-4
# Linear RGB of the cubes of x and z, and of Y.
_RGB_FROM_XZY = np.column_stack([color._RGB_FROM_CUBES[:, ::2], color._RGB_FROM_WXYZ[:, 1]]).astype(np.float32)

# How far the scaled roots of X and Z lie from that of Y, per unit of a and b.
_SHIFT_FROM_AB = np.array([color._ROOT_SCALE / 500, -color._ROOT_SCALE / 200], np.float32)


def render_rgb(lightness, ab, *, dtype="uint8", upsampling="bilinear", n_jobs=None):
    """Full-size sRGB picture of a lightness and coarse ab."""
    dtype = color._check_dtype(dtype)
    merge = _Merge(lightness, ab, upsampling)
    picture = np.empty((*merge.shape, 3), dtype)
    _write_rgb(merge, picture, n_jobs)
    return picture


def render_image(lightness, ab, *, upsampling="bilinear", n_jobs=None):
    """The same picture as a PIL image of mode RGBX (JPEG, WebP and TIFF save it), without a copy."""
    merge = _Merge(lightness, ab, upsampling)
    pixels = np.zeros((*merge.shape, 4), np.uint8)
    _write_rgb(merge, pixels, n_jobs)
    return Image.frombuffer("RGBX", merge.shape[::-1], pixels, "raw", "RGBX", 0, 1)


def render_lab(lightness, ab, *, upsampling="bilinear", n_jobs=None):
    """Lab of the picture that `render_rgb` gives; L is the input's own."""
    merge = _Merge(lightness, ab, upsampling)
    lab = np.empty((*merge.shape, 3), np.float32)

    def write(rows, linear, y, shift, fitted):
        roots = color._root(color._WXYZ_FROM_RGB @ linear.take(fitted, axis=1))
        shift[:, fitted] = color._ROOT_SCALE * (roots[::2] - roots[1])
        out = lab[rows].reshape(-1, 3)
        np.multiply(y, 116 / color._ROOT_SCALE, out=out[:, 0])
        out[:, 0] -= 16
        np.multiply(shift.T, 1 / _SHIFT_FROM_AB, out=out[:, 1:])

    merge.run(lambda size: write, n_jobs)
    return lab


def _write_rgb(merge, pixels, n_jobs):
    def make_write(size):
        write_levels = color._level_writer(pixels.dtype.name, size)

        def write(rows, linear, *_):
            for channel in range(3):
                write_levels(linear[channel], pixels[rows, :, channel])

        return write

    merge.run(make_write, n_jobs)


class _Merge:
    """Lightness and coarse ab of one photo, ready to be merged strip by strip."""

    def __init__(self, lightness, ab, upsampling):
        self.lightness = np.ascontiguousarray(lightness)
        self.shape = self.lightness.shape
        shift = np.asarray(ab, np.float32) * _SHIFT_FROM_AB
        planes = [np.ascontiguousarray(shift.transpose(2, 0, 1))]
        if upsampling == "guided":
            planes = _fit_guide(self.lightness, planes[0])
        elif upsampling != "bilinear":
            raise ValueError(f"upsampling must be 'bilinear' or 'guided', got {upsampling!r}.")
        self.offset, *self.slope = [_widen(p, self.shape[1]) for p in planes]

    def run(self, make_write, n_jobs=None):
        """Call ``write(rows, linear, y, shift, fitted)`` for each strip.

        Linear RGB, root of Y, distances of the other roots (before repair), indices of repaired pixels.
        """
        height, width = self.shape
        strip_rows = max(1, min(color._STRIP // max(width, 1), _MAX_ROWS))

        def make_kernel(rows):
            planes = np.empty((10, rows * width), np.float32)
            write = make_write(rows * width)

            def kernel(start, stop):
                y, shift, cubes, scratch = np.split(planes[:, : (stop - start) * width], (1, 3, 6))
                y = y[0]
                _look_up_lightness(self.lightness[start:stop].reshape(-1), y, cubes[2])
                self._interpolate(start, stop, y, shift, scratch[:2])
                np.add(y, shift, out=cubes[:2])
                color._cube(cubes[:2], (scratch[:2], scratch[2:]))
                linear = scratch[:3]
                color._matmul(_RGB_FROM_XZY, cubes, linear)
                outside = np.flatnonzero(color._is_outside(linear, cubes))
                if outside.size:
                    parts = (part.take(outside, axis=-1) for part in (cubes[2], y, shift, linear))
                    for plane, values in zip(linear, _fit_gamut(*parts), strict=True):
                        plane[outside] = values
                write(slice(start, stop), linear, y, shift, outside)

            return kernel

        color._share_strips(make_kernel, height, strip_rows, n_jobs)

    def _interpolate(self, start, stop, y, out, scratch):
        """Distances of roots x and z from y: offset, or slope * y + offset, on the pixels of a strip."""
        height, width = self.shape
        taps, rows = _row_taps(start, stop, height, self.offset.shape[1])
        color._matmul(taps, self.offset[:, rows], out.reshape(2, -1, width))
        for slope in self.slope:
            color._matmul(taps, slope[:, rows], scratch.reshape(2, -1, width))
            scratch *= y
            out += scratch


def _look_up_lightness(lightness, root, luminance):
    """Scaled root of Y, and Y, of a row of gray levels, or of L."""
    if lightness.dtype.kind == "f":
        np.multiply(lightness, color._ROOT_SCALE / 116, out=root, casting="same_kind")
        root += color._ROOT_SCALE * 16 / 116
        luminance[:] = root
        color._cube(luminance, np.empty((2, *root.shape), np.float32))
        luminance *= color._ROOT_SCALE**-3
    else:
        for curve, out in ((color._scaled_root_from_srgb, root), (color._linear_from_srgb, luminance)):
            color._look_up(color._level_table(curve, lightness.dtype.name), lightness, out)


def _fit_gamut(luminance, y, shift, linear):
    """Linear RGB with less chroma, along constant L and hue, for colours that leave sRGB.

    Where the line from gray to the colour leaves the gamut would be known at once if linear RGB were linear
    in chroma: one such step comes close, and a second one, in linear RGB, ends exactly on the boundary.
    """
    shift *= _fraction_inside(luminance, linear)
    roots, *scratch = np.empty((3, *linear.shape), np.float32)
    roots[1] = y
    np.add(y, shift, out=roots[::2])
    linear = color._linear_from_roots(roots, scratch)
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


def _roots_of(lightness, out):
    """Scaled root of Y of a row of gray levels, or of L."""
    if lightness.dtype.kind == "f":
        np.multiply(lightness, color._ROOT_SCALE / 116, out=out, casting="same_kind")
        out += color._ROOT_SCALE * 16 / 116
    else:
        color._look_up(color._level_table(color._scaled_root_from_srgb, lightness.dtype.name), lightness, out)


def _positions(start, stop, size, coarse):
    """Left neighbour and weight of the right one, for pixels start..stop of ``size`` over a coarse grid."""
    at = np.clip((np.arange(start, stop) + 0.5) * (coarse / size) - 0.5, 0, coarse - 1)
    left = np.minimum(at.astype(np.intp), max(coarse - 2, 0))
    return left, (at - left).astype(np.float32)


def _widen(planes, width):
    """Interpolate the columns of (n, h, w) planes to ``width``."""
    left, weight = _positions(0, width, width, planes.shape[2])
    right = np.minimum(left + 1, planes.shape[2] - 1)
    return planes[..., left] * (1 - weight) + planes[..., right] * weight


def _row_taps(start, stop, height, coarse):
    """Matrix that interpolates the rows of a strip, and the coarse rows that it takes."""
    left, weight = _positions(start, stop, height, coarse)
    first, last = left[0], min(left[-1] + 1, coarse - 1)
    taps = np.zeros((stop - start, last - first + 1), np.float32)
    row = np.arange(stop - start)
    taps[row, left - first] = 1 - weight
    taps[row, np.minimum(left + 1, last) - first] += weight
    return taps, slice(first, last + 1)


def _fit_guide(lightness, shift):
    """Fast guided filter (He and Sun 2015): shift = slope * root of L + offset, in small windows."""
    h, w = shift.shape[1:]
    height, width = lightness.shape
    size = min(2 * w, max(width, w)), min(2 * h, max(height, h))
    gray = lightness
    if gray.dtype == np.uint16:
        gray = (gray >> 8).astype(np.uint8)
    elif gray.dtype.kind == "f":
        gray = color.lightness_to_gray(gray)
    gray = np.asarray(Image.fromarray(np.ascontiguousarray(gray)).resize(size, Image.Resampling.BOX))
    guide = np.empty(gray.shape, np.float32)
    color._look_up(color._level_table(color._scaled_root_from_srgb, "uint8"), gray.reshape(-1), guide.reshape(-1))
    taps, rows = _row_taps(0, size[1], size[1], h)
    shift = np.matmul(taps, _widen(shift, size[0])[:, rows])
    mean, mean_shift = _box_mean(guide), _box_mean(shift)
    variance = _box_mean(guide * guide) - mean * mean
    slope = (_box_mean(guide * shift) - mean * mean_shift) / (variance + _GUIDE_EPSILON)
    offset = mean_shift - slope * mean
    return _box_mean(offset), _box_mean(slope)


def _box_mean(planes):
    """Mean over a window of 2 r + 1 pixels a side, cut off at the borders."""
    for axis in (-1, -2):
        size = planes.shape[axis]
        total = np.insert(np.cumsum(planes, axis=axis, dtype=np.float64), 0, 0, axis=axis)
        stop = np.minimum(np.arange(size) + _GUIDE_RADIUS + 1, size)
        start = np.maximum(np.arange(size) - _GUIDE_RADIUS, 0)
        span = (stop - start) if axis == -1 else (stop - start)[:, None]
        planes = (total.take(stop, axis=axis) - total.take(start, axis=axis)) / span
    return planes.astype(np.float32)
