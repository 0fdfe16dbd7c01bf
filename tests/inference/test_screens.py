"""The dots of printed photos."""

import numpy as np
import pytest
from skimage import data

from skcolorize import Colorizer
from skcolorize.datasets import load_example_images
from skcolorize.images.decode import gray_levels
from skcolorize.inference.predict import small_lightness, working_size
from skcolorize.inference.screens import descreened, screen_frequency
from skcolorize.metrics import colorfulness


def printed(gray, period, angle=45):
    """A square screen of dots, two thirds of it over the photo."""
    y, x = np.indices(gray.shape)
    turn = np.deg2rad(angle)
    along, across = (np.cos(turn) * x + np.sin(turn) * y), (np.cos(turn) * y - np.sin(turn) * x)
    screen = 127.5 + 63.75 * (np.cos(along * 2 * np.pi / period) + np.cos(across * 2 * np.pi / period))
    dots = np.clip(127.5 + 2 * (gray - screen), 0, 255)
    return np.rint(0.35 * gray + 0.65 * dots).astype(np.uint8)


def seen(gray, image_size=256):
    """What the network sees of a photo, and how that is stretched."""
    height, width = working_size(*gray.shape, image_size)
    return small_lightness(gray, (height, width)), height * gray.shape[1] / (width * gray.shape[0])


@pytest.fixture(scope="module")
def photos():
    return [gray_levels(image) for image in load_example_images().images]


@pytest.mark.parametrize("angle", [0, 15, 45, 75])
@pytest.mark.parametrize("pixels", [2.5, 4.0, 7.0])  # a dot, at the working size
def test_a_screen_is_found(photos, pixels, angle):
    for gray in photos:
        (height, width), image_size = gray.shape, 256
        period = pixels * np.sqrt(height * width) / image_size
        found = screen_frequency(*seen(printed(gray, period, angle), image_size))
        assert found == pytest.approx(1 / pixels, rel=0.15)


def test_photos_have_none(photos):
    for gray in [*photos, data.brick(), data.grass(), data.gravel(), data.page(), data.camera()]:
        assert screen_frequency(*seen(gray)) is None
        lightness, stretch = seen(gray)
        assert descreened(lightness, stretch) is lightness


def test_stripes_and_tiny_pictures_are_left_alone(photos):
    x = np.indices((256, 256))[1]
    stripes = (50 + 40 * np.cos(1.4 * x)).astype(np.float32)
    assert screen_frequency(stripes) is None
    assert screen_frequency(stripes[:64]) is None


def test_a_printed_photo_is_as_colourful_as_a_clean_one(photos):
    colorizer = Colorizer.from_pretrained()
    shares = []
    for gray in photos:
        period = 5 * np.sqrt(gray.size) / 256
        clean, ours = (colorfulness(colorizer.predict(g)) for g in (gray, printed(gray, period)))
        shares.append(ours / clean)
    assert np.mean(shares) > 0.7
