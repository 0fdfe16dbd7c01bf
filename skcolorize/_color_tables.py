"""The tables and strip kernels behind `skcolorize.color` and the rendering; nothing here is public.

Three devices make them fast in plain NumPy. Work goes in strips, and each thread owns its scratch. A float32
in a fixed range is its own table index: its bits, shifted right, step evenly within each octave, so no power
or root is computed. And 8-bit levels are looked up two at a time, a pair of float32 read as one complex64.

Colours lie as pixels do, (n, 3), or as planes, (3, n), where lightness and colour come from elsewhere.
"""

from functools import cache

import numpy as np

from ._strips import scratch_planes

_PRODUCTS = 147_456  # multiplications in one matrix product: so few that BLAS starts no threads
_FEW = 65_536  # levels: fetching the table of pairs, half a megabyte, takes longer than they do
_ABREAST = 4  # pixels in a row of a matrix product: of three numbers each, BLAS is half as fast


class PixelMatrix:
    """A matrix for colours that lie as pixels do: several go abreast, through as many of it on a diagonal."""

    def __init__(self, matrix):
        self._one = np.ascontiguousarray(matrix.T, np.float32)
        self._abreast = np.kron(np.eye(_ABREAST, dtype=np.float32), self._one)

    def apply(self, colors, out):
        """Write the products of contiguous ``colors`` (n, 3) to ``out``, which is contiguous too."""
        n, width = len(colors), 3 * _ABREAST
        rows = _PRODUCTS // width**2
        blocks, abreast = n - n % (rows * _ABREAST), n - n % _ABREAST
        for part, matrix, shape in (
            (slice(blocks), self._abreast, (-1, rows, width)),
            (slice(blocks, abreast), self._abreast, (-1, width)),
            (slice(abreast, n), self._one, (-1, 3)),
        ):
            np.matmul(colors[part].reshape(shape), matrix, out=out[part].reshape(shape))


# Linear sRGB -> XYZ over the white point, and back: scikit-image's constants, so that results agree with it.
_WHITE = np.array([0.95047, 1.0, 1.08883])
_XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
XYZ_FROM_RGB = (_XYZ_FROM_RGB / _WHITE[:, None]).astype(np.float32)
RGB_FROM_XYZ = (np.linalg.inv(_XYZ_FROM_RGB) * _WHITE).astype(np.float32)
_PIXEL_XYZ = PixelMatrix(XYZ_FROM_RGB)

# Lab is linear in the roots f(X/Xn), f(Y/Yn), f(Z/Zn): cube roots, but a tangent line below 6/29. On the way
# back they are scaled so that this line has slope 1, which saves a product per value.
_LAB_FROM_ROOTS = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])
_PIXEL_LAB = PixelMatrix(_LAB_FROM_ROOTS)
ROOT_SCALE = 116 * float(np.float32(29 / 6 / 3**0.5 / 116))  # what L is multiplied by is no rounded number
_KNEE = np.float32(ROOT_SCALE * 6 / 29)
_PIXEL_ROOTS = PixelMatrix(ROOT_SCALE * np.linalg.inv(_LAB_FROM_ROOTS))
RGB_FROM_CUBES = (RGB_FROM_XYZ / ROOT_SCALE**3).astype(np.float32)
_PIXEL_RGB = PixelMatrix(RGB_FROM_CUBES)

_GAMMA_SHIFT = 12
_ROOT_SHIFT, _ROOT_BIAS = 9, np.float32(2**-6)  # the bias keeps the table's steps fine next to black

# How far linear values may leave 0..1 unrepaired: half an 8-bit level next to black, where sRGB is steepest.
GAMUT_TOLERANCE = np.float32(0.5 / 255 / 12.92)


# Curves


def linear_from_srgb(values):
    """Undo sRGB's gamma."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(values):
    """Apply sRGB's gamma to values in 0..1."""
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def root(values):
    """CIELAB's f."""
    return np.where(values > (6 / 29) ** 3, np.cbrt(values), values / (3 * (6 / 29) ** 2) + 4 / 29)


def biased_linear_from_srgb(values):
    """What `roots_from_linear` expects."""
    return linear_from_srgb(values) + _ROOT_BIAS


def lightness_from_srgb(values):
    """L of gray."""
    return 116 * root(linear_from_srgb(values)) - 16


def scaled_root_from_srgb(values):
    """What `cube` undoes, of gray."""
    return ROOT_SCALE * root(linear_from_srgb(values))


# Tables


@cache
def _level_table(curve, dtype):
    """``curve`` of every level of an integer type."""
    last = np.iinfo(dtype).max
    return curve(np.arange(last + 1) / last).astype(np.float32)


@cache
def _pair_table(curve):
    """``curve`` of every pair of 8-bit levels, as complex64."""
    return _level_table(curve, "uint8")[np.arange(65_536, dtype=np.uint16).view(np.uint8)].view(np.complex64)


def look_up(curve, levels, out, index=None):
    """Write ``curve`` of a contiguous row of sRGB levels, or of floats, to ``out``.

    ``index``, intp and half as long at least, is spent: without it `np.take` asks for such memory.
    """
    if levels.dtype.kind == "f":
        out[:] = curve(levels)
        return
    if levels.dtype == np.uint16 or len(levels) <= _FEW:
        np.take(_level_table(curve, levels.dtype.name), levels, out=out, mode="clip")
        return
    table, even = _pair_table(curve), len(levels) - len(levels) % 2
    pairs = levels[:even].view(np.uint16)
    if index is not None:
        index[: len(pairs)] = pairs
        pairs = index[: len(pairs)]
    np.take(table, pairs, out=out[:even].view(np.complex64), mode="clip")
    if even < len(levels):
        pair = np.array([levels[even], 0], np.uint8).view(np.uint16)
        out[even] = table[pair].view(np.float32)[0]


