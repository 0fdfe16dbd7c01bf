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
_RGB_FROM_WXYZ = np.linalg.inv(_XYZ_FROM_RGB) * _WHITE
_WXYZ_FROM_RGB = (_XYZ_FROM_RGB / _WHITE[:, None]).astype(np.float32)


# Lab is linear in f(X/Xn), f(Y/Yn), f(Z/Zn): cube roots, with a tangent line in place of the curve below 6/29.
# On the way back these "roots" are scaled so that the line has slope 1, which saves a product per value.
_ROOT_SCALE = 29 / 6 / 3**0.5  # a Python float, so that float32 stays float32
_KNEE = np.float32(_ROOT_SCALE * 6 / 29)
_RGB_FROM_CUBES = (_RGB_FROM_WXYZ / _ROOT_SCALE**3).astype(np.float32)

_STRIP = 131_072  # pixels; smaller strips make threads wait for the interpreter lock
_BLOCK = 147_456  # multiplications in one matrix product: so few that BLAS starts no threads of its own

# A float32 in a fixed range is its own table index: its bits, shifted right, step evenly within each octave.
_ROOT_SHIFT, _ROOT_BIAS = 9, np.float32(2**-6)  # the bias keeps the steps fine next to black
_GAMMA_SHIFT = 12

# How far linear values may leave 0..1 unrepaired: half an 8-bit level next to black, where sRGB is steepest.
_BISECTIONS = 14
_GAMUT_TOLERANCE = np.float32(0.5 / 255 / 12.92)


# Transfer curves


def _linear_from_srgb(values):
    """Undo sRGB's gamma."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb_from_linear(values):
    """Apply sRGB's gamma to values in 0..1."""
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def _root(values):
    """CIELAB's f: the cube root, with a tangent line near black."""
    return np.where(values > (6 / 29) ** 3, np.cbrt(values), values / (3 * (6 / 29) ** 2) + 4 / 29)


def _biased_linear_from_srgb(values):
    return _linear_from_srgb(values) + _ROOT_BIAS


def _lightness_from_srgb(values):
    return 116 * _root(_linear_from_srgb(values)) - 16


def _scaled_root_from_srgb(values):
    return _ROOT_SCALE * _root(_linear_from_srgb(values))


# Tables


@cache
def _level_table(curve, dtype):
    """``curve`` of every level of an integer type; for 8 bits of every pair of levels, held as a complex64."""
    last = np.iinfo(dtype).max
    table = curve(np.arange(last + 1) / last).astype(np.float32)
    if last == 255:
        table = table[np.arange(65_536, dtype=np.uint16).view(np.uint8)].view(np.complex64)
    return table


def _look_up(table, levels, out):
    """Entries of a `_level_table` for a contiguous row of levels, two at a time if they are bytes."""
    if levels.dtype == np.uint16:
        np.take(table, levels, out=out, mode="clip")
        return
    even = len(levels) - len(levels) % 2
    np.take(table, levels[:even].view(np.uint16), out=out[:even].view(np.complex64), mode="clip")
    if even < len(levels):
        out[even] = table[np.array([levels[even], 0], np.uint8).view(np.uint16)].view(np.float32)[0]


def _bucket_centres(shift, stop):
    """The float32 in the middle of each table step, from 0 up to ``stop``."""
    last = int(np.float32(stop).view(np.uint32)) >> shift
    return ((np.arange(last + 1, dtype=np.uint32) << shift) + (1 << (shift - 1))).view(np.float32)


@cache
def _root_table():
    """f(t) - 4/29, indexed by the bits of t + bias; exactly 0 for black and at most f(1) - 4/29."""
    t = np.minimum(_bucket_centres(_ROOT_SHIFT, 1 + _ROOT_BIAS).astype(np.float64) - _ROOT_BIAS, 1)
    black = int(_ROOT_BIAS.view(np.uint32)) >> _ROOT_SHIFT
    table = np.zeros(len(t), np.float32)
    table[black + 1 :] = _root(t[black + 1 :]) - 4 / 29
    return table


