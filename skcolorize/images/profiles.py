"""ICC colour profiles: any that a photo carries, to sRGB."""

import functools
import io
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from .levels import image_array

_COLOR = {"RGB", "CMYK", "LAB"}  # modes that have profiles and come out as RGB


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """The image in sRGB by way of its profile: gray of 8, 16 and 32 bits stays gray, all else gives RGB.

    A profile that can't be read or is for another kind of image is left aside, as browsers do.
    """
    if image.mode == "P":
        image = image.convert("L" if icc and icc[16:20] == b"GRAY" and _is_gray_palette(image) else "RGB")
    mode = image.mode
    if icc and mode in _COLOR:
        transform = _transform(icc, mode)
        if transform is not None:
            return transform.apply(image)
    elif icc and mode == "L" and icc[16:20] == b"RGB ":  # the profile of gray pixels has three primaries
        return to_srgb(image.convert("RGB"), icc).convert("L")
    elif icc and (mode == "L" or mode.startswith("I;16")):
        curve = _curve(icc, 8 if mode == "L" else 16)
        if curve is not None:
            return _along(curve, image)
    return image if mode in {"L", "RGB", "F"} or mode.startswith("I") else image.convert("RGB")


def _is_gray_palette(image: Image.Image) -> bool:
    colors = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    return bool((colors == colors[:, :1]).all())


def _along(curve: np.ndarray, image: Image.Image) -> Image.Image:
    """The gray image with each level taken from the curve, in strips: indices take eight bytes each."""
    levels = image_array(image)  # 16 bits in the file's order of bytes, and so they remain
    rows = max(1, 2**16 // image.width)
    for top in range(0, len(levels), rows):
        levels[top : top + rows] = curve[levels[top : top + rows]]
    return Image.fromarray(levels)


@functools.lru_cache(maxsize=32)
def _curve(icc: bytes, bits: int) -> np.ndarray | None:
    """What each gray level is in sRGB; None where that changes nothing or can't be done.

    LittleCMS by itself boils one channel down to a coarse table, which takes 10 of 27 levels from the
    shadows of a linear profile; told not to, it needs a second for 12 megapixels. So each level goes through
    it once.
    """
    levels = np.arange(2**bits, dtype=f"uint{bits}")[None]
    mode, tolerance = ("L", 0) if bits == 8 else ("I;16", 16)
    transform = _built(icc, mode, mode, io.BytesIO(_gray_srgb()), ImageCms.Flags.NOOPTIMIZE)
    if transform is None:
        return None
    curve = np.asarray(transform.apply(Image.fromarray(levels)))
    return None if _differ(curve, levels) <= tolerance else curve[0]


@functools.lru_cache(maxsize=32)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What takes images of colour to sRGB; None where that changes nothing or can't be done."""
    transform = _built(icc, mode, "RGB", ImageCms.createProfile("sRGB"))
    if transform is None or mode != "RGB":
        return transform
    # most profiles are sRGB under one of many names: skip those, 25 ns a pixel saved
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    return None if _differ(np.asarray(transform.apply(Image.fromarray(probe))), probe) <= 1 else transform


def _built(
    icc: bytes, mode: str, out: str, target: Any, flags: ImageCms.Flags = ImageCms.Flags.NONE
) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.buildTransform(source, ImageCms.ImageCmsProfile(target), mode, out, flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError):  # broken, or of another colour space than the image
        return None


def _differ(changed: np.ndarray, probe: np.ndarray) -> int:
    """By how many levels at most."""
    return int(np.abs(changed.astype(np.int32) - probe).max())


def build_profile(space: str, tags: dict[str, bytes]) -> bytes:
    """A display profile (ICC version 4.2) for a colour space ("GRAY" or "RGB ") with the given tags.

    References
    ----------
    ICC.1:2004-10, sections 7.2 (header) and 7.3 (tag table).
    """
    tags = {"wtpt": xyz_tag(0.9642, 1.0, 0.8249), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s28sIII48s",
        start + len(body), b"", 0x04200000, b"mntr", space.encode(), b"XYZ ", b"", b"acsp", b"",
        0xF6D6, 0x10000, 0xD32D, b"",
    )  # fmt: skip
    return header + table + body


def xyz_tag(*values: float) -> bytes:
    """Tag content of type XYZType."""
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def curve_tag(*parameters: float) -> bytes:
    """Tag content of type parametricCurveType: a gamma, or g, a, b, c, d of (a X + b)^g; under d, c X."""
    kind = {1: 0, 5: 3}[len(parameters)]
    return b"para\0\0\0\0" + struct.pack(
        f">HH{len(parameters)}i", kind, 0, *(round(p * 65536) for p in parameters)
    )


@functools.cache
def _gray_srgb() -> bytes:
    """Gray with the curve of sRGB, which ``ImageCms.createProfile`` can't make."""
    return build_profile("GRAY", {"kTRC": curve_tag(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)})


@functools.cache
def srgb_profile() -> bytes:
    """sRGB, for embedding: the same bytes whatever the time of day."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + made[36:]
