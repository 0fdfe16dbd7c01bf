"""Bulk colouring in two processes against one, each process with one thread of PyTorch.

Wall-clock times, taken in turns: they only tell something on a machine that has two cores to spare.
"""

import time

import numpy as np
import pytest
from PIL import Image
from skimage import data
from timing import tell

from skcolorize import colorize_files

N_PHOTOS = 120


@pytest.fixture
def folder(tmp_path):
    """Photos of one megapixel."""
    (tmp_path / "in").mkdir()
    photo = Image.fromarray(data.astronaut()).convert("L").resize((1152, 864))
    for i in range(4):
        photo.rotate(90 * i).save(tmp_path / f"in/{i}.jpg")
    return tmp_path / "in"


def test_two_processes_against_one(benchmark, folder, tmp_path, one_thread):
    def color(n_jobs):
        start = time.perf_counter()
        result = colorize_files(folder, tmp_path / "out", n_jobs=n_jobs, existing="overwrite")
        assert result.counts["failed"] == 0
        return time.perf_counter() - start

    benchmark.pedantic(color, args=(1,), rounds=1)
    if benchmark.disabled:
        return
    for i in range(4, N_PHOTOS):
        (folder / f"{i}.jpg").write_bytes((folder / f"{i % 4}.jpg").read_bytes())
    color(2)  # starts the processes
    one, two = np.min([[color(1), color(2)] for _ in range(3)], axis=0)
    tell(
        benchmark,
        f"colouring {N_PHOTOS} files of one megapixel in two processes, wall clock",
        "one process",
        one / two,
        at_least=1.7,
    )
