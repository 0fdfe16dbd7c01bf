"""Any photo in: every kind of file, however it is handed over, and what is said of those that are broken."""

import io
import pathlib
import struct
import sys
import tracemalloc
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from photo_files import (
    BROKEN_FILES,
    MANY_FRAMES,
    PHOTO_FILES,
    alpha_scene,
    bomb_png,
    encoded,
    gray_gamma_profile,
    gray_scene,
    scene,
)
from PIL import Image

from skcolorize import color
from skcolorize.images import PhotoError, decode, gray_levels, is_gray, mean_chroma, read_photo, tiff_pages


def check_read(photo, file):
    expected = file.pixels()
    assert photo.pixels.dtype == expected.dtype
    assert photo.pixels.shape == expected.shape
    error = np.abs(photo.pixels.astype(float) - expected)
    if file.alpha:  # where nothing is opaque, files are free to forget the colour
        error = error[alpha_scene() > 0]
        assert np.abs(photo.alpha.astype(float) - alpha_scene()).max() <= file.tolerance
    else:
        assert photo.alpha is None
    assert error.max() <= file.tolerance


@pytest.mark.parametrize("kind", PHOTO_FILES)
def test_every_kind_of_file_gives_the_scene(kind, tmp_path):
    file = PHOTO_FILES[kind]
    path = tmp_path / f"a{file.suffix}"
    path.write_bytes(file.content())
    photo = read_photo(path)
    check_read(photo, file)
    assert photo.pixels.flags.writeable and photo.pixels.flags.c_contiguous
    with Image.open(path) as image:
        others = [read_photo(item) for item in (str(path), file.content(), bytearray(file.content()), image)]
        assert image.mode == Image.open(io.BytesIO(file.content())).mode  # the caller's image is left alone
    for other in others:
        assert_array_equal(other.pixels, photo.pixels)
        assert (other.alpha is None) == (photo.alpha is None)


@pytest.mark.parametrize("kind", MANY_FRAMES)
def test_first_frame_is_taken_and_the_others_counted(kind):
    file = MANY_FRAMES[kind]
    with pytest.warns(UserWarning, match=r"photo 5 has 3 frames or pages: the first is taken, 2 left out"):
        check_read(read_photo(file.content(), name="photo 5"), file)


def test_a_page_that_the_user_turned_to_is_taken_without_a_warning():
    with Image.open(io.BytesIO(MANY_FRAMES["pages_tiff"].content())) as image:
        image.seek(1)
        assert read_photo(image).pixels.shape == (5, 9, 3)


@pytest.mark.parametrize("kind", BROKEN_FILES)
def test_broken_file_is_named(kind, tmp_path):
    suffix, content = BROKEN_FILES[kind]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content())
    words = {"bomb": "MAX_IMAGE_PIXELS", "float_levels": "0..1"}.get(kind, "broken")
    with pytest.raises(PhotoError, match=rf"^photo 3 \('a'\) .*{words}"):
        read_photo(path, name="photo 3 ('a')")
    with pytest.raises(PhotoError, match=rf"a\{suffix}.*{words}"):
        read_photo(path)
    with pytest.raises(PhotoError, match=words):
        read_photo(content())


def test_bomb_is_refused_from_its_header():
    tracemalloc.start()
    try:
        with pytest.raises(PhotoError, match=r"900000000 pixels"):
            read_photo(bomb_png())
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_pillow_warns_of_large_photos_as_ever():
    with pytest.raises(Image.DecompressionBombWarning):
        read_photo(bomb_png(10_000, 10_000))


def test_missing_files_folders_and_patterns(tmp_path):
    with pytest.raises(PhotoError, match=r"nope\.jpg'\) is missing"):
        read_photo(tmp_path / "nope.jpg")
    with pytest.raises(PhotoError, match=r"is a folder: pass skcolorize.datasets.image_paths\("):
        read_photo(tmp_path)
    with pytest.raises(PhotoError, match=r"image_paths\('photos', pattern='\*\.jpg'\)"):
        read_photo("photos/*.jpg")
    strange = tmp_path / "what[1]?.png"
    strange.write_bytes(PHOTO_FILES["rgb_png"].content())
    assert_array_equal(read_photo(strange).pixels, scene())


def test_postscript_is_not_run():
    with pytest.raises(PhotoError, match="PostScript"):
        read_photo(encoded(Image.fromarray(scene()), "EPS"))


def test_heic_without_its_extra_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImportError, match=r"pip install 'skcolorize\[heic\]'"):
        read_photo(b"\0\0\0\x18ftypheic" + bytes(100))


