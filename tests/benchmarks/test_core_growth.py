"""How many photos a second more cores give: `n_jobs` of predict from one up to the cores of the machine."""

import os
import time

import pytest
from benchmarks.test_photo_size_growth import gray_jpeg
from timing import free_cores, tell_growth

from skcolorize import Colorizer

N_PHOTOS = 20


def test_growth_with_cores(benchmark, one_thread):
    """By the clock on the wall, in turns; the network's own threads stay at one."""
    n_cores = os.cpu_count() or 1
    models = {n: Colorizer.from_pretrained(n_jobs=n) for n in (1, 2, 4, 8, 16) if n <= n_cores}
    photos = [gray_jpeg(3 if benchmark.enabled else 0.1)] * (N_PHOTOS if benchmark.enabled else 2)

    def rate(model):
        start = time.perf_counter()
        assert sum(1 for _ in model.predict_iter(photos)) == len(photos)
        return len(photos) / (time.perf_counter() - start)

    benchmark.pedantic(rate, args=(models[max(models)],), rounds=1)
    if benchmark.disabled:
        return
    rates = {n: 0.0 for n in models}
    for _ in range(3):
        for n, model in models.items():
            rates[n] = max(rates[n], rate(model))
    if free_cores() < 1.7:
        pytest.skip("two cores are not free: what two threads get done tells nothing")
    tell_growth(
        benchmark,
        f"photos a second, {N_PHOTOS} photos of 3 megapixels by `predict_iter`",
        "n_jobs",
        {n: reached / rates[1] for n, reached in rates.items()},
    )
