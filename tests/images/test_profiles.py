"""Colour profiles of gray photos, level by level."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from photo_files import display_p3_profile, gray_gamma_profile
from PIL import Image

from skcolorize import _color_tables as tables
from skcolorize.images.profiles import to_srgb


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize(("dtype", "tolerance"), [("uint8", 0.51), ("uint16", 3)])
def test_every_gray_level_is_right_in_the_shadows_too(gamma, dtype, tolerance):
    top = np.iinfo(dtype).max
    levels = np.arange(top + 1, dtype=dtype)[None]
    expected = top * tables.srgb_from_linear((levels / top) ** gamma)
    image = Image.fromarray(levels)
    assert np.abs(np.asarray(to_srgb(image, gray_gamma_profile(gamma))) - expected).max() <= tolerance
    assert_array_equal(np.asarray(image), levels)  # the caller's image is left alone


def test_palette_of_colours_with_a_gray_profile_stays_coloured():
    image = Image.new("P", (2, 1))
    image.putpalette([200, 100, 50])
    assert_array_equal(np.asarray(to_srgb(image, gray_gamma_profile())), [[[200, 100, 50]] * 2])


def test_profile_of_colours_is_left_aside_by_16_bit_gray():
    image = Image.fromarray(np.arange(65536, dtype=np.uint16)[None])
    assert to_srgb(image, display_p3_profile(1.8)) is image