@pytest.mark.parametrize("size", [(56, 40), (30_000, 30_000)])
def test_heic_with_its_extra(size, monkeypatch):
    class Heif:
        def __init__(self, source):
            assert source.read() == content
            self.size = size

        def to_pillow(self):
            assert size == (56, 40)
            return Image.fromarray(scene())

    content = b"\0\0\0\x18ftypheic" + bytes(100)
    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(open_heif=Heif))
    if size == (56, 40):
        assert_array_equal(read_photo(content).pixels, scene())
    else:
        with pytest.raises(PhotoError, match=r"too large.*MAX_IMAGE_PIXELS"):
            read_photo(content)


def test_lazily_opened_image_of_the_caller_is_not_reduced():
    image = Image.open(io.BytesIO(encoded(Image.fromarray(scene()).resize((560, 400)), "JPEG")))
    assert read_photo(image, min_side=20, max_size=56).pixels.shape == scene().shape
    assert image.size == (560, 400)


def test_file_that_cannot_be_reached(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.jpg").touch()
    monkeypatch.setattr(decode.storage, "open_file", refuse)
    with pytest.raises(PhotoError, match=r"a\.jpg'\) can't be reached: .*Permission denied"):
        read_photo(tmp_path / "a.jpg")


def test_path_of_an_address_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="lost a slash") as caught:
        read_photo(pathlib.Path("s3://bucket/a.jpg"))
    assert not isinstance(caught.value, PhotoError)


def test_unreadable_metadata_spoils_no_photo():
    content = encoded(
        Image.fromarray(scene()), "PNG", icc_profile=b"no profile" * 20, exif=b"Exif\0\0garbage"
    )
    assert_array_equal(read_photo(content).pixels, scene())


def test_threads_share_a_profile():
    content = PHOTO_FILES["display_p3_profile"].content()
    expected = read_photo(content).pixels
    with ThreadPoolExecutor(8) as threads:
        for photo in threads.map(read_photo, [content] * 64):
            assert_array_equal(photo.pixels, expected)


def test_profile_of_another_kind_of_image_is_left_aside():
    content = encoded(Image.fromarray(scene()), "PNG", icc_profile=gray_gamma_profile())
    assert_array_equal(read_photo(content).pixels, scene())


ARRAYS = {
    "gray": (gray_scene(), gray_scene(), None),
    "gray_1": (gray_scene()[..., None], gray_scene(), None),
    "gray16": (gray_scene("uint16"), gray_scene("uint16"), None),
    "big_endian": (gray_scene("uint16").astype(">u2"), gray_scene("uint16"), None),
    "bool": (gray_scene() > 99, np.where(gray_scene() > 99, 255, 0).astype(np.uint8), None),
    "rgb": (scene(), scene(), None),
    "rgb_float64": (scene() / 255, (scene() / 255).astype(np.float32), None),
    "rgb_float16": (np.float16(scene() / 255), np.float32(np.float16(scene() / 255)), None),
    "rgba": (np.dstack([scene(), alpha_scene()]), scene(), alpha_scene()),
    "reversed": (scene()[::-1, ::-1], scene()[::-1, ::-1].copy(), None),
    "fortran": (np.asfortranarray(scene()), scene(), None),
    "1x1": (scene()[:1, :1], scene()[:1, :1], None),
}


@pytest.mark.parametrize("form", ARRAYS)
def test_every_form_of_array(form):
    array, pixels, alpha = ARRAYS[form]
    photo = read_photo(array)
    assert photo.pixels.dtype == pixels.dtype and photo.pixels.dtype.isnative
    assert_array_equal(photo.pixels, pixels)
    assert (photo.alpha is None) == (alpha is None)
    assert_array_equal(photo.with_alpha(photo.pixels)[..., -1], pixels[..., -1] if alpha is None else alpha)


def test_memory_mapped_array(tmp_path):
    np.save(tmp_path / "a.npy", scene())
    assert_array_equal(read_photo(np.load(tmp_path / "a.npy", mmap_mode="r")).pixels, scene())


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (scene().astype(int), r"array of int64.*\.astype\('uint8'\)"),
        (scene().astype(float), r"from 38 to 214.*0\.\.1.*\.astype\('uint8'\).*RGBToLab"),
        (color.rgb_to_lab(scene()), "leave RGBToLab out"),
        (np.full((3, 3), np.nan), "floats must lie in 0..1"),
        (np.zeros((3, 3), complex), "complex128"),
        (np.zeros((3, 3, 2), np.uint8), r"shape \(3, 3, 2\)"),
        (np.zeros((0, 3), np.uint8), "no pixels"),
        (np.zeros(3, np.uint8), r"shape \(3,\)"),
    ],
)
def test_refused_arrays(array, words):
    with pytest.raises(ValueError, match=f"photo 2 .*{words}") as caught:
        read_photo(array, name="photo 2")
    assert not isinstance(caught.value, PhotoError)  # a mistake of the caller, which fit must not skip


def test_no_form_of_a_photo():
    with pytest.raises(TypeError, match="photo 1 is of type dict; photos are paths"):
        read_photo({}, name="photo 1")