@cache
def _gamma_table():
    """8-bit sRGB level, indexed by the bits of the linear value; everything above 1 shares the last entry."""
    linear = np.minimum(_bucket_centres(_GAMMA_SHIFT, 1).astype(np.float64), 1)
    return np.rint(255 * _srgb_from_linear(linear)).astype(np.uint8)


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
    """``matrix @ planes`` in blocks of columns too small for BLAS to start threads that fight ours."""
    n = planes.shape[-1]
    blocks = max(1, matrix.size * n // _BLOCK)
    even = n - n % blocks

    def cut(array):
        return array[..., :even].reshape(*array.shape[:-1], blocks, -1).swapaxes(-3, -2)

    np.matmul(matrix, cut(planes), out=cut(out))
    if even < n:
        np.matmul(matrix, planes[..., even:], out=out[..., even:])


def _roots_from_lab(lab, roots):
    """Scaled roots of X, Y, Z (over white) of L, a, b planes."""
    x, y, z = roots
    np.multiply(lab[0], _ROOT_SCALE / 116, out=y, casting="same_kind")
    y += _ROOT_SCALE * 16 / 116
    np.multiply(lab[1], _ROOT_SCALE / 500, out=x, casting="same_kind")
    x += y
    np.multiply(lab[2], -_ROOT_SCALE / 200, out=z, casting="same_kind")
    z += y


def _cube(roots, scratch):
    """Undo scaled roots in place; ``scratch`` is two arrays of their shape."""
    cube, square = scratch
    if roots.min(initial=_KNEE) >= _KNEE:
        np.multiply(roots, roots, out=square)
        roots *= square
    else:  # the cube, and below the knee its tangent line: no masks
        np.clip(roots, _KNEE, 10, out=cube)
        roots -= cube
        np.multiply(cube, cube, out=square)
        cube *= square
        roots += cube


def _linear_from_roots(roots, scratch):
    """Linear RGB (3, n) of scaled roots (3, n); ``scratch`` (2, 3, n) takes it, ``roots`` is spent."""
    np.maximum(roots[2], 0, out=roots[2])  # as scikit-image does
    _cube(roots, scratch)
    _matmul(_RGB_FROM_CUBES, roots, scratch[0])
    return scratch[0]


def _level_writer(dtype, size):
    """A function ``write(linear, out)`` that clips a plane and writes its sRGB levels; it owns its scratch."""
    if dtype == "uint8":
        table, index, levels = _gamma_table(), np.empty(size, np.intp), np.empty(size, np.uint8)

        def write(linear, out):
            n = linear.size
            np.right_shift(linear.view(np.int32), _GAMMA_SHIFT, out=index[:n])
            np.take(table, index[:n], out=levels[:n], mode="clip")
            out[...] = levels[:n].reshape(out.shape)

    else:

        def write(linear, out):
            srgb = _srgb_from_linear(np.clip(linear, 0, 1)).reshape(out.shape)
            out[...] = np.rint(srgb * 65535) if dtype == "uint16" else np.minimum(srgb, 1)

    return write


# Public conversions


def _check_colors(colors, name):
    colors = np.asarray(colors)
    if colors.ndim == 0 or colors.shape[-1] != 3:
        raise ValueError(f"{name} must have shape (..., 3), got {colors.shape}.")
    return colors


def _check_levels(values, name):
    if values.dtype in (np.uint8, np.uint16):
        return
    if values.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, uint16 or float in 0..1, got {values.dtype}; cast it first.")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{name} is float and must lie in 0..1. Cast levels of 0..255 by .astype('uint8'); "
            "Lab goes through lab_to_rgb first."
        )


def _check_dtype(dtype):
    name = np.dtype(dtype).name
    if name not in ("uint8", "uint16", "float32"):
        raise ValueError(f"dtype must be 'uint8', 'uint16' or 'float32', got {dtype!r}.")
    return name


