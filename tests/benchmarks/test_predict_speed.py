"""Whole photos: a 12-megapixel gray JPEG to a colour JPEG beside the plain way, and many small arrays.

The plain way has the same network. One thread is timed by the processor's clock, all calls in turns; two
threads by the clock on the wall, and only where two cores are free.
"""

import io
import os
import tempfile
import time
from collections import deque
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from skimage.transform import resize
from timing import best_of, free_cores, in_own_process, tell

from skcolorize import Colorizer
from skcolorize.images import read_photo, write_photo
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


def least_times(tasks, repeats):
    """Least seconds of some tasks, taken in turns, each with so many threads for PyTorch."""
    times = [[] for _ in tasks]
    for _ in range(repeats):
        for (n_threads, task), spent in zip(tasks, times, strict=True):
            torch.set_num_threads(n_threads)
            start = time.perf_counter()
            task()
            spent.append(time.perf_counter() - start)
    return [min(spent) for spent in times]


def spent_on_a_photo(repeats):
    """Least seconds for a photo of twelve megapixels to a file on one thread and on two, then to an array."""
    jpeg = gray_jpeg(WIDTH, HEIGHT)
    models = [Colorizer.from_pretrained(n_jobs=n) for n in (1, 2)]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "a.jpg")

        def to_file(model):  # what `colorize_files` does with a single photo
            write_photo(out, model._predict_image(read_photo(jpeg)), n_jobs=model.n_jobs)

        def to_array(model):
            model.predict(jpeg)

        tasks = [(model.n_jobs, partial(task, model)) for task in (to_file, to_array) for model in models]
        return least_times(tasks, repeats)


def test_a_photo_on_two_threads(benchmark):
    """They share its strips, and the network has both: in a process of its own, as they wait by default."""
    script = (
        "import json, sys, test_predict_speed as t; print(json.dumps(t.spent_on_a_photo(int(sys.argv[1]))))"
    )
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    spent = partial(in_own_process, script, environment=environment)
    benchmark.pedantic(spent, args=(1,), rounds=1)
    if benchmark.disabled:
        return
    one, two, one_array, two_array = spent(15)
    skip_unless_two_cores()
    what = "gray JPEG of 12 megapixels to colour JPEG on two threads"
    tell(benchmark, what, "one thread", one / two, at_least=1.2, slack=SLACK)
    tell(benchmark, "the same to predict's array", "one thread", one_array / two_array)


def test_twenty_photos_on_two_threads(benchmark, one_thread):
    """They are shared out; the network has one thread."""
    photos = [gray_jpeg(2000, 1500)] * 20
    models = [Colorizer.from_pretrained(image_size=192, n_jobs=n) for n in (1, 2)]
    benchmark.pedantic(models[0].predict, args=(photos[:1],), rounds=1)
    if benchmark.disabled:
        return
    tasks = [(1, lambda model=model: deque(model.predict_iter(photos), maxlen=0)) for model in models]
    one, two = least_times(tasks, 4)
    skip_unless_two_cores()
    what = "20 photos of 3 megapixels on two threads"
    tell(benchmark, what, "one thread", one / two, at_least=1.6, slack=SLACK)


def skip_unless_two_cores():
    if free_cores() < 1.7:
        pytest.skip("two cores are not free: what two threads get done tells nothing")


def test_small_arrays_spend_their_time_in_the_network(benchmark, one_thread):
    names = "astronaut", "chelsea", "coffee", "rocket"
    photos = [Image.fromarray(getattr(data, name)()).convert("L").resize((256, 256)) for name in names]
    stack = np.stack([np.asarray(photo) for photo in photos] * 8)
    colorizer = Colorizer.from_pretrained()
    network, within = colorizer._session().network, []

    def watched(x):
        start = time.process_time()
        outputs = network(x)
        within.append(time.process_time() - start)
        return outputs

    benchmark(colorizer.predict, stack[:4])
    if benchmark.disabled:
        return
    colorizer._session().network = watched
    (whole,) = best_of(1, lambda: [colorizer.predict(stack) for _ in range(10)])
    assert len(within) == 10 * len(stack)
    share = sum(within) / whole
    tell(benchmark, "time in the network", "all of it, gray 256 x 256", share, at_least=0.85, unit="of it")
