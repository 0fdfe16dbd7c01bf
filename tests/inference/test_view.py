"""One photo on its way through, in its several forms."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data

from skcolorize import Colorizer, colorize_files
from skcolorize.images.decode import Photo, gray_levels


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer.from_pretrained(image_size=64)


def framed(photo):
    return np.pad(photo, 30, constant_values=245)


@pytest.fixture(params=["small", "large", "framed"])
def gray(request):
    photo = gray_levels(data.coffee())
    if request.param == "framed":
        return framed(photo)
    side = 300 if request.param == "small" else 1100
    return np.asarray(Image.fromarray(photo).resize((side, side)))


def test_the_image_is_the_array(colorizer, gray):
    image = colorizer._predict_image(Photo(gray))
    assert image.mode == "RGBX"
    assert_array_equal(np.asarray(image.convert("RGB")), colorizer.predict(gray))


def test_files_get_the_picture_of_predict(colorizer, gray, tmp_path):
    Image.fromarray(gray).save(tmp_path / "gray.png")
    colorize_files(tmp_path / "gray.png", tmp_path / "out.png", model=colorizer)
    assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), colorizer.predict(gray))


def test_a_large_colour_photo_is_its_gray(colorizer):
    photo = np.asarray(Image.fromarray(data.coffee()).resize((1100, 1000)))
    assert_array_equal(colorizer.predict(photo), colorizer.predict(gray_levels(photo)))
