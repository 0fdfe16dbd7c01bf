"""Paper around a scan."""

import numpy as np
import pytest
from skimage import data

from skcolorize import Colorizer
from skcolorize.color import rgb_to_lab
from skcolorize.images.decode import gray_levels
from skcolorize.inference.margins import picture_box
from skcolorize.inference.predict import reduced


@pytest.fixture(scope="module")
def photo():
    return gray_levels(data.chelsea())


def framed(photo, level, share=0.06, noise=3.0):
    border = [round(share * side) for side in photo.shape]
    scan = np.pad(photo, [(b, b) for b in border], constant_values=level).astype(float)
    scan += np.random.default_rng(0).normal(0, noise, scan.shape)
    return np.clip(scan, 0, 255).astype(np.uint8), border


@pytest.mark.parametrize("level", [0, 215, 250])
def test_a_border_is_found_to_a_few_pixels(photo, level):
    scan, border = framed(photo, level)
    box = picture_box(scan)
    for found, depth, side in zip(box, border, scan.shape, strict=True):
        assert abs(found.start - depth) <= 3
        assert abs(side - found.stop - depth) <= 3


@pytest.mark.parametrize("size", [(192, 288), (32, 32)])
def test_a_reduced_copy_shows_the_same_border(photo, size):
    scan, border = framed(photo, 230)
    scan, depths = scan.repeat(4, axis=0).repeat(4, axis=1), [4 * b for b in border]
    box = picture_box(scan, reduced(scan, size))
    for found, depth, side in zip(box, depths, scan.shape, strict=True):
        assert abs(found.start - depth) <= 12
        assert abs(side - found.stop - depth) <= 12


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_photos_without_a_border_stay_whole(name):
    levels = gray_levels(getattr(data, name)())
    assert picture_box(levels) == tuple(slice(0, side) for side in levels.shape)


@pytest.mark.parametrize("levels", [np.zeros((40, 50), np.uint8), np.full((1, 1), 9, np.uint8)])
def test_plain_pictures_stay_whole(levels):
    assert picture_box(levels) == tuple(slice(0, side) for side in levels.shape)


def test_a_flat_sky_on_one_side_is_no_border(photo):
    sky = photo.copy()
    sky[:40] = 240
    assert picture_box(sky) == tuple(slice(0, side) for side in sky.shape)


def test_paper_stays_gray_and_the_picture_does_not(photo):
    scan, border = framed(photo, 240)
    colorizer = Colorizer.from_pretrained(image_size=128)
    coloured = colorizer.predict(scan)
    chroma = np.hypot(*np.moveaxis(rgb_to_lab(coloured)[..., 1:], -1, 0))
    inside = tuple(slice(b + 4, side - b - 4) for b, side in zip(border, scan.shape, strict=True))
    paper = np.ones(scan.shape, bool)
    paper[tuple(slice(b - 4, side - b + 4) for b, side in zip(border, scan.shape, strict=True))] = False
    assert chroma[paper].max() < 1
    assert chroma[inside].mean() > 5
    assert (colorizer.predict_confidence(scan)[paper] == 1).all()
    lab = colorizer.transform(scan)
    np.testing.assert_allclose(np.hypot(*np.moveaxis(lab[..., 1:], -1, 0))[paper], 0, atol=0.01)
