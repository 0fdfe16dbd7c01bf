"""Large photos whose colours are looked up show what blending every pixel shows."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data

from skcolorize import color
from skcolorize.inference import palette
from skcolorize.inference.rendering import render_rgb

SHAPE = 1200, 1600


@pytest.fixture(scope="module", params=["astronaut", "coffee", "rocket"])
def photo(request):
    """Gray levels with a scan's grain, and the photo's own colours on a coarse grid."""
    picture = Image.fromarray(getattr(data, request.param)())
    large = np.asarray(picture.convert("L").resize(SHAPE[::-1], Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).normal(0, 3, SHAPE)
    ab = color.rgb_to_lab(np.asarray(picture.resize((28, 21), Image.Resampling.BOX)))[..., 1:]
    return np.clip(large + grain, 0, 255).astype(np.uint8), ab


def blended(gray, ab):
    """16-bit lightness is never looked up."""
    return render_rgb(gray * np.uint16(257), ab)


def painted(gray, ab, channels=3, n_jobs=None):
    pixels = np.zeros((*gray.shape, channels), np.uint8)
    assert palette.paint(gray, ab, pixels, n_jobs)
    return pixels


def test_levels_are_those_of_blending_within_one(photo):
    off = np.abs(painted(*photo).astype(np.int16) - blended(*photo))
    assert np.mean(off <= 1) >= 0.995
    assert off.max() <= 8


def test_vivid_colours_are_no_coarser(photo):
    """Half a unit of a and b is too much for some: finer pairs are taken, or every pixel is blended."""
    gray, ab = photo[0], 2 * photo[1]
    off = np.abs(render_rgb(gray, ab).astype(np.int16) - blended(gray, ab))
    assert np.mean(off <= 1) >= 0.995


def test_lightness_is_kept(photo):
    gray, _ = photo
    kept = color.lightness_to_gray(color.rgb_to_lab(painted(*photo))[..., 0])
    assert np.mean(np.abs(kept.astype(np.int16) - gray) <= 1) >= 0.999


def test_rendering_takes_this_way(photo):
    assert_array_equal(render_rgb(*photo), painted(*photo))


def test_threads_and_a_fourth_channel_change_nothing(photo):
    pixels = painted(*photo, channels=4, n_jobs=2)
    assert_array_equal(pixels[..., :3], painted(*photo))
    assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("share", [1e-4, 0.03])
def test_colours_that_the_sample_missed_are_found(photo, share, monkeypatch):
    """A few pixels are mended at the end, a strip full of them at once."""
    gray, ab = photo
    specks = np.random.default_rng(1).random(gray.shape) < share
    gray = np.where(specks, 255 - gray, gray)
    expected = painted(gray, ab)
    monkeypatch.setattr(palette, "_SAMPLE", 100)
    for channels in (3, 4):
        assert_array_equal(painted(gray, ab, channels)[..., :3], expected)
    monkeypatch.setattr(palette, "_LATE", 0)
    assert_array_equal(painted(gray, ab), expected)
    monkeypatch.setattr(palette, "_MANY", 1)
    monkeypatch.setattr(palette, "_LATE", gray.size)
    assert_array_equal(painted(gray, ab, n_jobs=2), expected)


def test_rows_do_not_share_where_colours_are_steep(monkeypatch):
    """Half a unit from one row to the next, and 600 rows that could be 150."""
    gray = np.tile(np.arange(64, 192, dtype=np.uint8), (600, 20))
    ab = np.array([[[-40, 0]], [[40, 0]]] * 3, np.float32)
    shared = []
    make = palette._Palette
    monkeypatch.setattr(palette, "_Palette", lambda *args: shared.append(args[2]) or make(*args))
    off = np.abs(painted(gray, ab).astype(np.int16) - blended(gray, ab))
    assert shared[0] > 1
    assert shared[-1] == 1
    assert np.mean(off <= 1) >= 0.995


def test_the_check_sees_every_column():
    """A sample of 50 columns, of which each 50th pixel lies in the first; colours change in the others."""
    random = np.random.default_rng(0)
    gray = np.clip(120 + random.normal(0, 4, (16_384, 200)), 0, 255).astype(np.uint8)
    ab = np.zeros((512, 8, 2), np.float32)
    ab[:, 2:] = (random.random((512, 1, 1)) < 0.5) * np.array([70, -60])
    off = np.abs(render_rgb(gray, ab).astype(np.int16) - blended(gray, ab))
    assert np.mean(off <= 1) >= 0.995


def test_gray_stays_gray():
    gray = np.tile(np.arange(256, dtype=np.uint8), (1000, 4))
    assert_array_equal(painted(gray, np.zeros((1, 1, 2), np.float32)), np.repeat(gray[..., None], 3, axis=-1))


@pytest.mark.parametrize("shape", [(999, 1000), (60, 20_000)])
def test_small_and_narrow_photos_are_left_to_blending(shape):
    gray, pixels = np.zeros(shape, np.uint8), np.zeros((*shape, 3), np.uint8)
    assert not palette.paint(gray, np.full((1, 1, 2), 9, np.float32), pixels)


def test_photos_of_too_many_colours_are_left_to_blending():
    random = np.random.default_rng(0)
    gray = random.integers(0, 256, (1000, 1000), np.uint8)
    pixels = np.zeros((1000, 1000, 3), np.uint8)
    assert not palette.paint(gray, random.normal(0, 40, (64, 64, 2)).astype(np.float32), pixels)
    assert not pixels.any()
