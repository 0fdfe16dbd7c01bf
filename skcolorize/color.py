"""sRGB, gray and CIELAB, for NumPy arrays.

Everything is converted in strips that stay in the processor's cache, with tables in place of powers and
roots. CIELAB is that of scikit-image: D65, 2 degree observer, L in 0..100, a and b in Lab units.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

__all__ = [
    "clip_to_gamut",
    "gray_to_lightness",
    "lab_to_rgb",
    "lightness_to_gray",
    "rgb_to_lab",
    "scale_lab",
    "unscale_lab",
]

# Linear sRGB -> XYZ over the white point, and back: scikit-image's constants, so that results agree with it.
_WHITE = np.array([0.95047, 1.0, 1.08883])
_XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_RGB_FROM_WXYZ = (np.linalg.inv(_XYZ_FROM_RGB) * _WHITE).astype(np.float32)
_WXYZ_FROM_RGB = (_XYZ_FROM_RGB / _WHITE[:, None]).astype(np.float32)

# Lab is linear in the roots f(X/Xn), f(Y/Yn), f(Z/Zn). With f lowered by 4/29 there is no constant term.
_LAB_FROM_ROOTS = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]], np.float32)
_ROOTS_FROM_LAB = np.array([[1 / 116, 1 / 500, 0], [1 / 116, 0, 0], [1 / 116, 0, -1 / 200]], np.float32)
_ROOT_OF_BLACK = np.float32(4 / 29)
_KNEE = np.float32(6 / 29)  # below it the root is a straight line, the tangent of the cube root
_SLOPE = np.float32(3 * (6 / 29) ** 2)

_STRIP = 65_536  # pixels; smaller strips make threads wait for the interpreter lock
_BLOCK = 147_456  # multiplications in one matrix product: so few that BLAS starts no threads of its own

# A float32 in a fixed range is its own table index: its bits, shifted right, step evenly within each octave.
_ROOT_SHIFT, _ROOT_BIAS = 9, np.float32(2**-6)  # the bias keeps the steps fine next to black
_GAMMA_SHIFT = 12

_MAX_LEVEL = {"uint8": 255, "uint16": 65535, "float32": 1}


# Transfer curves, in floats


def _linear_from_srgb(values):
    """Undo sRGB's gamma; the straight part near black is added as a remainder, which needs no mask."""
    bright = np.maximum(values, 0.04045)
    return ((bright + 0.055) / 1.055) ** 2.4 + (np.minimum(values, 0.04045) - 0.04045) / 12.92


def _srgb_from_linear(values):
    """Apply sRGB's gamma to values in 0..1."""
    bright = np.maximum(values, 0.0031308)
    return 1.055 * bright ** (1 / 2.4) - 0.055 + (np.minimum(values, 0.0031308) - 0.0031308) * 12.92


def _root(values):
    """CIELAB's f(t)."""
    knee = (6 / 29) ** 3
    return np.cbrt(np.maximum(values, knee)) + (np.minimum(values, knee) - knee) / (3 * (6 / 29) ** 2)


# Tables


@cache
def _linear_table(dtype):
    """Linear value of every level of an integer type."""
    levels = np.arange(np.iinfo(dtype).max + 1)
    return _linear_from_srgb(levels / levels[-1]).astype(np.float32)


@cache
def _linear_pair_table():
    """Linear values of two 8-bit levels at once: indexed by both bytes as one uint16, held as a complex64."""
    pairs = np.arange(65_536, dtype=np.uint16).view(np.uint8)
    return _linear_table("uint8")[pairs].view(np.complex64)


@cache
def _lightness_table(dtype):
    """L of every gray level of an integer type."""
    return (116 * _root(_linear_table(dtype).astype(np.float64)) - 16).astype(np.float32)


def _bucket_centres(shift, stop):
    """The float32 in the middle of each table step, from 0 up to ``stop``."""
    last = int(np.float32(stop).view(np.uint32)) >> shift
    return ((np.arange(last + 1, dtype=np.uint32) << shift) + (1 << (shift - 1))).view(np.float32)


@cache
def _root_table():
    """f(t) - 4/29, indexed by the bits of t + bias."""
    t = np.clip(_bucket_centres(_ROOT_SHIFT, 1 + _ROOT_BIAS).astype(np.float64) - _ROOT_BIAS, 0, 1)
    first = int(_ROOT_BIAS.view(np.uint32)) >> _ROOT_SHIFT
    table = np.zeros(len(t), np.float32)  # what lies before the first entry is never touched
    table[first:] = _root(t[first:]) - 4 / 29
    table[first] = 0
    return table


@cache
def _gamma_table():
    """8-bit sRGB level, indexed by the bits of the linear value; everything above 1 shares the last entry."""
    table = np.rint(255 * _srgb_from_linear(np.minimum(_bucket_centres(_GAMMA_SHIFT, 1), 1.0)))
    return table.astype(np.uint8)


