"""Real files of every kind of photo, all of one small scene, made by code.

``PHOTO_FILES[kind].content()`` gives the bytes of one; ``write_photo_files(folder)`` writes all of them.
``BROKEN_FILES`` are those that can't be read.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from skcolorize.images.profiles import build_profile, curve_tag, xyz_tag

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_SRGB_D50 = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
_P3_D50 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])


@cache
def scene() -> np.ndarray:
    """A smooth colour photo (40, 56, 3), uint8, that no turn or mirror image equals."""
    y, x = np.mgrid[0:40, 0:56] / [[[40]], [[56]]]
    rgb = np.stack([0.15 + 0.7 * x, 0.2 + 0.6 * y * (1 - x), 0.75 - 0.5 * y], axis=-1)
    return _frozen(np.rint(255 * rgb).astype(np.uint8))


@cache
def gray_scene(dtype: str = "uint8") -> np.ndarray:
    """A smooth gray photo (40, 56) of the given integer type."""
    y, x = np.mgrid[0:40, 0:56] / [[[40]], [[56]]]
    return _frozen(np.rint(np.iinfo(dtype).max * (0.05 + 0.6 * x + 0.3 * y * y)).astype(dtype))


@cache
def alpha_scene() -> np.ndarray:
    """The opacity (40, 56), uint8, of the files that have one."""
    return _frozen(np.linspace(0, 255, 40 * 56).round().astype(np.uint8).reshape(40, 56))


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def encoded(image: Image.Image, format: str, **options) -> bytes:
    """The bytes of a file."""
    with io.BytesIO() as buffer:
        image.save(buffer, format, **options)
        return buffer.getvalue()


def _rgb() -> Image.Image:
    return Image.fromarray(scene())


def _gray(dtype: str = "uint8") -> Image.Image:
    return Image.fromarray(gray_scene(dtype))


def _with_alpha(image: Image.Image) -> Image.Image:
    image.putalpha(Image.fromarray(alpha_scene()))
    return image


def _linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _gamma(values: np.ndarray) -> np.ndarray:
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def display_p3_profile(*curve: float) -> bytes:
    """Like the profile of recent phones and screens: wider primaries, by default with sRGB's curve."""
    tags = {f"{c}XYZ": xyz_tag(*_P3_D50[:, i]) for i, c in enumerate("rgb")}
    return build_profile("RGB ", {**tags, **{f"{c}TRC": curve_tag(*curve or SRGB_CURVE) for c in "rgb"}})


def gray_gamma_profile(gamma: float = 1.8) -> bytes:
    """Like the dot gain and gamma profiles of scanners."""
    return build_profile("GRAY", {"kTRC": curve_tag(gamma)})


def _in_display_p3() -> Image.Image:
    linear = _linear(scene() / 255) @ (np.linalg.inv(_P3_D50) @ _SRGB_D50).T
    return Image.fromarray(np.rint(255 * _gamma(linear)).astype(np.uint8))


def _in_gray_gamma(dtype: str) -> Image.Image:
    top = np.iinfo(dtype).max
    return Image.fromarray(np.rint(top * _linear(gray_scene(dtype) / top) ** (1 / 1.8)).astype(dtype))


def _in_gray_palette() -> Image.Image:
    image = _in_gray_gamma("uint8")
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    return image