def test_min_side_lets_jpeg_decode_smaller():
    large = encoded(Image.fromarray(scene()).resize((560, 400)), "JPEG", quality=95)
    assert read_photo(large).pixels.shape == (400, 560, 3)
    assert read_photo(large, min_side=101).pixels.shape == (200, 280, 3)
    assert read_photo(large, min_side=100).pixels.shape == (100, 140, 3)
    assert read_photo(large, min_side=500).pixels.shape == (400, 560, 3)


@pytest.mark.parametrize("kind", PHOTO_FILES)
def test_max_size(kind):
    file = PHOTO_FILES[kind]
    photo = read_photo(file.content(), max_size=28)
    assert photo.pixels.shape == (20, 28, *file.pixels().shape[2:])
    assert photo.pixels.dtype == file.pixels().dtype
    assert (photo.alpha is not None) == file.alpha
    if not file.alpha and kind != "bilevel_png":
        full = read_photo(file.content()).pixels.astype(float)
        means = full.reshape(20, 2, 28, 2, -1).mean(axis=(1, 3)).reshape(photo.pixels.shape)
        top = 1 if photo.pixels.dtype.kind == "f" else np.iinfo(photo.pixels.dtype).max
        assert np.abs(photo.pixels - means).mean() < 0.01 * top
    assert read_photo(file.content(), max_size=56).pixels.shape == file.pixels().shape


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_max_size_of_arrays_of_every_type(dtype):
    array = decode.as_levels(scene(), dtype)
    small = read_photo(array, max_size=7).pixels
    assert small.shape == (5, 7, 3) and small.dtype == dtype
    assert (
        np.abs(decode.as_levels(small, "uint8") - read_photo(scene(), max_size=7).pixels.astype(int)).max()
        <= 1
    )


def test_reduced_floats_stay_between_0_and_1():
    lines = np.zeros((40, 40), np.float32)
    lines[:, 10:25] = 1
    small = read_photo(lines, max_size=15).pixels
    assert small.min() == 0 and small.max() == 1


def test_extreme_aspect_keeps_one_pixel():
    assert read_photo(np.zeros((1000, 3), np.uint8), max_size=10).pixels.shape == (10, 1)


def test_description_of_files():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    content = encoded(Image.fromarray(scene()), "JPEG", exif=exif, dpi=(300, 150), xmp=b"<x:xmpmeta/>")
    info = read_photo(content).info
    assert info["format"] == "JPEG" and info["exif"] and info["xmp"] == b"<x:xmpmeta/>"
    assert tuple(info["dpi"]) == (150, 300)  # turned like the photo
    tiff = encoded(Image.fromarray(scene()), "TIFF", dpi=(300, 150), tiffinfo={0x0112: 6})
    assert read_photo(tiff).info["dpi"] == (150, 300)
    assert read_photo(scene()).info == {}


def test_levels_of_one_type_as_another():
    levels = np.arange(256, dtype=np.uint8)
    sixteen = decode.as_levels(levels, "uint16")
    assert_array_equal(sixteen, levels.astype(int) * 257)
    assert_array_equal(decode.as_levels(sixteen, "uint8"), levels)
    assert_array_equal(decode.as_levels(decode.as_levels(sixteen, "float32"), "uint16"), sixteen)
    assert decode.as_levels(levels, np.uint8) is levels


def test_chroma_tells_gray_from_colour():
    neutral = np.repeat(gray_scene()[..., None], 3, axis=-1)
    noisy = np.clip(neutral + np.random.default_rng(0).integers(-1, 2, neutral.shape), 0, 255).astype(
        np.uint8
    )
    sepia = np.clip(neutral * [1.0, 0.89, 0.71], 0, 255).astype(np.uint8)
    assert mean_chroma(gray_scene()) == 0 and is_gray(gray_scene())
    assert mean_chroma(neutral) < 0.1 and is_gray(neutral)
    assert is_gray(noisy)
    assert not is_gray(sepia) and 5 < mean_chroma(sepia) < 25
    exact = np.hypot(*np.moveaxis(color.rgb_to_lab(scene())[..., 1:], -1, 0)).mean()
    assert abs(mean_chroma(scene()) - exact) < 0.1
    for dtype in ("uint16", "float32"):
        assert abs(mean_chroma(decode.as_levels(scene(), dtype)) - exact) < 0.1
    large = np.repeat(np.repeat(scene(), 5, axis=0), 5, axis=1)
    assert abs(mean_chroma(large) - exact) < 0.5


@pytest.mark.parametrize(("chroma", "gray"), [(1.8, True), (2.2, False)])
def test_two_units_of_chroma_divide_gray_from_colour(chroma, gray):
    lab = np.full((9, 9, 3), [60, chroma * 0.6, chroma * 0.8], np.float32)
    assert is_gray(color.lab_to_rgb(lab, "float32")) == gray


