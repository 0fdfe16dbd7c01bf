"""Whole photos: a 12-megapixel gray JPEG to a colour JPEG beside the plain way, and many small arrays.

The plain way has the same network. One thread is timed by the processor's clock, all calls in turns; two
threads by the clock on the wall, and only where two cores are free.
"""

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from skimage.transform import resize
from timing import best_of, free_cores, tell

from skcolorize import Colorizer
from skcolorize.images import read_photo
from skcolorize.inference.predict import inside_gamut, small_lightness, working_size
from skcolorize.inference.rendering import render_image

WIDTH, HEIGHT = 4000, 3000
SLACK = 0.85  # of ratios by the clock on the wall


@pytest.fixture(scope="module")
def jpeg():
    return gray_jpeg(WIDTH, HEIGHT)


def gray_jpeg(width, height):
    photo = Image.fromarray(data.astronaut()).convert("L").resize((width, height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 4, (height, width))  # of a scan; enlarging took it away
    photo = Image.fromarray(np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8))
    return saved(photo, quality=92)


def saved(image, quality=95):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def ours(colorizer, jpeg):
    """What `colorize_files` does with a photo."""
    return saved(colorizer._predict_image(read_photo(jpeg)))


def plain(colorizer, jpeg):
    """Pillow, scikit-image and PyTorch as anybody would put them together."""
    lab = rgb2lab(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))
    size = working_size(HEIGHT, WIDTH, colorizer.image_size)
    small = resize(lab[..., 0], size, anti_aliasing=True).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(small / 50 - 1)[None, None]
        ab = colorizer._decoding.ab(colorizer.module_(x), colorizer.vividness)
        ab = torch.nn.functional.interpolate(ab, size=lab.shape[:2], mode="bilinear", align_corners=False)
    lab[..., 1:] = ab[0].permute(1, 2, 0).numpy()
    return saved(Image.fromarray((lab2rgb(lab) * 255).round().astype(np.uint8)))


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
@pytest.mark.parametrize(("image_size", "floor"), [(192, 14), (None, 10)], ids=["192", "as shipped"])
def test_a_photo_of_twelve_megapixels(benchmark, one_thread, jpeg, image_size, floor):
    colorizer = Colorizer.from_pretrained(**({"image_size": image_size} if image_size else {}))
    coloured = Image.open(io.BytesIO(benchmark(ours, colorizer, jpeg)))
    assert coloured.size == (WIDTH, HEIGHT)
    assert coloured.mode == "RGB"
    if benchmark.disabled:
        return
    fast, array, slow = best_of(
        6,
        lambda: ours(colorizer, jpeg),
        lambda: saved(Image.fromarray(colorizer.predict(jpeg))),
        lambda: plain(colorizer, jpeg),
    )
    what = f"gray JPEG of 12 megapixels to colour JPEG, working size {colorizer.image_size}"
    beside = "Pillow, scikit-image, the same network"
    tell(benchmark, what, beside, slow / fast, at_least=floor)
    tell(benchmark, what + ", by way of predict's array", beside, slow / array)


def test_a_photo_takes_little_more_than_its_parts(benchmark, one_thread, jpeg):
    colorizer = Colorizer.from_pretrained(image_size=192)
    levels = read_photo(jpeg).pixels
    small = small_lightness(levels, working_size(HEIGHT, WIDTH, 192))
    session = colorizer._session()
    ab = colorizer._decoding.ab(session.run(small), 1.0)[0]
    cells = inside_gamut(small, ab)
    image = benchmark(render_image, levels, cells)
    if benchmark.disabled:
        return
    whole, *parts = best_of(
        7,
        lambda: ours(colorizer, jpeg),
        lambda: read_photo(jpeg),
        lambda: session.run(small),
        lambda: render_image(levels, cells),
        lambda: saved(image),
    )
    names = ("decode", "network", "merge", "encode")
    told = ", ".join(f"{name} {part / sum(parts):.0%}" for name, part in zip(names, parts, strict=True))
    tell(
        benchmark,
        "gray JPEG of 12 megapixels to colour JPEG",
        f"its parts: {told}",
        whole / sum(parts),
        at_most=1.25,
        unit="times their sum",
    )


@pytest.mark.parametrize(("n_photos", "floor"), [(1, 1.2), (20, 1.6)])
def test_two_threads(benchmark, one_thread, n_photos, floor):
    """One photo shares its strips, several photos are shared out; the network has one thread."""
    photos = [gray_jpeg(WIDTH, HEIGHT)] if n_photos == 1 else [gray_jpeg(2000, 1500)] * n_photos
    models = [Colorizer.from_pretrained(image_size=192, n_jobs=n) for n in (1, 2)]
    times = [[], []]
    benchmark.pedantic(models[0].predict, args=(photos[:1],), rounds=1)
    if benchmark.disabled:
        return
    for _ in range(10 if n_photos == 1 else 4):
        for model, spent in zip(models, times, strict=True):
            start = time.perf_counter()
            for picture in model.predict_iter(photos[0] if n_photos == 1 else photos):
                del picture
            spent.append(time.perf_counter() - start)
    one, two = map(min, times)
    if free_cores() < 1.7:
        pytest.skip("two cores are not free: what two threads get done tells nothing")
    what = "a photo of 12 megapixels" if n_photos == 1 else f"{n_photos} photos of 3 megapixels"
    tell(benchmark, f"{what} on two threads", "one thread", one / two, at_least=floor, slack=SLACK)


def test_small_arrays_spend_their_time_in_the_network(benchmark, one_thread):
    names = "astronaut", "chelsea", "coffee", "rocket"
    photos = [Image.fromarray(getattr(data, name)()).convert("L").resize((256, 256)) for name in names]
    stack = np.stack([np.asarray(photo) for photo in photos])
    colorizer = Colorizer.from_pretrained()
    session = colorizer._session()
    small = [small_lightness(gray, (256, 256)) for gray in stack]
    benchmark(colorizer.predict, stack)
    if benchmark.disabled:
        return
    whole, network = best_of(40, lambda: colorizer.predict(stack), lambda: [session.run(x) for x in small])
    share = network / whole
    tell(benchmark, "time in the network", "all of it, gray 256 x 256", share, at_least=0.85, unit="of it")