def gray_tiff(
    data: bytes, *, bits: int = 16, photometric: int = 1, width: int = 56, height: int = 40
) -> bytes:
    """An uncompressed TIFF as Pillow writes none."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 122, 277: 1, 278: height,
            279: len(data)}  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data


def _packed(levels: np.ndarray) -> bytes:
    """Two levels of 12 bits in three bytes."""
    first, second = levels.astype(np.uint16).reshape(-1, 2).T
    return (
        np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype("u1").tobytes()
    )


def _with_orientation(orientation: int) -> bytes:
    """A PNG that its EXIF orientation turns into the scene."""
    T = Image.Transpose
    undo = {2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE, 6: T.ROTATE_90,
            7: T.TRANSVERSE, 8: T.ROTATE_270}  # fmt: skip
    image = _rgb().transpose(undo[orientation]) if orientation > 1 else _rgb()
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "PNG", exif=exif)


def _more_frames(width: int, height: int) -> list[Image.Image]:
    return [Image.new("RGB", (width, height), colour) for colour in ("red", "blue")]


def _float_scene(top: float = 1.0) -> Image.Image:
    return Image.fromarray((gray_scene("uint16") / 65535 * top).astype(np.float32))


@dataclass(frozen=True)
class PhotoFile:
    """One kind of file: its bytes, and what has to be read from it."""

    suffix: str
    content: Callable[[], bytes]
    pixels: Callable[[], np.ndarray] = scene
    alpha: bool = False
    tolerance: int = 0  # levels; JPEG and colour profiles are not exact


def _file(suffix, content, pixels=scene, alpha=False, tolerance=0):
    return PhotoFile(suffix, cache(content), pixels, alpha, tolerance)


def _gray16():
    return gray_scene("uint16")


PHOTO_FILES = {
    "rgb_jpeg": _file(".jpg", lambda: encoded(_rgb(), "JPEG", quality=98, subsampling=0), tolerance=6),
    "gray_jpeg": _file(".jpg", lambda: encoded(_gray(), "JPEG", quality=98), gray_scene, tolerance=4),
    "cmyk_jpeg": _file(
        ".jpg", lambda: encoded(_rgb().convert("CMYK"), "JPEG", quality=98, subsampling=0), tolerance=12
    ),
    "rgb_png": _file(".png", lambda: encoded(_rgb(), "PNG")),
    "gray_png": _file(".png", lambda: encoded(_gray(), "PNG"), gray_scene),
    "rgba_png": _file(".png", lambda: encoded(_with_alpha(_rgb()), "PNG"), alpha=True),
    "la_png": _file(".png", lambda: encoded(_with_alpha(_gray()), "PNG"), gray_scene, alpha=True),
    "gray16_png": _file(".png", lambda: encoded(_gray("uint16"), "PNG"), _gray16),
    "bilevel_png": _file(
        ".png",
        lambda: encoded(Image.fromarray(gray_scene() > 127), "PNG"),
        lambda: np.where(gray_scene() > 127, 255, 0).astype(np.uint8),
    ),
    "palette_png": _file(".png", lambda: encoded(_rgb().quantize(256), "PNG"), tolerance=24),
    "palette_alpha_png": _file(
        ".png", lambda: encoded(_with_alpha(_rgb()).quantize(256), "PNG"), alpha=True, tolerance=96
    ),
    "rgb_tiff": _file(".tif", lambda: encoded(_rgb(), "TIFF")),
    "gray16_tiff": _file(".tif", lambda: encoded(_gray("uint16"), "TIFF"), _gray16),
    "gray16_negative_tiff": _file(
        ".tif", lambda: gray_tiff((65535 - _gray16()).astype("<u2").tobytes(), photometric=0), _gray16
    ),
    "gray12_tiff": _file(
        ".tif",
        lambda: gray_tiff(_packed(_gray16() >> 4), bits=12),
        lambda: np.rint((_gray16() >> 4) * (65535 / 4095)).astype(np.uint16),
        tolerance=1,
    ),
    "float_tiff": _file(
        ".tif",
        lambda: encoded(_float_scene(), "TIFF"),
        lambda: (gray_scene("uint16") / 65535).astype(np.float32),
    ),
    "webp": _file(".webp", lambda: encoded(_rgb(), "WEBP", lossless=True)),
    "rgba_webp": _file(
        ".webp", lambda: encoded(_with_alpha(_rgb()), "WEBP", lossless=True, exact=True), alpha=True
    ),
    "bmp": _file(".bmp", lambda: encoded(_rgb(), "BMP")),
    "wrong_suffix": _file(".jpg", lambda: encoded(_rgb(), "PNG")),
    "srgb_profile": _file(
        ".png",
        lambda: encoded(
            _rgb(),
            "PNG",
            icc_profile=build_profile(
                "RGB ",
                {f"{c}XYZ": xyz_tag(*_SRGB_D50[:, i]) for i, c in enumerate("rgb")}
                | {f"{c}TRC": curve_tag(*SRGB_CURVE) for c in "rgb"},
            ),
        ),
    ),
    "display_p3_profile": _file(
        ".png", lambda: encoded(_in_display_p3(), "PNG", icc_profile=display_p3_profile()), tolerance=2
    ),
    "display_p3_alpha": _file(
        ".png",
        lambda: encoded(_with_alpha(_in_display_p3()), "PNG", icc_profile=display_p3_profile()),
        alpha=True,
        tolerance=2,
    ),
    "gray_profile": _file(
        ".png",
        lambda: encoded(_in_gray_gamma("uint8"), "PNG", icc_profile=gray_gamma_profile()),
        gray_scene,
        tolerance=1,
    ),
    "gray_rgb_profile": _file(
        ".png",
        lambda: encoded(_in_gray_gamma("uint8"), "PNG", icc_profile=display_p3_profile(1.8)),
        gray_scene,
        tolerance=1,
    ),
    "gray_profile_alpha": _file(
        ".png",
        lambda: encoded(_with_alpha(_in_gray_gamma("uint8")), "PNG", icc_profile=gray_gamma_profile()),
        gray_scene,
        alpha=True,
        tolerance=1,
    ),
    "gray16_profile": _file(
        ".tif",
        lambda: encoded(_in_gray_gamma("uint16"), "TIFF", icc_profile=gray_gamma_profile()),
        _gray16,
        tolerance=4,
    ),
    "gray16_big_endian_profile": _file(
        ".tif",
        lambda: encoded(
            Image.frombytes("I;16B", (56, 40), np.array(_in_gray_gamma("uint16")).astype(">u2").tobytes()),
            "TIFF",
            icc_profile=gray_gamma_profile(),
        ),
        _gray16,
        tolerance=4,
    ),
    "palette_profile": _file(
        ".png",
        lambda: encoded(_in_display_p3().quantize(256), "PNG", icc_profile=display_p3_profile()),
        tolerance=24,
    ),
    "gray_palette_profile": _file(
        ".png",
        lambda: encoded(_in_gray_palette(), "PNG", icc_profile=gray_gamma_profile()),
        gray_scene,
        tolerance=1,
    ),
    **{f"orientation_{o}": _file(".png", lambda o=o: _with_orientation(o)) for o in range(1, 9)},
}
"""What can be read. All but those of `MANY_FRAMES` are read without a warning."""

MANY_FRAMES = {
    "animation_gif": _file(
        ".gif",
        lambda: encoded(_rgb(), "GIF", save_all=True, append_images=_more_frames(56, 40)),
        tolerance=24,
    ),
    "pages_tiff": _file(
        ".tif",
        lambda: encoded(_rgb(), "TIFF", save_all=True, append_images=_more_frames(9, 5)),
    ),
}
"""Files of three frames or pages, of which the first is read with a warning."""


def bomb_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """The header of an enormous PNG, and next to nothing behind it."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _cut(kind: str) -> Callable[[], bytes]:
    content = PHOTO_FILES[kind].content
    return cache(lambda: content()[: int(len(content()) * 0.7)])


BROKEN_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "truncated_jpeg": (".jpg", _cut("rgb_jpeg")),
    "truncated_png": (".png", _cut("rgb_png")),
    "truncated_tiff": (".tif", _cut("gray16_tiff")),
    "truncated_webp": (".webp", _cut("webp")),
    "truncated_bmp": (".bmp", _cut("bmp")),
    "header_only": (".jpg", lambda: PHOTO_FILES["rgb_jpeg"].content()[:40]),
    "empty": (".jpg", lambda: b""),
    "text": (".jpg", lambda: b"<html>404 Not Found</html>"),
    "bomb": (".png", bomb_png),
    "float_levels": (".tif", lambda: encoded(_float_scene(255.0), "TIFF")),
}
"""Suffix and bytes of files that can't be read as a photo."""


def write_photo_files(folder: str | Path) -> dict[str, Path]:
    """Write one file of each kind of `PHOTO_FILES`; the path of each by its kind."""
    paths = {}
    for kind, file in PHOTO_FILES.items():
        paths[kind] = Path(folder) / f"{kind}{file.suffix}"
        paths[kind].write_bytes(file.content())
    return paths
