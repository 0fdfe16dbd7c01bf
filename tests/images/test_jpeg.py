"""JPEG that several threads write: the same file as one writes, and one that any program reads."""

import io

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from photo_files import encoded
from PIL import Image

from skcolorize.images import jpeg, read_photo, write_photo
from skcolorize.images.jpeg import save_jpeg

RESTART_INTERVAL = b"\xff\xdd\x00\x04"


def scene(width, height, mode="RGB"):
    noise = np.random.default_rng(0).integers(0, 256, (-(-height // 7), -(-width // 5), 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def saved(image, n_jobs=None, **options):
    buffer = io.BytesIO()
    save_jpeg(image, buffer, n_jobs, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("band", [2**12, 2**16, 2**20])
@pytest.mark.parametrize("size", [(333, 251), (16, 800), (5000, 33), (1, 9000)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "RGBX"])
def test_any_number_of_threads_writes_the_same_file(mode, size, band, monkeypatch):
    """Also with a part of a block at the edges, one row of blocks a band, and more bands than markers."""
    monkeypatch.setattr(jpeg, "_BAND", band)
    image = scene(*size, mode)
    one, *others = (saved(image, n_jobs, quality=90) for n_jobs in (None, 1, 2, 5))
    assert others == [one] * 3
    whole = Image.open(io.BytesIO(encoded(image, "JPEG", quality=90)))
    assert_array_equal(Image.open(io.BytesIO(one)), whole)
    if band != 2**16:
        assert (RESTART_INTERVAL in one) == (band == 2**12)


def test_header_is_of_the_whole_photo():
    exif = Image.Exif()
    exif[270] = "At sea"
    options = {"exif": exif, "icc_profile": bytes(range(256)) * 300, "dpi": (300, 300), "quality": 50}
    one, two = (saved(scene(1200, 2000), n_jobs, **options) for n_jobs in (1, 2))
    assert one == two
    image = Image.open(io.BytesIO(two))
    assert image.size == (1200, 2000)
    assert image.getexif()[270] == "At sea" and image.info["icc_profile"] == options["icc_profile"]
    assert image.info["dpi"] == (300, 300)


def test_small_and_gray_photos_are_as_pillow_writes_them():
    for image in (scene(1000, 700), scene(1200, 2000, "L")):
        assert saved(image, 2) == encoded(image, "JPEG")


def test_photos_written_by_threads(tmp_path):
    pytest.importorskip("fsspec")
    pixels = np.asarray(scene(1500, 1500))
    for n_jobs in (1, 2):
        write_photo(tmp_path / f"{n_jobs}.jpg", pixels, comment="Hand-coloured", n_jobs=n_jobs)
    write_photo("memory://threads/a.jpg", pixels, comment="Hand-coloured", n_jobs=2)
    one = (tmp_path / "1.jpg").read_bytes()
    assert (tmp_path / "2.jpg").read_bytes() == one
    assert_array_equal(read_photo("memory://threads/a.jpg").pixels, read_photo(one).pixels)


def test_an_error_leaves_no_file(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jpeg.tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space left"):
        write_photo(tmp_path / "a.jpg", np.asarray(scene(1500, 1500)), n_jobs=2)
    assert list(tmp_path.iterdir()) == []