def rgb_to_lab(rgb, n_jobs=None):
    """CIELAB of sRGB colours."""
    rgb = _check_colors(rgb, "rgb")
    _check_levels(rgb, "rgb")
    pixels = rgb.reshape(-1, 3)
    lab = np.empty(pixels.shape, np.float32)
    is_float = rgb.dtype.kind == "f"
    table = None if is_float else _level_table(_biased_linear_from_srgb, rgb.dtype.name)
    root_table = _root_table()

    def make_kernel(size):
        levels_all = np.empty(size, np.float32 if is_float else rgb.dtype)
        linear_all, roots_all = np.empty((2, 3, size), np.float32)
        index_all = np.empty((3, size), np.intp)

        def kernel(start, stop):
            n = stop - start
            levels, index, linear, roots = levels_all[:n], index_all[:, :n], linear_all[:, :n], roots_all[:, :n]
            for channel, plane in zip(pixels[start:stop].T, linear, strict=True):
                levels[:] = channel
                if is_float:
                    plane[:] = _biased_linear_from_srgb(levels)
                else:
                    _look_up(table, levels, plane)
            _matmul(_WXYZ_FROM_RGB, linear, roots)  # the rows sum to 1: the bias comes through as it is
            np.right_shift(roots.view(np.int32), _ROOT_SHIFT, out=index)
            np.take(root_table, index, out=roots, mode="clip")
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
        scratch = np.empty((3, 3, size), np.float32)
        write = _level_writer(dtype, size)

        def kernel(start, stop):
            roots = scratch[0, :, : stop - start]
            _roots_from_lab(colors[start:stop].T, roots)
            linear = _linear_from_roots(roots, scratch[1:, :, : stop - start])
            for plane, out in zip(linear, rgb[start:stop].T, strict=True):
                write(plane, out)

        return kernel

    _share_strips(make_kernel, len(colors), _STRIP, n_jobs)
    return rgb.reshape(lab.shape)


def gray_to_lightness(gray):
    """Lightness L of sRGB gray levels."""
    gray = np.asarray(gray)
    _check_levels(gray, "gray")
    levels = gray.reshape(-1)
    lightness = np.empty(levels.shape, np.float32)

    def kernel(start, stop):
        out = lightness[start:stop]
        if gray.dtype.kind == "f":
            out[:] = _lightness_from_srgb(levels[start:stop].astype(np.float64))
        else:
            table = _level_table(_lightness_from_srgb, gray.dtype.name)
            _look_up(table, np.ascontiguousarray(levels[start:stop]), out)

    _share_strips(lambda size: kernel, len(levels), _STRIP)
    return lightness.reshape(gray.shape)


def lightness_to_gray(lightness, dtype="uint8"):
    """sRGB gray levels of lightness L."""
    lightness, dtype = np.asarray(lightness), _check_dtype(dtype)
    values = lightness.reshape(-1)
    gray = np.empty(values.shape, dtype)

    def make_kernel(size):
        write = _level_writer(dtype, size)

        def kernel(start, stop):
            root = (values[start:stop].astype(np.float32, copy=False) + 16) * np.float32(_ROOT_SCALE / 116)
            cube = np.clip(root, _KNEE, 10)
            write((cube**3 + (root - cube)) * np.float32(_ROOT_SCALE**-3), gray[start:stop])

        return kernel

    _share_strips(make_kernel, len(values), _STRIP)
    return gray.reshape(lightness.shape)


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

    def kernel(start, stop):
        strip = colors[start:stop]
        outside = np.flatnonzero(_leaves_gamut(strip))
        low, high = np.zeros((2, len(outside), 1), np.float32)
        high += 1
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            leaves = _leaves_gamut(strip[outside] * np.hstack([np.ones_like(middle), middle, middle]))[:, None]
            low, high = np.where(leaves, low, middle), np.where(leaves, middle, high)
        strip[outside, 1:] *= low

    _share_strips(lambda size: kernel, len(colors), _STRIP)
    return lab


def _leaves_gamut(lab):
    roots, *scratch = np.empty((3, 3, len(lab)), np.float32)
    _roots_from_lab(lab.T, roots)
    return _is_outside(_linear_from_roots(roots, scratch), scratch[1])


def _is_outside(linear, scratch):
    """Which linear colours (3, n) leave 0..1 by more than the tolerance."""
    red, green, blue = linear
    low, high = scratch[:2]
    np.minimum(red, green, out=low)
    np.minimum(low, blue, out=low)
    np.maximum(red, green, out=high)
    np.maximum(high, blue, out=high)
    return (low < -_GAMUT_TOLERANCE) | (high > 1 + _GAMUT_TOLERANCE)
