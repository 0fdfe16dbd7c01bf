"""Any photo out: format, metadata of the source, and a note of what made the colours; whole or not at all."""

import os
import re
import warnings
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, PngImagePlugin
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag

from .decode import Photo, as_levels
from .jpeg import save_jpeg
from .profiles import srgb_profile
from .storage import path_text, replace_whole

FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".bmp": "BMP",
}  # fmt: skip
_WITH_ALPHA = {"PNG", "TIFF", "WEBP"}
# What describes a photo. All other tags of the first directory tell how the source's file was laid out.
_DESCRIPTIVE = {
    Tag.ImageDescription, Tag.Make, Tag.Model, Tag.Software, Tag.DateTime, Tag.Artist, Tag.HostComputer,
    Tag.Copyright, Tag.ExifOffset, Tag.GPSInfo, Tag.Rating, Tag.RatingPercent, Tag.XPTitle, Tag.XPComment,
    Tag.XPAuthor, Tag.XPKeywords, Tag.XPSubject, Tag.ResolutionUnit, Tag.XResolution, Tag.YResolution,
}  # fmt: skip
_MOST_JPEG_SIDE = 65_500  # of libjpeg
_MOST_EXIF, _MOST_XMP = 65_533, 65_504  # bytes that a segment of JPEG has for them
# As small as Pillow's defaults within 2 %, in two thirds of the time (PNG) and half of it (WebP).
_EFFORT = {"PNG": {"compress_level": 4}, "WEBP": {"method": 2}}
_TRAINED_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def write_photo(
    path: str | os.PathLike,
    pixels: np.ndarray | Image.Image,
    *,
    photo: Photo | None = None,
    alpha: np.ndarray | None = None,
    format: str | None = None,
    quality: int = 95,
    storage_options: dict | None = None,
    comment: str | None = None,
    n_jobs: int | None = None,
) -> None:
    """Write a photo to a file, whole or not at all.

    Parameters
    ----------
    path : str or PathLike
        File or address; one that is there is replaced.
    pixels : ndarray of shape (H, W), (H, W, 3) or (H, W, 4), or PIL.Image.Image
        sRGB, written in 8 bits a channel.
    photo : Photo, optional
        The source: its EXIF (orientation set to 1, sizes set right), XMP and resolution are kept, and its
        alpha where the format has one.
    alpha : ndarray of shape (H, W), optional
        Opacity, in place of the source's.
    format : {"JPEG", "PNG", "TIFF", "WEBP", "BMP"} or a suffix, optional
        By default what the suffix of `path` says.
    quality : int, default=95
        Of JPEG and WebP, 1 to 100.
    storage_options : dict, optional
        Handed to fsspec.
    comment : str, optional
        What made the colours, kept in EXIF and XMP (with IPTC's digital source type), in PNG also as text.
        BMP has no place for it.
    n_jobs : int or None, default=None
        Threads that share a large JPEG, in joblib's terms; None is one. The file is the same with any number.

    Raises
    ------
    ValueError
        An unknown format, or a photo that the format can't hold.
    """
    kind = image_format(path, format)
    image = _image(pixels)
    alpha = photo.alpha if alpha is None and photo is not None else alpha
    alpha_lost = image.has_transparency_data and kind not in _WITH_ALPHA
    if alpha is not None and kind in _WITH_ALPHA:
        if image.mode not in {"L", "RGB"}:
            image = image.convert("RGB")
        image.putalpha(Image.fromarray(as_levels(alpha, np.uint8)))
    elif (image.mode == "RGBX" and kind in {"PNG", "BMP"}) or alpha_lost:
        image = image.convert("L" if image.mode == "LA" else "RGB")
    options = _metadata(kind, image, photo, comment)
    if kind in {"JPEG", "WEBP"}:
        options["quality"] = quality
    options |= _EFFORT.get(kind, {})
    if kind == "JPEG" and max(image.size) > _MOST_JPEG_SIDE:
        raise ValueError(
            f"{path_text(path)!r} can't be written as JPEG: it has {image.width} x {image.height} pixels, "
            f"and JPEG at most {_MOST_JPEG_SIDE} a side. Write it as PNG or TIFF."
        )
    try:
        with replace_whole(path, storage_options=storage_options) as file:
            if kind == "JPEG":
                save_jpeg(image, file, n_jobs, **options)
            else:
                image.save(file, kind, **options)
    except (ValueError, SystemError) as error:  # Pillow's words for what a format can't hold
        raise ValueError(f"{path_text(path)!r} can't be written as {kind}: {error}") from error