# Work on strips


def _share_strips(make_kernel, size, strip, n_jobs=None):
    """Run ``kernel(start, stop)`` over 0..size; every thread makes its own kernel, with its own scratch."""
    starts = iter(range(0, size, strip))

    def work():
        kernel = make_kernel(min(strip, size))
        for start in starts:
            kernel(start, min(start + strip, size))

    n_threads = 1
    if n_jobs not in (None, 1):
        from joblib import effective_n_jobs

        n_threads = min(effective_n_jobs(n_jobs), -(-size // strip))
    if n_threads <= 1:
        work()
        return
    with ThreadPoolExecutor(n_threads) as pool:
        for future in [pool.submit(work) for _ in range(n_threads)]:
            future.result()


def _matmul(matrix, planes, out):
    """``matrix @ planes`` in blocks of columns too small for BLAS to start threads, which would fight ours."""
    n = planes.shape[1]
    block = max(16, _BLOCK // matrix.size)
    whole = n - n % block
    if whole:
        np.matmul(
            matrix,
            planes[:, :whole].reshape(len(planes), -1, block).transpose(1, 0, 2),
            out=out[:, :whole].reshape(len(out), -1, block).transpose(1, 0, 2),
        )
    if whole < n:
        np.matmul(matrix, planes[:, whole:], out=out[:, whole:])


def _linear_from_roots(roots, scratch):
    """White-relative roots f (3, n) to linear RGB; the result lies in ``scratch``, ``roots`` is spent."""
    if roots.min() >= _KNEE:
        np.multiply(roots, roots, out=scratch)
        np.multiply(roots, scratch, out=roots)
    else:
        np.maximum(roots[2], 0, out=roots[2])  # as scikit-image does
        cube = np.maximum(roots, _KNEE, out=scratch)
        roots -= cube
        roots *= _SLOPE
        roots += cube * cube * cube
    _matmul(_RGB_FROM_WXYZ, roots, scratch)
    return scratch


def _check_colors(colors, name):
    colors = np.asarray(colors)
    if colors.ndim == 0 or colors.shape[-1] != 3:
        raise ValueError(f"{name} must have shape (..., 3), got {colors.shape}.")
    return colors


def _check_levels(values, name):
    """sRGB values: uint8, uint16, or float in 0..1 (which come back as float32)."""
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, uint16 or float in 0..1, got {values.dtype}; cast it first.")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{name} is float and leaves 0..1. Divide by 255, or cast levels of 0..255 by .astype('uint8'); "
            "Lab values are no sRGB."
        )
    return values.astype(np.float32, copy=False)


def _check_dtype(dtype):
    name = np.dtype(dtype).name
    if name not in _MAX_LEVEL:
        raise ValueError(f"dtype must be 'uint8', 'uint16' or 'float32', got {dtype!r}.")
    return name


# Public conversions


def rgb_to_lab(rgb, n_jobs=None):
    """CIELAB of sRGB colours."""
    rgb = _check_levels(_check_colors(rgb, "rgb"), "rgb")
    pixels = rgb.reshape(-1, 3)
    lab = np.empty(pixels.shape, np.float32)
    table, root_table = None, _root_table()
    if rgb.dtype == np.uint8:
        table = _linear_pair_table()
    elif rgb.dtype == np.uint16:
        table = _linear_table("uint16")

    def make_kernel(size):
        levels = np.zeros((size + size % 2) * 3, rgb.dtype)
        linear = np.empty(len(levels), np.float32)
        planes = np.empty((3, size), np.float32)
        index = np.empty((3, size), np.intp)

        def kernel(start, stop):
            n = stop - start
            levels[: 3 * n] = pixels[start:stop].reshape(-1)
            if table is None:
                linear[: 3 * n] = _linear_from_srgb(levels[: 3 * n])
            elif levels.dtype == np.uint16:
                np.take(table, levels, out=linear, mode="clip")
            else:
                np.take(table, levels.view(np.uint16), out=linear.view(np.complex64), mode="clip")
            roots, where = planes[:, :n], index[:, :n]
            _matmul(_WXYZ_FROM_RGB, linear[: 3 * n].reshape(-1, 3).T, roots)
            roots += _ROOT_BIAS
            np.right_shift(roots.view(np.int32), _ROOT_SHIFT, out=where)
            roots = np.take(root_table, where, mode="clip")
            x, y, z = roots
            out = lab[start:stop].T
            np.multiply(y, 116, out=out[0])
            x -= y
            np.multiply(x, 500, out=out[1])
            y -= z
            np.multiply(y, 200, out=out[2])

        return kernel

    _share_strips(make_kernel, len(pixels), _STRIP, n_jobs)
    return lab.reshape(rgb.shape)


def lab_to_rgb(lab, dtype="uint8", n_jobs=None):
    """sRGB of CIELAB colours, clipped channel by channel outside the gamut."""
    lab, dtype = _check_colors(lab, "lab"), _check_dtype(dtype)
    colors = lab.reshape(-1, 3)
    rgb = np.empty(colors.shape, dtype)

    def make_kernel(size):
        roots_all = np.empty((3, size), np.float32)
        scratch = np.empty((3, size), np.float32)

        def kernel(start, stop):
            roots = roots_all[:, : stop - start]
            _matmul(_ROOTS_FROM_LAB, colors[start:stop].astype(np.float32, copy=False).T, roots)
            roots += _ROOT_OF_BLACK
            linear = _linear_from_roots(roots, scratch[:, : stop - start])
            for channel in range(3):
                rgb[start:stop, channel] = _encode(linear[channel], dtype)

        return kernel

    _share_strips(make_kernel, len(colors), _STRIP, n_jobs)
    return rgb.reshape(lab.shape)


def _encode(linear, dtype):
    """sRGB levels of linear values, clipped to 0..1."""
    if dtype == "uint8":
        return np.take(_gamma_table(), linear.view(np.int32) >> _GAMMA_SHIFT, mode="clip")
    srgb = _srgb_from_linear(np.clip(linear, 0, 1))
    return np.rint(srgb * 65535).astype(np.uint16) if dtype == "uint16" else np.clip(srgb, 0, 1)


def gray_to_lightness(gray):
    """Lightness L of sRGB gray levels."""
    gray = _check_levels(np.asarray(gray), "gray")
    if gray.dtype.kind != "f":
        return np.take(_lightness_table(gray.dtype.name), gray, mode="clip")
    return (116 * _root(_linear_from_srgb(gray.astype(np.float64))) - 16).astype(np.float32)


def lightness_to_gray(lightness, dtype="uint8"):
    """sRGB gray levels of lightness L."""
    dtype = _check_dtype(dtype)
    root = (np.asarray(lightness, np.float32) + 16) / 116
    bright = np.maximum(root, _KNEE)
    return _encode(bright**3 + (np.minimum(root, _KNEE) - _KNEE) * _SLOPE, dtype)


def scale_lab(lab):
    """Lab scaled for a network: L / 50 - 1, a / 128, b / 128."""
    lab = _check_colors(lab, "lab").astype(np.float32, copy=False)
    return lab / np.array([50, 128, 128], np.float32) - np.array([1, 0, 0], np.float32)


def unscale_lab(scaled):
    """Undo `scale_lab`."""
    scaled = _check_colors(scaled, "scaled").astype(np.float32, copy=False)
    return (scaled + np.array([1, 0, 0], np.float32)) * np.array([50, 128, 128], np.float32)


def clip_to_gamut(lab):
    """Lower chroma along constant L and hue until each colour fits sRGB."""
    lab = _check_colors(lab, "lab").astype(np.float32)
    colors = lab.reshape(-1, 3)
    np.clip(colors[:, 0], 0, 100, out=colors[:, 0])

    def make_kernel(_):
        def kernel(start, stop):
            strip = colors[start:stop]
            roots = _ROOTS_FROM_LAB @ strip.T + _ROOT_OF_BLACK
            lightness, shift = roots[1].copy(), roots[[0, 2]] - roots[1]
            outside = np.flatnonzero(_is_outside(_linear_from_roots(roots, np.empty_like(roots))))
            if outside.size:
                strip[outside, 1:] *= _gamut_fraction(lightness[outside], shift[:, outside], 24)[:, None]

        return kernel

    _share_strips(make_kernel, len(colors), _STRIP)
    return lab


# Gamut

# Half an 8-bit level next to black, where sRGB is steepest.
_GAMUT_TOLERANCE = np.float32(0.5 / 255 / 12.92)


def _is_outside(linear):
    return (linear.min(axis=0) < -_GAMUT_TOLERANCE) | (linear.max(axis=0) > 1 + _GAMUT_TOLERANCE)


def _gamut_fraction(lightness, shift, n_steps):
    """Largest fraction of ``shift`` (2, n), the roots' distance from gray, that stays within sRGB."""
    low, high = np.zeros_like(lightness), np.ones_like(lightness)
    roots = np.empty((3, len(lightness)), np.float32)
    scratch = np.empty_like(roots)
    for _ in range(n_steps):
        middle = (low + high) / 2
        roots[1] = lightness
        np.multiply(shift, middle, out=roots[::2])
        roots[::2] += lightness
        outside = _is_outside(_linear_from_roots(roots, scratch))
        high[outside] = middle[outside]
        low[~outside] = middle[~outside]
    return low
