"""What is done with the pixels of a photo, whatever their type: other levels, other sizes, chroma, gray."""

from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from .. import _color_tables as tables
from .. import color

GRAY_CHROMA = 2.0  # mean CIELAB chroma under which a photo counts as gray


def image_array(image: Image.Image) -> np.ndarray:
    """The image as a writable array, in strips: four times as fast for RGB as ``np.array(image)``."""
    first = np.asarray(image.crop((0, 0, image.width, 1)))
    out = np.empty((image.height, *first.shape[1:]), first.dtype)
    rows = max(1, 2**18 // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        out[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return out


def shrunk(pixels: np.ndarray, max_size: int | None) -> np.ndarray:
    """The pixels (H, W[, 3]) reduced so that their longest side is at most `max_size`, aspect kept."""
    height, width = pixels.shape[:2]
    if max_size is None or max(height, width) <= max_size:
        return pixels
    scale = max_size / max(height, width)
    return _resized(pixels, (max(1, round(width * scale)), max(1, round(height * scale))))


def _resized(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The array at another (width, height), by Pillow: bicubic, antialiased."""
    if array.ndim == 3 and array.dtype != np.uint8:  # Pillow has one channel of 16 or 32 bits, not three
        return np.stack([_resized(np.ascontiguousarray(array[..., c]), size) for c in range(3)], axis=-1)
    gap = None if array.dtype == np.uint16 else 3.0  # Pillow can't take the shortcut of a gap in 16 bits
    resized = image_array(Image.fromarray(array).resize(size, Image.Resampling.BICUBIC, reducing_gap=gap))
    return resized.clip(0, 1) if array.dtype.kind == "f" else resized


def as_levels(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Levels of one dtype (uint8, uint16, float32 in 0..1) as those of another, rounded."""
    dtype = np.dtype(dtype)
    if values.dtype == dtype:
        return values
    top = [1.0 if kind.kind == "f" else np.iinfo(kind).max for kind in (values.dtype, dtype)]
    scaled = np.multiply(values, top[1] / top[0], dtype=np.float32)
    return scaled if dtype.kind == "f" else np.rint(scaled, out=scaled).astype(dtype)


def mean_chroma(pixels: np.ndarray) -> float:
    """Mean CIELAB chroma of a photo, on a thumbnail of 64 pixels; 0 for gray ones of two dimensions.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, 3)
        sRGB: uint8, uint16 or float in 0..1.

    Returns
    -------
    chroma : float
        In Lab units: about 20 for everyday photos, 10 for a sepia scan.
    """
    if pixels.ndim == 2:
        return 0.0
    thumbnail = shrunk(pixels, 64)
    return float(np.hypot(*np.moveaxis(color.rgb_to_lab(thumbnail)[..., 1:], -1, 0)).mean())


def is_gray(pixels: np.ndarray) -> bool:
    """Whether a photo has next to no colour: a mean chroma under 2 (see `mean_chroma`)."""
    return mean_chroma(pixels) < GRAY_CHROMA


def gray_levels(pixels: np.ndarray) -> np.ndarray:
    """The gray photo of the same lightness, in sRGB gray levels.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, 3)
        sRGB: bool, uint8, uint16 or float in 0..1.

    Returns
    -------
    gray : ndarray of shape (H, W)
        uint8 for bool and uint8, else uint16. A gray photo of one of these dtypes is given back as it is.
    """
    if pixels.dtype.kind == "b":
        pixels = pixels * np.uint8(255)
    dtype = "uint8" if pixels.dtype == np.uint8 else "uint16"
    if pixels.ndim == 2:
        return pixels if pixels.dtype.kind == "u" else np.rint(pixels * 65535).astype(np.uint16)
    gray = np.empty(pixels.shape[:2], dtype)
    rows = max(1, 2**16 // pixels.shape[1])
    for top in range(0, len(pixels), rows):  # in strips: Lab of a whole photo is twelve times its size
        strip = pixels[top : top + rows]
        if dtype == "uint8":
            _gray_of_bytes(strip, gray[top : top + rows])
        else:
            lightness = color.rgb_to_lab(strip)[..., 0]
            gray[top : top + rows] = color.lightness_to_gray(lightness, dtype)
    return gray


def _gray_of_bytes(rgb: np.ndarray, out: np.ndarray) -> None:
    """Gray of 8-bit colours by tables in 16-bit integers: four times as fast as by way of Lab."""
    red, green, blue, gray = _gray_tables()
    luminance = red.take(rgb[..., 0], mode="clip")
    luminance += green.take(rgb[..., 1], mode="clip")
    luminance += blue.take(rgb[..., 2], mode="clip")
    gray.take(luminance, out=out, mode="clip")


@cache
def _gray_tables() -> tuple[np.ndarray, ...]:
    """What each level of R, G, B adds to a luminance of 0..65535, and the gray level of each luminance."""
    linear = tables.linear_from_srgb(np.arange(256) / 255)
    shares = np.rint(65535 * np.outer(tables.XYZ_FROM_RGB[1], linear)).astype(np.uint16)
    gray = np.rint(255 * tables.srgb_from_linear(np.arange(65536) / 65535)).astype(np.uint8)
    return (*shares, gray)
