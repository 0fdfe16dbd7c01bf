"""Any photo in: files of every kind, PIL images and arrays become one `Photo` in sRGB."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag
from PIL.TiffImagePlugin import TiffImageFile

from . import profiles, storage
from .forms import check_array, photo_name
from .levels import GRAY_CHROMA, as_levels, gray_levels, image_array, is_gray, mean_chroma, shrunk

__all__ = [
    "GRAY_CHROMA",
    "Photo",
    "PhotoError",
    "as_levels",
    "gray_levels",
    "is_gray",
    "mean_chroma",
    "read_photo",
    "tiff_pages",
]

_SUBFILE, _REDUCED, _MASK = 254, 1, 4  # TIFF's NewSubfileType, and two of its bits
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height


class PhotoError(ValueError):
    """A photo could not be read: its file is missing, broken or no image. The message names it."""


@dataclass
class Photo:
    """One photo, decoded.

    Attributes
    ----------
    pixels : ndarray of shape (H, W) or (H, W, 3)
        sRGB, uint8 or uint16 levels or float32 in 0..1. May be read-only.
    alpha : ndarray of shape (H, W) or None
        Opacity, of the same dtype.
    name : str
        What messages call it.
    info : dict
        What `write_photo` keeps of the file: ``format``, ``exif``, ``xmp``, ``dpi``; empty for arrays.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    name: str = "the photo"
    info: dict[str, Any] = field(default_factory=dict)

    def with_alpha(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels` (H, W[, 3]) with the photo's alpha as 4th channel, or as they are where it has none."""
        if self.alpha is None:
            return pixels
        rgb = np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels
        return np.concatenate([rgb, as_levels(self.alpha, pixels.dtype)[..., None]], axis=-1)


def read_photo(
    item: Any,
    *,
    name: str | None = None,
    min_side: int | None = None,
    max_size: int | None = None,
    page: int | None = None,
) -> Photo:
    """Read a photo from a path or address, the bytes of a file, a PIL image, or an array.

    Files and PIL images: EXIF orientation applied; ICC profile, palette and CMYK converted to sRGB;
    16-bit gray in full, 16-bit colour in 8 bits, as Pillow gives it; the first of several frames, with a
    warning.

    Parameters
    ----------
    item : str, PathLike, bytes, PIL.Image.Image or ndarray
        The photo.
    name : str, optional
        What messages call it.
    min_side : int, optional
        The short side may come out with as few pixels as this, which makes JPEG decode faster.
    max_size : int, optional
        Reduce the photo so that its longest side is at most this, aspect kept.
    page : int, optional
        Of a TIFF, counted from 0 (see `tiff_pages`); by default the first, with a warning if there are more.

    Returns
    -------
    photo : Photo

    Raises
    ------
    PhotoError
        The file is missing, broken, too large or no image.
    ValueError
        An array of a shape, dtype or range that no photo has.
    TypeError
        No form of a photo.
    """
    name = photo_name(item) if name is None else name
    if isinstance(item, np.ndarray):
        return _from_array(item, name, max_size)
    if isinstance(item, Image.Image):
        with _faults_named(name):
            item.load()  # an image of the caller's must not be opened smaller
            return _from_image(item, name, None, max_size)
    item = _file(item, name)
    with _faults_named(name), _open(item, name) as image:
        if page is not None:
            image.seek(page)
        return _from_image(image, name, min_side, max_size, warn=page is None)


def tiff_pages(item: str | os.PathLike | bytes, *, name: str | None = None) -> list[int]:
    """Numbers of the pages of a TIFF, its thumbnails and masks left out; [0] of every other file.

    Raises
    ------
    PhotoError
        As `read_photo`; or the list of pages is damaged.
    """
    name = photo_name(item) if name is None else name
    file = _file(item, name)
    with _faults_named(name), _open(file, name) as image:
        if not isinstance(image, TiffImageFile):
            return [0]
        try:
            n_pages = image.n_frames
        except Exception as error:
            raise PhotoError(
                f"{name} is a TIFF whose list of pages is damaged or has one that Pillow can't read: {error}"
            ) from error
        pages = []
        for page in range(n_pages):
            image.seek(page)
            if not image.tag_v2.get(_SUBFILE, 0) & (_REDUCED | _MASK):
                pages.append(page)
        return pages or [0]


def _file(item: Any, name: str) -> str | bytes | bytearray | memoryview:
    """A path as text, or the bytes of a file; anything else is a mistake of the caller's."""
    if isinstance(item, (str, os.PathLike)):
        return storage.path_text(item)
    if isinstance(item, (bytes, bytearray, memoryview)):
        return item
    raise TypeError(
        f"{name} is of type {type(item).__qualname__}; photos are paths, bytes, PIL images or arrays"
    )


@contextmanager
def _faults_named(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises (for broken files nearly anything) into a PhotoError with a name."""
    try:
        yield
    except (PhotoError, ImportError, MemoryError, Warning):
        raise
    except FileNotFoundError as error:
        raise PhotoError(f"{name} is missing: there is no such file") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name} is no image that Pillow can read, or its beginning is broken") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{name} is too large: {error} Where you trust it, raise PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except Exception as error:
        fault = (
            "can't be reached" if getattr(error, "errno", None) else "is broken"
        )  # Pillow's own have no number
        raise PhotoError(f"{name} {fault}: {str(error) or type(error).__name__}") from error


@contextmanager
def _open(item: Any, name: str) -> Iterator[Image.Image]:
    """A lazily opened image of a path, an address or the bytes of a file."""
    if isinstance(item, str) and not storage.is_remote(item) and not os.path.isfile(item):
        folder, pattern = os.path.split(item)
        if os.path.isdir(item):
            raise PhotoError(f"{name} is a folder: pass skcolorize.datasets.image_paths({item!r})")
        if set("*?[") & set(pattern):
            advice = f"skcolorize.datasets.image_paths({folder or '.'!r}, pattern={pattern!r})"
            raise PhotoError(f"{name} is missing; for all photos of a pattern pass {advice}")
    with storage.open_file(item) if isinstance(item, str) else io.BytesIO(item) as source:
        try:
            image: Image.Image = Image.open(source)
        except UnidentifiedImageError:
            if not _is_heif(source):
                raise
            image = _open_heif(source, name)
        if image.format == "EPS":  # Pillow would run Ghostscript on it
            raise PhotoError(f"{name} is a PostScript file, and no photo")
        yield image


def _is_heif(source: BinaryIO) -> bool:
    source.seek(4)
    return source.read(8) in {
        b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
    }


def _open_heif(source: BinaryIO, name: str) -> Image.Image:
    try:
        from pillow_heif import open_heif
    except ImportError as error:
        raise ImportError(f"{name} is a HEIC file: pip install 'skcolorize[heic]'") from error
    source.seek(0)
    heif = open_heif(source)
    if Image.MAX_IMAGE_PIXELS and heif.size[0] * heif.size[1] > 2 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"Image size {heif.size} exceeds the limit.")
    return heif.to_pillow()


def _from_image(
    image: Image.Image, name: str, min_side: int | None, max_size: int | None, *, warn: bool = True
) -> Photo:
    n_frames = _count_frames(image, name) if warn else 1
    if n_frames > 1:
        warnings.warn(f"{name} has {n_frames} frames or pages: the first is taken, {n_frames - 1} left out")
    info = _info(image)
    wanted = max(min_side or 0, 2 * (max_size or 0) * min(image.size) // max(image.size))
    if wanted:
        image.draft(None, (wanted, wanted))
    image.load()
    orientation = _orientation(image)  # asked now, because Pillow turns TIFFs itself while it loads them
    if orientation in _SIDEWAYS and "dpi" in info:
        info["dpi"] = info["dpi"][::-1]
    icc = image.info.get("icc_profile")
    alpha = None
    if image.mode == "1":
        image = image.convert("L")
    if isinstance(image, TiffImageFile):
        image = _as_tagged(image, name)
    if image.has_transparency_data and not image.mode.startswith("I"):
        image = image.convert("LA" if image.mode in {"L", "LA", "La"} else "RGBA")
        alpha = shrunk(_turned(image_array(image.getchannel("A")), orientation), max_size)
        image = image.convert(image.mode.removesuffix("A"))
    image = profiles.to_srgb(image, icc)
    pixels = _levels(_turned(image_array(image), orientation), name)
    return Photo(shrunk(pixels, max_size), alpha, name, info)


def _count_frames(image: Image.Image, name: str) -> int:
    if image.format == "MPO" or image.tell():
        return 1  # a phone's JPEG with a depth map behind it; or a page that the user turned to
    try:
        return getattr(image, "n_frames", 1)
    except Exception as error:  # its file is closed, or broken further on: decoding tells
        if isinstance(image, TiffImageFile):
            image.seek(0)  # Pillow stopped at the broken page
            warnings.warn(f"{name} has pages that can't be counted ({error}): the first is taken")
        return 1


def _as_tagged(image: TiffImageFile, name: str) -> Image.Image:
    """The image as its tags say where Pillow (up to 13.0) doesn't heed them: negatives and 12 bits in 16."""
    tags = image.tag_v2
    bits = tags.get(Tag.BitsPerSample, (1,))
    in_planes = tags.get(Tag.PlanarConfiguration) == 2 and tags.get(Tag.Compression, 1) == 1
    if in_planes and bits[0] == 16 and tags.get(Tag.SamplesPerPixel, 1) > 1:
        raise PhotoError(
            f"{name} is an uncompressed TIFF of 16-bit colours in separate planes, which Pillow can't read: "
            "save it by another program with interleaved channels"
        )
    white_is_0 = tags.get(Tag.PhotometricInterpretation) == 0
    if not image.mode.startswith("I;16") or not (white_is_0 or bits == (12,)):
        return image
    levels = image_array(image)
    if bits == (12,):
        levels <<= 4
        levels |= levels >> 12
    return Image.fromarray(np.invert(levels, out=levels) if white_is_0 else levels)


def _info(image: Image.Image) -> dict[str, Any]:
    """What describes the photo rather than its pixels."""
    kept = {key: image.info[key] for key in ("exif", "xmp", "dpi") if image.info.get(key)}
    if isinstance(image, TiffImageFile):  # whose directory is EXIF by itself
        if Tag.XResolution not in image.tag_v2:
            kept.pop("dpi", None)  # Pillow's 1 stands for none
        elif "dpi" in kept and image.tag_v2.get(Tag.Orientation) in _SIDEWAYS:
            kept["dpi"] = kept["dpi"][::-1]  # now, because loading turns the photo and drops the tag
        with suppress(Exception):
            exif = image.getexif()
            for part in (IFD.Exif, IFD.GPSInfo):  # read while the file is open
                exif.get_ifd(part)
            kept["exif"] = exif.tobytes()
    return {"format": image.format, **kept}


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(Tag.Orientation, 1)
    except Exception:  # unreadable EXIF spoils no photo
        return 1


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """The array as its EXIF orientation (1 to 8) says it is to be seen."""
    if orientation in _SIDEWAYS:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _levels(array: np.ndarray, name: str) -> np.ndarray:
    """Pixels of a file: 32-bit integers that hold 16-bit levels become uint16, floats are checked."""
    if array.dtype == np.int32:
        low, high = array.min(), array.max()
        if low < 0 or high > 65535:
            raise PhotoError(f"{name} has 32-bit integers from {low} to {high}; levels must lie in 0..65535")
        return array.astype(np.uint16)
    if array.dtype.kind == "f":
        try:
            return _floats(array, name)
        except ValueError as error:
            raise PhotoError(str(error)) from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _floats(array: np.ndarray, name: str) -> np.ndarray:
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name} has float values from {low:.4g} to {high:.4g}, and floats must lie in 0..1. "
            "Levels of 0..255 are cast by .astype('uint8'); Lab values are no photo: leave RGBToLab out, "
            "Colorizer works in Lab by itself"
        )
    return array.astype(np.float32, copy=False)


def _from_array(array: np.ndarray, name: str, max_size: int | None) -> Photo:
    check_array(array, name)
    array = np.asarray(array)
    if array.dtype.kind == "f":
        array = _floats(array, name)
    elif array.dtype.kind == "b":
        array = array * np.uint8(255)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    alpha = None
    if array.ndim == 3:
        if array.shape[2] == 4:
            array, alpha = array[..., :3], shrunk(np.ascontiguousarray(array[..., 3]), max_size)
        elif array.shape[2] == 1:
            array = array[..., 0]
    return Photo(shrunk(np.ascontiguousarray(array), max_size), alpha, name)
