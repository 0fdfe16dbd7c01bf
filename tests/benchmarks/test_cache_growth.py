"""An epoch with the photo cache in memory, in its temporary file, and without it, by processor time."""

import io

from benchmarks.test_training_speed import FAST, SIZE, trainer
from PIL import Image
from skimage import data
from timing import best_of, tell_growth

from skcolorize.training.cache import cache_photos

N_PHOTOS = 16


class DecodedAgain:
    """In place of a cache: each photo is decoded whenever it is looked at."""

    def __init__(self, files):
        self._files = files

    def __getitem__(self, index):
        return cache_photos([self._files[index]], str, None, SIZE)[0]


def test_growth_without_the_cache(benchmark, one_thread):
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).resize((1024, 1024)).save(buffer, "JPEG", quality=90)
    files = [buffer.getvalue()] * (N_PHOTOS if benchmark.enabled else 2)
    caches = {
        "in memory": cache_photos(files, str, None, SIZE),
        "in its temporary file": cache_photos(files, str, None, SIZE, limit=0),
        "off": DecodedAgain(files),
    }
    assert caches["in its temporary file"].photos.spilled
    epochs = []
    for cache in caches.values():
        made = trainer(files, precision=FAST)
        made.batches.cache = cache
        epochs.append(made.run_epoch)
    benchmark.pedantic(epochs[-1], rounds=1)
    if benchmark.disabled:
        return
    best_of(1, *epochs)
    times = best_of(8, *epochs)
    tell_growth(
        benchmark,
        f"processor time of an epoch, default network, {FAST}, {N_PHOTOS} photos of 1 megapixel",
        "photo cache",
        {name: time / times[0] for name, time in zip(caches, times, strict=True)},
    )
