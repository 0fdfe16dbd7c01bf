"""What a downloaded body is: decided from its first bytes and its header, before anything is decoded."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..images.decode import GRAY_CHROMA, PhotoError, mean_chroma, read_photo
from ._address import Verdict

MAX_BYTES = 50 * 2**20
MAX_PIXELS = 64_000_000
EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
HEAD = 16  # bytes that `format_of` looks at


def format_of(head: bytes | bytearray) -> str:
    """JPEG, PNG or WEBP, by the first bytes of a file, whatever its name and its headers say.

    Raises
    ------
    Verdict
        It is none of these.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    kind = (
        "empty" if not head else "a page or a drawing" if start.startswith(b"<") else "another kind of file"
    )
    raise Verdict("rejected", f"no JPEG, PNG or WebP photo, but {kind}")


def size_of(body: bytes) -> tuple[int, int]:
    """Width and height, from the header: nothing is decoded.

    Raises
    ------
    Verdict
        The header is broken, or tells of too many pixels or of an animation.
    """
    kind = format_of(body[:HEAD])
    openers: dict[str, Callable[..., Image.Image]]
    openers = {"JPEG": JpegImageFile, "PNG": PngImageFile, "WEBP": WebPImageFile}
    try:  # the plugin itself, not Image.open, which warns of large ones
        with openers[kind](io.BytesIO(body)) as image:
            width, height = image.size
            animated = getattr(image, "is_animated", False)
    except Exception as error:  # decoders raise nearly anything on broken files
        raise Verdict("rejected", f"a broken header: {error}") from error
    if width * height > MAX_PIXELS:
        raise Verdict("rejected", f"{width} x {height} pixels are more than {MAX_PIXELS:,}")
    if animated:
        raise Verdict("rejected", "an animation, and no photo")
    return width, height


@dataclass
class Checked:
    """A photo that was decoded to its end: what is kept of it, and its measures."""

    content: bytes
    format: str
    width: int
    height: int
    mean_chroma: float

    @property
    def is_gray(self) -> bool:
        return self.mean_chroma < GRAY_CHROMA


def check_photo(body: bytes, max_size: int | None) -> Checked:
    """Decode a body whose size is known to be bearable, and reduce it where it is larger than `max_size`.

    Parameters
    ----------
    body : bytes
        The file.
    max_size : int or None
        Longest side in pixels of what is kept.

    Raises
    ------
    Verdict
        It is broken.
    """
    width, height = size_of(body)
    kind = format_of(body[:HEAD])
    reduced = max_size is not None and max(width, height) > max_size
    try:
        photo = read_photo(body, name="the photo", min_side=None if reduced else 64, max_size=max_size)
    except PhotoError as error:
        raise Verdict("rejected", str(error)) from error
    chroma = mean_chroma(photo.pixels)
    if reduced:
        body = _encoded(photo)
        kind, (height, width) = "JPEG", photo.pixels.shape[:2]
    return Checked(body, kind, width, height, chroma)


def _encoded(photo) -> bytes:
    """A reduced photo as a JPEG in sRGB; its EXIF, which may name the author, goes along, turned upright."""
    image = Image.fromarray(
        photo.pixels if photo.pixels.dtype == "uint8" else (photo.pixels >> 8).astype("uint8")
    )
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif.load(photo.info.get("exif", b""))
    exif[0x0112] = 1
    image.save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()