def _bucket_centres(shift, stop):
    """The number in the middle of each table step, from 0 up to ``stop``."""
    last = int(np.float32(stop).view(np.uint32)) >> shift
    bits = (np.arange(last + 1, dtype=np.uint32) << shift) + (1 << (shift - 1))
    return bits.view(np.float32).astype(np.float64)


@cache
def _root_table():
    """f(t) - 4/29, by the bits of t + bias; exactly 0 for black, and that of white is not exceeded."""
    t = np.minimum(_bucket_centres(_ROOT_SHIFT, 1 + _ROOT_BIAS) - _ROOT_BIAS, 1)
    black = int(_ROOT_BIAS.view(np.uint32)) >> _ROOT_SHIFT
    table = np.zeros(len(t), np.float32)
    table[black + 1 :] = root(t[black + 1 :]) - 4 / 29
    return table


@cache
def gamma_table():
    """8-bit sRGB level, by the bits of the linear value; all above 1 share the last entry."""
    linear = np.minimum(_bucket_centres(_GAMMA_SHIFT, 1), 1)
    return np.rint(255 * srgb_from_linear(linear)).astype(np.uint8)


# Kernels


def matmul(matrix, planes, out):
    """``matrix @ planes`` in blocks of columns too small for BLAS to start threads that fight ours."""
    n = planes.shape[-1]
    blocks = max(1, matrix.size * n // _PRODUCTS)
    even = n - n % blocks

    def cut(array):
        return array[..., :even].reshape(*array.shape[:-1], blocks, -1).swapaxes(-3, -2)

    np.matmul(matrix, cut(planes), out=cut(out))
    if even < n:
        np.matmul(matrix, planes[..., even:], out=out[..., even:])


def lab_from_linear(linear, scratch, index, out):
    """Write Lab (n, 3) of biased linear RGB (n, 3) to ``out``; ``scratch`` and ``index`` have its shape."""
    _PIXEL_XYZ.apply(linear, scratch)  # its rows sum to 1: the bias comes through as it is
    np.right_shift(scratch.view(np.int32), _ROOT_SHIFT, out=index)
    np.take(_root_table(), index, out=scratch, mode="clip")
    _PIXEL_LAB.apply(scratch, out)


def roots_from_lab(lab, roots):
    """Write scaled roots (n, 3) of X, Y, Z to ``roots`` from Lab (n, 3) in float32."""
    _PIXEL_ROOTS.apply(lab, roots)
    roots += ROOT_SCALE * 16 / 116


def cube(roots, scratch):
    """Undo scaled roots in place; ``scratch`` is two arrays of their shape."""
    cubes, squares = scratch
    if roots.min(initial=_KNEE) >= _KNEE:
        np.multiply(roots, roots, out=squares)
        roots *= squares
    else:  # the cube from the knee on, and below it the tangent line: no masks
        np.clip(roots, _KNEE, 10, out=cubes)
        roots -= cubes
        np.multiply(cubes, cubes, out=squares)
        cubes *= squares
        roots += cubes


def linear_from_roots(roots, scratch):
    """Linear RGB (3, n) of scaled roots (3, n); ``scratch`` (2, 3, n) takes it, ``roots`` is spent."""
    _clip_z(roots, roots[2])
    cube(roots, scratch)
    matmul(RGB_FROM_CUBES, roots, scratch[0])
    return scratch[0]


def linear_from_pixel_roots(roots, scratch):
    """The same of roots (n, 3), with ``scratch`` (2, n, 3)."""
    _clip_z(roots, roots[:, 2])
    cube(roots, scratch)
    _PIXEL_RGB.apply(roots, scratch[0])
    return scratch[0]


def _clip_z(roots, z):
    """No negative Z, as scikit-image has it; its ``roots`` are ``z`` among all."""
    if roots.min(initial=0) < 0:  # of what lies closely: a strided minimum takes thrice as long
        np.clip(z, 0, 10, out=z)  # as does `np.maximum`


def is_outside(linear, scratch, tolerance=GAMUT_TOLERANCE):
    """Which linear colours (3, n) leave 0..1 by more than a tolerance; ``scratch`` is two rows."""
    red, green, blue = linear
    low, high = scratch
    np.minimum(red, green, out=low)
    np.minimum(low, blue, out=low)
    np.maximum(red, green, out=high)
    np.maximum(high, blue, out=high)
    return (low < -tolerance) | (high > 1 + tolerance)


def gamma_index(linear, out):
    """Write where in `gamma_table` the levels of linear values are, for ``take(mode="clip")``."""
    np.right_shift(linear.view(np.int32), _GAMMA_SHIFT, out=out)  # negative numbers fall to entry 0


def level_writer(dtype, size):
    """A function ``write(linear, out)`` that clips linear values and writes their sRGB levels."""
    if dtype != "uint8":

        def write(linear, out):
            srgb = srgb_from_linear(np.clip(linear, 0, 1)).reshape(out.shape)
            out[...] = np.rint(srgb * 65_535) if dtype == "uint16" else np.minimum(srgb, 1)

        return write

    table = gamma_table()
    index_all, levels_all = (scratch_planes(size, dtype=dtype) for dtype in (np.intp, np.uint8))

    def write_bytes(linear, out):
        linear, index = linear.reshape(out.shape), index_all[: linear.size].reshape(out.shape)
        levels = out if out.flags.c_contiguous else levels_all[: linear.size].reshape(out.shape)
        gamma_index(linear, index)
        np.take(table, index, out=levels, mode="clip")
        if levels is not out:
            out[...] = levels

    return write_bytes
