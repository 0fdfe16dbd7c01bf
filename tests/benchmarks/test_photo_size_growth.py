"""How the cost of a photo grows with its size: gray JPEG to colour JPEG, 0.1 to 100 megapixels.

By processor time on one thread, all sizes in turns. The network sees a small copy of every photo and takes
the same time for all of them: without it the cost should be linear, about 1 a megapixel.
"""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data
from timing import best_of, tell_growth

from skcolorize import Colorizer
from skcolorize.images import read_photo
from skcolorize.inference.predict import small_lightness, working_size

MEGAPIXELS = 0.1, 0.3, 1, 3, 12, 30, 100


def saved(image, quality) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def gray_jpeg(megapixels) -> bytes:
    """A real photo with the grain of a scan at every size, without which large ones would be easy to code."""
    width = round((megapixels * 4e6 / 3) ** 0.5)
    photo = Image.fromarray(data.astronaut()).convert("L")
    pixels = np.array(photo.resize((width, width * 3 // 4), Image.Resampling.BICUBIC))
    rng = np.random.default_rng(0)
    for top in range(0, len(pixels), 256):  # strips: 100 megapixels of floats would take much memory
        strip = pixels[top : top + 256]
        grain = 4 * rng.standard_normal(strip.shape, dtype=np.float32)
        strip[:] = np.clip(strip + grain, 0, 255)
    return saved(Image.fromarray(pixels), 92)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_growth_with_the_size_of_a_photo(benchmark, one_thread):
    colorizer = Colorizer.from_pretrained()
    sizes = MEGAPIXELS if benchmark.enabled else MEGAPIXELS[:2]
    photos = [gray_jpeg(size) for size in sizes]

    def colored(photo):
        return saved(colorizer._predict_image(read_photo(photo)), 95)  # what colorize_files does with it

    assert Image.open(io.BytesIO(benchmark.pedantic(colored, args=(photos[0],), rounds=1))).mode == "RGB"
    if benchmark.disabled:
        return
    session = colorizer._session()
    small = small_lightness(read_photo(photos[0]).pixels, working_size(3, 4, colorizer.image_size))
    calls = [lambda photo=photo: colored(photo) for photo in photos]
    network, *times = best_of(3, lambda: session.run(small), *calls)
    what = "processor time a megapixel, gray JPEG to colour JPEG"
    for name, spent in (("", times), (", the network left out", [time - network for time in times])):
        costs = {size: time / size for size, time in zip(sizes, spent, strict=True)}
        growth = {size: cost / costs[12] for size, cost in costs.items()}
        tell_growth(benchmark, what + name, "megapixels", growth)
