"""From coarse ab to the full-size picture: upsample, merge with the photo's own lightness, fit the gamut.

Everything happens strip by strip: beside the result only a few megabytes are held at any photo size.
"""

from functools import cache

import numpy as np
from PIL import Image

from .. import color

__all__ = ["render_image", "render_lab", "render_rgb"]

_MAX_ROWS = 256  # of a strip: keeps the matrix that interpolates rows small for narrow photos
_GUIDE_RADIUS, _GUIDE_EPSILON = 2, 1e-4
_GAMUT_STEPS = 2

# How far the scaled roots of X and Z lie from that of Y, per unit of a and b.
_SHIFT_FROM_AB = np.array([color._ROOT_SCALE / 500, -color._ROOT_SCALE / 200], np.float32)


def render_rgb(lightness, ab, *, dtype="uint8", upsampling="bilinear", n_jobs=None):
    """Full-size sRGB picture of a lightness and coarse ab."""
    dtype = color._check_dtype(dtype)
    merge = _Merge(lightness, ab, upsampling)
    picture = np.empty((*merge.shape, 3), dtype)

    def make_write(size):
        write_levels = color._level_writer(dtype, size)

        def write(rows, linear, y, shift):
            for channel in range(3):
                write_levels(linear[channel], picture[rows, :, channel])

        return write

    merge.run(make_write, n_jobs)
    return picture


def render_image(lightness, ab, *, upsampling="bilinear", n_jobs=None):
    """The same picture as a PIL image of mode RGBX (JPEG, WebP and TIFF save it), without a copy."""
    merge = _Merge(lightness, ab, upsampling)
    words = np.empty(merge.shape, np.uint32)
    tables = [_word_table(channel) for channel in range(3)]

    def make_write(size):
        index_all, part_all = np.empty(size, np.intp), np.empty(size, np.uint32)

        def write(rows, linear, y, shift):
            out = words[rows].reshape(-1)
            index, part = index_all[: out.size], part_all[: out.size]
            for channel, table in enumerate(tables):
                np.right_shift(linear[channel].view(np.int32), color._GAMMA_SHIFT, out=index)
                np.take(table, index, out=part if channel else out, mode="clip")
                if channel:
                    out |= part

        return write

    merge.run(make_write, n_jobs)
    return Image.frombuffer("RGBX", merge.shape[::-1], words, "raw", "RGBX", 0, 1)


def render_lab(lightness, ab, *, upsampling="bilinear", n_jobs=None):
    """Lab of the picture that `render_rgb` gives; L is the input's own."""
    merge = _Merge(lightness, ab, upsampling)
    lab = np.empty((*merge.shape, 3), np.float32)

    def write(rows, linear, y, shift):
        out = lab[rows].reshape(-1, 3)
        np.multiply(y, 116 / color._ROOT_SCALE, out=out[:, 0])
        out[:, 0] -= 16
        np.multiply(shift.T, 1 / _SHIFT_FROM_AB, out=out[:, 1:])

    merge.run(lambda size: write, n_jobs)
    return lab


@cache
def _word_table(channel):
    """8-bit sRGB levels already shifted to their byte of an RGBX word."""
    table = np.zeros((len(color._gamma_table()), 4), np.uint8)
    table[:, channel] = color._gamma_table()
    return table.view(np.uint32)[:, 0]


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
        """Call ``write(rows, linear, y, shift)`` for each strip, with linear RGB, root of Y and distances."""
        height, width = self.shape
        strip_rows = max(1, min(color._STRIP // max(width, 1), _MAX_ROWS))

        def make_kernel(rows):
            planes = np.empty((12, rows * width), np.float32)
            write = make_write(rows * width)

            def kernel(start, stop):
                n = (stop - start) * width
                y, shift, roots, scratch = planes[0, :n], planes[1:3, :n], planes[3:6, :n], planes[6:, :n]
                _roots_of(self.lightness[start:stop].reshape(-1), y)
                self._interpolate(start, stop, y, shift, scratch[0])
                np.add(y, shift, out=roots[::2])
                roots[1] = y
                linear = color._linear_from_roots(roots, scratch.reshape(2, 3, n))
                outside = np.flatnonzero(color._is_outside(linear, scratch[3:]))
                if outside.size:
                    shift[:, outside], linear[:, outside] = _fit_gamut(
                        y[outside], shift[:, outside], linear[:, outside]
                    )
                write(slice(start, stop), linear, y, shift)

            return kernel

        color._share_strips(make_kernel, height, strip_rows, n_jobs)

    def _interpolate(self, start, stop, y, out, scratch):
        """Distances of roots x and z from y: offset, or slope * y + offset, on the pixels of a strip."""
        taps, rows = _row_taps(start, stop, self.shape[0], self.offset.shape[1])
        width = self.shape[1]
        for plane in (0, 1):
            for k, slope in enumerate(self.slope):
                color._matmul(taps, slope[plane, rows], scratch.reshape(-1, width))
                scratch *= y
            color._matmul(taps, self.offset[plane, rows], out[plane].reshape(-1, width))
            if self.slope:
                out[plane] += scratch


def _fit_gamut(y, shift, linear):
    """Lower the chroma of colours that leave sRGB, along constant L and hue; gives shift and linear RGB.

    Where the line from gray to the colour leaves the gamut would be known at once if linear RGB were linear
    in chroma: two such steps come close, and a last one, in linear RGB, ends exactly on the boundary.
    """
    luminance = color._WXYZ_FROM_RGB[1] @ linear
    np.clip(luminance, 0, 1, out=luminance)
    fraction = np.ones_like(y)
    roots, *scratch = np.empty((3, *linear.shape), np.float32)
    for _ in range(_GAMUT_STEPS):
        fraction *= _fraction_inside(luminance, linear)
        np.minimum(fraction, 1, out=fraction)
        roots[1] = y
        np.multiply(shift, fraction, out=roots[::2])
        roots[::2] += y
        linear = color._linear_from_roots(roots, scratch)
    last = np.minimum(_fraction_inside(luminance, linear), 1)
    linear -= luminance
    linear *= last
    linear += luminance
    return shift * (fraction * last), linear


def _fraction_inside(luminance, linear):
    """Part of the way from gray to a linear colour that lies within 0..1; above 1 if there is room left."""
    below = luminance / np.maximum(luminance - linear.min(axis=0), 1e-6)
    above = (1 - luminance) / np.maximum(linear.max(axis=0) - luminance, 1e-6)
    return np.minimum(below, above)


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
    _roots_of(gray.reshape(-1), guide.reshape(-1))
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