def test_gray_levels_of_bytes_are_those_of_their_lightness():
    rgb = np.random.default_rng(0).integers(0, 256, (300, 333, 3), dtype=np.uint8)
    exact = color.lightness_to_gray(color.rgb_to_lab(rgb)[..., 0])
    error = np.abs(gray_levels(rgb).astype(int) - exact)
    assert error.max() <= 1 and (error > 0).mean() < 0.02
    levels = np.arange(256, dtype=np.uint8)[None]
    assert_array_equal(gray_levels(np.stack([levels] * 3, axis=-1)), levels)


def test_gray_levels():
    assert gray_levels(gray_scene()) is gray_scene()
    assert gray_levels(gray_scene("uint16")) is gray_scene("uint16")
    neutral = np.repeat(gray_scene()[..., None], 3, axis=-1)
    assert_array_equal(gray_levels(neutral), gray_scene())
    sixteen = gray_levels(decode.as_levels(neutral, "uint16"))
    assert np.abs(sixteen - gray_scene().astype(int) * 257).max() <= 1
    assert gray_levels(gray_scene() > 9).max() == 255
    assert_array_equal(gray_levels((gray_scene("uint16") / 65535).astype(np.float32)), gray_scene("uint16"))
    gray = gray_levels(scene())
    assert gray.dtype == np.uint8
    error = color.gray_to_lightness(gray) - color.rgb_to_lab(scene())[..., 0]
    assert np.abs(error).max() < 0.5
    assert gray_levels(decode.as_levels(scene(), "float32")).dtype == np.uint16


def test_pages_of_a_tiff_one_by_one_without_a_warning():
    pages = [np.full((5, 6), level, np.uint8) for level in (10, 20, 30)]
    images = [Image.fromarray(page) for page in pages]
    images[1].encoderinfo = {"tiffinfo": {254: 1}}  # a thumbnail
    album = encoded(images[0], "TIFF", save_all=True, append_images=images[1:])
    assert tiff_pages(album) == [0, 2]
    for page in (0, 1, 2):
        assert_array_equal(read_photo(album, page=page).pixels, pages[page])


def _album(cut: float) -> bytes:
    pages = [Image.fromarray(gray_scene()) for _ in range(3)]
    album = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    return album[: int(len(album) * cut)]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # so Pillow calls the tags of a TIFF
def test_pages_of_a_tiff_that_is_cut_off_are_not_dropped_in_silence():
    assert tiff_pages(_album(1)) == [0, 1, 2]
    with pytest.raises(PhotoError, match=r"^'a\.tif' is a TIFF whose list of pages is damaged"):
        tiff_pages(_album(0.6), name="'a.tif'")
    with pytest.warns(UserWarning, match="photo 5 has pages that can't be counted .*: the first is taken"):
        photo = read_photo(_album(0.6), name="photo 5")
    assert_array_equal(photo.pixels, gray_scene())
    assert photo.info == read_photo(_album(1), page=0).info


def test_first_page_comes_whole_where_the_next_is_of_no_kind_that_pillow_reads():
    pages = [Image.fromarray(gray_scene()), Image.new("L", (7, 5))]
    album = bytearray(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    bits = struct.pack("<HHI", 258, 3, 1)
    album[album.rindex(bits) + len(bits)] = 7
    with pytest.raises(PhotoError, match="list of pages is damaged or has one that Pillow can't read"):
        tiff_pages(bytes(album))
    with pytest.warns(UserWarning, match="can't be counted"):
        assert_array_equal(read_photo(bytes(album)).pixels, gray_scene())


def test_16_bit_colours_in_planes_are_read_right_or_refused(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    planes = np.moveaxis(decode.as_levels(scene(), "uint16"), -1, 0)
    for compression in ("deflate", None):
        tifffile.imwrite(
            tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", compression=compression
        )
        if compression:
            assert_array_equal(read_photo(tmp_path / "a.tif").pixels, scene())
        else:
            with pytest.raises(PhotoError, match=r"a\.tif'\) is an uncompressed TIFF.*interleaved"):
                read_photo(tmp_path / "a.tif")


def test_an_animation_has_one_page():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    animation = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert tiff_pages(animation) == [0]
    with pytest.raises(PhotoError, match="is missing"):
        tiff_pages("no-such.tif")


def test_a_tiff_that_tells_no_resolution_has_none(tmp_path):
    Image.fromarray(gray_scene()).save(tmp_path / "a.tif")
    Image.fromarray(gray_scene()).save(tmp_path / "b.tif", dpi=(300, 300))
    assert "dpi" not in read_photo(tmp_path / "a.tif").info  # for Pillow it has 1 an inch
    assert read_photo(tmp_path / "b.tif").info["dpi"] == (300, 300)
