"""Lightness and colour become linear RGB within the gamut of sRGB: the arithmetic of one strip.

Colour comes as a shift: how far the scaled roots of X and Z lie from that of Y. Per pixel, the root of Y, and
Y, come from tables of gray levels, X and Z are cubes, and linear RGB is one product of a matrix; see
`skcolorize._color_tables` for the devices.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _color_tables as tables
from .. import _strips as strips

#: Shift of the roots of X and Z per unit of a and b.
SHIFT_FROM_AB = np.array([tables.ROOT_SCALE / 500, -tables.ROOT_SCALE / 200], np.float32)
# Linear RGB of the cubes of X's and Z's roots, and of Y.
_RGB_FROM_XZY = np.column_stack([tables.RGB_FROM_CUBES[:, ::2], tables.RGB_FROM_XYZ[:, 1]])

# How far linear RGB may leave 0..1 unrepaired. Half a level would do, but next to black it would let colours
# pass of which slightly stronger ones are taken away: specks.
_TOLERANCE = np.float32(1e-5)


class Blender:
    """Blends strips of up to ``size`` pixels in scratch of its own: one for each thread."""

    def __init__(self, size: int):
        self._planes = strips.scratch_planes(10, size)

    def blend(self, lightness: np.ndarray, write_shift: Callable):
        """Linear RGB of a row of gray levels (uint8, uint16), or of L (float).

        Colours that leave sRGB get less chroma, along constant L and hue, until they fit.

        Parameters
        ----------
        lightness : array of shape (n,)
        write_shift : callable
            ``write_shift(y, shift, spare)`` writes the shift (2, n). It may read the scaled roots of Y (n,),
            and spoil the spare (2, n).

        Returns
        -------
        linear : array of shape (3, n)
            Valid until the next call, like the others.
        y : array of shape (n,)
            Scaled root of Y.
        shift : array of shape (2, n)
            As it was written.
        fitted : array of int
            Pixels whose linear RGB was fitted, and says other than their shift.
        """
        planes = self._planes[:, : len(lightness)]
        y, shift, cubes, scratch = planes[0], planes[1:3], planes[3:6], planes[6:10]
        look_up_lightness(lightness, y, cubes[2])
        write_shift(y, shift, scratch[:2])
        np.add(y, shift, out=cubes[:2])
        tables.cube(cubes[:2], (scratch[:2], scratch[2:]))
        linear = scratch[:3]
        tables.matmul(_RGB_FROM_XZY, cubes, linear)
        outside = np.flatnonzero(tables.is_outside(linear, cubes[:2], _TOLERANCE))
        if outside.size:
            parts = (part.take(outside, axis=-1) for part in (cubes[2], y, shift, linear))
            for plane, values in zip(linear, _fit_gamut(*parts), strict=True):
                plane[outside] = values
        return linear, y, shift, outside


def look_up_lightness(lightness: np.ndarray, root: np.ndarray, luminance: np.ndarray) -> None:
    """Scaled root of Y, and Y, of a row of gray levels, or of L."""
    if lightness.dtype.kind != "f":
        tables.look_up(tables.scaled_root_from_srgb, lightness, root)
        tables.look_up(tables.linear_from_srgb, lightness, luminance)
        return
    np.clip(lightness, 0, 100, out=root, casting="same_kind")
    root += 16
    root *= tables.ROOT_SCALE / 116
    luminance[:] = root
    tables.cube(luminance, strips.scratch_planes(2, len(root)))
    luminance *= tables.ROOT_SCALE**-3


def _fit_gamut(luminance, y, shift, linear):
    """Linear RGB with less chroma, along constant L and hue, for colours that leave sRGB.

    Where the way from gray to the colour leaves the gamut would be known at once if linear RGB were linear in
    chroma. It nearly is: the colour found so lies a little within the gamut or a little beyond it. From there
    a straight line in linear RGB, which keeps Y, leads to the boundary, out towards the colour that was asked
    for or back towards gray; hue turns by less than a degree, as that way is short.
    """
    roots, *scratch = strips.scratch_planes(3, *linear.shape)
    roots[1] = y
    shift *= _part_inside(luminance, linear - luminance)
    np.add(y, shift, out=roots[::2])
    near = tables.linear_from_roots(roots, scratch)
    beyond = tables.is_outside(near, scratch[1][:2], _TOLERANCE)
    start, way = np.where(beyond, luminance, near), np.where(beyond, near, linear)
    way -= start
    way *= _part_inside(start, way)
    start += way
    return start


def _part_inside(start, way):
    """Part (n,) of the way (3, n) from linear colours that lies within 0..1."""
    inverse = 1 / (way + np.float32(1e-12))
    to_black = start * inverse
    to_white = np.subtract(inverse, to_black, out=inverse)
    np.negative(to_black, out=to_black)
    return np.maximum(to_black, to_white, out=to_black).min(axis=0).clip(0, 1)
