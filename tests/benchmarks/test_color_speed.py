"""Colour conversions and the merge of a 12-megapixel photo against scikit-image's.

Taken in turns within one process, by processor time where one thread works: what else the machine does meets
both. Run `pytest tests/benchmarks/test_color_speed.py --benchmark-enable -s` to see the ratios. What is asked
for is less some slack for other work on the machine; of two threads, only where two cores are free.
"""

import functools
import time

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from timing import free_cores, tell

from skcolorize import color
from skcolorize.inference.rendering import render_image

REPEATS = 7
SLACK = 0.8


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(0).integers(0, 256, (16, 256, 256, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def photo():
    """A real photo at 12 megapixels."""
    return np.asarray(Image.fromarray(data.astronaut()).resize((4000, 3000), Image.Resampling.BICUBIC))


def ratio(theirs, ours, clock=time.process_time, repeats=REPEATS):
    """How many times as fast ours is, by the least time of each, the two taken in turns of two calls."""
    times = [], []
    for _ in range(repeats):
        for call, spent in zip((theirs, ours), times, strict=True):
            for _ in range(2):  # the first finds the processor's cache full of the other's numbers
                start = clock()
                call()
                spent.append(clock() - start)
    return min(times[0]) / min(times[1])


def test_rgb_to_lab_against_scikit_image(benchmark, batch):
    lab = benchmark(color.rgb_to_lab, batch)
    assert lab.shape == batch.shape
    if benchmark.disabled:
        return
    what, beside = "sRGB to Lab, 16 photos of 256 x 256", "`skimage.color.rgb2lab`"
    one = ratio(lambda: rgb2lab(batch), lambda: color.rgb_to_lab(batch))
    tell(benchmark, what, beside, one, at_least=8, slack=SLACK)
    if free_cores() < 1.7:
        pytest.skip("two cores are not free: what two threads get done tells nothing")
    two = ratio(lambda: rgb2lab(batch), lambda: color.rgb_to_lab(batch, n_jobs=2), time.perf_counter)
    tell(benchmark, what + ", on two threads", beside, two, at_least=12, slack=SLACK)


def test_lab_to_rgb_against_scikit_image(benchmark, batch):
    lab = color.rgb_to_lab(batch)
    doubles = lab.astype(np.float64)  # what rgb2lab gives for 8-bit photos
    assert np.array_equal(benchmark(color.lab_to_rgb, lab), batch)
    if benchmark.disabled:
        return
    what = "Lab to sRGB, 16 photos of 256 x 256"
    single = ratio(lambda: lab2rgb(lab), lambda: color.lab_to_rgb(lab))
    tell(benchmark, what, "`skimage.color.lab2rgb` of float32", single, at_least=7, slack=SLACK)
    double = ratio(lambda: lab2rgb(doubles), lambda: color.lab_to_rgb(lab))
    tell(benchmark, what + ", doubles there", "`skimage.color.lab2rgb` of what its rgb2lab gives", double)


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
        reached = ratio(
            lambda: lab2rgb(lab),
            functools.partial(render_image, levels, ab, upsampling=upsampling),
            repeats=3,
        )
        tell(benchmark, what, beside, reached, at_least=floor)
