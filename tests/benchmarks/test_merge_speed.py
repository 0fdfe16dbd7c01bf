"""The merge of a 12-megapixel photo against scikit-image's conversion back of the same.

By processor time, in turns within one process: what else the machine does meets both.
"""

import functools

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from timing import best_of, tell

from skcolorize import color
from skcolorize.inference.rendering import render_image


@pytest.fixture(scope="module")
def photo():
    """A real photo at 12 megapixels."""
    return np.asarray(Image.fromarray(data.astronaut()).resize((4000, 3000), Image.Resampling.BICUBIC))


def test_merge_of_12_megapixels_against_lab2rgb(benchmark, photo):
    gray = color.lightness_to_gray(color.rgb_to_lab(photo)[..., 0])
    small = Image.fromarray(photo).resize((64, 48), Image.Resampling.BOX)
    ab = color.rgb_to_lab(np.asarray(small))[..., 1:]
    assert benchmark(render_image, gray, ab).size == (4000, 3000)
    if benchmark.disabled:
        return
    lab, deep = rgb2lab(photo), gray * np.uint16(257)
    beside = "`skimage.color.lab2rgb` alone"
    for what, floor, levels, upsampling in (
        ("joining colours and lightness, 12 megapixels", 9, gray, "bilinear"),
        ("joining them in 16 bits, 12 megapixels", None, deep, "bilinear"),
        ("joining them with colours led by edges, 12 megapixels", None, gray, "guided"),
    ):
        ours = functools.partial(render_image, levels, ab, upsampling=upsampling)
        slow, fast, again = best_of(3, lambda: lab2rgb(lab), ours, ours)  # the first is slowed by the other's
        tell(benchmark, what, beside, slow / min(fast, again), at_least=floor)