def image_format(path: str | os.PathLike, format: str | None = None) -> str:
    """Pillow's name of the format that a suffix, or `format`, stands for."""
    if format is None:
        wanted = os.path.splitext(path_text(path))[1].lower()
    else:
        wanted = "." + format.lower().removeprefix(".")
    if wanted not in FORMATS:
        given = "format" if format is not None else "suffix"
        raise ValueError(
            f"{path_text(path)!r}: unknown {given} {wanted.removeprefix('.') if format else wanted!r}; "
            f"photos are written as {', '.join(sorted({f.lower() for f in FORMATS.values()}))}"
        )
    return FORMATS[wanted]


def _image(pixels: np.ndarray | Image.Image) -> Image.Image:
    if isinstance(pixels, Image.Image):
        return pixels
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return Image.fromarray(as_levels(pixels, np.uint8))


def _metadata(kind: str, image: Image.Image, photo: Photo | None, comment: str | None) -> dict[str, Any]:
    """Options of ``Image.save`` that carry what the source said of itself, and the comment."""
    info = photo.info if photo is not None else {}
    options: dict[str, Any] = {}
    if info.get("dpi") and kind != "WEBP":
        options["dpi"] = tuple(map(float, info["dpi"]))
    if kind == "BMP":
        return options
    if image.mode not in {"L", "LA"}:
        options["icc_profile"] = srgb_profile()
    exif = _exif(info.get("exif"), image.size, comment)
    xmp = _xmp(info.get("xmp"), comment)
    if kind == "JPEG" and photo is not None:
        exif, xmp = _cut_to_segments(exif, xmp, photo.name, image.size, comment)
    if exif:
        options["exif"] = exif
    if kind == "PNG":
        texts = options["pnginfo"] = PngImagePlugin.PngInfo()
        if xmp:
            texts.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        if comment:
            texts.add_itxt("Comment", comment)
    elif xmp:
        if kind == "TIFF":
            exif[Tag.XMLPacket] = xmp
        else:
            options["xmp"] = xmp
    return options


def _exif(raw: bytes | None, size: tuple[int, int], comment: str | None) -> Image.Exif:
    """The source's EXIF as it is true of the new file; without its thumbnail, which shows the gray photo."""
    exif = Image.Exif()
    if raw:
        with suppress(Exception):  # unreadable EXIF is left behind
            exif.load(raw)
            exif.get_ifd(IFD.Exif)
            exif.get_ifd(IFD.GPSInfo)
    for tag in set(exif) - _DESCRIPTIVE:
        del exif[tag]
    if len(exif):
        exif[Tag.Orientation] = 1
        details = exif.get_ifd(IFD.Exif)
        details.pop(IFD.Interop, None)  # it may say Adobe RGB
        for tag, value in (
            (Tag.ColorSpace, 1),
            (Tag.ExifImageWidth, size[0]),
            (Tag.ExifImageHeight, size[1]),
        ):
            if tag in details:
                details[tag] = value
    if comment:
        exif[Tag.Software] = comment
        exif.setdefault(Tag.ImageDescription, comment)
    return exif


def _cut_to_segments(
    exif: Image.Exif, xmp: bytes | None, name: str, size: tuple[int, int], comment: str | None
) -> tuple[Image.Exif, bytes | None]:
    """What goes into JPEG's segments of 64 KB, always with the comment; a warning says what does not."""
    lost = []
    if exif and len(exif.tobytes()) > _MOST_EXIF:
        lost.append("maker note")
        exif.get_ifd(IFD.Exif).pop(Tag.MakerNote, None)
        if len(exif.tobytes()) > _MOST_EXIF:
            lost[-1] = "EXIF"
            exif = _exif(None, size, comment)
    if xmp and len(xmp) > _MOST_XMP:
        lost.append("XMP")
        xmp = _xmp(None, comment)
    if lost:
        warnings.warn(
            f"{name}: its {' and '.join(lost)} can't be kept, JPEG has 64 KB for each", stacklevel=4
        )
    return exif, xmp


def _xmp(raw: bytes | str | None, comment: str | None) -> bytes | None:
    """The source's XMP with its orientation set to 1, and the comment."""
    if isinstance(raw, str):
        raw = raw.encode()
    if raw:
        raw = re.sub(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]", rb"\g<1>1", raw)
    if not comment:
        return raw or None
    note = (
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<xmp:CreatorTool>{escape(comment)}</xmp:CreatorTool>"
        f"<Iptc4xmpExt:DigitalSourceType>{_TRAINED_MEDIA}</Iptc4xmpExt:DigitalSourceType></rdf:Description>"
    ).encode()
    if raw and b"</rdf:RDF>" in raw:
        head, tail = raw.rsplit(b"</rdf:RDF>", 1)
        return head + note + b"</rdf:RDF>" + tail
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        + note
        + b"</rdf:RDF></x:xmpmeta>"
        b'<?xpacket end="w"?>'
    )
