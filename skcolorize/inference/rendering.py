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
_GAMUT_STEPS = 8  # halvings: chroma is exact to 1/256


def render_rgb(lightness, ab, *, dtype="uint8", upsampling="bilinear", n_jobs=None):
    """Full-size sRGB picture of a lightness and coarse ab."""
    dtype = color._check_dtype(dtype)
    merge = _Merge(lightness, ab, upsampling)
    picture = np.empty((*merge.shape, 3), dtype)

    def write(rows, linear, roots):
        for channel in range(3):
            picture[rows, :, channel] = color._encode(linear[channel], dtype).reshape(-1, merge.shape[1])

    merge.run(write, n_jobs)
    return picture


def render_image(lightness, ab, *, upsampling="bilinear", n_jobs=None):
    """The same picture as a PIL image of mode RGBX (JPEG, WebP and TIFF save it), without a copy."""
    merge = _Merge(lightness, ab, upsampling)
    words = np.empty(merge.shape, np.uint32)
    tables = [_word_table(channel) for channel in range(3)]

    def write(rows, linear, roots):
        where = linear.view(np.int32) >> color._GAMMA_SHIFT
        out = np.take(tables[0], where[0], mode="clip")
        out |= np.take(tables[1], where[1], mode="clip")
        out |= np.take(tables[2], where[2], mode="clip")
        words[rows] = out.reshape(-1, merge.shape[1])

    merge.run(write, n_jobs)
    return Image.frombuffer("RGBX", merge.shape[::-1], words, "raw", "RGBX", 0, 1)


def render_lab(lightness, ab, *, upsampling="bilinear", n_jobs=None):
    """Lab of the picture that `render_rgb` gives; L is the input's own."""
    merge = _Merge(lightness, ab, upsampling)
    lab = np.empty((*merge.shape, 3), np.float32)

    def write(rows, linear, roots):
        x, y, z = roots
        for channel, values in enumerate((116 * y - 16, 500 * (x - y), 200 * (y - z))):
            lab[rows, :, channel] = values.reshape(-1, merge.shape[1])

    merge.run(write, n_jobs, keep_roots=True)
    return lab


@cache
def _word_table(channel):
    """8-bit sRGB levels already shifted to their byte of an RGBX word (alpha 255 comes with the first)."""
    table = np.zeros((len(color._gamma_table()), 4), np.uint8)
    table[:, channel] = color._gamma_table()
    if channel == 0:
        table[:, 3] = 255
    return table.view(np.uint32)[:, 0]


class _Merge:
    """Lightness and coarse ab of one photo, ready to be merged strip by strip."""

    def __init__(self, lightness, ab, upsampling):
        self.lightness = np.asarray(lightness)
        self.shape = self.lightness.shape
        shift = np.asarray(ab, np.float32) * np.array([1 / 500, -1 / 200], np.float32)
        shift = np.ascontiguousarray(shift.transpose(2, 0, 1))
        if upsampling == "guided":
            shift, self.slope = _fit_guide(self.lightness, shift)
        elif upsampling == "bilinear":
            self.slope = None
        else:
            raise ValueError(f"upsampling must be 'bilinear' or 'guided', got {upsampling!r}.")
        self.offset = _widen(shift, self.shape[1])
        if self.slope is not None:
            self.slope = _widen(self.slope, self.shape[1])

    def run(self, write, n_jobs=None, keep_roots=False):
        height, width = self.shape
        strip_rows = max(1, min(color._STRIP // max(width, 1), _MAX_ROWS))

        def make_kernel(size):
            scratch_all = np.empty((2, 3, size * width), np.float32)

            def kernel(start, stop):
                n = (stop - start) * width
                roots, scratch = scratch_all[:, :, :n]
                shift = scratch[:2]
                y = _root_of(self.lightness[start:stop]).reshape(-1)
                taps, rows = _row_taps(start, stop, height, self.offset.shape[1])
                for plane in (0, 1):
                    out = shift[plane].reshape(-1, width)
                    color._matmul(taps, self.offset[plane, rows], out)
                    if self.slope is not None:
                        slope = roots[0].reshape(-1, width)
                        color._matmul(taps, self.slope[plane, rows], slope)
                        slope *= y.reshape(-1, width)
                        out += slope
                np.add(y, shift[0], out=roots[0])
                np.add(y, shift[1], out=roots[2])
                roots[1] = y
                kept = roots.copy()
                linear = color._linear_from_roots(roots, scratch)
                outside = np.flatnonzero(color._is_outside(linear))
                if outside.size:
                    y = kept[1, outside]
                    shift = kept[::2, outside] - y
                    shift *= color._gamut_fraction(y, shift, _GAMUT_STEPS)
                    repaired = np.stack([y + shift[0], y, y + shift[1]])
                    kept[:, outside] = repaired
                    linear[:, outside] = color._linear_from_roots(repaired, np.empty_like(repaired))
                write(slice(start, stop), linear, kept)

            return kernel

        color._share_strips(make_kernel, height, strip_rows, n_jobs)


def _root_of(lightness):
    """(L + 16) / 116 of gray levels or of L."""
    if lightness.dtype.kind == "f":
        return ((lightness + 16) / 116).astype(np.float32)
    return np.take(_root_of(color._lightness_table(lightness.dtype.name)), lightness, mode="clip")


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
    guide = _root_of(gray)
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
