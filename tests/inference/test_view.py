"""One photo on its way through, in its several forms."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage import data

from skcolorize import Colorizer, colorize_files
from skcolorize.color import gray_to_lightness
from skcolorize.images.decode import Photo, gray_levels
from skcolorize.inference.predict import reduced, small_lightness


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


def test_colours_decoded_beforehand_are_of_their_vividness(colorizer):
    gray = gray_levels(data.coffee())
    view = colorizer._view(Photo(gray), colorizer._session())
    view.decode(0.0)
    for vividness in (0.0, 1.0):
        expected = copy.copy(colorizer).set_params(vividness=vividness)
        assert_array_equal(view.rgb(vividness), expected.predict(gray))


def test_a_large_colour_photo_is_its_gray(colorizer):
    photo = np.asarray(Image.fromarray(data.coffee()).resize((1100, 1000)))
    assert_array_equal(colorizer.predict(photo), colorizer.predict(gray_levels(photo)))


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_colours_do_not_depend_on_the_bits_of_a_photo(gray, dtype):
    colorizer = Colorizer.from_pretrained()
    deep = gray.astype(np.uint16) * 257 if dtype == "uint16" else (gray / 255).astype(np.float32)
    off = np.abs(colorizer.predict(deep).astype(int) - colorizer.predict(gray))
    assert np.mean(off <= 1) >= 0.995


@pytest.mark.parametrize("size", [(128, 192), (64, 64), (400, 600), (512, 640)])
def test_the_small_copy_is_pillows(size):
    levels = gray_levels(data.coffee())
    asked = Image.fromarray(levels).resize(size[::-1], Image.Resampling.LANCZOS, reducing_gap=2)
    expected = gray_to_lightness(np.asarray(asked))
    assert_array_equal(small_lightness(levels, size), expected)
    assert_array_equal(small_lightness(levels, size, reduced(levels, size)), expected)
