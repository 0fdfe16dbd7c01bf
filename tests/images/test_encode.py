"""Any photo out: what the file holds, what it keeps of its source, and that nothing is written by halves."""

import io
import re
import struct
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from photo_files import alpha_scene, encoded, gray_scene, scene
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from skcolorize.images import decode, profiles, read_photo, write_photo
from skcolorize.images.encode import image_format

SUFFIXES = ["jpg", "png", "tif", "webp", "bmp"]
LOSSY = {"jpg": 6, "webp": 12}
COMMENT = "Colours inferred by skcolorize 1.0 <weights 1>"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" '
    b'tiff:Make="Maker"/></rdf:RDF></x:xmpmeta>'
)


def source(format="JPEG"):
    """A photo with all that a camera writes: turned, dated, placed, with a thumbnail and a wide gamut."""
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Make], exif[Base.Artist], exif[Base.ImageDescription] = "Maker", "A. Photographer", "At sea"
    exif[Base.DateTime] = "1950:06:01 12:00:00"
    details = exif.get_ifd(IFD.Exif)
    details[Base.DateTimeOriginal] = "1949:05:01 11:00:00"
    details[Base.ColorSpace], details[Base.ExifImageWidth], details[Base.ExifImageHeight] = 65535, 40, 56
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
    image = Image.fromarray(scene()).transpose(Image.Transpose.ROTATE_90)
    options = {"dpi": (300, 300)} if format != "WEBP" else {}
    if format in {"JPEG", "WEBP"}:
        options["xmp"] = XMP
    return encoded(image, format, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("pixels", [scene(), gray_scene()], ids=["rgb", "gray"])
def test_pixels_survive(suffix, pixels, tmp_path):
    path = tmp_path / f"a.{suffix}"
    write_photo(path, pixels)
    photo = read_photo(path)
    back = photo.pixels[..., 0] if photo.pixels.ndim > pixels.ndim else photo.pixels  # WebP knows no gray
    assert np.abs(back.astype(int) - pixels).max() <= LOSSY.get(suffix, 0)
    assert photo.alpha is None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("pixels", [scene(), gray_scene()], ids=["rgb", "gray"])
@pytest.mark.parametrize("way", ["source", "argument", "channel"])
def test_alpha_where_the_format_can(suffix, pixels, way, tmp_path):
    path = tmp_path / f"a.{suffix}"
    photo = decode.Photo(pixels, alpha_scene())
    if way == "source":
        write_photo(path, pixels, photo=photo)
    elif way == "argument":
        write_photo(path, pixels, alpha=decode.as_levels(alpha_scene(), "uint16"))
    else:
        write_photo(path, photo.with_alpha(pixels))
    back = read_photo(path)
    if suffix in {"jpg", "bmp"}:
        assert back.alpha is None
    else:
        assert_array_equal(back.alpha, alpha_scene())
    opaque = alpha_scene() > 200
    reference = pixels if back.pixels.ndim == pixels.ndim else np.repeat(pixels[..., None], 3, axis=-1)
    assert np.abs(back.pixels[opaque].astype(int) - reference[opaque]).max() <= LOSSY.get(suffix, 0)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_eight_bits_a_channel_out(dtype, tmp_path):
    write_photo(tmp_path / "a.png", decode.as_levels(scene(), dtype))
    assert_array_equal(read_photo(tmp_path / "a.png").pixels, scene())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_image_of_four_byte_words(suffix, tmp_path):
    """Rendering gives Pillow its RGBX words without a copy; every format takes them."""
    image = Image.fromarray(scene()).convert("RGBX")
    write_photo(tmp_path / f"a.{suffix}", image)
    assert np.abs(read_photo(tmp_path / f"a.{suffix}").pixels.astype(int) - scene()).max() <= LOSSY.get(
        suffix, 0
    )
    assert image.mode == "RGBX"


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("from_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_description_of_the_source_is_kept_and_true(suffix, from_format, tmp_path):
    photo = read_photo(source(from_format))
    assert photo.pixels.shape == scene().shape
    path = tmp_path / f"a.{suffix}"
    write_photo(path, photo.pixels, photo=photo, comment=COMMENT)
    with Image.open(path) as image:
        exif = image.getexif()
        assert exif[Base.Orientation] == 1
        assert exif[Base.Make] == "Maker" and exif[Base.Artist] == "A. Photographer"
        assert exif[Base.ImageDescription] == "At sea"
        assert exif[Base.DateTime] == "1950:06:01 12:00:00"
        assert exif[Base.Software] == COMMENT
        details = exif.get_ifd(IFD.Exif)
        assert details[Base.DateTimeOriginal] == "1949:05:01 11:00:00"
        assert (details[Base.ColorSpace], details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == (
            1,
            56,
            40,
        )
        assert exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] == "N"
        if suffix != "webp" and from_format != "WEBP":
            assert np.allclose(np.array(image.info["dpi"], float), 300, atol=0.01)
        assert image.info["icc_profile"]
        assert image.size == (56, 40)
        xmp = image.info["xmp"]
    if from_format in {"JPEG", "WEBP"}:
        assert b'tiff:Orientation="1"' in xmp and b'tiff:Make="Maker"' in xmp
    again = read_photo(path)
    assert again.pixels.shape == photo.pixels.shape  # is not turned twice
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= LOSSY.get(suffix, 0)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("with_source", [True, False])
def test_inferred_colours_are_told(suffix, with_source, tmp_path):
    path = tmp_path / f"a.{suffix}"
    write_photo(path, scene(), photo=read_photo(source()) if with_source else None, comment=COMMENT)
    with Image.open(path) as image:
        assert image.getexif()[Base.Software] == COMMENT
        assert image.getexif()[Base.ImageDescription] == ("At sea" if with_source else COMMENT)
        xmp = image.info["xmp"]
        if suffix == "png":
            assert image.info["Comment"] == COMMENT
    told = "".join(ElementTree.fromstring(re.sub(rb"<\?xpacket.*?\?>", b"", xmp)).itertext())
    assert COMMENT in told and "compositeWithTrainedAlgorithmicMedia" in told


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_told_unasked_and_bytes_are_reproducible(suffix, tmp_path):
    paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for path in paths:
        write_photo(path, scene())
    content = paths[0].read_bytes()
    assert content == paths[1].read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        assert not set(image.getexif()) & {Base.Software, Base.ImageDescription}
        assert "xmp" not in image.info


def exif_with_thumbnail(thumbnail):
    """Two directories, of which the second holds a JPEG."""
    maker = struct.pack("<HHHI4s", 1, Base.Make, 2, 4, b"Cam\0") + struct.pack("<I", 26)
    second = struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, 56, 0x202, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + maker + second + thumbnail


def test_thumbnail_of_the_gray_source_is_dropped(tmp_path):
    thumbnail = encoded(Image.fromarray(gray_scene()), "JPEG")
    photo = read_photo(encoded(Image.fromarray(gray_scene()), "JPEG", exif=exif_with_thumbnail(thumbnail)))
    assert thumbnail in photo.info["exif"]
    write_photo(tmp_path / "a.jpg", scene(), photo=photo)
    assert thumbnail not in (tmp_path / "a.jpg").read_bytes()
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif()[Base.Make] == "Cam"


@pytest.mark.parametrize(
    ("maker_note", "user_comment", "xmp", "lost"),
    [
        (90_000, 10, 10, "maker note"),
        (10, 90_000, 10, "EXIF"),
        (10, 10, 65_400 - len(XMP), "XMP"),  # goes into a JPEG, but not with the comment
        (90_000, 90_000, 90_000, "EXIF and XMP"),
    ],
)
def test_jpeg_keeps_what_it_has_room_for(tmp_path, maker_note, user_comment, xmp, lost):
    exif = Image.Exif()
    exif[Base.Artist] = "A. Photographer"
    details = exif.get_ifd(IFD.Exif)
    details[Base.MakerNote], details[Base.UserComment] = bytes(maker_note), b"c" * user_comment
    long = XMP.replace(b"Maker", b"M" * xmp)
    photo = read_photo(
        encoded(Image.fromarray(scene()), "WEBP", exif=exif.tobytes(), xmp=long), name="'a.webp'"
    )
    with pytest.warns(UserWarning, match=f"^'a.webp': its {lost} can't be kept"):
        write_photo(tmp_path / "a.jpg", scene(), photo=photo, comment=COMMENT)
    with Image.open(tmp_path / "a.jpg") as image:
        tags, kept = image.getexif(), image.info["xmp"]
    assert tags[Base.Software] == COMMENT and tags.get(Base.Artist) == (
        None if "EXIF" in lost else "A. Photographer"
    )
    told = tags.get_ifd(IFD.Exif)
    assert (Base.MakerNote in told, Base.UserComment in told) == (lost == "XMP", "EXIF" not in lost)
    assert b"compositeWithTrainedAlgorithmicMedia" in kept and (b"MMMM" in kept) == ("XMP" not in lost)
    write_photo(tmp_path / "a.png", scene(), photo=photo, comment=COMMENT)  # has room for all


def test_unreadable_exif_is_left_behind(tmp_path):
    write_photo(tmp_path / "a.jpg", scene(), photo=decode.Photo(scene(), info={"exif": b"Exif\0\0garbage"}))
    assert read_photo(tmp_path / "a.jpg").pixels.shape == scene().shape


def test_format_argument_and_suffix(tmp_path):
    write_photo(tmp_path / "a.jpg", scene(), format="png")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "PNG"
    assert image_format("A.JPEG") == "JPEG" and image_format("x", "tiff") == "TIFF" == image_format(
        "x", ".tif"
    )
    with pytest.raises(ValueError, match=r"'a\.gif': unknown suffix '\.gif'.*bmp, jpeg, png, tiff, webp"):
        write_photo("a.gif", scene())
    with pytest.raises(ValueError, match="unknown format 'gif'"):
        write_photo("a.jpg", scene(), format="gif")


def test_embedded_profile_has_no_time_in_it():
    first = profiles.srgb_profile()
    profiles.srgb_profile.cache_clear()
    assert first == profiles.srgb_profile() and first[24:36] == bytes([7, 208, 0, 1, 0, 1]) + bytes(6)


def test_quality(tmp_path):
    for suffix in ("jpg", "webp"):
        for quality in (50, 95):
            write_photo(tmp_path / f"{quality}.{suffix}", scene(), quality=quality)
        assert (tmp_path / f"50.{suffix}").stat().st_size < (tmp_path / f"95.{suffix}").stat().st_size


def test_nothing_is_half_written(tmp_path):
    path = tmp_path / "a.webp"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=r"a\.webp' can't be written as WEBP"):
        write_photo(path, np.zeros((1, 20_000, 3), np.uint8))  # WebP ends at 16383 pixels
    with pytest.raises(ValueError, match=r"a\.jpg' can't be written as JPEG: it has 65501 x 1 pixels"):
        write_photo(tmp_path / "a.jpg", np.zeros((1, 65_501, 3), np.uint8))
    write_photo(tmp_path / "b.jpg", np.zeros((1, 65_500, 3), np.uint8))
    assert path.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.webp", "b.jpg"]


def test_to_a_bucket():
    fsspec = pytest.importorskip("fsspec")
    write_photo("memory://out/a.png", scene(), comment=COMMENT)
    assert_array_equal(read_photo("memory://out/a.png").pixels, scene())
    fsspec.filesystem("memory").rm("/out", recursive=True)
