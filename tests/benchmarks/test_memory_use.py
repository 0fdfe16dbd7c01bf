"""Memory as rows of the performance page: a large photo, a long stream, a cache that may not hold all."""

import sys

import numpy as np
import pytest
from memory import growth_of_a_stream, peak_of_a_file
from timing import tell

from skcolorize.training.cache import ArrayStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the process's own memory from /proc")

ELSEWHERE = "tests/inference/test_memory.py holds it, with smaller photos and fewer"


def test_a_large_photo(benchmark, tmp_path):
    if benchmark.disabled:
        pytest.skip(ELSEWHERE)
    megapixels = 100
    peak = benchmark.pedantic(peak_of_a_file, args=(tmp_path, megapixels), rounds=1)
    tell(
        benchmark,
        f"memory of a gray JPEG of {megapixels} megapixels to a colour JPEG",
        f"over the imports; its pixels alone take {4 * megapixels}",
        peak,
        at_most=700,
        unit="MB",
    )


@pytest.mark.parametrize("how", ["predict_iter", "command line"])
def test_a_stream(benchmark, tmp_path, how):
    if benchmark.disabled:
        pytest.skip(ELSEWHERE)
    n_photos = 1000
    growth = benchmark.pedantic(growth_of_a_stream, args=(tmp_path, n_photos, how), rounds=1)
    name = "`predict_iter`" if how == "predict_iter" else f"the {how}"
    tell(
        benchmark,
        f"memory of {n_photos:,} photos of a megapixel by {name}",
        f"what ten take; the pictures would be {3 * n_photos:,} MB",
        growth,
        at_most=30,
        unit="MB more",
    )


def own_memory() -> float:
    """Megabytes of this process, without what is mapped from a file: that can be taken away at any time."""
    with open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1000


def test_a_cache_that_may_not_hold_all(benchmark):
    limit, photo = 20_000_000, 1_000_000
    store, before = ArrayStore(limit), own_memory()

    def fill():
        for i in range(200):
            store.append(np.full(photo, i, np.uint8))

    benchmark.pedantic(fill, rounds=1)
    assert store.n_bytes == 200 * photo
    assert all(store[i][-1] == i for i in range(200))
    tell(
        benchmark,
        "memory of a photo cache of 200 MB that may keep 20 MB, the rest in a temporary file",
        "what it may keep",
        (own_memory() - before) / (limit / 1e6),
        at_most=1.5,
        unit="times that",
    )
